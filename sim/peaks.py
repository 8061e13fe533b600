"""Peaks: the highest value of a sum, looked at only where it may have risen above the highest so far.

A bound is kept instead of the value: the parts' ceilings, added up. It costs one addition a change; the sum itself is
evaluated when an instant rests and the bound is above the peak.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SimTime

__all__ = ["Peak"]


class Peak(Twin):
    """Follows `quantity`, whose parts fall or stand between changes of plan; `highest` is in its unit."""

    rank = Rank.THERMAL

    def __init__(self, kernel: Kernel, quantity: Sum) -> None:
        """Coefficients that are retuned later move the bound at the next look."""
        self.path = f"{quantity.path}.peak"
        self.highest = 0.0
        self._kernel = kernel
        self._quantity = quantity
        self._leaves = list({id(leaf): leaf for leaf, _ in quantity.leaves()}.values())
        self._coefficients = self._weigh()
        self._ceilings = [0.0] * len(self._leaves)
        self._bound = 0.0
        for position, leaf in enumerate(self._leaves):
            leaf.watch(self._watcher(position, leaf))
        kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Look, and take the present values as the new ceilings."""
        value = self._quantity.at(now)
        self.highest = max(self.highest, value)
        self._coefficients = self._weigh()
        self._ceilings = [c * leaf.at(now) for c, leaf in zip(self._coefficients, self._leaves, strict=True)]
        self._bound = value
        return FOREVER

    def _weigh(self) -> list[float]:
        """What one unit of each leaf counts in the sum, over all its ways into it."""
        weights: dict[int, float] = {}
        for leaf, coefficient in self._quantity.leaves():
            weights[id(leaf)] = weights.get(id(leaf), 0.0) + coefficient
        return [weights[id(leaf)] for leaf in self._leaves]

    def _watcher(self, position: int, leaf: Signal) -> Callable[[], None]:
        def moved() -> None:
            ceiling = self._coefficients[position] * (leaf.a + max(0.0, leaf.c))
            self._bound += ceiling - self._ceilings[position]
            self._ceilings[position] = ceiling
            if self._bound > self.highest:
                self._kernel.touch(self)

        return moved
