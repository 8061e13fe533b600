"""A scenario brought to a station: its demand comes, its timeline acts, its key figures are drawn up at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

from scenarios.loader import LoadedScenario
from scenarios.schema import TimelineEntry
from sim.kernel import Kernel
from sim.units import SimTime
from twins.ports import PlatformPort
from twins.station import Station
from twins.visits import PLUG_S

__all__ = ["Kpi", "ScenarioRun"]


class Kpi(NamedTuple):
    """One key figure of a run; None where there was nothing to measure."""

    name: str
    value: float | None
    unit: str


class ScenarioRun:
    """One scenario in one kernel. `station` is alive from here on."""

    def __init__(self, kernel: Kernel, loaded: LoadedScenario, platform: PlatformPort) -> None:
        """Builds the station with what the scenario says instead of the station's own weather and demand."""
        self._kernel = kernel
        self._loaded = loaded
        scenario, file = loaded.document.value, loaded.station.value
        if scenario.weather is not None:
            file = dataclasses.replace(file, weather=scenario.weather)
        self.duration_s = SimTime(scenario.duration_s)
        self.station = Station(kernel, file, platform)

    def arm(self) -> None:
        """Plan the vehicles and the deeds of the timeline."""
        scenario, station = self._loaded.document.value, self.station
        if self._loaded.vehicles is not None:
            station.visits.replay(self._loaded.vehicles)
        else:
            demand = scenario.demand
            drawn = demand.sessions_per_day if demand is not None else None
            station.draw_demand(
                station.file.demand.arrivals.sessions_per_day if drawn is None else drawn, self.duration_s
            )
        for entry in scenario.timeline:
            self._kernel.at(self._loaded.due(entry), self._deed(entry))

    def kpis(self) -> list[Kpi]:
        """The key figures so far; waits are from arrival to the bay, of those who got one."""
        now, station = self._kernel.now, self.station
        sessions = station.visits.sessions
        waits = sorted(
            max(0.0, one.plugged_s - PLUG_S - one.arrived_s) for one in sessions if one.plugged_s is not None
        )
        occupied_s = sum(
            (one.left_s if one.left_s is not None else now) - one.plugged_s
            for one in sessions
            if one.plugged_s is not None
        )
        outcomes = [one.outcome for one in sessions]
        outlet_s = now * len(station.evses)
        return [
            Kpi("arrivals", len(sessions), "1"),
            Kpi("served", outcomes.count("charged"), "1"),
            Kpi("failed", outcomes.count("failed"), "1"),
            Kpi("turned_away", outcomes.count("turned_away"), "1"),
            Kpi("reneged", outcomes.count("reneged"), "1"),
            Kpi("wait_mean_s", sum(waits) / len(waits) if waits else None, "s"),
            Kpi("wait_p50_s", _quantile(waits, 0.50), "s"),
            Kpi("wait_p95_s", _quantile(waits, 0.95), "s"),
            Kpi("utilisation_pct", 100.0 * occupied_s / outlet_s if outlet_s else None, "%"),
            Kpi("energy_kwh", sum(evse.true_energy_kwh(now) for evse in station.evses), "kWh"),
            Kpi("peak_kw", station.grid.peak.highest, "kW"),
        ]

    def _deed(self, entry: TimelineEntry) -> Callable[[], None]:
        faults = self.station.faults
        if entry.clear is not None:
            alias = entry.clear
            return lambda: faults.clear(alias)
        name, target = entry.inject or "", entry.target or ""
        return lambda: _discard(faults.inject(name, target, entry.parameters, entry.alias))


def _discard(_injected: object) -> None:
    return None


def _quantile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
