"""Ceilings: an upper bound of a sum at one addition a change, for those who would else evaluate it at every change.

The bound adds up the parts' highest values since their last change. It is the sum itself right after `rebase`, and
too high by what has decayed since.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Ceiling"]


class Ceiling:
    """Bounds `quantity`, whose parts stand or decay between changes; a part that climbs is bounded where it settles.

    The coefficients of the sum and its parts must not change.
    """

    def __init__(self, quantity: Sum, on_move: Callable[[float], None]) -> None:
        """`on_move(bound)` is told every change of a part, in the sum's unit."""
        self._quantity = quantity
        self._on_move = on_move
        self._weighted = quantity.weighted_leaves()
        self._parts = [0.0] * len(self._weighted)
        self.bound = 0.0
        for position, (leaf, weight) in enumerate(self._weighted):
            leaf.watch(self._watcher(position, leaf, weight))

    def rebase(self, now: SimTime) -> float:
        """Evaluate the sum; the bound starts from its value, which is returned."""
        self._parts = [
            weight * (leaf.a if leaf.c == 0.0 == leaf.b else leaf.at(now)) for leaf, weight in self._weighted
        ]
        self.bound = self._quantity.at(now)
        return self.bound

    def _watcher(self, position: int, leaf: Signal, weight: float) -> Callable[[], None]:
        def moved() -> None:
            part = weight * (leaf.a + leaf.c if leaf.c > 0.0 else leaf.a)
            self.bound += part - self._parts[position]
            self._parts[position] = part
            self._on_move(self.bound)

        return moved
