"""The battery and its management: what a car asks for by state of charge, temperature and target.

One lumped node for heat (physics sheet, section 1) and a piecewise linear acceptance map, fitted to recorded sessions
of the two-outlet site; within one piece the charge follows a closed form, so a whole charge is a handful of segments.
Charging efficiency 0.95 is the recorded data's own definition of pack capacity.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import exp, inf, log

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["ACCEPTANCE", "WARMTH", "Bms", "BmsMute", "Pack", "acceptance", "warmth"]

ACCEPTANCE = ((0.0, 3.60), (0.2, 2.35), (0.4, 1.97), (0.6, 1.18), (0.8, 0.95), (0.9, 0.46), (1.0, 0.25))
"""(state of charge, C-rate of a car whose nameplate is 2.5 C) at a warm battery."""

WARMTH = ((-17.4, 0.10), (30.0, 1.00), (45.0, 1.00), (55.0, 0.20), (60.0, 0.0))
"""(cell temperature in C, share of the acceptance)."""

NAMEPLATE_C_RATE = 2.5
NAMEPLATE_WEIGHT = 0.17
CEILING = 0.88
EFFICIENCY = 0.95
NOMINAL_V = 400.0
MASS_KG_PER_KWH = 6.3
HEAT_CAPACITY_J_KG_K = 1_000.0
SURFACE_W_K = 12.0

_SOC_STEPS = [soc for soc, _ in ACCEPTANCE]
_NEAR = 1e-8
_SHORTEST_S = 1e-6
_STEP_K = 0.5
_STEP_SHARE = 0.01
_STEP_S = 120.0


def _interpolate(curve: tuple[tuple[float, float], ...], x: float) -> float:
    if x <= curve[0][0]:
        return curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return curve[-1][1]


def acceptance(soc: float) -> float:
    """C-rate a warm battery takes at `soc` (0 to 1)."""
    return _interpolate(ACCEPTANCE, soc)


def warmth(temp_c: float) -> float:
    """Share of the acceptance at a cell temperature, 0 to 1."""
    return _interpolate(WARMTH, temp_c)


@dataclass(frozen=True, slots=True)
class Pack:
    """A battery: usable capacity and the highest power the car asks for (its nameplate at this site)."""

    capacity_kwh: float
    power_max_kw: float

    @property
    def strength_kw(self) -> float:
        """Power at acceptance 1.0: capacity, leaning a little towards the nameplate."""
        nameplate = self.power_max_kw / (NAMEPLATE_C_RATE * self.capacity_kwh)
        return float(self.capacity_kwh * nameplate**NAMEPLATE_WEIGHT)

    @property
    def heat_capacity_j_k(self) -> float:
        """Of the whole pack."""
        return MASS_KG_PER_KWH * self.capacity_kwh * HEAT_CAPACITY_J_KG_K


class Bms:
    """Demands power for its pack. Signals `soc_pct`, `temp_c`; the knob `is_muted` silences it."""

    def __init__(
        self, kernel: Kernel, path: str, pack: Pack, soc_pct: float, target_pct: float, temp_c: float, ambient_c: float
    ) -> None:
        """`soc_pct` and `target_pct` from 0 to 100, target above."""
        self._kernel = kernel
        self.path = path
        self.pack = pack
        self.target = target_pct / 100.0
        self.soc = Signal(f"{path}.soc", "1", soc_pct / 100.0)
        self.temp_c = Signal(f"{path}.temp_c", "C", temp_c)
        self.ambient_c = ambient_c
        self.is_muted = Knob(False, self._changed)
        self.on_change: Callable[[], None] = lambda: None
        self._tau_s = pack.heat_capacity_j_k / SURFACE_W_K

    def wish_kw(self, now: SimTime) -> float:
        """The power it asks for at `now`."""
        soc, temp_c = self.soc.at(now), self.temp_c.at(now)
        return min(self.pack.power_max_kw * CEILING, self.pack.strength_kw * warmth(temp_c) * acceptance(soc))

    def voltage_v(self, now: SimTime) -> float:
        """At the pack's terminals: 0.85 of `NOMINAL_V` when empty, 0.91 when full."""
        return NOMINAL_V * (0.85 + 0.06 * self.soc.at(now))

    def is_full(self, now: SimTime) -> bool:
        """Whether the target is reached, to a millionth of a point."""
        return self.soc.at(now) >= self.target - _NEAR

    def draw(self, now: SimTime, limit_kw: float, power: Signal) -> SimTime:
        """Plan the next piece of the charge under `limit_kw`: writes power, charge and temperature; returns its end.

        The acceptance's temperature factor is frozen at the predicted middle of the piece.
        """
        soc, temp_c = self.soc.at(now), self.temp_c.at(now)
        length_s, start_kw = self._piece(soc, temp_c, limit_kw)[:2]
        middle_c = self._temperature(temp_c, start_kw, 0.5 * min(length_s, self._patience_s(temp_c, start_kw)))
        length_s, start_kw, tau_s = self._piece(soc, middle_c, limit_kw)
        length_s = min(length_s, self._patience_s(temp_c, start_kw))
        gain = EFFICIENCY / (SECONDS_PER_HOUR * self.pack.capacity_kwh)
        if tau_s == inf:
            power.set(now, start_kw)
            self.soc.set(now, soc, gain * start_kw)
            mean_kw = start_kw
        else:
            power.set(now, 0.0, 0.0, start_kw, tau_s)
            risen = gain * start_kw * tau_s
            self.soc.set(now, soc + risen, 0.0, -risen, tau_s)
            mean_kw = start_kw * tau_s * (1.0 - exp(-length_s / tau_s)) / length_s
        settled_c = self.ambient_c + 1_000.0 * (1.0 - EFFICIENCY) * mean_kw / SURFACE_W_K
        self.temp_c.set(now, settled_c, 0.0, temp_c - settled_c, self._tau_s)
        return SimTime(now + length_s)

    def rest(self, now: SimTime) -> None:
        """Stop charging: the charge stands, the pack cools towards the air."""
        temp_c = self.temp_c.at(now)
        self.soc.set(now, self.soc.at(now))
        self.temp_c.set(now, self.ambient_c, 0.0, temp_c - self.ambient_c, self._tau_s)

    def _piece(self, soc: float, temp_c: float, limit_kw: float) -> tuple[float, float, float]:
        """(length in s, power at its start in kW, time constant in s) until a knot, the limit's reach or the target."""
        ceiling_kw = min(limit_kw, self.pack.power_max_kw * CEILING)
        scale = self.pack.strength_kw * warmth(temp_c)
        index = min(max(bisect_right(_SOC_STEPS, soc + _NEAR), 1), len(ACCEPTANCE) - 1)
        (soc0, rate0), (soc1, rate1) = ACCEPTANCE[index - 1], ACCEPTANCE[index]
        slope = (rate1 - rate0) / (soc1 - soc0)
        wish_kw = scale * (rate0 + slope * (soc - soc0))
        gain = EFFICIENCY / (SECONDS_PER_HOUR * self.pack.capacity_kwh)
        end = min(soc1, self.target)
        if wish_kw > ceiling_kw * (1.0 + 1e-9):
            reach = soc0 + (ceiling_kw / scale - rate0) / slope
            if ceiling_kw <= 0.0:
                return inf, 0.0, inf
            if reach > soc + _NEAR:
                return max((min(reach, end) - soc) / (gain * ceiling_kw), _SHORTEST_S), ceiling_kw, inf
            wish_kw = ceiling_kw
        if wish_kw <= 0.0:
            return inf, 0.0, inf
        tau_s = -1.0 / (gain * scale * slope)
        length_s = -tau_s * log(1.0 - (end - soc) / (gain * wish_kw * tau_s))
        return max(length_s, _SHORTEST_S), wish_kw, tau_s

    def _patience_s(self, temp_c: float, power_kw: float) -> float:
        """How long a frozen temperature factor may serve: until it moves by one percent, or the pack by a kelvin."""
        per_kelvin = 0.5 * abs(warmth(temp_c + _STEP_K) - warmth(temp_c - _STEP_K)) / _STEP_K
        step_k = _STEP_K if per_kelvin == 0.0 else min(_STEP_K, max(0.1, _STEP_SHARE * warmth(temp_c) / per_kelvin))
        heat_w = 1_000.0 * (1.0 - EFFICIENCY) * power_kw - SURFACE_W_K * (temp_c - self.ambient_c)
        return min(_STEP_S, step_k * self.pack.heat_capacity_j_k / max(abs(heat_w), 1e-9))

    def _temperature(self, temp_c: float, power_kw: float, after_s: float) -> float:
        settled_c = self.ambient_c + 1_000.0 * (1.0 - EFFICIENCY) * power_kw / SURFACE_W_K
        return settled_c + (temp_c - settled_c) * exp(-after_s / self._tau_s)

    def _changed(self) -> None:
        self.on_change()


@fault("bms.mute", hits=Bms, zh="BMS 停止发送报文", clause="8.3", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class BmsMute:
    """The BMS stops sending; the pile must stop charging within the time its protocol grants."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))

    def contributions(self, bms: Bms) -> Iterable[Contribution]:
        """Lean on the BMS's voice."""
        yield bms.is_muted.force(True)
