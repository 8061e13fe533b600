"""The shipped two-outlet site in fast pace, with its own platform."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from sim.clock import Clock
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station

Build = Callable[..., tuple[Kernel, Station, LocalPlatform]]


@pytest.fixture
def build() -> Build:
    """Make a station on a kernel: `build(seed=1, start=..., blocked=...)`."""

    def make(
        seed: int = 1, start: datetime = datetime(2022, 6, 14), blocked: frozenset[str] = frozenset()
    ) -> tuple[Kernel, Station, LocalPlatform]:
        file = read_station(find_station("two-outlet")).value
        kernel = Kernel(Clock(start, file.station.timezone), seed)
        platform = LocalPlatform(kernel, blocked)
        return kernel, Station(kernel, file, platform), platform

    return make
