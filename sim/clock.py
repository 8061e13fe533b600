"""The run's calendar: simulated seconds against civil and UTC time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sim.units import SimTime

__all__ = ["Clock"]


class Clock:
    """Places simulated time on the calendar of the station's zone."""

    def __init__(self, start: datetime, timezone: str) -> None:
        """`start` is the station's local time (naive), `timezone` an IANA name; raises `ZoneInfoNotFoundError`."""
        self.zone = ZoneInfo(timezone)
        self.start = start.replace(tzinfo=self.zone).astimezone(UTC)

    def wall(self, t: SimTime) -> datetime:
        """The aware UTC time of simulated second `t`."""
        return self.start + timedelta(seconds=t)

    def local(self, t: SimTime) -> datetime:
        """The station's civil time of simulated second `t`."""
        return self.wall(t).astimezone(self.zone)

    def stamp(self, t: SimTime) -> str:
        """The wire's form of `t`: UTC, milliseconds, `Z`."""
        return self.wall(t).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def unix_s(self, t: SimTime) -> int:
        """The seconds that have passed since 1970 (UTC) at `t`, as clocks of devices count them."""
        return int(self.wall(t).timestamp())

    def seconds(self, wall: datetime) -> SimTime:
        """The simulated second of an aware time."""
        return SimTime((wall - self.start).total_seconds())
