"""A BMS over a pack that keeps its temperature and loses a twentieth: for planners who compare thousands of days.

A piecewise linear acceptance map of power; within one piece the charge follows a closed form, so a whole charge is a
handful of segments. Efficiency 0.95 is the recorded data's own definition of pack capacity.
"""

from __future__ import annotations

from math import inf, log

from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import AcceptanceMap
from twins.bms import Bms
from twins.pack import Pack

__all__ = ["EFFICIENCY", "IsothermalBms"]

EFFICIENCY = 0.95

_NEAR = 1e-8
_SHORTEST_S = 1e-6


class IsothermalBms(Bms):
    """Demands power by charge alone; the temperature stays as it came, and where none is taken the least that is."""

    __slots__ = ("_gain", "_scale_kw")

    has_heat = False

    def __init__(
        self, kernel: Kernel, path: str, pack: Pack, acceptance: AcceptanceMap, soc_pct: float, target_pct: float,
        temp_c: float, ambient_c: float, *, auxiliary_kw: float = 0.0, soc: Curve | None = None,
        cell_temp_c: Curve | None = None,
    ) -> None:  # fmt: skip
        """As `Bms`."""
        super().__init__(
            kernel, path, pack, acceptance, soc_pct, target_pct, temp_c, ambient_c, auxiliary_kw=auxiliary_kw, soc=soc,
            cell_temp_c=cell_temp_c,
        )  # fmt: skip
        self._gain = EFFICIENCY / (SECONDS_PER_HOUR * pack.capacity_kwh)
        self._scale_kw = self._strength_kw * (acceptance.rate(temp_c) or acceptance.least_rate)

    def wish_kw(self, now: SimTime) -> float:
        """The power it asks for at `now`, what the car draws for itself included."""
        return min(self._ceiling_kw, self._scale_kw * self.acceptance.share(self.soc.at(now))) + self.auxiliary_kw

    def claim_kw(self, now: SimTime, cap_kw: float) -> float:
        """What it asks for can only fall."""
        return min(self.wish_kw(now), cap_kw)

    def voltage_v(self, now: SimTime) -> float:
        """At the pack's terminals: 0.85 of the platform's nominal when empty, 0.91 when full."""
        return self.pack.platform_v * (0.85 + 0.06 * self.soc.at(now))

    def limit_current(self, current_a: float) -> None:
        """What outlet and cable carry at most, at the voltage of now."""
        limit_a = min(current_a, self.pack.current_max_a)
        own_kw = self.pack.power_max_kw * self.acceptance.ceiling
        self._ceiling_kw = min(own_kw, limit_a * self.voltage_v(self._kernel.now) / 1_000.0)

    def current(self, now: SimTime, power: Curve) -> tuple[float, float, float]:
        """At the voltage of now."""
        per_kw = 1_000.0 / self.voltage_v(now)
        return per_kw * power.a, per_kw * power.c, power.tau

    def draw(self, now: SimTime, limit_kw: float, power: Signal) -> SimTime:
        """Plan the next piece of the charge under `limit_kw`."""
        soc = self.soc.at(now)
        if soc >= self.target - _NEAR:
            return now
        auxiliary_kw = 0.0
        if self.auxiliary_kw != 0.0:
            auxiliary_kw = min(self.auxiliary_kw, limit_kw)
            limit_kw -= auxiliary_kw
        length_s, start_kw, tau_s = self._piece(soc, limit_kw)
        gain = self._gain
        if tau_s == inf:
            power.set(now, auxiliary_kw + start_kw)
            self.soc.set(now, soc, gain * start_kw)
        else:
            power.set(now, auxiliary_kw, 0.0, start_kw, tau_s)
            risen = gain * start_kw * tau_s
            self.soc.set(now, soc + risen, 0.0, -risen, tau_s)
        return SimTime(now + length_s)

    def rest(self, now: SimTime) -> None:
        """Stop charging: the charge stands."""
        self.soc.set(now, self.soc.at(now))

    def _piece(self, soc: float, limit_kw: float) -> tuple[float, float, float]:
        """(length in s, power at its start in kW, time constant in s) until a knot, the limit's reach or the target."""
        ceiling_kw = limit_kw if limit_kw < self._ceiling_kw else self._ceiling_kw
        gain, scale_kw = self._gain, self._scale_kw
        soc0, soc1, share0, slope = self.acceptance.piece(soc + _NEAR)
        wish_kw = scale_kw * (share0 + slope * (soc - soc0))
        self.asked_kw = (wish_kw if wish_kw < self._ceiling_kw else self._ceiling_kw) + self.auxiliary_kw
        if ceiling_kw <= 0.0 or wish_kw <= 0.0:
            return inf, 0.0, inf
        end = soc1 if soc1 < self.target else self.target
        if wish_kw > ceiling_kw * (1.0 + 1e-9):
            return self._flat(soc, ceiling_kw)
        if slope == 0.0:
            return max((end - soc) / (gain * wish_kw), _SHORTEST_S), wish_kw, inf
        tau_s = -1.0 / (gain * scale_kw * slope)
        length_s = -tau_s * log(1.0 - (end - soc) / (gain * wish_kw * tau_s))
        return (length_s if length_s > _SHORTEST_S else _SHORTEST_S), wish_kw, tau_s

    def _flat(self, soc: float, ceiling_kw: float) -> tuple[float, float, float]:
        """The piece at the ceiling: it lasts until the wish has fallen to it, over as many knots as that takes."""
        share = ceiling_kw / self._scale_kw
        reach = self.target
        for soc0, soc1, share0, slope in self.acceptance.pieces:
            if soc1 > soc and share0 + slope * (soc1 - soc0) < share:
                reach = min(reach, max(soc0 + (share - share0) / slope, soc))
                break
        return max((reach - soc) / (self._gain * ceiling_kw), _SHORTEST_S), ceiling_kw, inf
