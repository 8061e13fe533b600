"""A Modbus port with devices that remember what is written, without a station behind it; served on a socket or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from hil.door import Door
from hil.modbus.gateway import Gateway
from hil.modbus.server import ModbusServer
from hil.modbus.unit import Code, Refusal, Table
from sim.clock import Clock
from sim.faults import FaultBoard
from sim.kernel import Kernel
from twins import bus_faults
from twins.bus import Bus
from twins.buses import BusDeviceConfig, GatewayConfig, ModbusEndpointConfig

SIZE = 1_000
FAULTS = bus_faults  # registered by its import
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
