"""A scenario brought to a station: its demand comes, its timeline acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from scenarios.loader import LoadedScenario
from scenarios.timeline import Timeline
from sim.kernel import Kernel
from sim.units import FOREVER, SimTime
from twins.ports import PlatformPort
from twins.slot_file import SlotConfig
from twins.station import Station

__all__ = ["ScenarioRun"]


class ScenarioRun:
    """One scenario in one kernel. `station` is alive from here on."""

    def __init__(
        self, kernel: Kernel, loaded: LoadedScenario, platform: PlatformPort,
        slots: Mapping[str, SlotConfig] | None = None, *, is_endless: bool = False,
        is_repeated: bool = False,
    ) -> None:  # fmt: skip
        """Builds the station with what the scenario says instead of the station's own weather and demand.

        `slots` are the things, by path, that devices stand behind. With `is_endless` its demand comes day after day;
        its timeline acts once all the same. With `is_repeated` the deeds come from a recording.
        """
        self._kernel = kernel
        self._loaded = loaded
        scenario, file = loaded.document.value, loaded.station.value
        if scenario.weather is not None:
            file = dataclasses.replace(file, weather=scenario.weather)
        self.duration_s = FOREVER if is_endless else SimTime(scenario.duration_s)
        self.station = Station(kernel, file, platform, slots)
        self.timeline = Timeline(kernel, self.station, loaded.document.path.stem, is_repeated=is_repeated)

    def arm(self) -> None:
        """Plan the vehicles and the deeds of the timeline."""
        scenario, station = self._loaded.document.value, self.station
        if self._loaded.vehicles is not None:
            station.replay(self._loaded.vehicles)
        else:
            demand = scenario.demand
            station.draw_demand(demand.sessions_per_day if demand is not None else None, self.duration_s)
        self.timeline.plan(scenario.timeline)
