"""The shipped two-outlet site in fast pace, with its own platform; the same with warm connectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session

Build = Callable[..., tuple[Kernel, "WatchedStation", LocalPlatform]]
WarmSite = Callable[..., tuple[Kernel, Station, list[Event]]]


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


PLACE = "    place: {x_m: 3, y_m: 0}\n"
BIG = ReplayRow(arrival_s=0.0, stay_s=None, connector=1, capacity_kwh=1_000.0, soc_in_pct=2.0, soc_target_pct=98.0,
                power_max_kw=1_000.0)  # fmt: skip
"""Takes whatever it is given for hours: at 400 V the site's limit makes its current."""


@pytest.fixture
def warm_site(tmp_path: Path) -> WarmSite:
    """The two-outlet site from a file that follows the heat of connectors, the vehicles `rows` to come, its events.

    `site_kw` is the site's limit, `connector` what the file says of the pile's connectors (None: the model's).
    """

    def made(
        *rows: ReplayRow,
        site_kw: float = 100.0,
        model: str = "dc_172_2",
        connector: str | None = "{}",
        air_c: float = 35.0,
        packs: bool = False,
    ) -> tuple[Kernel, Station, list[Event]]:
        text = find_station("two-outlet").read_text(encoding="utf-8")
        text = text.replace("site_limit_kw: 172.5", f"site_limit_kw: {site_kw:g}").replace("dc_172_2", model)
        if connector is not None:
            text = text.replace(PLACE, f"    connector: {connector}\n{PLACE}")
        head, _, rest = text.partition("weather:\n")
        heat = f"heat: {{packs: {str(packs).lower()}, connectors: true}}\n"
        path = tmp_path / "station.yaml"
        demand = rest.partition("demand:")[2]
        path.write_text(f"{head}{heat}weather: {{air_temp_c: {air_c:g}}}\n\ndemand:{demand}", encoding="utf-8")
        file = read_station(path).value
        kernel = Kernel(Clock(datetime(2022, 7, 11), file.station.timezone), 1)
        station = Station(kernel, file, LocalPlatform(kernel))
        events: list[Event] = []
        kernel.subscribe(events.append)
        station.replay(rows or (BIG,))
        return kernel, station, events

    return made
