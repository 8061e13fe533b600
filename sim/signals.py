"""Signals: continuous quantities as planned segments, `v(t) = a + b*dt + c*exp(-dt/tau)` until further notice.

One writer (its twin), any number of readers; nobody stores a value read. A `State` is the enumerated counterpart.
Aggregates stand in `sim.sums`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from enum import Enum
from itertools import pairwise
from math import exp, inf, log
from typing import Generic, Protocol, TypeVar

from sim.units import FOREVER, SimTime

__all__ = ["Curve", "Quantity", "Signal", "State", "root_between"]

E = TypeVar("E", bound=Enum)
_START = SimTime(0.0)


class Quantity(Protocol):
    """What readers may ask of a signal or a sum of signals."""

    path: str
    unit: str

    def at(self, t: SimTime) -> float:
        """The value at `t`, not before the present segment."""

    def total_at(self, t: SimTime) -> float:
        """The integral over time from the run's start to `t`, in unit-seconds."""

    def crossing(self, level: float, after: SimTime) -> SimTime | None:
        """When the present plan first passes through `level` later than `after`; None when it never does."""


class Curve:
    """A closed form `v(t) = a + b*dt + c*exp(-dt/tau)` from `t0` on, without a history."""

    __slots__ = ("a", "b", "c", "t0", "tau")

    def __init__(self, value: float, t0: SimTime = _START) -> None:
        """Constant at `value`."""
        self.t0 = t0
        self.a = value
        self.b = 0.0
        self.c = 0.0
        self.tau = inf

    def set(self, t0: SimTime, a: float, b: float = 0.0, c: float = 0.0, tau: float = inf) -> None:
        """Take another form from `t0` on."""
        self.t0 = t0
        self.a = a
        self.b = b
        self.c = c
        self.tau = tau

    def at(self, t: SimTime) -> float:
        """The value at `t` under the present form."""
        if self.c == 0.0:
            return self.a if self.b == 0.0 else self.a + self.b * (t - self.t0)
        dt = t - self.t0
        return self.a + self.b * dt + self.c * exp(-dt / self.tau)


class Signal(Curve):
    """A continuous quantity with a unit. `version` counts its segments; `rows` buffers it for the recorder."""

    __slots__ = ("index", "path", "rows", "total", "unit", "version", "watchers", "within")

    def __init__(self, path: str, unit: str, value: float = 0.0, *, within: tuple[float, float] = (-inf, inf)) -> None:
        """Starts at `value` from the run's start on; `within` is what its writer promises never to leave."""
        super().__init__(value)
        self.path = path
        self.unit = unit
        self.within = within
        self.index = -1
        self.total = 0.0
        self.version = 0
        self.rows: array[float] | None = None
        self.watchers: tuple[Callable[[], None], ...] = ()

    def set(self, t0: SimTime, a: float, b: float = 0.0, c: float = 0.0, tau: float = inf) -> None:
        """Begin a new segment at `t0`; writing the constant that already holds changes nothing."""
        if self.c == 0.0 == self.b:
            if a == self.a and b == 0.0 == c:
                return
            self.total += self.a * (t0 - self.t0)
        else:
            self.total += self._area(t0 - self.t0)
        self.t0 = t0
        self.a = a
        self.b = b
        self.c = c
        self.tau = tau
        self.version += 1
        if self.rows is not None:
            self.rows.extend((t0, a, b, c, tau))
        for watcher in self.watchers:
            watcher()

    def integral(self, t0: SimTime, t1: SimTime) -> float:
        """The exact integral from `t0` to `t1`, both within the present segment, in unit-seconds."""
        return self._area(t1 - self.t0) - self._area(t0 - self.t0)

    def total_at(self, t: SimTime) -> float:
        """The integral from the run's start to `t`, in unit-seconds."""
        return self.total + self._area(t - self.t0)

    def crossing(self, level: float, after: SimTime) -> SimTime | None:
        """When this segment first passes through `level` later than `after`; None when it never does."""
        start = max(after, self.t0)
        if self.c == 0.0:
            if self.b == 0.0:
                return None
            t = SimTime(self.t0 + (level - self.a) / self.b)
            return t if t > start else None
        if self.b == 0.0:
            ratio = (level - self.a) / self.c
            if ratio <= 0.0:
                return None
            t = SimTime(self.t0 - self.tau * log(ratio))
            return t if t > start else None
        turn = self.c / (self.tau * self.b)
        knots = [start, SimTime(start + 60.0 * self.tau + abs((level - self.at(start)) / self.b) + self.tau)]
        if turn > 0.0 and (t_turn := SimTime(self.t0 + self.tau * log(turn))) > start:
            knots.insert(1, t_turn)
        for low, high in pairwise(knots):
            found = root_between(self.at, level, low, high)
            if found is not None and found > start:
                return found
        return None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every new segment."""
        self.watchers = (*self.watchers, watcher)

    def _area(self, dt: float) -> float:
        area = self.a * dt
        if self.b != 0.0:
            area += 0.5 * self.b * dt * dt
        if self.c != 0.0:
            area += self.c * self.tau * (1.0 - exp(-dt / self.tau))
        return area


class State(Generic[E]):
    """An enumerated signal: `value` holds since `since`. Codes in recordings are positions in the enum."""

    __slots__ = ("codes", "index", "path", "rows", "since", "value", "version", "watchers")

    def __init__(self, path: str, value: E) -> None:
        """Starts as `value` from the run's start on."""
        self.path = path
        self.value = value
        self.since = SimTime(0.0)
        self.version = 0
        self.index = -1
        self.codes = {member: code for code, member in enumerate(type(value))}
        self.rows: array[float] | None = None
        self.watchers: tuple[Callable[[], None], ...] = ()

    def set(self, t: SimTime, value: E) -> bool:
        """Take a new value; returns whether it changed."""
        if value is self.value:
            return False
        self.value = value
        self.since = t
        self.version += 1
        if self.rows is not None:
            self.rows.extend((t, float(self.codes[value])))
        for watcher in self.watchers:
            watcher()
        return True

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change."""
        self.watchers = (*self.watchers, watcher)

    @property
    def labels(self) -> list[str]:
        """The words behind the recorded codes, in order."""
        return [str(member.value) for member in self.codes]


def root_between(value: Callable[[SimTime], float], level: float, low: SimTime, high: SimTime) -> SimTime | None:
    """Where a monotone `value` passes through `level` between two times; None if it does not."""
    v_low, v_high = value(low) - level, value(high) - level
    if v_high == 0.0:
        return high if high < FOREVER else None
    if v_low == 0.0 or (v_low > 0.0) == (v_high > 0.0):
        return None
    while True:
        mid = SimTime(0.5 * (low + high))
        if mid <= low or mid >= high:
            return high
        v_mid = value(mid) - level
        if (v_mid > 0.0) == (v_low > 0.0):
            low = mid
        else:
            high = mid
