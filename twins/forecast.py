"""What a charge will do: from the pack's state, the next piece under a limit (physics sheet, section 1).

Rates in C, so that one pack's figures serve any size. A piece (`twins.charge_piece`) ends at a knot of the acceptance,
where another thing binds, where a watched temperature is reached, or where the prediction would no longer be good
enough: 0.1 % of power, 0.1 K, 0.05 % of charge.
"""

from __future__ import annotations

from math import exp, inf, log, sqrt
from typing import Final

from sim.errors import ToleranceMissed
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import HYSTERESIS_K, AcceptanceMap
from twins.cells import KELVIN, WARM_K
from twins.charge_piece import Lead, Piece, Point, Shape, area, shape_of, value
from twins.pack import Pack

__all__ = ["NEAR_SOC", "NOTHING", "Forecast"]

LIMIT: Final = 0
DEMAND: Final = 1
VOLTAGE: Final = 2
CURRENT: Final = 3

NEAR_SOC = 1e-5
_SHORTEST_S = 0.5
_LONGEST_S = 1_800.0
_STEP_K = 4.0
_STEP_SOC = 0.12
_LONGEST_WARMING_S = 400.0  # while what it asks for follows the temperature
_MIDDLE = (1.5e-3, 5e-4, 5e-4, 5e-4)  # by what binds: how well a shape must meet the rate in the middle
_SETTLED_V = (0.05, 0.015, 0.004, 0.015)  # by what binds: how far the slow polarisation may be from where it tends to
_AGREES_S = (0.5, 0.05, 0.05, 0.5)  # how well the charge at a piece's end must be foreseen, in seconds at 1 C
_NEAR_S = 0.02  # of charge, in seconds at 1 C: 5e-6 of the whole
_NEAR_K = 1e-6
_TURN = 1e-3
_A_FEW, _ATTEMPTS = 8, 64  # what does not agree after a few attempts is tried over half the length
_HAIR_C = 1e-5
_TRICKLE_C = 1.0 / 50.0
"""Held at its highest voltage, a pack that takes less than this is full."""


_new_point = tuple.__new__  # half the cost of a NamedTuple's own constructor


