"""Bounds of a signal, followed by its crossings: never sampled, and seen when an instant is at rest."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from sim.ceilings import Ceiling
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Range", "in_words"]


class Range:
    """Says when a signal enters or leaves its bounds (the bounds themselves are outside).

    Of a sum only those changes are looked at that may bring it nearer to a bound than it has been.
    """

    def __init__(
        self, kernel: Kernel, quantity: Signal | Sum, below: float | None, above: float | None,
        on_look: Callable[[bool, float], None],
    ) -> None:  # fmt: skip
        """`on_look(is_inside, value)` is called at crossings, and at rest of an instant that may be the nearest yet."""
        self._kernel, self._quantity, self._on_look = kernel, quantity, on_look
        self._below, self._above = below, above
        self._generation = 0
        self._is_due = False
        self._is_inside = self._is_crossing = False
        self._sides: list[_Side] = []
        if isinstance(quantity, Sum):
            ends = ((below, False), (above, True))
            self._sides = [_Side(quantity, edge, self._moved, is_floor) for edge, is_floor in ends if edge is not None]
        else:
            quantity.watch(self._changed)
        self._changed()

    def _holds(self, value: float) -> bool:
        return (self._below is None or value < self._below) and (self._above is None or value > self._above)

    def _moved(self, is_near: bool) -> None:
        if is_near or self._is_crossing or not self._is_inside:
            self._changed()

    def _changed(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._kernel.defer(self._look)

    def _look(self) -> None:
        self._is_due = False
        self._generation += 1
        now = self._kernel.now
        value = self._quantity.at(now)
        for side in self._sides:
            side.seen(now, value)
        self._is_inside = self._holds(value)
        self._on_look(self._is_inside, value)
        edges = [edge for edge in (self._below, self._above) if edge is not None]
        times = [t for edge in edges if (t := self._quantity.crossing(edge, now)) is not None and t > now]
        self._is_crossing = bool(times)
        if times:
            generation, turned = self._generation, not self._is_inside
            self._kernel.at(min(times), lambda: self._crossed(generation, turned))

    def _crossed(self, generation: int, is_inside: bool) -> None:
        if generation == self._generation:
            self._on_look(is_inside, self._quantity.at(self._kernel.now))
            self._changed()


class _Side:
    """One bound of a sum: whether a change may have brought it nearer than it has ever been."""

    def __init__(self, quantity: Sum, edge: float, on_move: Callable[[bool], None], is_floor: bool) -> None:
        self._sign = -1.0 if is_floor else 1.0
        self._edge = self._sign * edge
        self._nearest = -inf
        self._on_move = on_move
        self._ceiling = Ceiling(quantity, self._moved, is_floor=is_floor)

    def seen(self, now: SimTime, value: float) -> None:
        self._ceiling.rebase(now)
        self._nearest = max(self._nearest, self._sign * value)

    def _moved(self, bound: float) -> None:
        self._on_move(bound > self._nearest or bound >= self._edge)


def in_words(below: float | None, above: float | None) -> str:
    """The bounds in words."""
    ends = (("above", above), ("below", below))
    return ", ".join(f"{word} {value:g}" for word, value in ends if value is not None)
