"""Sums: an aggregate `offset + scale * (sum of parts)` that is never copied, only accounted for.

The total is exact: before a part's segment is overwritten, the sum integrates all its parts up to that instant.
What is recorded is written afterwards, one row an interval between changes: `a + b*dt + c*exp(-dt/tau)` with the true
value at both ends and the true integral, so that a reader of the recording re-integrates the same energy.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from math import exp, inf

from sim.signals import Closing, Signal, root_between
from sim.units import SimTime

__all__ = ["Sum"]

_E1 = exp(-1.0)


class Sum:
    """`offset + scale * sum(parts)`; parts are signals or sums. Has the readers' face of a `Signal`."""

    __slots__ = (
        "_sums",
        "index",
        "offset",
        "parts",
        "path",
        "peak",
        "rows",
        "scale",
        "t0",
        "total",
        "unit",
        "watchers",
    )

    def __init__(
        self, path: str, unit: str, parts: Sequence[Signal | Sum], scale: float = 1.0, offset: float = 0.0
    ) -> None:
        """`offset` is in the sum's own unit. `peak`, once set to a number, follows the highest value at any change."""
        self.path = path
        self.unit = unit
        self.parts = tuple(parts)
        self.scale = scale
        self.offset = offset
        self.index = -1
        self.t0 = SimTime(0.0)
        self.total = 0.0
        self.rows: array[float] | None = None
        self.peak: float | None = None
        self.watchers: tuple[Callable[[], None], ...] = ()
        self._sums: tuple[Closing, ...] = ()
        for part in self.parts:
            part.feed(self)

    def at(self, t: SimTime) -> float:
        """The value at `t`."""
        value = 0.0
        for part in self.parts:
            value += part.at(t)
        return self.offset + self.scale * value

    def total_at(self, t: SimTime) -> float:
        """The integral from the run's start to `t`, in unit-seconds."""
        return self.total + self._area(self.t0, t)

    def integral(self, t0: SimTime, t1: SimTime) -> float:
        """The exact integral from `t0` to `t1`, both within the interval since the last change."""
        return self._area(t0, t1)

    def retune(self, t: SimTime, scale: float, offset: float) -> None:
        """Take other coefficients from `t` on."""
        if scale == self.scale and offset == self.offset:
            return
        self.close(t)
        self.scale = scale
        self.offset = offset
        self.changed()

    def close(self, t: SimTime) -> None:
        """Account for the interval that ends at `t`; upper sums first, for they read this one's old coefficients."""
        t0 = self.t0
        if t <= t0:
            return
        for total in self._sums:
            total.close(t)
        area = self._area(t0, t)
        self.total += area
        if self.peak is not None:
            self.peak = max(self.peak, self.at(t0), self.at(t))
        if self.rows is not None:
            self._record(t0, t, area)
        self.t0 = t

    def changed(self) -> None:
        """A part or a coefficient has changed."""
        for watcher in self.watchers:
            watcher()
        for total in self._sums:
            total.changed()

    def crossing(self, level: float, after: SimTime) -> SimTime | None:
        """When the present plan first passes through `level` later than `after`; None when it never does.

        Between changes a sum is a constant, a slope and decaying terms. Where they bound it off `level` nothing is
        searched; else it is bisected in 64 steps that grow with the slowest time constant.
        """
        begin = SimTime(max(after, self.t0))
        settled, slope, decays = self.terms(begin)
        if slope == 0.0:
            lowest = settled + sum(min(0.0, start) for start, _ in decays)
            highest = settled + sum(max(0.0, start) for start, _ in decays)
            if not lowest < level < highest:
                return None
        slowest = max((tau for _, tau in decays), default=0.0)
        reach = 40.0 * slowest if slope == 0.0 else max(40.0 * slowest, 86_400.0)

        def value(t: SimTime) -> float:
            dt = t - begin
            return settled + slope * dt + sum(start * exp(-dt / tau) for start, tau in decays)

        low = begin
        for step in range(1, 65):
            high = SimTime(begin + reach * (step / 64.0) ** 3)
            found = root_between(value, level, low, high)
            if found is not None and found > after:
                return found
            low = high
        return None

    def terms(self, t: SimTime) -> tuple[float, float, list[tuple[float, float]]]:
        """(settled value, slope a second, [(share that decays, time constant in s)]) of the plan from `t` on."""
        settled, slope, decays = 0.0, 0.0, []
        for part in self.parts:
            if isinstance(part, Signal):
                settled += part.a + part.b * (t - part.t0)
                slope += part.b
                if part.c != 0.0:
                    decays.append((self.scale * part.c * exp(-(t - part.t0) / part.tau), part.tau))
            else:
                part_settled, part_slope, part_decays = part.terms(t)
                settled += part_settled
                slope += part_slope
                decays.extend((self.scale * start, tau) for start, tau in part_decays)
        return self.offset + self.scale * settled, self.scale * slope, decays

    def feed(self, total: Closing) -> None:
        """Let an upper aggregate account for this one."""
        self._sums = (*self._sums, total)

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of a part or coefficient."""
        self.watchers = (*self.watchers, watcher)

    def _area(self, t0: SimTime, t1: SimTime) -> float:
        area = 0.0
        for part in self.parts:
            area += part.integral(t0, t1)
        return self.offset * (t1 - t0) + self.scale * area

    def _record(self, t0: SimTime, t1: SimTime, area: float) -> None:
        rows = self.rows
        assert rows is not None
        h = t1 - t0
        v0, v1 = self.at(t0), self.at(t1)
        bulge = area / h - 0.5 * (v0 + v1)
        if abs(bulge) <= 1e-12 * (abs(v0) + abs(v1)):
            rows.extend((t0, v0, (v1 - v0) / h, 0.0, inf))
            return
        c = bulge / ((1.0 - _E1) - 0.5 * (1.0 + _E1))
        rows.extend((t0, v0 - c, (v1 - v0 + c * (1.0 - _E1)) / h, c, h))
