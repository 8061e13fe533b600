"""The civil day of the station's zone cut into stretches, for tariffs, shifts and the like.

Stretches follow the clock on the wall: where clocks are set forward one may be short or missing, where they are set
back one may come twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from sim.clock import Clock
from sim.units import FOREVER, SimTime

__all__ = ["DAY_MIN", "CivilDay"]

DAY_MIN = 24 * 60
"""Minutes of a day on which no clock is set."""


class CivilDay:
    """Which stretch of the local day it is, and when the next one begins."""

    def __init__(self, clock: Clock, begins_min: Sequence[int]) -> None:
        """`begins_min` are the stretches' begins, one or more, in minutes from midnight (0 to 1439), ascending.

        The last one lasts over midnight until the first.
        """
        self._clock = clock
        self._begins_min = tuple(begins_min)

    def stretch_at(self, t: SimTime) -> int:
        """The number of the stretch at `t`, counted from 0; a stretch holds from its first instant on."""
        return self._stretch(self._clock.wall(t))

    def next_change(self, t: SimTime) -> SimTime:
        """When the number of the stretch next changes, later than `t`; FOREVER where the whole day is one stretch."""
        zone, begins = self._clock.zone, self._begins_min
        if len(begins) == 1:
            return FOREVER
        wall = self._clock.wall(t)
        stretch = self._stretch(wall)
        while True:
            local = wall.astimezone(zone)
            minute = local.hour * 60 + local.minute
            following = bisect_right(begins, minute)
            wait_min = (begins[following] if following < len(begins) else begins[0] + DAY_MIN) - minute
            boundary = wall + timedelta(minutes=wait_min, seconds=-local.second, microseconds=-local.microsecond)
            if boundary.astimezone(zone).utcoffset() == local.utcoffset():
                return self._clock.seconds(boundary)
            wall = self._clocks_set(wall, boundary)
            if self._stretch(wall) != stretch:
                return self._clock.seconds(wall)

    def _stretch(self, wall: datetime) -> int:
        local = wall.astimezone(self._clock.zone)
        return (bisect_right(self._begins_min, local.hour * 60 + local.minute) - 1) % len(self._begins_min)

    def _clocks_set(self, low: datetime, high: datetime) -> datetime:
        """The whole second after `low` and not after `high` at which the zone's offset changes."""
        zone, low = self._clock.zone, low.replace(microsecond=0)
        old = low.astimezone(zone).utcoffset()
        while high - low > timedelta(seconds=1):
            middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
            if middle.astimezone(zone).utcoffset() == old:
                low = middle
            else:
                high = middle
        return high
