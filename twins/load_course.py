"""The course of a load, for whoever follows it slowly: what it is, was in the mean, and when to look at it again."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from sim.kernel import Kernel
from sim.sums import Sum
from sim.tallies import Tally
from sim.units import FOREVER, SimTime

__all__ = ["Course", "LoadCourse"]

_AHEAD_S = 150.0  # a load that runs another way counts as one that has stepped as far as it runs in this time
_AT_ONCE_S = 10.0


class Course(NamedTuple):
    """Of a load as it is looked at: `mean_kw` since the look before, and how it runs on (kW/s, kW/s2)."""

    load_kw: float
    mean_kw: float
    span_s: float
    slope: float
    bend: float


class LoadCourse:
    """Says by `on_due(t)` at every change when to `look` next, so that no more than `allow` granted goes unseen.

    What goes unseen is what the load steps and turns off the course that was looked at, over time.
    """

    def __init__(self, kernel: Kernel, load_kw: Sum, much_kw: float, on_due: Callable[[SimTime], None]) -> None:
        """A step by more than `much_kw` is due at once."""
        self._kernel = kernel
        self._much_kw = much_kw
        self._on_due = on_due
        self._tally = Tally(load_kw, self._stepped)
        self._looked_at = self._stepped_at = kernel.now
        self._total = 0.0
        self._left_kws = inf
        self._off_kw = self._skew = self._astray_kw = 0.0

    def look(self, now: SimTime) -> Course:
        """The course from now on."""
        load_kw, total, slope, bend = self._tally.read(now)
        span_s = now - self._looked_at
        mean_kw = (total - self._total) / span_s if span_s > 0.0 else load_kw
        self._looked_at, self._total = now, total
        self._off_kw = self._skew = self._astray_kw = 0.0
        return Course(load_kw, mean_kw, span_s, slope, bend)

    def allow(self, kws: float) -> None:
        """Let so many kW s go unseen until the next look."""
        self._left_kws = kws

    def _stepped(self, step_kw: float, skew: float) -> None:
        now = self._kernel.now
        self._left_kws -= self._astray_kw * (now - self._stepped_at)
        self._stepped_at = now
        self._off_kw += step_kw
        self._skew += skew
        astray_kw = self._astray_kw = abs(self._off_kw) + _AHEAD_S * abs(self._skew)
        if not (astray_kw <= self._much_kw and astray_kw * _AT_ONCE_S < self._left_kws):
            self._on_due(now)
        else:
            self._on_due(SimTime(now + self._left_kws / astray_kw) if astray_kw > 0.0 else FOREVER)
