"""A protective relay: thresholds on one reading, woken where its present course will cross one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp

from sim.sums import Sum
from sim.units import FOREVER, SimTime
from twins.thermal import Threshold

__all__ = ["Relay"]


class Relay:
    """Sees `reading` (C) when its owner says so, which may be left out while none `is_on` and it is below `reach_c`."""

    def __init__(self, reading: Sum, thresholds: Sequence[Threshold]) -> None:
        """`thresholds` act in this order."""
        self.reading = reading
        self.thresholds = thresholds
        self.reset_reach()
        self.is_on = False

    def reset_reach(self) -> None:
        """Levels have moved: below `reach_c` none is reached."""
        self.reach_c = min(threshold.level_c for threshold in self.thresholds)

    def see(self, now: SimTime) -> None:
        """Let those thresholds act that are reached."""
        temp_c = self.reading.at(now)
        for threshold in self.thresholds:
            if threshold.see(now, temp_c):
                threshold.on_turn(threshold.is_on)
        self.is_on = any(threshold.is_on for threshold in self.thresholds)

    def due(self, now: SimTime, until: SimTime) -> SimTime:
        """When to see again, while the reading's present course lasts, at most until `until`."""
        lowest_c, highest_c = self._range(now, until)

        def crossing(level_c: float) -> SimTime:
            if not lowest_c <= level_c <= highest_c:
                return FOREVER
            return self.reading.crossing(level_c, now) or FOREVER

        return min(threshold.due(crossing) for threshold in self.thresholds)

    def _range(self, now: SimTime, until: SimTime) -> tuple[float, float]:
        """Between which temperatures the reading stays."""
        settled_c, slope, decays = self.reading.terms(now)
        span_s = until - now
        ends: Iterator[tuple[float, float]] = ((start, start * exp(-span_s / tau)) for start, tau in decays)
        lowest_c = highest_c = settled_c
        if slope != 0.0:
            lowest_c += min(0.0, slope * span_s)
            highest_c += max(0.0, slope * span_s)
        for start, end in ends:
            lowest_c += min(start, end)
            highest_c += max(start, end)
        return lowest_c, highest_c
