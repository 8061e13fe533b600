"""The energy register of an outlet's own meter, and what is wrong with it: a wrong gain, no counting, a step back.

The meter's gain is of its currents, so that powers and energies carry it alike; a register that does not count leaves
the powers as they are. While nothing has ever leaned on it, the register is the true energy with the meter's error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim.faults import Knob
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["Register"]

_LEAST_KWH = 1e-6
_CLOSES_WITHIN = 1e-9


class Register:
    """Counts what `power_kw` brings, with the meter's error.

    Knobs: `gain` (of the meter, 1 when healthy), `is_counting`, `back_kwh` (how far it has been turned back; a rise
    turns it, and nothing turns it forward again). A register is never below 0.
    """

    def __init__(self, kernel: Kernel, power_kw: Signal, factor: float, on_gain: Callable[[float], None]) -> None:
        """`factor` is what the meter shows of what is true; `on_gain` is told when that is another."""
        self.gain = Knob(1.0, lambda: self._changed(self.gain))
        self.is_counting = Knob(True, lambda: self._changed(self.is_counting))
        self.back_kwh = Knob(0.0, lambda: self._changed(self.back_kwh))
        self.who: Callable[[Knob[Any]], Sequence[str]] = lambda knob: ()
        """Which faults lean on a knob now."""
        self.is_billed: Callable[[], bool] = lambda: False
        """Whether a charge that is being billed reads it now."""
        self.has_moved = False
        self.movers: dict[str, None] = {}
        """The faults that have leaned on it, in their order."""
        self._kernel = kernel
        self._power_kw = power_kw
        self._own_factor = self._factor = factor
        self._on_gain = on_gain
        self._counting = 1.0
        self._turned_kwh = 0.0
        self._idle_back_kwh = 0.0
        self._base_kwh = 0.0
        self._base_kws = 0.0

    def kwh(self, now: SimTime) -> float:
        """What it shows."""
        if not self.has_moved:
            return self._power_kw.total_at(now) * self._factor / SECONDS_PER_HOUR
        counted_kws = (self._power_kw.total_at(now) - self._base_kws) * self._counting
        return self._base_kwh + counted_kws * self._factor / SECONDS_PER_HOUR

    def counted_kwh(self, now: SimTime) -> float:
        """What it shows, but for steps back between charges, which are on nobody's bill."""
        return self.kwh(now) + self._idle_back_kwh

    def excess_kwh(self, now: SimTime) -> float:
        """What it shows too much beside its known error; 0 where that is rounding."""
        true_kwh = self._power_kw.total_at(now) / SECONDS_PER_HOUR
        excess_kwh = self.kwh(now) - true_kwh * self._own_factor
        return excess_kwh if abs(excess_kwh) > _LEAST_KWH + _CLOSES_WITHIN * true_kwh else 0.0

    def _changed(self, knob: Knob[Any]) -> None:
        """Anchor anew where it stands, and count from there as the knobs say."""
        now = self._kernel.now
        shown_kwh = self.kwh(now)
        self._base_kwh, self._base_kws, self.has_moved = shown_kwh, self._power_kw.total_at(now), True
        self.movers |= dict.fromkeys(self.who(knob))
        self._counting = float(self.is_counting.value)
        back_kwh, self._turned_kwh = self.back_kwh.value - self._turned_kwh, self.back_kwh.value
        if back_kwh > 0.0:
            self._base_kwh = max(0.0, shown_kwh - back_kwh)
            if not self.is_billed():
                self._idle_back_kwh += shown_kwh - self._base_kwh
        factor = self._own_factor * self.gain.value
        if factor != self._factor:
            self._factor = factor
            self._on_gain(factor)
