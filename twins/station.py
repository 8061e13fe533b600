"""The station: every twin of one file, put together; things are found by their paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from sim.faults import FaultBoard
from sim.kernel import Kernel
from sim.sums import Sum
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.control import Control
from twins.demand import DESL_HOURS, ReplayRow, desl_rows
from twins.evse import Evse
from twins.grid import Grid
from twins.links import Link, charge_points
from twins.pile import Pile
from twins.ports import PlatformPort
from twins.station_file import StationFile, pile_models
from twins.visits import Visits
from twins.weather import Weather

__all__ = ["Station"]

_PATH = re.compile(r"(pile|bay|link)\[([^\]]+)\](?:\.connector\[(\d+)\])?((?:\.(?:vehicle|bms))*)")


class Station:
    """A station alive in a kernel. `find` gives the thing at a path, or None while it is not there."""

    def __init__(self, kernel: Kernel, file: StationFile, platform: PlatformPort) -> None:
        """Builds the twins of a checked station file."""
        self.kernel = kernel
        self.file = file
        self.weather = Weather(kernel, file.weather)
        self.control = Control(kernel, file.control)
        models = pile_models()
        self.piles = {
            config.id: Pile(kernel, config, models[config.model], self.control, platform) for config in file.piles
        }
        inputs: dict[str, list[Sum]] = {}
        for pile in self.piles.values():
            inputs.setdefault(pile.config.feeder, []).append(pile.input_kw)
            self.control.watch(pile.evses)
        self.grid = Grid(kernel, file.grid, inputs)
        counts = {pile.config.id: len(pile.evses) for pile in self.piles.values()}
        self.links = {
            identity: Link(kernel, identity)
            for face in file.endpoints
            for identity, _, _ in charge_points(face, counts)
        }
        self.faults = FaultBoard(kernel, self.find)
        outlets = [
            (evse, pile.config.id, number, pile.config.evses[number - 1].reaches[0])
            for pile in self.piles.values()
            for number, evse in enumerate(pile.evses, start=1)
        ]
        self._by_bay = {bay: evse for evse, _, _, bay in outlets}
        price = file.tariff.energy_cny_kwh + file.tariff.service_cny_kwh
        self.visits = Visits(kernel, outlets, self.weather.air_temp_c.at, price, self.faults.targets_changed)

    @property
    def evses(self) -> list[Evse]:
        """Every EVSE in file order."""
        return [evse for pile in self.piles.values() for evse in pile.evses]

    def draw_demand(self, sessions_per_day: float, duration_s: float) -> None:
        """Let vehicles drawn from the recorded sessions come, by the hours of the recorded site."""
        arrivals, vehicles = self.kernel.streams["vehicle.arrivals"], self.kernel.streams["vehicle.draw"]
        rows = desl_rows()
        begin = self.kernel.clock.local(SimTime(0.0))
        hour = begin.replace(minute=0, second=0, microsecond=0)
        times: list[float] = []
        while (offset_s := (hour - begin).total_seconds()) < duration_s:
            mean = sessions_per_day * DESL_HOURS[hour.hour] / sum(DESL_HOURS)
            for share in sorted(arrivals.random(int(arrivals.poisson(mean)))):
                t = offset_s + float(share) * SECONDS_PER_HOUR
                if 0.0 <= t < duration_s:
                    times.append(t)
            hour += timedelta(hours=1)
        for t in times:
            row = rows[int(vehicles.integers(len(rows)))]
            self.kernel.at(SimTime(t), _later(self.visits.arrive, row))

    def find(self, path: str) -> object | None:
        """The twin at `path`: `pile[A01]`, `pile[A01].connector[1]`, `bay[B01].vehicle.bms` and the like."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        kind, name, number, rest = match.groups()
        if kind == "link":
            return self.links.get(name) if not (number or rest) else None
        if kind == "bay":
            evse = self._by_bay.get(name)
        else:
            pile = self.piles.get(name)
            if pile is None or number is None:
                return pile
            evse = pile.evses[int(number) - 1] if 1 <= int(number) <= len(pile.evses) else None
        if evse is None:
            return None
        return evse.bms if rest.endswith(".bms") else evse


def _later(action: Callable[[ReplayRow], None], row: ReplayRow) -> Callable[[], None]:
    return lambda: action(row)
