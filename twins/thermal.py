"""Warm bodies: one heat capacity over the air, warmed from within, with thresholds that act and let go.

Physics sheet, sections 2 and 3: `C dT/dt = heat - G (T - T_air)`, so for the rise `r` over the air
`C dr/dt = heat - G r - C dT_air/dt`: a body lags behind air that warms, and where the air jumps its rise takes the jump
up. While heat and air run straight and G stands, the rise is a straight line and a decay, so a threshold's crossing is
known ahead and nothing is polled. A body that cannot reach any threshold is not woken at all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log

from sim.kernel import Kernel, Rank, Twin
from sim.signals import Curve, Signal
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime

__all__ = ["Threshold", "WarmBody"]

RESTORE_K = 5.0
HOLD_S = 60.0


class Threshold:
    """On at `level_c` and above; off again after `hold_s` at or below `clear_c` without a break."""

    __slots__ = ("clear_c", "hold_s", "is_on", "level_c", "on_turn", "since")

    def __init__(
        self,
        level_c: float,
        on_turn: Callable[[bool], None],
        *,
        clear_c: float | None = None,
        hold_s: float = HOLD_S,
    ) -> None:
        """`on_turn(is_on)` is told each change; `clear_c` is 5 K below the level if left out (-inf: stays on)."""
        self.level_c = level_c
        self.clear_c = level_c - RESTORE_K if clear_c is None else clear_c
        self.hold_s = hold_s
        self.on_turn = on_turn
        self.is_on = False
        self.since = FOREVER

    def move(self, level_c: float, clear_c: float | None = None) -> None:
        """From now on it acts at other levels; whether that turns it, the next `see` says."""
        self.level_c = level_c
        self.clear_c = level_c - RESTORE_K if clear_c is None else clear_c

    def see(self, now: SimTime, temp_c: float) -> bool:
        """Take the temperature of `now`; whether it has turned on or off. Call at each crossing of its levels."""
        if not self.is_on:
            self.is_on = temp_c >= self.level_c - _NEAR_K
            return self.is_on
        if temp_c > self.clear_c + _NEAR_K:
            self.since = FOREVER
            return False
        if self.since == FOREVER:
            self.since = now
        if now < self.since + self.hold_s:
            return False
        self.is_on, self.since = False, FOREVER
        return True

    def due(self, crossing: Callable[[float], SimTime]) -> SimTime:
        """When to `see` next, given when the temperature will cross a level."""
        if not self.is_on:
            return crossing(self.level_c)
        if self.since < FOREVER:
            return min(SimTime(self.since + self.hold_s), crossing(self.clear_c))
        return crossing(self.clear_c) if self.clear_c > -inf else FOREVER


_NEAR_K = 1e-6


class WarmBody(Twin):
    """One node. Signals `<path>_rise_k` (over the air) and `<path>_temp_c`.

    Its owner tells it every change of heat (`warm`) and of cooling (`cool`); it tells its thresholds. A sensor that
    lies is the owner's business: the body is what really is.
    """

    rank = Rank.THERMAL

    def __init__(self, kernel: Kernel, path: str, air_c: Signal, capacity_j_k: float, conductance_w_k: float) -> None:
        """`path` as `pile[A01].cabinet`; starts at the temperature of the air, without heat. The air runs straight."""
        self._kernel = kernel
        self.path = path
        self._air_c = air_c
        self.capacity_j_k = capacity_j_k
        self.conductance_w_k = conductance_w_k
        self._heat_w = 0.0
        self._slope_w_s = 0.0
        self._since = SimTime(0.0)
        self.rise_k = Signal(f"{path}_rise_k", "K")
        self.temp_c = Sum(f"{path}_temp_c", "C", [air_c, self.rise_k])
        kernel.add(self.rise_k, self.temp_c)
        self.thresholds: list[Threshold] = []
        self._reach_c = self._room_k = inf
        self._ahead = Signal("", "C")
        self._is_any_on = False
        self._known_air_c = Curve(0.0)
        self._known_air_c.set(kernel.now, air_c.at(kernel.now), air_c.b)
        self._follow(kernel.now, 0.0)
        air_c.watch(self._air_changed)

    @property
    def tau_s(self) -> float:
        """Its time constant."""
        return self.capacity_j_k / self.conductance_w_k

    def heat_w(self, now: SimTime) -> float:
        """What warms it at `now`."""
        return self._heat_w + self._slope_w_s * (now - self._since)

    def add(self, *thresholds: Threshold) -> None:
        """Act at these levels."""
        self.thresholds.extend(thresholds)
        self._reach_c = min(one.level_c for one in self.thresholds)
        self._air_changed()

    def warm(self, now: SimTime, heat_w: float, slope_w_s: float = 0.0, conductance_w_k: float | None = None) -> None:
        """From `now` on it is warmed by `heat_w`, which changes by `slope_w_s` a second until it is told anew.

        `conductance_w_k`: what it gives off for each kelvin over the air from `now` on too, if that changes; above 0.
        """
        if conductance_w_k is not None and conductance_w_k != self.conductance_w_k:
            self.conductance_w_k = conductance_w_k
        elif heat_w == self._heat_w and slope_w_s == 0.0 == self._slope_w_s:
            return
        self._heat_w, self._slope_w_s, self._since = heat_w, slope_w_s, now
        self._replan(now)

    def cool(self, now: SimTime, conductance_w_k: float) -> None:
        """From `now` on it gives off `conductance_w_k` for each kelvin over the air; above 0."""
        self.warm(now, self.heat_w(now), self._slope_w_s, conductance_w_k)

    def plan(self, now: SimTime) -> SimTime:
        """Let the thresholds act that are reached; the next crossing."""
        temp_c = self.temp_c.at(now)
        for threshold in self.thresholds:
            if threshold.see(now, temp_c):
                threshold.on_turn(threshold.is_on)
        curve, air = self._ahead, self._air_c
        rise = self.rise_k
        curve.set(
            now,
            air.at(now) + rise.a + rise.b * (now - rise.t0),
            air.b + rise.b,
            rise.c * exp(-(now - rise.t0) / rise.tau) if rise.c != 0.0 else 0.0,
            rise.tau,
        )
        lowest_c, highest_c = (-inf, inf) if curve.b == 0.0 else _next_hour(curve)

        def crossing(level_c: float) -> SimTime:
            if lowest_c <= level_c <= highest_c:
                return curve.crossing(level_c, now) or FOREVER
            return SimTime(now + SECONDS_PER_HOUR)  # look again: a slope may get there later

        self._is_any_on = any(one.is_on for one in self.thresholds)
        return min((one.due(crossing) for one in self.thresholds), default=FOREVER)

    def _replan(self, now: SimTime) -> None:
        rise_k = self.rise_k.at(now)
        self._follow(now, rise_k)
        self._watch(rise_k)

    def _follow(self, now: SimTime, rise_k: float) -> None:
        """From `now` and this rise on, by the heat of `_since` = `now` and the air as it was seen last."""
        conductance_w_k, tau_s = self.conductance_w_k, self.tau_s
        slope = self._slope_w_s / conductance_w_k
        settled_k = self._heat_w / conductance_w_k - tau_s * (slope + self._known_air_c.b)
        self.rise_k.set(now, settled_k, slope, rise_k - settled_k, tau_s)

    def _air_changed(self) -> None:
        now, air, known = self._kernel.now, self._air_c, self._known_air_c
        air_c = air.at(now)
        rise_k = self.rise_k.at(now) + known.at(now) - air_c  # it stays as warm as it is
        known.set(now, air_c, air.b)
        self._room_k = self._reach_c - air_c - max(0.0, air.b) * SECONDS_PER_HOUR
        self._heat_w, self._since = self.heat_w(now), now
        self._follow(now, rise_k)
        self._watch(rise_k)

    def _watch(self, rise_k: float) -> None:
        """Have the thresholds looked at where one may be reached within the hour, or one is on.

        The air changes from hour to hour. Until then a body gets no warmer than it is, or than the most heat would make
        it in the warmest air.
        """
        most_w = self._heat_w if self._slope_w_s <= 0.0 else self._heat_w + self._slope_w_s * SECONDS_PER_HOUR
        highest_k = most_w / self.conductance_w_k
        if rise_k >= self._room_k or highest_k >= self._room_k or self._is_any_on:
            self._kernel.touch(self)
        elif self._slope_w_s > 0.0 and self.thresholds:
            self._kernel.wake(self, SimTime(self._kernel.now + SECONDS_PER_HOUR))


def _next_hour(curve: Curve) -> tuple[float, float]:
    """(lowest, highest) of a curve with a slope from its beginning on."""
    length_s, a, b, c, tau = SECONDS_PER_HOUR, curve.a, curve.b, curve.c, curve.tau
    begins, ends = a + c, a + b * length_s + c * exp(-length_s / tau)
    turns = ends
    if c / (tau * b) > 1.0 and (turn_s := tau * log(c / (tau * b))) < length_s:
        turns = a + b * (turn_s + tau)
    return min(begins, ends, turns), max(begins, ends, turns)
