"""The shipped two-outlet site in fast pace, with its own platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from sim.clock import Clock
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session

Build = Callable[..., tuple[Kernel, "WatchedStation", LocalPlatform]]


class WatchedStation(Station):
    """A station that remembers its sessions, those that are over too."""

    ended: list[Session]

    @property
    def sessions(self) -> list[Session]:
        return sorted([*self.ended, *self.visits.present.values()], key=lambda session: session.id)


@pytest.fixture
def build() -> Build:
    """Make a station on a kernel: `build(seed=1, start=..., blocked=...)`; other words are keys of its file."""

    def make(
        seed: int = 1,
        start: datetime = datetime(2022, 6, 14),
        blocked: frozenset[str] = frozenset(),
        name: str = "two-outlet",
        **changes: Any,
    ) -> tuple[Kernel, WatchedStation, LocalPlatform]:
        file = replace(read_station(find_station(name)).value, **changes)
        kernel = Kernel(Clock(start, file.station.timezone), seed)
        platform = LocalPlatform(kernel, blocked)
        station = WatchedStation(kernel, file, platform)
        station.ended = []
        station.visits.on_session = station.ended.append
        return kernel, station, platform

    return make
