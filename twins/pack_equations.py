"""A pack under charge, at one instant: what it takes, what binds, how it warms (physics sheet, section 1).

Rates in C, so that one pack's figures serve any size.
"""

from __future__ import annotations

from math import exp, inf, sqrt
from typing import Final

from twins.acceptance import HYSTERESIS_K, AcceptanceMap
from twins.cells import KELVIN, WARM_K
from twins.charge_piece import Lead, Point
from twins.pack import Pack

__all__ = ["CURRENT", "DEMAND", "LIMIT", "VOLTAGE", "Cooling", "PackEquations", "warming"]

LIMIT: Final = 0
DEMAND: Final = 1
VOLTAGE: Final = 2
CURRENT: Final = 3

_NEAR_K = 1e-6
_TOLD_V = 2e-3  # settling by less than this, the slow polarisation's heat is well told by three points


Cooling = tuple[float, float, float]
"""(time constant in s, the temperature it leads to without heat, K more for each kW)."""


def warming(temp_c: float, cooling: Cooling, heat_kw: float, heat_kw_s: float) -> tuple[float, float, float, float]:
    """The temperature's form `a + b dt + c exp(-dt / tau)` from `temp_c` on, with heat that runs so."""
    tau_s, forced_c, k_kw = cooling
    slope = heat_kw_s * k_kw
    a = forced_c + heat_kw * k_kw - slope * tau_s
    return a, slope, temp_c - a, tau_s


