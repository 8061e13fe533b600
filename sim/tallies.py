"""Tallies: value, integral and slope of a sum, kept up at each change of a part.

Evaluating a large sum reads every part, most of which have stood still for long; a tally reads those that move.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf

from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Tally"]


class Tally:
    """Follows `quantity`. `on_step(step, skew)`: how far off its plan a change takes it, and how much steeper a second.

    Where a coefficient has changed the step is inf, and the next reading reads every part.
    """

    def __init__(self, quantity: Sum, on_step: Callable[[float, float], None]) -> None:
        """Reads nothing yet."""
        self._quantity = quantity
        self._on_step = on_step
        self._leaves = list(quantity.leaves())
        count = len(self._leaves)
        self._weights = [0.0] * count
        # what each part that stands adds to the value, to the value times the time it stands since, and to the integral
        self._values, self._moments, self._totals = [0.0] * count, [0.0] * count, [0.0] * count
        self._value = self._moment = self._total = 0.0
        self._moving: dict[int, tuple[float, float, float, float, float]] = {}
        self._offset = self._before = 0.0
        self._is_known = False
        for position, leaf in enumerate(self._leaves):
            leaf.watch(self._watcher(position, leaf))
        quantity.watch_tuning(self._tuned)

    def read(self, t: SimTime) -> tuple[float, float, float, float]:
        """(value, integral from the run's start on in unit-seconds, slope a second, its change a second) at `t`."""
        if not self._is_known:
            self._count(t)
        value = self._offset + self._value
        total = self._before + self._total + value * t - self._moment
        slope = bend = 0.0
        for t0, a, b, c, tau in self._moving.values():
            dt = t - t0
            left = c * exp(-dt / tau) if c != 0.0 else 0.0
            value += a + b * dt + left
            total += a * dt + 0.5 * b * dt * dt + (tau * (c - left) if c != 0.0 else 0.0)
            fall = left / tau
            slope += b - fall
            bend += fall / tau
        return value, total, slope, bend

    def _count(self, t: SimTime) -> None:
        """Read every part."""
        self._is_known = True
        weights = self._quantity.weighted_leaves()
        self._weights = [weights.get(leaf, 0.0) for leaf in self._leaves]
        self._moving.clear()
        for position, leaf in enumerate(self._leaves):
            self._totals[position] = self._weights[position] * leaf.total
            self._take(position, leaf, self._weights[position], leaf.t0)
        self._value, self._moment, self._total = sum(self._values), sum(self._moments), sum(self._totals)
        self._offset = self._before = 0.0
        value, total, _, _ = self.read(t)
        self._offset = self._quantity.at(t) - value
        self._before = self._quantity.total_at(t) - total - self._offset * t

    def _take(self, position: int, leaf: Signal, weight: float, t0: SimTime) -> tuple[float, float]:
        """Keep what a part does from `t0` on; its (value, slope) then."""
        if leaf.c == 0.0 == leaf.b:
            value = self._values[position] = weight * leaf.a
            self._moments[position] = value * t0
            return value, 0.0
        self._values[position] = self._moments[position] = 0.0
        self._moving[position] = (t0, weight * leaf.a, weight * leaf.b, weight * leaf.c, leaf.tau)
        return weight * (leaf.a + leaf.c), weight * (leaf.b - leaf.c / leaf.tau)

    def _tuned(self) -> None:
        self._is_known = False
        self._on_step(inf, 0.0)

    def _watcher(self, position: int, leaf: Signal) -> Callable[[], None]:
        def moved() -> None:
            if not self._is_known:
                self._on_step(inf, 0.0)
                return
            weight, t = self._weights[position], leaf.t0
            before = self._moving.pop(position, None)
            if before is None:
                was, slope_was = self._values[position], 0.0
                self._value -= was
                self._moment -= self._moments[position]
            else:
                t0, a, b, c, tau = before
                left = c * exp(-(t - t0) / tau)
                was, slope_was = a + b * (t - t0) + left, b - left / tau
            total = weight * leaf.total
            self._total += total - self._totals[position]
            self._totals[position] = total
            begin, slope = self._take(position, leaf, weight, t)
            self._value += self._values[position]
            self._moment += self._moments[position]
            self._on_step(begin - was, slope - slope_was)

        return moved
