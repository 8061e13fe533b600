"""The battery and its management: what a car asks for by state of charge, temperature and target.

One lumped node for heat (physics sheet, section 1) and a piecewise linear acceptance map; within one piece the charge
follows a closed form, so a whole charge is a handful of segments. Charging efficiency 0.95 is the recorded data's own
definition of pack capacity. Where a station does not follow the heat of packs, the temperature stays as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, inf, log

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import AcceptanceMap

__all__ = ["Bms", "BmsMute", "Pack"]

EFFICIENCY = 0.95
MASS_KG_PER_KWH = 6.3
HEAT_CAPACITY_J_KG_K = 1_000.0
SURFACE_W_K = 12.0

_NEAR = 1e-8
_SHORTEST_S = 1e-6
_STEP_K = 0.5
_STEP_SHARE = 0.01
_STEP_S = 120.0
_LOSS_W_PER_KW = 1_000.0 * (1.0 - EFFICIENCY)


@dataclass(frozen=True)
class Pack:
    """A battery: usable capacity, the highest power the car asks for, its acceptance, its platform's voltage."""

    capacity_kwh: float
    power_max_kw: float
    acceptance: AcceptanceMap
    nominal_v: float = 400.0

    @cached_property
    def strength_kw(self) -> float:
        """Power at share 1 and rate 1: capacity, leaning towards the nameplate where the map says so."""
        weight = self.acceptance.nameplate_weight
        if weight == 0.0:
            return self.capacity_kwh
        nameplate = self.power_max_kw / (self.acceptance.nameplate_c_rate * self.capacity_kwh)
        return float(self.capacity_kwh * nameplate**weight)

    @property
    def heat_capacity_j_k(self) -> float:
        """Of the whole pack."""
        return MASS_KG_PER_KWH * self.capacity_kwh * HEAT_CAPACITY_J_KG_K


