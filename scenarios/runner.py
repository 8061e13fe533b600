"""A scenario brought to a station: its demand comes, its timeline acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from scenarios.loader import LoadedScenario
from scenarios.steadiness import Steadiness
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
        self.steadiness = Steadiness(kernel, scenario.steady)
        actor, before = loaded.document.path.stem, self.steadiness.begin
        self.timeline = Timeline(kernel, self.station, actor, is_repeated=is_repeated, before=before)
        self._is_restored = False

    def arm(self) -> None:
        """Plan the vehicles and the deeds of the timeline."""
        scenario, station = self._loaded.document.value, self.station
        if self._loaded.vehicles is not None:
            station.replay(self._loaded.vehicles)
        else:
            demand = scenario.demand
            station.draw_demand(demand.sessions_per_day if demand is not None else None, self.duration_s)
        self.timeline.plan(scenario.timeline)
        if not scenario.timeline:
            self._kernel.defer(self.steadiness.begin)
        if scenario.restore and self.duration_s < FOREVER:
            self._kernel.at(SimTime(max(0.0, self.duration_s - scenario.settle_s)), self.restore)

    def restore(self) -> None:
        """Take the way back, once: its commands act when this instant is at rest."""
        if not self._is_restored:
            self._is_restored = True
            self.steadiness.begin()
            self.timeline.restore(self._loaded.document.value.restore)
