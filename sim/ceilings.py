"""Ceilings: an upper bound of a sum at one addition a change, for those who would else evaluate it at every change.

The bound adds up the parts' highest values from their last change on. It is the sum itself right after `rebase`, where
no part climbs, and too high by what has decayed since. A part that runs along a slope counts with the most that it is
promised to be (`Signal.within`); while one runs on that promises nothing, or coefficients have changed, there is no
bound.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite

from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Ceiling"]


class Ceiling:
    """Bounds `quantity` from above, or its negative, which bounds it from below."""

    def __init__(self, quantity: Sum, on_move: Callable[[float], None], *, is_floor: bool = False) -> None:
        """`on_move(bound)` is told every change of a part, in the sum's unit; a floor is told of the negative sum."""
        self._quantity = quantity
        self._on_move = on_move
        self._sign = -1.0 if is_floor else 1.0
        self._leaves = list(quantity.leaves())
        self._weights = [0.0] * len(self._leaves)
        self._parts = [0.0] * len(self._leaves)
        self._is_known = False
        self._moving: set[int] = set()
        self._sloping: set[int] = set()
        self.bound = inf
        for position, leaf in enumerate(self._leaves):
            leaf.watch(self._watcher(position, leaf))
        quantity.watch_tuning(self._tuned)

    def rebase(self, now: SimTime) -> float:
        """Evaluate the sum; the bound starts from its value, which is returned."""
        if not self._is_known:
            self._count()
        self._sloping.clear()
        value = self._quantity.at(now)
        self.bound = self._sign * value
        for position in sorted(self._moving):  # those that stand are known since they came to
            leaf, weight = self._leaves[position], self._weights[position]
            part = weight * leaf.at(now)
            if leaf.b != 0.0:
                highest = self._promised(position, leaf, weight)
                self.bound += highest - part
                part = highest
            elif weight * leaf.c < 0.0:  # it climbs
                self.bound += weight * leaf.a - part
                part = weight * leaf.a
            self._parts[position] = part
        return value

    def _count(self) -> None:
        """Take every part as it is, under the coefficients that hold now."""
        self._is_known = True
        weights = self._quantity.weighted_leaves()
        self._weights = [self._sign * weights.get(leaf, 0.0) for leaf in self._leaves]
        self._moving = {position for position, leaf in enumerate(self._leaves) if leaf.c != 0.0 or leaf.b != 0.0}
        self._parts = [weight * leaf.a for weight, leaf in zip(self._weights, self._leaves, strict=True)]

    def _tuned(self) -> None:
        self._is_known = False
        self._on_move(inf)

    def _watcher(self, position: int, leaf: Signal) -> Callable[[], None]:
        def moved() -> None:
            weight = self._weights[position]
            if self._sloping:
                self._sloping.discard(position)
            if leaf.c == 0.0 == leaf.b:
                self._moving.discard(position)
                part = weight * leaf.a
            else:
                self._moving.add(position)
                if leaf.b != 0.0:
                    part = self._promised(position, leaf, weight)
                else:
                    part = weight * (leaf.a + leaf.c if weight * leaf.c > 0.0 else leaf.a)
            self.bound += part - self._parts[position]
            self._parts[position] = part
            self._on_move(self.bound if self._is_known and not self._sloping else inf)

        return moved

    def _promised(self, position: int, leaf: Signal, weight: float) -> float:
        """The most that a part on a slope may come to; without a promise its value, and it is noted as unbounded."""
        most = leaf.within[1] if weight > 0.0 else leaf.within[0]
        if isfinite(most):
            return weight * most
        self._sloping.add(position)
        return weight * (leaf.a + leaf.c)
