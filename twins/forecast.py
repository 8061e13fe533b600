"""What a charge will do: from the pack's state, the next piece under a limit.

A piece (`twins.charge_piece`) ends at a knot of the acceptance, where another thing binds, where a watched temperature
is reached, or where the prediction would no longer be good enough: 0.1 % of power, 0.1 K, 0.05 % of charge.

It is found in passes. Each guesses how rate and heat will run, works out middle and end with that, and is the last when
they bear the guess out. The first guess follows how things begin to change; for most pieces it is good enough.
"""

from __future__ import annotations

from math import exp, inf, log

from sim.errors import ToleranceMissed
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import HYSTERESIS_K, AcceptanceMap
from twins.charge_piece import (
    Lead,
    Piece,
    Point,
    Shape,
    area,
    begins,
    falls_to_zero,
    fitted,
    follower,
    reach,
    shape_of,
    value,
)
from twins.pack import Pack
from twins.pack_equations import CURRENT, DEMAND, LIMIT, VOLTAGE, Cooling, PackEquations, warming

__all__ = ["NEAR_SOC", "NOTHING", "Forecast", "State"]

NEAR_SOC = 1e-5
_SHORTEST_S, _LONGEST_S = 0.5, 3_600.0
_LONGEST_WARMING_S = 450.0  # while what it asks for follows the temperature
_STEP_K, _STEP_SOC = 4.0, 0.11
_FALLS = 0.8  # of the rate: as far as it may fall while the voltage is held
_SETTLED_V = (0.03, 0.015, 0.004, 0.015)  # by what binds: how far the slow polarisation may be from where it tends to
_MIDDLE = (1e-2, 1e-3, 1e-3, 1e-3)  # by what binds: how far a shape may pass beside the middle, of the rate
_SURPRISE = (0.01, 0.01, 2e-3, 0.01)  # by what binds: how far a guess may have passed beside it
_AGREES, _AGREES_S = 1e-3, 0.5  # how well the rate, and the charge in s at 1 C, must be foreseen
_EXACT = 8e-4  # of the power, where another thing comes to bind
_TURNS = 3
_A_FEW, _ATTEMPTS = 8, 64  # what does not agree after a few attempts is tried over half the length
_CLOSE_S = 72.0  # s at 1 C: what is left to a goal is taken along
_TRIM, _STRETCH = 0.03, 1.6  # of the length: how far a shape is trusted beyond its points, how far a new pass may reach
_SLOW_S = 100.0  # a slow polarisation that is slower adds to the voltage all along
_HAIR_C = 1e-5
_TRICKLE_C = 1.0 / 50.0
"""Held at its highest voltage, a pack that takes less than this is full."""

_new = tuple.__new__  # half the cost of a NamedTuple's own constructor

State = tuple[float, float, float]
"""Of a pack: its charge from 0 to 1, its temperature in C, its slow polarisation in V a cell."""

_Start = tuple[State, Cooling, Point]
"""Where a piece begins."""

_Guess = tuple[float, Shape, float, float, float]
"""A piece as guessed: its length, its rate, that at the middle, its heat and by how much that changes a second."""


