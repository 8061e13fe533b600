"""A shipped station with ports of the test's own, played by hand; its units are read as the server reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.registers import MappedUnit
from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.drivers import Arrival, Habits
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.vehicle import vehicle_models


class Site:
    """A station from a file, its units by number on the port `bus`."""

    def __init__(self, path: Path) -> None:
        self.document = read_station(path)
        self.kernel = Kernel(Clock(datetime(2022, 7, 6, 9), self.document.value.station.timezone), 1)
        self.station = Station(self.kernel, self.document.value, LocalPlatform(self.kernel))
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.door = Door(self.kernel)
        bound = bound_units(self.station, self.document, self.door)
        self.units: dict[int, MappedUnit] = {device.unit: unit for device, unit in bound["bus"].items()}

    def cars(self, count: int, model: str = "nmc_75_400v", wants: Any = "fast") -> None:
        car = vehicle_models()[model]
        self.station.visits.expect(
            iter([(Arrival(0.0, car, 10.0, 95.0, Habits(wants=wants)), None) for _ in range(count)])
        )

    def to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def at(self, path: str) -> float:
        quantity: Any = self.kernel.quantity(path)
        return float(quantity.at(self.kernel.now))

    def inject(self, name: str, unit: int, **values: Any) -> str:
        identity = f"{name} {unit} {len(self.events)}"
        self.station.faults.inject(name, f"link[bus].unit[{unit}]", values, identity)
        self.kernel.advance(self.kernel.now)
        return identity


MakeSite = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    """`site("public", "{unit: 1, map: sdm630, shows: 'grid.meter[M1]'}", maps={"own.yaml": text})`."""

    def made(name: str, *devices: str, maps: dict[str, str] | None = None, more: str = "") -> Site:
        text = find_station(name).read_text(encoding="utf-8")
        text = text[: text.index("endpoints:")]
        more += ", maps: own" if maps else ""
        text += f"endpoints:\n  - {{kind: modbus, id: bus{more}, devices: [{', '.join(devices)}]}}\n"
        for file, words in (maps or {}).items():
            (tmp_path / "own").mkdir(exist_ok=True)
            (tmp_path / "own" / file).write_text(words, encoding="utf-8")
        path = tmp_path / "station.yaml"
        path.write_text(text, encoding="utf-8")
        return Site(path)

    return made
