"""All that can be read of a station, by name, at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Readable", "Readings", "Value"]

Quantity = Signal | Sum | State | Gauge  # type: ignore[type-arg]
Value = float | str | None
"""A number, a state's word, or None where there is nothing to read."""


@dataclass(frozen=True, slots=True)
class Readable:
    """One quantity under its name."""

    name: str
    quantity: Quantity

    @property
    def unit(self) -> str:
        """Its unit; a state has none."""
        return "" if isinstance(self.quantity, State) else self.quantity.unit

    @property
    def kind(self) -> Literal["segment", "state", "gauge"]:
        """How its value comes about."""
        if isinstance(self.quantity, State):
            return "state"
        return "gauge" if isinstance(self.quantity, Gauge) else "segment"

    def at(self, now: SimTime) -> Value:
        """Its value now."""
        if isinstance(self.quantity, State):
            return str(self.quantity.value.value)
        value = self.quantity.at(now)
        return value if isfinite(value) else None


class Readings:
    """The quantities of a kernel; once a station is up, nothing is added."""

    def __init__(self, kernel: Kernel) -> None:
        """Nothing is looked up before it is asked for."""
        self._kernel = kernel
        self._all: list[Readable] = []

    def __iter__(self) -> Iterator[Readable]:
        """Every one."""
        if not self._all:
            found: list[tuple[str, Quantity]] = [*self._kernel.signals.items(), *self._kernel.gauges.items()]
            self._all = [Readable(name, quantity) for name, quantity in found]
        return iter(self._all)

    def find(self, name: str) -> Readable | None:
        """The one of this name."""
        quantity = self._kernel.quantity(name)
        return Readable(name, quantity) if quantity is not None else None

    def values(self, now: SimTime) -> dict[str, Value]:
        """The value of each now."""
        return {one.name: one.at(now) for one in self}
