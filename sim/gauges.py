"""What is worked out at the moment of the read: registers of meters, currents, codes. Nobody records a gauge."""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any, TypeVar

from sim.units import SimTime

__all__ = ["Gauge", "SharedGauge"]

B = TypeVar("B")


class Gauge:
    """A quantity derived from signals at the moment of the read; `nan` where there is nothing to read now.

    It is no second copy of the truth: it holds no value, is in no digest and no recording, and may be of any form.
    """

    __slots__ = ("_read", "path", "unit")

    def __init__(self, path: str, unit: str, read: Callable[[SimTime], float | None]) -> None:
        """`read(t)` gives its value at `t`, which is now or later within the present plan; None or `nan`: none."""
        self.path = path
        self.unit = unit
        self._read = read

    def at(self, t: SimTime) -> float:
        """Its value."""
        value = self._read(t)
        return nan if value is None else value


class SharedGauge(Gauge):
    """One of several gauges that are worked out from the same: whoever reads many works that out once an instant."""

    __slots__ = ("basis", "pick")

    def __init__(self, path: str, unit: str, basis: Callable[[SimTime], B], pick: Callable[[B], float]) -> None:
        """`basis(t)` is what it is worked out from, `pick` makes its value of that; `nan` where there is none."""
        super().__init__(path, unit, lambda t: pick(basis(t)))
        self.basis: Callable[[SimTime], Any] = basis
        self.pick: Callable[[Any], float] = pick
