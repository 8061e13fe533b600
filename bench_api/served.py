"""A station that is up, as its REST face sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench_api.asked_runs import AskedRuns
from bench_api.endpoint_rows import Row
from bench_api.event_ring import EventRing
from hil.door import Door
from hil.loop import Loop
from hil.ocpp.endpoint import OcppEndpoint
from scenarios.catalogue import StationCatalogue
from scenarios.judge import Judge
from sim.recording import Recorder
from twins.station import Station

__all__ = ["Served"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What stands behind the routes. Everything alive is read after `door.present()`, with no await in between."""

    scenario: str
    station_name: str
    pace: str
    station: Station
    door: Door
    loop: Loop
    recorder: Recorder
    events: EventRing
    catalogue: StationCatalogue
    ocpp: OcppEndpoint | None
    endpoints: Callable[[], list[Row]]
    judge: Judge
    runs: AskedRuns
    fastest: float
    """The highest speed, in simulated seconds a second."""