class Forecast(PackEquations):
    """The next piece of one charge. Its owner sets what acts on it: limits, cooling, defects, what is watched."""

    __slots__ = ("_first", "_scratch", "target", "watched_c")

    def __init__(self, pack: Pack, acceptance: AcceptanceMap, target: float, ambient_c: float) -> None:
        """`target` is a state of charge from 0 to 1; `ambient_c` the air around the pack."""
        super().__init__(pack, acceptance, ambient_c)
        self.target = target
        self.watched_c = inf
        self._scratch = Signal("", "C")
        self._first: tuple[State, float, Point] | None = None

    def wish_kw(self, state: State) -> float:
        """What it asks for in this state, under its own limits alone."""
        self._limit_kw = self.ceiling_kw
        return self._point(*state)[1]

    def is_limited(self, state: State, limit_kw: float) -> bool:
        """Whether in this state it would take more than `limit_kw`."""
        if limit_kw >= self.ceiling_kw or self._is_heated(state[1]):
            return False
        return self._begin(state, limit_kw)[3] == LIMIT

    def _begin(self, state: State, limit_kw: float) -> Point:
        """The point in this state under this limit; who asks `is_limited` asks for a `piece` next."""
        self._limit_kw = min(limit_kw, self.ceiling_kw)
        if self._first is None or self._first[0] is not state or self._first[1] != limit_kw:
            if self.acceptance.is_banded:
                self._choose_band(state[1])
            self._first = state, limit_kw, self._point(*state)
        return self._first[2]

    def piece(self, state: State, limit_kw: float) -> Piece:
        """The next piece, with at most `limit_kw` at the terminals; of no length when the pack takes no more."""
        soc, temp_c, slow_v = state
        first = first_rate, first_kw, first_heat_kw, binds, _ = self._begin(state, limit_kw)
        if self._is_heated(temp_c) or first_rate <= 0.0:
            return self._waiting(temp_c)
        if soc >= self.target - NEAR_SOC or (binds == VOLTAGE and first_rate < _TRICKLE_C):
            return _FULL
        cooling = self._cooling(temp_c)
        start = state, cooling, first
        left_s, exact_s, exact_k, guess = self._outlook(start)
        is_cut, turns = False, 0
        for attempt in range(1, _ATTEMPTS):
            if attempt % _A_FEW == 0:
                is_cut, guess = True, _of_length(0.5 * guess[0], guess[1], guess)
            length_s, guessed_shape, _, guessed_kw, guessed_kw_s = guess
            middle, last, lead, guessed_s, surprise = self._ahead(start, guess)
            rate, middle_kw, middle_heat_kw, _, _ = middle
            last_rate, last_kw, last_heat_kw, _, _ = last
            if turns < _TURNS and length_s > _SHORTEST_S and _has_turned(first, middle, last, turns):
                turns_s = max(_SHORTEST_S, self._turn(start, guess, middle, last, lead))
                is_cut, turns, guess = True, turns + 1, _of_length(turns_s, guessed_shape, guess)
                continue
            shape, beside, risen_s = fitted(first_rate, rate, last_rate, length_s)
            if abs(beside) > _MIDDLE[binds] * first_rate and length_s > _SHORTEST_S:
                is_cut, guess = True, _of_length(0.5 * length_s, shape, guess)
                continue
            if beside != 0.0:  # so that the charge at the end is right
                shape, risen_s = (shape[0] + beside / 1.5, shape[1], shape[2]), risen_s + length_s * beside / 1.5
            whole_s = (
                reach(shape, left_s, length_s)
                if risen_s > left_s - (0.0 if is_cut or self._band is not None else _CLOSE_S)
                else inf
            )
            if whole_s > _STRETCH * length_s:
                whole_s = length_s
            elif abs(whole_s - length_s) > _TRIM * length_s:
                guess = _of_length(whole_s, shape, guess)
                continue
            heat_kw_s = (last_heat_kw - first_heat_kw) / length_s
            heat_kw = (first_heat_kw + 4.0 * middle_heat_kw + last_heat_kw) / 6.0 - 0.5 * heat_kw_s * length_s
            guess = length_s, shape, rate, heat_kw, heat_kw_s
            off_kw = heat_kw - guessed_kw + 0.5 * length_s * (heat_kw_s - guessed_kw_s)
            if (
                abs(risen_s - guessed_s) < min(_AGREES_S, exact_s * last_rate)
                and abs(surprise) < _SURPRISE[binds] * first_rate
                and 1_000.0 * length_s * abs(off_kw) < exact_k * self.pack.heat_capacity_j_k
            ):
                break
        else:
            raise ToleranceMissed(f"a charge cannot be foreseen: soc {soc:.4f}, {temp_c:.2f} C, {length_s:.2f} s")
        power = shape_of(first_kw, middle_kw, last_kw, length_s) if binds != LIMIT else (first_kw, 0.0, inf)
        ends_kw = value(power, whole_s)
        if ends_kw > self._limit_kw:  # it rises to the limit, and not a hair above
            whole_s, ends_kw = length_s, last_kw
        if binds == CURRENT:
            shape = first_rate, 0.0, inf
        elif last_rate < _TRICKLE_C < first_rate and binds == VOLTAGE and shape[1] > 0.0:
            whole_s = min(whole_s, shape[2] * log(shape[1] / (_TRICKLE_C - _HAIR_C - shape[0])))
        heat_kw += self._transient_kw(slow_v, lead, rate, length_s)
        whole_s = self._until_watched(temp_c, cooling, heat_kw, heat_kw_s, whole_s)
        top_kw = max(first_kw, middle_kw, last_kw, ends_kw)
        temp = warming(temp_c, cooling, heat_kw, heat_kw_s)
        return _new(Piece, (whole_s, power, shape, heat_kw, heat_kw_s, lead, temp, top_kw))

    def _outlook(self, start: _Start) -> tuple[float, float, float, _Guess]:
        """How a piece may run, from how things begin to change.

        (charge left to where it ends at the latest, in s at 1 C; how well charge and temperature at its end must be
        foreseen; the first guess)
        """
        (soc, temp_c, slow_v), (warms_s, forced_c, k_kw), (first_rate, _, heat_kw, binds, settles_v) = start
        pack, per_s, gap_v = self.pack, first_rate / SECONDS_PER_HOUR, first_rate * settles_v - slow_v
        warming_k_s = (forced_c + heat_kw * k_kw - temp_c) / warms_s
        step_k = _STEP_K if self._band is None else self._to_edge_k(temp_c, warming_k_s)
        goal, falls, longest_s, exact_k = self.target, 0.0, _LONGEST_S, inf
        for kink in pack.kinks:
            if soc + NEAR_SOC < kink < goal:
                goal = kink
                break
        if binds == VOLTAGE:
            falls = self._climb_v(soc) / (SECONDS_PER_HOUR * pack.ohmic(temp_c))
            longest_s = _FALLS / max(falls, 1e-6)
        elif binds != CURRENT:
            slow_s = pack.chemistry.slow_s
            rises_v_s = per_s * self._climb_v(soc) + (gap_v / slow_s if slow_s > _SLOW_S else 0.0)
            falls = rises_v_s / pack.rest_v(soc, temp_c)
        if binds == DEMAND:
            begin, knot, share, slope = self.acceptance.piece(soc + NEAR_SOC)
            goal = min(goal, knot)
            falls -= per_s * slope / (share + slope * (soc - begin))
            if self._band is None:
                from_c, to_c, rate, slope = self.acceptance.rate_piece(temp_c + (0.01 if warming_k_s > 0.0 else -0.01))
                step_k = min(step_k, max(0.1, (to_c - temp_c if warming_k_s > 0.0 else temp_c - from_c) + 0.005))
                if slope != 0.0:
                    per_k = slope / (rate + slope * (temp_c - from_c))
                    longest_s, exact_k = _LONGEST_WARMING_S, 2.0 * _AGREES / abs(per_k)
                    falls -= per_k * warming_k_s
        shape = begins(first_rate, falls)
        left_s = (goal - soc) * SECONDS_PER_HOUR
        length_s = min(longest_s, _STEP_SOC / per_s, step_k / max(abs(warming_k_s), 1e-9), reach(shape, left_s))
        if abs(gap_v) > _SETTLED_V[binds]:
            length_s = min(length_s, 4.0 * pack.chemistry.slow_s)
        if goal == self.target:
            length_s = max(length_s, _SHORTEST_S)
        if binds == LIMIT:
            length_s = self._flips_s(start, (length_s, shape, first_rate, heat_kw, 0.0))
        guess = length_s, shape, value(shape, 0.5 * length_s), heat_kw, -heat_kw * falls
        return left_s, _AGREES * shape[2], exact_k, guess

    def _ahead(self, start: _Start, guess: _Guess) -> tuple[Point, Point, Lead, float, float]:
        """(middle, end, the slow polarisation's lead, charge guessed for the end in s at 1 C, surprise in the middle).

        As guessed to the middle; from there on the rate is bent to what it is in the middle.
        """
        (soc, temp_c, slow_v), cooling, (first_rate, _, _, _, settles_v) = start
        length_s, (a, c, tau_s), middle_rate, heat_kw, heat_kw_s = guess
        half_s, slow_s, first_v = 0.5 * length_s, self.pack.chemistry.slow_s, first_rate * settles_v
        at_c, slope_k_s, swing_k, warms_s = warming(temp_c, cooling, heat_kw, heat_kw_s)
        fallen, cooled, faded = exp(-half_s / tau_s), exp(-half_s / warms_s), exp(-half_s / slow_s)
        middle_s = a * half_s + c * tau_s * (1.0 - fallen) if c != 0.0 else a * half_s
        middle_soc = soc + middle_s / SECONDS_PER_HOUR
        middle_c = at_c + slope_k_s * half_s + swing_k * cooled
        # the slow polarisation follows a line: through where it tends to at the beginning and here
        follows = 1.0 - (1.0 - faded) * slow_s / half_s
        kept_v = first_v + (slow_v - first_v) * faded - follows * first_v
        middle = rate, _, _, _, settles_v = self._point(middle_soc, middle_c, kept_v, follows * middle_rate)
        middle_v = middle_rate * settles_v
        surprise = rate - middle_rate
        last_rate = a + c * fallen * fallen + (1.0 + fallen) * surprise
        guessed_s = length_s * (first_rate + 4.0 * rate + last_rate) / 6.0
        last_soc = soc + guessed_s / SECONDS_PER_HOUR
        last_c = at_c + slope_k_s * length_s + swing_k * cooled * cooled
        # with the mean of all three, and the slope from the beginning to the end
        faded *= faded
        follows = 1.0 - (1.0 - faded) * slow_s / length_s
        kept_v = slow_v * faded + (first_v + middle_v) * (1.0 - faded) / 1.5 - follows * first_v
        last = self._point(last_soc, last_c, kept_v, (follows - (1.0 - faded) / 3.0) * last_rate)
        rise_v = last_rate * last[4] - first_v
        lead = (2.0 * first_v + 2.0 * middle_v - rise_v - first_v) / 3.0, rise_v / length_s
        return middle, last, lead, guessed_s, surprise

    def _flips_s(self, start: _Start, guess: _Guess) -> float:
        """When the limit comes to bind, or what it asks for instead, within the length."""
        (soc, temp_c, _), cooling, (_, _, _, binds, _) = start
        length_s, shape, _, heat_kw, heat_kw_s = guess
        acceptance = self.acceptance
        if acceptance.is_current or self._band is not None:
            return length_s
        sign = 1.0 if binds == LIMIT else -1.0
        level = self._limit_kw / self._strength_kw * (1.0 - 0.5 * sign * _EXACT)
        at_c, slope_k_s, swing_k, warms_s = warming(temp_c, cooling, heat_kw, heat_kw_s)

        def excess(dt: float) -> float:
            rate = acceptance.rate(at_c + slope_k_s * dt + swing_k * exp(-dt / warms_s))
            return sign * (rate * acceptance.share(soc + area(shape, dt) / SECONDS_PER_HOUR) - level)

        return falls_to_zero(excess, length_s)

    def _turn(self, start: _Start, guess: _Guess, middle: Point, last: Point, lead: Lead) -> float:
        """When another thing comes to bind, or a little later."""
        (soc, temp_c, slow_v), cooling, first = start
        length_s, shape, _, heat_kw, heat_kw_s = guess
        binds = first[3]
        if binds + last[3] == LIMIT + DEMAND:
            flips_s = self._flips_s(start, guess)
            if flips_s < length_s:
                return flips_s
        at_c, slope_k_s, swing_k, warms_s = warming(temp_c, cooling, heat_kw, heat_kw_s)
        at_v, slope_v_s, swing_v, slow_s = follower(lead, slow_v, self.pack.chemistry.slow_s)
        low_s, high_s = (0.5 * length_s, length_s) if middle[3] == binds else (0.0, 0.5 * length_s)
        for _ in range(8):
            dt = 0.5 * (low_s + high_s)
            there = self._point(
                soc + area(shape, dt) / SECONDS_PER_HOUR,
                at_c + slope_k_s * dt + swing_k * exp(-dt / warms_s),
                at_v + slope_v_s * dt + swing_v * exp(-dt / slow_s),
            )
            if there[3] == binds:
                low_s = dt
            else:
                high_s = dt
        return high_s

    def _until_watched(
        self, temp_c: float, cooling: Cooling, heat_kw: float, heat_kw_s: float, length_s: float
    ) -> float:
        """The length, cut where the temperature comes to what is watched."""
        watched_c, (tau_s, forced_c, k_kw) = self.watched_c, cooling
        settled_c = forced_c + k_kw * max(heat_kw, heat_kw + heat_kw_s * length_s)
        if temp_c >= watched_c or settled_c + (temp_c - settled_c) * exp(-length_s / tau_s) < watched_c:
            return length_s
        self._scratch.set(SimTime(0.0), *warming(temp_c, cooling, heat_kw, heat_kw_s))
        reached_s = self._scratch.crossing(watched_c, SimTime(0.0))
        return length_s if reached_s is None else min(length_s, max(reached_s, _SHORTEST_S))

    def _waiting(self, temp_c: float) -> Piece:
        """Too cold or too hot, or nothing allowed: heat or cool until it takes current again."""
        opens_c = self.acceptance.opens_at(temp_c)
        if self._is_heating:
            heated_c = self.pack.heated_to_c + HYSTERESIS_K
            opens_c = heated_c if opens_c is None else max(opens_c, heated_c)
        cooling = tau_s, forced_c, k_kw = self._cooling(temp_c)
        if opens_c is None or self._limit_kw <= 0.0:
            heater_kw, opens_c = 0.0, None
        else:
            heater_kw = min(self.pack.heater_kw, self._limit_kw) if temp_c < opens_c else 0.0
        heat_kw, length_s = heater_kw + self.defect_kw, inf
        settled_c = forced_c + k_kw * heat_kw
        if opens_c is not None and (settled_c - opens_c) * (opens_c - temp_c) > 0.0:
            length_s = tau_s * log((settled_c - temp_c) / (settled_c - opens_c))
        length_s = self._until_watched(temp_c, cooling, heat_kw, 0.0, length_s)
        temp = warming(temp_c, cooling, heat_kw, 0.0)
        return Piece(length_s, (heater_kw, 0.0, inf), NOTHING, heat_kw, 0.0, (0.0, 0.0), temp, heater_kw)


def _has_turned(first: Point, middle: Point, last: Point, turns: int) -> bool:
    """Whether another thing has come to bind; at a limit, so that it would show."""
    binds = first[3]
    if binds == LIMIT:
        return last[1] < first[1] * (1.0 - _EXACT)
    return not turns and not binds == middle[3] == last[3]


def _of_length(length_s: float, shape: Shape, guess: _Guess) -> _Guess:
    return length_s, shape, value(shape, 0.5 * length_s), guess[3], guess[4]


NOTHING = (0.0, 0.0, inf)
_FULL = Piece(0.0, NOTHING, NOTHING, 0.0, 0.0, (0.0, 0.0), (0.0, 0.0, 0.0, inf), 0.0)