class Bms:
    """Demands power for its pack. Curves `soc` (0 to 1), `temp_c`; the knob `is_muted` silences it.

    `auxiliary_kw` is what the car itself draws while it charges: it shows on the pile's meter, not in the pack.
    """

    __slots__ = (
        "_ceiling_kw", "_gain", "_kernel", "_mute", "_scale_kw", "_tau_s", "ambient_c", "asked_kw", "auxiliary_kw",
        "has_heat", "on_change", "pack", "path", "soc", "target", "temp_c",
    )  # fmt: skip

    def __init__(
        self, kernel: Kernel, path: str, pack: Pack, soc_pct: float, target_pct: float, temp_c: float,
        ambient_c: float, *, has_heat: bool = True, auxiliary_kw: float = 0.0, soc: Curve | None = None,
        cell_temp_c: Curve | None = None,
    ) -> None:  # fmt: skip
        """`soc_pct` and `target_pct` from 0 to 100, target above; `has_heat`: whether charging warms the pack.

        `soc` (0 to 1) and `cell_temp_c` are written if given, as signals of the outlet that it is plugged to.
        """
        self._kernel = kernel
        self.path = path
        self.pack = pack
        self.target = target_pct / 100.0
        self.soc = Curve(0.0) if soc is None else soc
        self.soc.set(kernel.now, soc_pct / 100.0)
        self.temp_c = Curve(0.0) if cell_temp_c is None else cell_temp_c
        self.temp_c.set(kernel.now, temp_c)
        self.ambient_c = ambient_c
        self.has_heat = has_heat
        self.auxiliary_kw = auxiliary_kw
        self.asked_kw = 0.0
        self.on_change: Callable[[], None] = _nothing
        self._mute: Knob[bool] | None = None
        self._gain = EFFICIENCY / (SECONDS_PER_HOUR * pack.capacity_kwh)
        self._ceiling_kw = pack.power_max_kw * pack.acceptance.ceiling
        self._scale_kw = pack.strength_kw * pack.acceptance.rate(temp_c)
        self._tau_s = pack.heat_capacity_j_k / SURFACE_W_K

    @property
    def is_muted(self) -> Knob[bool]:
        """What silences it."""
        if self._mute is None:
            self._mute = Knob(False, self._changed)
        return self._mute

    @property
    def is_silent(self) -> bool:
        """Whether it says nothing now."""
        return self._mute is not None and self._mute.value

    def wish_kw(self, now: SimTime) -> float:
        """The power it asks for at `now`, what the car draws for itself included."""
        if self.has_heat:
            self._scale_kw = self.pack.strength_kw * self.pack.acceptance.rate(self.temp_c.at(now))
        asked_kw = self._scale_kw * self.pack.acceptance.share(self.soc.at(now))
        return min(self._ceiling_kw, asked_kw) + self.auxiliary_kw

    def voltage_v(self, now: SimTime) -> float:
        """At the pack's terminals: 0.85 of the platform's nominal when empty, 0.91 when full."""
        return self.pack.nominal_v * (0.85 + 0.06 * self.soc.at(now))

    def draw(self, now: SimTime, limit_kw: float, power: Signal) -> SimTime:
        """Plan the next piece of the charge under `limit_kw`: writes power, charge and temperature; returns its end.

        Returns `now`, and writes nothing, when the target is reached. `asked_kw` is then what it would take, had it no
        limit. With heat, the acceptance's temperature factor is frozen at the predicted middle of the piece.
        """
        soc = self.soc.at(now)
        if soc >= self.target - _NEAR:
            return now
        auxiliary_kw = 0.0
        if self.auxiliary_kw != 0.0:
            auxiliary_kw = min(self.auxiliary_kw, limit_kw)
            limit_kw -= auxiliary_kw
        if not self.has_heat:
            length_s, start_kw, tau_s = self._piece(soc, self._scale_kw, limit_kw)
            self._write(now, soc, auxiliary_kw, start_kw, tau_s, power)
            return SimTime(now + length_s)
        temp_c = self.temp_c.at(now)
        length_s, start_kw, _ = self._piece(soc, self._scale_at(temp_c), limit_kw)
        middle_c = self._temperature(temp_c, start_kw, 0.5 * min(length_s, self._patience_s(temp_c, start_kw)))
        length_s, start_kw, tau_s = self._piece(soc, self._scale_at(middle_c), limit_kw)
        length_s = min(length_s, self._patience_s(temp_c, start_kw))
        self._write(now, soc, auxiliary_kw, start_kw, tau_s, power)
        mean_kw = start_kw if tau_s == inf else start_kw * tau_s * (1.0 - exp(-length_s / tau_s)) / length_s
        settled_c = self.ambient_c + _LOSS_W_PER_KW * mean_kw / SURFACE_W_K
        self.temp_c.set(now, settled_c, 0.0, temp_c - settled_c, self._tau_s)
        return SimTime(now + length_s)

    def rest(self, now: SimTime) -> None:
        """Stop charging: the charge stands, the pack cools towards the air."""
        self.soc.set(now, self.soc.at(now))
        if self.has_heat:
            temp_c = self.temp_c.at(now)
            self.temp_c.set(now, self.ambient_c, 0.0, temp_c - self.ambient_c, self._tau_s)

    def _write(
        self, now: SimTime, soc: float, auxiliary_kw: float, start_kw: float, tau_s: float, power: Signal
    ) -> None:
        gain = self._gain
        if tau_s == inf:
            power.set(now, auxiliary_kw + start_kw)
            self.soc.set(now, soc, gain * start_kw)
        else:
            power.set(now, auxiliary_kw, 0.0, start_kw, tau_s)
            risen = gain * start_kw * tau_s
            self.soc.set(now, soc + risen, 0.0, -risen, tau_s)

    def _scale_at(self, temp_c: float) -> float:
        return self.pack.strength_kw * self.pack.acceptance.rate(temp_c)

    def _piece(self, soc: float, scale_kw: float, limit_kw: float) -> tuple[float, float, float]:
        """(length in s, power at its start in kW, time constant in s) until a knot, the limit's reach or the target."""
        ceiling_kw = limit_kw if limit_kw < self._ceiling_kw else self._ceiling_kw
        gain = self._gain
        soc0, soc1, share0, slope = self.pack.acceptance.piece(soc + _NEAR)
        wish_kw = scale_kw * (share0 + slope * (soc - soc0))
        self.asked_kw = (wish_kw if wish_kw < self._ceiling_kw else self._ceiling_kw) + self.auxiliary_kw
        if ceiling_kw <= 0.0 or wish_kw <= 0.0:
            return inf, 0.0, inf
        end = soc1 if soc1 < self.target else self.target
        if wish_kw > ceiling_kw * (1.0 + 1e-9):
            return self._flat(soc, scale_kw, ceiling_kw)
        if slope == 0.0:
            return max((end - soc) / (gain * wish_kw), _SHORTEST_S), wish_kw, inf
        tau_s = -1.0 / (gain * scale_kw * slope)
        length_s = -tau_s * log(1.0 - (end - soc) / (gain * wish_kw * tau_s))
        return (length_s if length_s > _SHORTEST_S else _SHORTEST_S), wish_kw, tau_s

    def _flat(self, soc: float, scale_kw: float, ceiling_kw: float) -> tuple[float, float, float]:
        """The piece at the ceiling: it lasts until the wish has fallen to it, over as many knots as that takes."""
        share = ceiling_kw / scale_kw
        reach = self.target
        for soc0, soc1, share0, slope in self.pack.acceptance.pieces:
            if soc1 > soc and share0 + slope * (soc1 - soc0) < share:
                reach = min(reach, max(soc0 + (share - share0) / slope, soc))
                break
        return max((reach - soc) / (self._gain * ceiling_kw), _SHORTEST_S), ceiling_kw, inf

    def _patience_s(self, temp_c: float, power_kw: float) -> float:
        """How long a frozen temperature factor may serve: until it moves by one percent, or the pack by a kelvin."""
        rate = self.pack.acceptance.rate
        per_kelvin = 0.5 * abs(rate(temp_c + _STEP_K) - rate(temp_c - _STEP_K)) / _STEP_K
        step_k = _STEP_K if per_kelvin == 0.0 else min(_STEP_K, max(0.1, _STEP_SHARE * rate(temp_c) / per_kelvin))
        heat_w = _LOSS_W_PER_KW * power_kw - SURFACE_W_K * (temp_c - self.ambient_c)
        return min(_STEP_S, step_k * self.pack.heat_capacity_j_k / max(abs(heat_w), 1e-9))

    def _temperature(self, temp_c: float, power_kw: float, after_s: float) -> float:
        settled_c = self.ambient_c + _LOSS_W_PER_KW * power_kw / SURFACE_W_K
        return settled_c + (temp_c - settled_c) * exp(-after_s / self._tau_s)

    def _changed(self) -> None:
        self.on_change()


def _nothing() -> None:
    return None


@fault("bms.mute", hits=Bms, zh="BMS 停止发送报文", clause="8.3", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class BmsMute:
    """The BMS stops sending; the pile must stop charging within the time its protocol grants."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))

    def contributions(self, bms: Bms) -> Iterable[Contribution]:
        """Lean on the BMS's voice."""
        yield bms.is_muted.force(True)