class Forecast:
    """The next piece of one charge. Its owner sets what acts on it: limits, cooling, defects, what is watched."""

    __slots__ = (
        "_band", "_conducts", "_figures", "_is_heating", "_limit_kw", "_scratch", "_strength_kw", "acceptance",
        "ambient_c", "ceiling_kw", "defect_kw", "flow", "lead", "pack", "rate_max", "target", "watched_c",
    )  # fmt: skip

    def __init__(self, pack: Pack, acceptance: AcceptanceMap, target: float, ambient_c: float) -> None:
        """`target` is a state of charge from 0 to 1; `ambient_c` the air around the pack."""
        self.pack = pack
        self.acceptance = acceptance
        self.target = target
        self.ambient_c = ambient_c
        self.ceiling_kw = pack.power_max_kw * acceptance.ceiling
        self.rate_max = inf
        self.flow = 1.0
        self.lead = 0.0
        self.defect_kw = 0.0
        self.watched_c = inf
        self._strength_kw = acceptance.strength_kw(pack.capacity_kwh, pack.power_max_kw)
        self._limit_kw = inf
        self._band: int | None = None
        self._is_heating = False
        self._conducts = (0.0, 0.0)
        self._scratch = Signal("", "C")
        self._figures = (
            pack.chemistry.ocv_v, pack.entropy_v_k, pack.ohmic_v, pack.ohmic_k, pack.max_v, pack.unit_kw
        )  # fmt: skip

    def wish_kw(self, soc: float, temp_c: float, slow_v: float) -> float:
        """What it asks for in this state, under its own limits alone."""
        self._limit_kw = self.ceiling_kw
        return self._point(soc, temp_c, slow_v).power_kw

    def _point(self, soc: float, temp_c: float, slow_v: float) -> Point:
        ocv_v, entropy_v_k, ohmic_v, ohmic_k, max_v, unit_kw = self._figures
        at = int(soc * 50.0)
        if at > 49:
            at = 49
        below_v = ocv_v[at]
        inner_v = below_v + (ocv_v[at + 1] - below_v) * (soc * 50.0 - at) + entropy_v_k * (temp_c - 25.0) + slow_v
        ohmic_v *= exp(ohmic_k * (1.0 / (temp_c + KELVIN) - WARM_K))
        acceptance, band = self.acceptance, self._band
        rate = acceptance.share(soc) * (acceptance.rate(temp_c) if band is None else acceptance.band_rate(band))
        power_kw, binds = self._limit_kw, LIMIT
        if acceptance.is_current:
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
        return _new_point(Point, (rate, power_kw, heat_kw, binds))

    def is_limited(self, soc: float, temp_c: float, slow_v: float, limit_kw: float) -> bool:
        """Whether in this state it would take more than `limit_kw`."""
        if limit_kw >= self.ceiling_kw or self._is_heated(temp_c):
            return False
        self._limit_kw = limit_kw
        self._choose_band(temp_c)
        return self._point(soc, temp_c, slow_v).binds == LIMIT

    def piece(self, soc: float, temp_c: float, slow_v: float, limit_kw: float) -> Piece:
        """The next piece, with at most `limit_kw` at the terminals; of no length when the pack takes no more."""
        self._limit_kw = min(limit_kw, self.ceiling_kw)
        self._choose_band(temp_c)
        self._conducts = self._cooling(temp_c)
        first = self._point(soc, temp_c, slow_v)
        if self._is_heated(temp_c) or first.rate <= 0.0:
            return self._waiting(temp_c)
        if first.binds == VOLTAGE and first.rate < _TRICKLE_C:
            return _FULL
        goal, guess = self.target, Shape(first.rate, 0.0, inf)
        for kink in self.pack.kinks:
            if soc + NEAR_SOC < kink < goal:
                goal = kink
                break
        if first.binds == DEMAND:
            _, knot, _, slope = self.acceptance.piece(soc + NEAR_SOC)
            goal = min(goal, knot)
            if slope < 0.0:
                guess = Shape(0.0, first.rate, -self.acceptance.share(soc) / slope * SECONDS_PER_HOUR / first.rate)
        length_s = self._patience_s(soc, temp_c, slow_v, first, goal, guess)
        heat, is_cut, hair_s, missed_before = (first.heat_kw, 0.0), False, 0.0, 0.0
        for attempt in range(1, _ATTEMPTS):
            if attempt % _A_FEW == 0:
                length_s, hair_s, is_cut, missed_before = 0.5 * length_s, 0.0, True, 0.0
            middle, last, lead = self._ahead(soc, temp_c, slow_v, first, guess, heat, length_s)
            is_turned = last.binds != first.binds or middle.binds != first.binds
            if is_turned and not is_cut and length_s > _SHORTEST_S:
                low_s, high_s = self._turn(soc, temp_c, slow_v, first, middle, guess, lead, length_s)
                length_s, hair_s, is_cut = max(_SHORTEST_S, low_s), high_s - low_s, True
                continue
            rate = shape_of(first.rate, middle.rate, last.rate, length_s)
            heat = _line(first.heat_kw, middle.heat_kw, last.heat_kw, length_s)
            is_bent = abs(value(rate, 0.5 * length_s) - middle.rate) > _MIDDLE[first.binds] * first.rate
            if is_bent and length_s > _SHORTEST_S:
                length_s, hair_s, is_cut, guess = 0.5 * length_s, 0.0, True, rate
                continue
            risen = area(rate, length_s)
            missed, agrees = abs(risen - area(guess, length_s)), _AGREES_S[first.binds]
            guess, left = rate, (goal - soc) * SECONDS_PER_HOUR
            may_stretch = not is_cut and self._band is None  # not across the edge of a band
            if risen > left + _NEAR_S or (may_stretch and left - 72.0 < risen < left - _NEAR_S):
                length_s *= left / risen
            elif missed <= agrees or missed * missed <= agrees * missed_before:  # the next would miss by less
                break
            missed_before = missed
        else:
            raise ToleranceMissed(f"a charge cannot be foreseen: soc {soc:.4f}, {temp_c:.2f} C, {length_s:.2f} s")
        power = shape_of(first.power_kw, middle.power_kw, last.power_kw, length_s)
        heat_kw, heat_kw_s = heat
        ends_kw = value(power, length_s + hair_s)
        if ends_kw > self._limit_kw:  # it rises to the limit, and not a hair above
            hair_s, ends_kw = 0.0, min(last.power_kw, self._limit_kw)
            if last.power_kw > self._limit_kw:
                power = Shape(self._limit_kw, 0.0, inf)
        top_kw = max(first.power_kw, middle.power_kw, last.power_kw, ends_kw)
        if last.rate < _TRICKLE_C < first.rate and first.binds == VOLTAGE and rate.c > 0.0:
            length_s = min(length_s, rate.tau * log(rate.c / (_TRICKLE_C - _HAIR_C - rate.a)))
        length_s = self._until_watched(temp_c, heat_kw, heat_kw_s, length_s + hair_s)
        return Piece(length_s, power, rate, heat_kw, heat_kw_s, lead, top_kw)

    def _until_watched(self, temp_c: float, heat_kw: float, heat_kw_s: float, length_s: float) -> float:
        """The length, cut where the temperature comes to what is watched."""
        watched_c = self.watched_c
        most_kw = max(heat_kw, heat_kw + heat_kw_s * length_s)
        if temp_c >= watched_c or self._warmed(temp_c, most_kw, length_s) < watched_c:
            return length_s
        self._scratch.set(SimTime(0.0), *self.warming(temp_c, heat_kw, heat_kw_s))
        reached_s = self._scratch.crossing(watched_c, SimTime(0.0))
        return length_s if reached_s is None else min(length_s, max(reached_s, _SHORTEST_S))

    def _patience_s(self, soc: float, temp_c: float, slow_v: float, first: Point, goal: float, guess: Shape) -> float:
        """How long the next piece may be, to begin with."""
        pack, room = self.pack, min(_STEP_SOC, goal - soc) * SECONDS_PER_HOUR / first.rate
        if guess.c != 0.0:  # it decays to nothing
            room = -guess.tau * log(1.0 - room / guess.tau) if room < guess.tau else inf
        length_s = min(_LONGEST_S, room)
        warming_k_s = (self._warmed(temp_c, first.heat_kw, 60.0) - temp_c) / 60.0
        step_k = _STEP_K if self._band is None else self._to_edge_k(temp_c, warming_k_s)
        if first.binds == DEMAND and self._band is None:
            step_k = min(step_k, self.acceptance.to_bend_k(temp_c, warming_k_s > 0.0))
            if self.acceptance.rate(temp_c + 0.5) != self.acceptance.rate(temp_c - 0.5):
                length_s = min(length_s, _LONGEST_WARMING_S)
        length_s = min(length_s, step_k / max(abs(warming_k_s), 1e-9))
        if abs(first.rate * pack.slow(soc, temp_c) - slow_v) > _SETTLED_V[first.binds]:
            length_s = min(length_s, 2.0 * pack.chemistry.slow_s)
        return max(length_s, _SHORTEST_S) if goal == self.target else length_s

    def _ahead(
        self, soc: float, temp_c: float, slow_v: float, first: Point, guess: Shape, heat: tuple[float, float],
        length_s: float,
    ) -> tuple[Point, Point, Lead]:  # fmt: skip
        """(middle, end, where the slow polarisation tends to) of a piece that begins so, rate and heat as guessed."""
        pack, half_s, tau_s = self.pack, 0.5 * length_s, self.pack.chemistry.slow_s
        middle_soc = soc + area(guess, half_s) / SECONDS_PER_HOUR
        at_c, slope_k_s, swing_k, warms_s = self.warming(temp_c, *heat)
        cooled = exp(-half_s / warms_s)
        middle_c = at_c + slope_k_s * half_s + swing_k * cooled
        first_v = first.rate * pack.slow(soc, temp_c)
        middle_v = value(guess, half_s) * pack.slow(middle_soc, middle_c)
        faded = exp(-half_s / tau_s)
        slope = (middle_v - first_v) / half_s
        settled_v = first_v - slope * tau_s
        middle = self._point(middle_soc, middle_c, settled_v + slope * half_s + (slow_v - settled_v) * faded)
        end_soc = soc + area(guess, length_s) / SECONDS_PER_HOUR
        end_c = at_c + slope_k_s * length_s + swing_k * cooled * cooled
        end_v = value(guess, length_s) * pack.slow(end_soc, end_c)
        rise_v = end_v - first_v
        lead = Lead((first_v + 4.0 * middle_v + end_v) / 6.0 - 0.5 * rise_v, rise_v / length_s)
        settled_v = lead.start - lead.slope * tau_s
        last_v = settled_v + rise_v + (slow_v - settled_v) * faded * faded
        return middle, self._point(end_soc, end_c, last_v), lead

    def _turn(
        self, soc: float, temp_c: float, slow_v: float, first: Point, middle: Point, guess: Shape, lead: Lead,
        length_s: float,
    ) -> tuple[float, float]:  # fmt: skip
        """(last seen before, first seen after) another thing comes to bind, a thousandth of `length_s` apart."""
        low_s, high_s, tau_s = 0.0, length_s, self.pack.chemistry.slow_s
        if middle.binds == first.binds:
            low_s = 0.5 * length_s
        else:
            high_s = 0.5 * length_s
        while high_s - low_s > _TURN * length_s:
            dt = 0.5 * (low_s + high_s)
            there = self._point(
                soc + area(guess, dt) / SECONDS_PER_HOUR,
                self._warmed(temp_c, middle.heat_kw, dt),
                lead.after(slow_v, dt, tau_s),
            )
            if there.binds == first.binds:
                low_s = dt
            else:
                high_s = dt
        return low_s, high_s

    def takes_none(self, temp_c: float) -> bool:
        """Whether it takes no current for its temperature's sake."""
        rate = self.acceptance.rate(temp_c) if self._band is None else self.acceptance.band_rate(self._band)
        return self._is_heating or rate == 0.0

    def _is_heated(self, temp_c: float) -> bool:
        """Whether it asks for heating first: from below `heated_to_c` on until it is 2 K above."""
        heated_to_c = self.pack.heated_to_c
        self._is_heating = temp_c < heated_to_c + (HYSTERESIS_K if self._is_heating else 0.0) - _NEAR_K
        return self._is_heating

    def _waiting(self, temp_c: float) -> Piece:
        """Too cold or too hot, or nothing allowed: heat or cool until it takes current again."""
        opens_c = self.acceptance.opens_at(temp_c)
        if self._is_heating:
            heated_c = self.pack.heated_to_c + HYSTERESIS_K
            opens_c = heated_c if opens_c is None else max(opens_c, heated_c)
        if opens_c is None or self._limit_kw <= 0.0:
            length_s = self._until_watched(temp_c, self.defect_kw, 0.0, inf)
            return Piece(length_s, NOTHING, NOTHING, self.defect_kw, 0.0, _NO_LEAD, 0.0)
        heater_kw = min(self.pack.heater_kw, self._limit_kw) if temp_c < opens_c else 0.0
        heat_kw = heater_kw + self.defect_kw
        conductance_w_k, forced_c = self._cooling(temp_c)
        settled_c = forced_c + 1_000.0 * heat_kw / conductance_w_k
        length_s = inf
        if (settled_c - opens_c) * (opens_c - temp_c) > 0.0:
            tau_s = self.pack.heat_capacity_j_k / conductance_w_k
            length_s = tau_s * log((settled_c - temp_c) / (settled_c - opens_c))
        length_s = self._until_watched(temp_c, heat_kw, 0.0, length_s)
        return Piece(length_s, Shape(heater_kw, 0.0, inf), NOTHING, heat_kw, 0.0, _NO_LEAD, heater_kw)

    def _cooling(self, temp_c: float) -> tuple[float, float]:
        """(conductance in W/K, temperature it leads to); the coolant runs while the pack is warmer than it."""
        pack = self.pack
        if temp_c <= pack.coolant_c or pack.cooling_w_k == 0.0:
            return pack.passive_w_k, self.ambient_c
        flow = self.flow
        conductance_w_k = pack.passive_w_k + flow * pack.cooling_w_k
        forced_c = flow * pack.cooling_w_k * pack.coolant_c + pack.passive_w_k * self.ambient_c
        return conductance_w_k, forced_c / conductance_w_k

    def _warmed(self, temp_c: float, heat_kw: float, dt: float) -> float:
        """The temperature after `dt` with so much heat."""
        conductance_w_k, forced_c = self._conducts
        settled_c = forced_c + 1_000.0 * heat_kw / conductance_w_k
        return settled_c + (temp_c - settled_c) * exp(-dt * conductance_w_k / self.pack.heat_capacity_j_k)

    def warming(self, temp_c: float, heat_kw: float, heat_kw_s: float) -> tuple[float, float, float, float]:
        """The temperature's form `a + b dt + c exp(-dt / tau)` from `temp_c` on, with heat that runs so."""
        capacity_j_k = self.pack.heat_capacity_j_k
        conductance_w_k, forced_c = self._cooling(temp_c)
        tau_s = capacity_j_k / conductance_w_k
        slope = 1_000.0 * heat_kw_s / conductance_w_k
        settled_c = forced_c + 1_000.0 * heat_kw / conductance_w_k - slope * tau_s
        return settled_c, slope, temp_c - settled_c, tau_s

    def _choose_band(self, temp_c: float) -> None:
        if self.acceptance.is_banded:
            self._band = self.acceptance.band(temp_c, self._band)

    def _to_edge_k(self, temp_c: float, warming_k_s: float) -> float:
        """How far to the edge of the present band, in the direction the temperature takes."""
        low_c, high_c = self.acceptance.edges(self._band or 0)
        return max(1e-3, (high_c - temp_c) if warming_k_s > 0.0 else (temp_c - low_c))


NOTHING = Shape(0.0, 0.0, inf)
_NO_LEAD = Lead(0.0, 0.0)
_FULL = Piece(0.0, NOTHING, NOTHING, 0.0, 0.0, _NO_LEAD, 0.0)


def _line(first: float, middle: float, last: float, length_s: float) -> tuple[float, float]:
    """(start, slope) of the straight line with the ends' slope and the mean of the three."""
    slope = (last - first) / length_s
    return (first + 4.0 * middle + last) / 6.0 - 0.5 * slope * length_s, slope
