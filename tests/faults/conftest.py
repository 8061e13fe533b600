"""One small station with each thing that a fault may hit: played by hand, or standing on all its wires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from standing import Work, stand

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.unit import Table
from sim.clock import Clock
from sim.events import Command, Event, Scalar
from sim.kernel import Kernel
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import read_station

SITE = Path(__file__).parent / "site.yaml"
START = datetime(2022, 7, 13, 12)
SCENARIO = """\
scenario: 1
title: {{en: A fault, zh: 故障}}
station: {station}
start: {start:%Y-%m-%dT%H:%M}
duration_h: {duration_h}
seed: 1
demand: {{replay: cars.csv}}
"""
HUNGRY: dict[str, Any] = {"stay_s": None, "capacity_kwh": 1_000.0, "soc_in_pct": 5.0, "soc_target_pct": 95.0,
                          "power_max_kw": 60.0}  # fmt: skip


@pytest.fixture
def car() -> Callable[..., ReplayRow]:
    """`car(0, 1)`: who comes at 0 s to connector 1 (they count in the order of the file) and takes 60 kW for hours."""

    def made(arrival_s: float, connector: int, **other: Any) -> ReplayRow:
        return ReplayRow(**{"arrival_s": arrival_s, "connector": connector} | HUNGRY | other)

    return made


class Played:
    """The station in fast pace with its own platform; `told` is what its piles say to that."""

    def __init__(self, path: Path, cars: tuple[ReplayRow, ...], seed: int) -> None:
        self._document = read_station(path)
        file = self._document.value
        self.kernel = Kernel(Clock(START, file.station.timezone), seed)
        self.platform = LocalPlatform(self.kernel)
        self.station = Station(self.kernel, file, self.platform)
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.station.replay(cars)

    def inject(self, name: str, target: str, alias: str | None = None, **values: Scalar) -> str:
        """Inject a fault; how it is called."""
        return self.station.faults.inject(name, target, values, alias).id

    def clear(self, identity: str) -> None:
        """End it."""
        self.station.faults.clear(identity)

    def to(self, t_s: float) -> None:
        """Go to this time."""
        self.kernel.advance(SimTime(t_s))
        self.kernel.jump(SimTime(t_s))

    def until(self, is_met: Callable[[], bool], latest_s: float = 86_400.0) -> float:
        """Go to the first instant, at rest, at which this holds; when that is."""
        while not is_met():
            assert self.kernel.next_time() <= latest_s, "it has not come about"
            self.kernel.advance(self.kernel.next_time())
        return self.kernel.now

    def at(self, path: str) -> float:
        """A quantity now."""
        quantity: Any = self.kernel.quantity(path)
        return float(quantity.at(self.kernel.now))

    def state(self, path: str) -> str:
        """A state now, in its word."""
        state: Any = self.kernel.signals[path]
        return str(state.value.value)

    def read(self, unit: int, table: Table, first: int, count: int = 1) -> list[int]:
        """What a master of the port `field` would read there now."""
        units = bound_units(self.station, self._document, Door(self.kernel))["field"]
        return list(units[self.station.buses["field"].devices[unit]].read(table, first, count))

    def of(self, kind: str, subject: str | None = None, **data: Scalar) -> list[Event]:
        """The events so far of this kind, subject and data."""
        return [
            one
            for one in self.events
            if one.kind == kind and subject in (None, one.subject) and data.items() <= one.data.items()
        ]

    def ask(self, verb: str, target: str, **args: Scalar) -> str:
        """Ask a deed of a thing: an empty text, or why it was refused."""
        self.kernel.post(Command("test", "tester", verb, target, args, ("test", len(self.events))))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)
        told = next(one for one in reversed(self.events) if one.kind in ("command.done", "command.refused"))
        return str(told.data.get("reason", ""))


@pytest.fixture
def played() -> Callable[..., Played]:
    """`played(car(0, 1), car(0, 3), seed=1)`: the station, at rest at its start."""

    def made(*cars: ReplayRow, seed: int = 1, path: Path = SITE) -> Played:
        return Played(path, cars, seed)

    return made


@pytest.fixture
def on_wires(tmp_path: Path) -> Callable[..., None]:
    """`on_wires(act, car(0, 1), duration_h=1)`: the station with OCPP, Modbus and REST on sockets (`standing`)."""

    def play(act: Work, *cars: ReplayRow, duration_h: float = 2.0, path: Path = SITE) -> None:
        columns = list(HUNGRY)
        lines = [",".join(["arrival_s", "connector", *columns])]
        for one in cars:
            values = [getattr(one, name) for name in ("arrival_s", "connector", *columns)]
            lines.append(",".join("" if value is None else f"{value}" for value in values))
        (tmp_path / "cars.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        scenario = tmp_path / "fault.yaml"
        scenario.write_text(SCENARIO.format(station=path, start=START, duration_h=duration_h), encoding="utf-8")
        stand(scenario, tmp_path / "run", act)

    return play