class PackEquations:
    """One pack's, with all that acts on it: limits, cooling, defects."""

    __slots__ = (
        "_band", "_figures", "_is_heating", "_limit_kw", "_rate_piece", "_share_piece", "_strength_kw",
        "acceptance", "ambient_c", "ceiling_kw", "defect_kw", "flow", "lead", "pack", "rate_max",
    )  # fmt: skip

    def __init__(self, pack: Pack, acceptance: AcceptanceMap, ambient_c: float) -> None:
        """`ambient_c` is the air around the pack."""
        self.pack = pack
        self.acceptance = acceptance
        self.ambient_c = ambient_c
        self.ceiling_kw = pack.power_max_kw * acceptance.ceiling
        self.rate_max = inf
        self.flow = 1.0
        self.lead = 0.0
        self.defect_kw = 0.0
        self._strength_kw = acceptance.strength_kw(pack.capacity_kwh, pack.power_max_kw)
        self._limit_kw = inf
        self._band: int | None = None
        self._is_heating = False
        self._share_piece = acceptance.pieces[0]
        self._rate_piece = acceptance.rate_piece(ambient_c)
        self._figures = (
            pack.chemistry.ocv_v, pack.entropy_v_k, pack.ohmic_v, pack.ohmic_k, pack.max_v, pack.unit_kw,
            pack.chemistry.slow_v, pack.slow_scale, pack.slow_k,
        )  # fmt: skip

    def _point(self, soc: float, temp_c: float, slow_v: float, takes_up: float = 0.0) -> Point:
        """The point in this state. The slow polarisation is `slow_v` and so much of what it tends to there at 1 C."""
        ocv_v, entropy_v_k, ohmic_v, ohmic_k, max_v, unit_kw, slow_table_v, slow_scale, slow_k = self._figures
        place, cold = soc * 10.0, 1.0 / (temp_c + KELVIN) - WARM_K
        at = int(place)
        if at > 9:
            at = 9
        below_v = slow_table_v[at]
        settles_v = slow_scale * (below_v + (slow_table_v[at + 1] - below_v) * (place - at)) * exp(slow_k * cold)
        slow_v += takes_up * settles_v
        place = soc * 50.0
        at = int(place)
        if at > 49:
            at = 49
        below_v = ocv_v[at]
        inner_v = below_v + (ocv_v[at + 1] - below_v) * (place - at) + entropy_v_k * (temp_c - 25.0) + slow_v
        ohmic_v *= exp(ohmic_k * cold)
        begin, end, share, by_soc = self._share_piece
        if not begin <= soc < end:
            self._share_piece = begin, _, share, by_soc = self.acceptance.piece(soc if soc > 0.0 else 0.0)
        coldest_c, hottest_c, allowed, by_k = self._rate_piece
        if not coldest_c <= temp_c < hottest_c:
            self._rate_piece = coldest_c, _, allowed, by_k = self.acceptance.rate_piece(temp_c)
        rate = share + by_soc * (soc - begin)
        rate *= allowed + by_k * (temp_c - coldest_c) if by_k != 0.0 else allowed
        power_kw, binds = self._limit_kw, LIMIT
        if self.acceptance.is_current:
            asked_kw = rate * (inner_v + rate * ohmic_v) * unit_kw
            if asked_kw <= power_kw:
                power_kw, binds = asked_kw, DEMAND
            else:
                rate = -1.0
        else:
            asked_kw = rate * self._strength_kw
            rate = -1.0
            if asked_kw <= power_kw:
                power_kw, binds = asked_kw, DEMAND
        if rate < 0.0:
            wanted_v = power_kw / unit_kw
            rate = 2.0 * wanted_v / (inner_v + sqrt(inner_v * inner_v + 4.0 * ohmic_v * wanted_v))
        if rate > self.rate_max:
            rate, binds = self.rate_max, CURRENT
            power_kw = rate * (inner_v + rate * ohmic_v) * unit_kw
        if self.lead != 0.0:
            max_v -= self.pack.chemistry.ocv(soc + self.lead) - self.pack.chemistry.ocv(soc)
        if inner_v + rate * ohmic_v > max_v:
            rate, binds = (max_v - inner_v) / ohmic_v, VOLTAGE
            if rate < 0.0:
                rate = 0.0
            power_kw = rate * max_v * unit_kw
        heat_kw = rate * (slow_v + rate * ohmic_v + entropy_v_k * (temp_c + KELVIN)) * unit_kw + self.defect_kw
        return rate, power_kw, heat_kw, binds, settles_v

    def _climb_v(self, soc: float) -> float:
        """How the open-circuit voltage rises with the charge, in V from empty to full."""
        cell = self.pack.chemistry
        return 50.0 * (cell.ocv(soc + 0.01) - cell.ocv(soc - 0.01))

    def _transient_kw(self, slow_v: float, lead: Lead, rate: float, length_s: float) -> float:
        """What three points tell too little of the heat's mean while the slow polarisation settles."""
        slow_s = self.pack.chemistry.slow_s
        gap_v = slow_v - lead[0] + lead[1] * slow_s
        if abs(gap_v) < _TOLD_V:
            return 0.0
        faded = exp(-0.5 * length_s / slow_s)
        told = (1.0 + 4.0 * faded + faded * faded) / 6.0
        return rate * self.pack.unit_kw * gap_v * ((1.0 - faded * faded) * slow_s / length_s - told)

    def _cooling(self, temp_c: float) -> Cooling:
        """How it is cooled; the coolant runs while the pack is warmer than it."""
        pack = self.pack
        if temp_c <= pack.coolant_c or pack.cooling_w_k == 0.0:
            conductance_w_k, forced_c = pack.passive_w_k, self.ambient_c
        else:
            conductance_w_k = pack.passive_w_k + self.flow * pack.cooling_w_k
            forced_c = self.flow * pack.cooling_w_k * pack.coolant_c + pack.passive_w_k * self.ambient_c
            forced_c /= conductance_w_k
        return pack.heat_capacity_j_k / conductance_w_k, forced_c, 1_000.0 / conductance_w_k

    def takes_none(self, temp_c: float) -> bool:
        """Whether it takes no current for its temperature's sake."""
        rate = self.acceptance.rate(temp_c) if self._band is None else self.acceptance.band_rate(self._band)
        return self._is_heating or rate == 0.0

    def _is_heated(self, temp_c: float) -> bool:
        """Whether it asks for heating first: from below `heated_to_c` on until it is 2 K above."""
        heated_to_c = self.pack.heated_to_c
        self._is_heating = temp_c < heated_to_c + (HYSTERESIS_K if self._is_heating else 0.0) - _NEAR_K
        return self._is_heating

    def _choose_band(self, temp_c: float) -> None:
        """Stay in one band of a map that has such, whatever the temperature does within a piece."""
        self._band = self.acceptance.band(temp_c, self._band)
        self._rate_piece = -inf, inf, self.acceptance.band_rate(self._band), 0.0

    def _to_edge_k(self, temp_c: float, warming_k_s: float) -> float:
        """How far to the edge of the present band, in the direction the temperature takes."""
        low_c, high_c = self.acceptance.edges(self._band or 0)
        return max(1e-3, (high_c - temp_c) if warming_k_s > 0.0 else (temp_c - low_c))
