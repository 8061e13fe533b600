"""A meter and a sensor that are polled: pymodbus's own server is the device, by a shipped map."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hil.loop import Loop
from hil.modbus.map_checks import map_names, shipped_map
from hil.modbus.map_points import RegisterPoint
from hil.modbus.poller import blocks_of, reading_of
from hil.modbus.values import KINDS
from hil.slots import Slots, map_problems
from sim.clock import Clock
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.slot_file import check_slots, read_slots
from twins.station import Station
from twins.station_file import find_station, read_station

SLOTS = """\
slots: 1
station: public
things:
  - at: "{at}"
    behind: hardware
    armed: true
    watchdog_s: 2
    driver: {{kind: modbus, host: 127.0.0.1, port: {port}, unit: 1, map: {map}, poll_s: 0.1}}
"""
METER = "grid.meter[M1]"


def floats(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))


class Registers:
    """What the device has in its registers, by address."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}

    async def fill(
        self, function_code: int, start_address: int, address: int, count: int, current_registers: list[int],
        set_values: object,
    ) -> None:  # fmt: skip
        for at in range(address, address + count):
            current_registers[at - start_address] = self.words.get(at, 0)

    def put(self, address: int, value: float) -> None:
        self.words[address], self.words[address + 1] = floats(value)


class Bench:
    """A station whose trade meter, or sensor, is a pymodbus server."""

    def __init__(self, folder: Path, text: str) -> None:
        path = folder / "slots.yaml"
        path.write_text(text, encoding="utf-8")
        check_slots(path)
        document = read_slots(path)
        file = read_station(find_station("public")).value
        self.kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
        slots = document.value.devices
        self.station = Station(self.kernel, file, LocalPlatform(self.kernel), slots)
        assert map_problems(document, self.station) == []
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.recorder = Recorder(folder / "run.sqlite", "kpi")
        self.slots = Slots(self.kernel, slots, self.station, folder)
        self.loop = Loop(self.kernel, (), self.recorder, lambda _now: None)

    def shows(self, name: str) -> float:
        quantity: Any = self.kernel.quantity(name)
        return float(quantity.at(self.kernel.now))

    def alarms(self) -> list[tuple[str, object]]:
        return [(one.kind, one.data["alarm"]) for one in self.events if one.kind.startswith("alarm.")]

    async def until(self, is_met: Callable[[], bool], within_s: float = 5.0) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not is_met():
            assert loop.time() - began < within_s, ("not in time", self.alarms())
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(folder: Path, at: str, map_name: str) -> AsyncIterator[tuple[Bench, Registers, Any]]:
    block = Registers()
    data = [SimData(0, count=2_000, values=0, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(1, simdata=data, action=block.fill), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    bench = Bench(folder, SLOTS.format(at=at, port=port, map=map_name))
    await bench.slots.start()
    pacing = asyncio.create_task(bench.loop.real(SimTime(60.0), 1.0))
    try:
        yield bench, block, server
    finally:
        await bench.slots.close()
        bench.loop.stop()
        await pacing
        bench.recorder.close(bench.kernel.now)
        await server.shutdown()


def test_a_meters_registers_are_what_the_station_shows(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, METER, "sdm630") as (bench, block, server):
            block.put(0x34, 123_400.0)
            block.put(0x48, 77.5)
            await bench.until(lambda: bench.shows(f"{METER}.power_kw") == pytest.approx(123.4))
            assert bench.shows(f"{METER}.import_kwh") == 77.5
            block.put(0x34, float("inf"))
            block.put(0x48, 70.0)  # a register that falls
            await bench.until(lambda: bench.alarms() == [("alarm.raised", "device_nonsense")])
            assert bench.shows(f"{METER}.import_kwh") == 77.5
            block.put(0x48, 77.6)
            await bench.until(lambda: bench.alarms()[-1] == ("alarm.cleared", "device_nonsense"))
            await server.shutdown()
            await bench.until(lambda: bench.alarms()[-1] == ("alarm.raised", "device_silent"))
            assert bench.shows(f"{METER}.power_kw") != bench.shows(f"{METER}.power_kw")  # nothing to read
            assert [event.kind for event in bench.events if event.kind.startswith("device.")] == [
                "device.joined", "device.nonsense", "device.lost",
            ]  # fmt: skip

    asyncio.run(story())


def test_a_map_of_another_kind_of_thing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    path.write_text(SLOTS.format(at=METER, port=502, map="env_rs485"), encoding="utf-8")
    document = read_slots(path)
    file = read_station(find_station("public")).value
    kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
    station = Station(kernel, file, LocalPlatform(kernel), document.value.devices)
    (problem,) = map_problems(document, station)
    assert str(problem).startswith(f"{path}:8: things[0].driver.map: it is of the family env and cannot show {METER}")
    path.write_text(SLOTS.format(at=METER, port=502, map="sdm63"), encoding="utf-8")
    (problem,) = map_problems(read_slots(path), station)
    assert "no map sdm63; did you mean sdm630?" in str(problem)


@pytest.mark.parametrize("name", [name for name in map_names() if shipped_map(name).family in ("meter", "env")])
def test_what_a_map_writes_a_master_reads_by_it(name: str) -> None:
    mapped = shipped_map(name)
    points = 0
    for block in blocks_of(mapped):
        assert block.count <= mapped.registers
        registers = [0] * block.count
        for placed in block.points:
            point = placed.point
            assert isinstance(point, RegisterPoint)
            kind = KINDS[point.type]
            words = kind.words(kind.bits(2.0 * point.scale + point.add), mapped.words)
            registers[placed.first - block.first : placed.first - block.first + kind.registers] = words
        found = dict(reading_of(mapped, block, registers))
        points += len(found)
        for placed in block.points:
            point = placed.point
            assert isinstance(point, RegisterPoint)
            step = 0.0 if KINDS[point.type].is_float else 0.5 / abs(point.scale)
            assert found[placed.path(point.of, "")] == pytest.approx(2.0, abs=step + 1e-5)
    assert points >= 2


def test_a_sensors_readings_are_the_weather_that_the_station_goes_by(tmp_path: Path) -> None:
    from dataclasses import replace

    from twins.bay import PlaceConfig
    from twins.instrument import Instrument
    from twins.microclimate import EnvSensor, EnvSensorConfig, EnvSensorState
    from twins.station_file import StationFile
    from twins.weather import Weather

    file: StationFile = read_station(find_station("public")).value
    kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
    weather = Weather(kernel, replace(file.weather))
    place = PlaceConfig(x_m=0.0, y_m=0.0)
    sensor = EnvSensor(kernel, EnvSensorConfig(id="E1", place=place), weather.air_temp_c, weather)
    device = Instrument(kernel, sensor.path, 5.0, lambda: sensor.follow(device))
    said = [{"read_c": 41.5, "read_pct": 33.0}, {"read_c": -300.0}, {"read_pct": 101.0}]
    for number, args in enumerate(said, 1):
        kernel.post(Command("slot", "E1", "reading", "env[E1].device", args, ("slot", number)))
        kernel.admit()
        kernel.advance(SimTime(float(number)))
        assert (sensor.temp_c.at(kernel.now), sensor.humidity_pct.at(kernel.now)) == (41.5, 33.0)
    kernel.advance(SimTime(6.0))
    assert sensor.state.value is EnvSensorState.SILENT and sensor.temp_c.at(kernel.now) == -50.0
    again = Command("slot", "E1", "reading", "env[E1].device", {"read_c": 20.0, "read_pct": 50.0}, ("slot", 9))
    kernel.post(again)
    kernel.admit()
    kernel.advance(SimTime(7.0))
    assert sensor.state.value is EnvSensorState.OK and sensor.temp_c.at(kernel.now) == 20.0
