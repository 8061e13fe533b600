"""Times of a scenario's entries as seconds of the run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from scenarios.choices import Draw, TimeDraw
from scenarios.timeline_shape import Member, TimelineEntry
from sim.clock import Clock
from sim.units import SimTime

__all__ = ["due", "moment", "span"]


def moment(clock: Clock, time: str) -> SimTime:
    """The first time from the start on that the station's clocks show `time`, such as `14:05`."""
    start = clock.local(SimTime(0.0))
    shown = start.replace(hour=int(time[:2]), minute=int(time[3:]), second=0, microsecond=0)
    while clock.seconds(shown) < 0:
        shown += timedelta(days=1)
    return clock.seconds(shown)


def due(clock: Clock, entry: TimelineEntry) -> SimTime:
    """When an entry of a fixed time acts, in seconds since the start."""
    assert isinstance(entry.at, str) or isinstance(entry.after_s, float | int)
    return SimTime(entry.after_s) if isinstance(entry.after_s, float | int) else moment(clock, str(entry.at))


def span(clock: Clock, entry: Member) -> Sequence[float]:
    """The seconds that the entry's time may be: one, the two ends of a range, some of a list, or none with `when`."""
    after_s = entry.after_s
    if isinstance(after_s, Draw):
        return [float(value) for value in after_s.extremes]
    if after_s is not None:
        return [after_s]
    at = entry.at if isinstance(entry, TimelineEntry) else None
    if isinstance(at, TimeDraw):
        first, last = (moment(clock, text) for text in at.between)
        return [first, last if last >= first else last + 86_400.0]
    return [moment(clock, at)] if at is not None else []
