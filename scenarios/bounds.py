"""Bounds of a signal, followed by its crossings: never sampled, and seen when an instant is at rest."""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum

__all__ = ["Range", "in_words"]


class Range:
    """Says when a signal enters or leaves its bounds (the bounds themselves are outside)."""

    def __init__(
        self, kernel: Kernel, quantity: Signal | Sum, below: float | None, above: float | None,
        on_look: Callable[[bool, float], None],
    ) -> None:  # fmt: skip
        """`on_look(is_inside, value)` is called at crossings, and at rest of an instant with a change."""
        self._kernel, self._quantity, self._on_look = kernel, quantity, on_look
        self._below, self._above = below, above
        self._generation = 0
        self._is_due = False
        quantity.watch(self._changed)
        self._changed()

    def _holds(self, value: float) -> bool:
        return (self._below is None or value < self._below) and (self._above is None or value > self._above)

    def _changed(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._kernel.defer(self._look)

    def _look(self) -> None:
        self._is_due = False
        self._generation += 1
        now = self._kernel.now
        value = self._quantity.at(now)
        is_inside = self._holds(value)
        self._on_look(is_inside, value)
        edges = [edge for edge in (self._below, self._above) if edge is not None]
        times = [t for edge in edges if (t := self._quantity.crossing(edge, now)) is not None and t > now]
        if times:
            generation = self._generation
            self._kernel.at(min(times), lambda: self._crossed(generation, not is_inside))

    def _crossed(self, generation: int, is_inside: bool) -> None:
        if generation == self._generation:
            self._on_look(is_inside, self._quantity.at(self._kernel.now))
            self._changed()


def in_words(below: float | None, above: float | None) -> str:
    """The bounds in words."""
    ends = (("above", above), ("below", below))
    return ", ".join(f"{word} {value:g}" for word, value in ends if value is not None)
