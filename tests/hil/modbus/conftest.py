"""A shipped station with ports of the test's own, played by hand; ports with memories behind them, served or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.gateway import Gateway
from hil.modbus.registers import MappedUnit
from hil.modbus.server import ModbusServer
from hil.modbus.unit import Code, Refusal, Table
from sim.clock import Clock
from sim.events import Event
from sim.faults import FaultBoard
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bus import Bus
from twins.bus_config import BusDeviceConfig, GatewayConfig, ModbusEndpointConfig
from twins.drivers import Arrival, Habits
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
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
        self.devices: dict[str, MappedUnit] = {}
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

    def made(name: str, *devices: str, maps: dict[str, str] | None = None, more: str = "", station: str = "") -> Site:
        text = find_station(name).read_text(encoding="utf-8")
        text = text[: text.index("endpoints:")] + station
        more += ", maps: own" if maps else ""
        text += f"endpoints:\n  - {{kind: modbus, id: bus{more}, devices: [{', '.join(devices)}]}}\n"
        for file, words in (maps or {}).items():
            (tmp_path / "own").mkdir(exist_ok=True)
            (tmp_path / "own" / file).write_text(words, encoding="utf-8")
        path = tmp_path / "station.yaml"
        path.write_text(text, encoding="utf-8")
        return Site(path)

    return made


EVERY = Path(__file__).parent / "every_device.yaml"
DEVICES = {
    "transformer": ("transformer_dry", "grid.transformer[T1]"),
    "env": ("env_rs485", "env[E1]"),
    "th332": ("env_th332", "env[E1]"),
    "abb": ("abb_terra_ac", "pile[C01].connector[1]"),
    "keba": ("keba_p30", "pile[C01].connector[1]"),
    "alfen": ("alfen_ng9", "pile[C02].connector[1]"),
    "phoenix": ("phoenix_em_cp", "pile[C02].connector[1]"),
    "dc": ("dc_pile", "pile[D01]"),
    "blocks": ("dc_pile", "pile[D02]"),
    "stack": ("dc_pile", "pile[H01]"),
    "house": ("hvac_io", "house"),
    "panel": ("fire_panel", "fire_panel[FP1]"),
    "gas": ("gas_detector", "gas[G2]"),
}
CAR: dict[str, Any] = {"capacity_kwh": 90.0, "soc_in_pct": 10.0, "soc_target_pct": 90.0, "power_max_kw": 200.0}


@pytest.fixture
def every(site: MakeSite) -> Callable[..., Site]:
    """The station of `every_device.yaml` from nine o'clock on, its units by name in `devices`.

    `every(1, 17, at_s=60.0, stay_s=None)`: a car comes to each of these connectors, counted through the file.
    """

    def made(*connectors: int, at_s: float = 60.0, stay_s: float | None = None) -> Site:
        shown = enumerate(DEVICES.values(), start=1)
        lines = [f'{{unit: {unit}, map: {name}, shows: "{shows}"}}' for unit, (name, shows) in shown]
        one = site(str(EVERY), *lines)
        one.devices = {name: one.units[unit] for unit, name in enumerate(DEVICES, start=1)}
        one.station.replay(tuple(ReplayRow(arrival_s=at_s, stay_s=stay_s, connector=at, **CAR) for at in connectors))
        return one

    return made


SIZE = 1_000
Serve = Callable[..., AbstractAsyncContextManager["Served"]]
MakePort = Callable[..., "Port"]


class Memory:
    """A device of `SIZE` registers and bits in each table; inputs show what the holding registers and coils hold."""

    def __init__(self, number: int) -> None:
        self.identification: Mapping[int, str] = {0: "Voltyard", 1: f"M{number}", 2: "1.0", 5: "Memory"}
        self.words = [(number * 1_000 + at) % 65_536 for at in range(SIZE)]
        self.bits = [at % 3 == 0 for at in range(SIZE)]
        self.reads = 0
        self.writes: list[tuple[Table, int, list[int]]] = []
        self.on_read: Callable[[], None] = lambda: None

    def read(self, table: Table, first: int, count: int) -> Sequence[int]:
        self.on_read()
        self.reads += 1
        if first + count > SIZE:
            raise Refusal(Code.ADDRESS)
        return (self.words if table in ("holding", "input") else self.bits)[first : first + count]

    def write(self, table: Table, first: int, values: Sequence[int]) -> None:
        if first + len(values) > SIZE:
            raise Refusal(Code.ADDRESS)
        self.writes.append((table, first, list(values)))
        if table == "holding":
            self.words[first : first + len(values)] = values
        else:
            self.bits[first : first + len(values)] = map(bool, values)


class Port:
    """A bus with a memory at each of its units, a gateway before them and a door beside."""

    def __init__(self, units: Sequence[int] = (1, 2, 3), gateway: GatewayConfig | None = None, **keys: Any) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 7, 11), "Asia/Shanghai"), 5)
        devices = tuple(BusDeviceConfig(unit=unit, map="memory", shows=f"memory[{unit}]") for unit in units)
        self.config = ModbusEndpointConfig(kind="modbus", id="field", devices=devices, gateway=gateway, **keys)
        self.bus = Bus(self.kernel, self.config)
        self.units = {unit: Memory(unit) for unit in units}
        self.gateway = Gateway(self.bus, self.units)
        self.door = Door(self.kernel)
        things: dict[str, object] = {self.bus.path: self.bus}
        things |= {device.path: device for device in self.bus.devices.values()}
        self.faults = FaultBoard(self.kernel, things.get)

    def inject(self, name: str, unit: int | None = None, **values: float) -> str:
        """Inject a fault into the port, or into a device; its name."""
        target = self.bus.path if unit is None else self.bus.devices[unit].path
        return self.faults.inject(name, target, values).id


class Served(Port):
    """A port on a socket. `failures` are what its server told of."""

    server: ModbusServer
    failures: list[Exception]


@pytest.fixture
def make_port() -> MakePort:
    return Port


@pytest.fixture
def serve() -> Serve:
    @asynccontextmanager
    async def serving(*, context: Any = None, **keys: Any) -> AsyncIterator[Served]:
        served = Served(**keys)
        served.failures = []
        served.server = ModbusServer(served.bus, served.units, served.door, served.failures.append, context)
        await served.server.start()
        try:
            yield served
        finally:
            await served.server.stop()

    return serving
