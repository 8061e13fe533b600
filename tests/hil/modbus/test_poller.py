"""A meter and a sensor that are polled: pymodbus's own server is the device, by a shipped map."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hil.loop import Loop
from hil.modbus.map_checks import map_names, shipped_map
from hil.modbus.map_points import RegisterPoint
from hil.modbus.readout import blocks_of, is_number, values_of
from hil.modbus.values import KINDS
from hil.slots import Slots, map_problems
from sim.clock import Clock
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.device_book import instrument_gaps, register_books, register_steps
from twins.platform import LocalPlatform
from twins.slot_file import check_slots, read_slots
from twins.station import Station
from twins.station_file import find_station, read_station

SLOTS = """\
slots: 1
station: public
things:
  - at: "{at}"
    behind: {behind}
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
        self.recorder = Recorder(folder / "run.sqlite", "all")
        self.recorder.attach(self.kernel)
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
async def running(
    folder: Path, at: str, map_name: str, behind: str = "hardware", size: int = 2_000, driver: str = ""
) -> AsyncIterator[tuple[Bench, Registers, Any]]:
    block = Registers()
    data = [SimData(0, count=size, values=0, datatype=DataType.REGISTERS)]
    server = ModbusTcpServer(SimDevice(1, simdata=data, action=block.fill), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    bench = Bench(
        folder, SLOTS.format(behind=behind, at=at, port=port, map=map_name).replace("poll_s", f"{driver}poll_s")
    )
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
                "device.joined", "device.absent", "device.nonsense", "device.lost",
            ]  # fmt: skip

    asyncio.run(story())


@pytest.mark.parametrize("pdu", [b"\x84", b"\x04\x00", b"\x18\x00\x04\x00\x09\x01\x02", b""])
def test_a_device_that_answers_nonsense_is_an_alarm_and_the_run_goes_on(tmp_path: Path, pdu: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_here.add(writer)
        with suppress(ConnectionError):  # the slot hangs up with our bytes unread
            while request := await reader.read(300):
                writer.write(request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu)
        writer.close()
        open_here.remove(writer)

    open_here: set[asyncio.StreamWriter] = set()

    async def story() -> None:
        device = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = device.sockets[0].getsockname()[1]
        bench = Bench(tmp_path, SLOTS.format(behind="hardware", at=METER, port=port, map="sdm630"))
        await bench.slots.start()
        pacing = asyncio.create_task(bench.loop.real(SimTime(60.0), 1.0))
        await bench.until(lambda: ("alarm.raised", "device_silent") in bench.alarms())
        assert (("alarm.raised", "device_nonsense") in bench.alarms()) == bool(pdu)
        await bench.slots.close()
        bench.loop.stop()
        await pacing  # raises what had failed in the loop
        bench.recorder.close(bench.kernel.now)
        device.close()
        await bench.until(lambda: not open_here)

    asyncio.run(story())


def test_a_meter_in_shadow_leads_and_is_compared_with_its_twin(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, METER, "sdm630", "shadow") as (bench, block, _):
            twin_kw = bench.station.grid.power_kw.at(bench.kernel.now)
            for address, value in ((0x34, 1_000.0 * twin_kw + 5_000.0), (0x00, 229.0), (0x48, 500.0)):
                block.put(address, value)
            await bench.until(lambda: bench.shows(f"{METER}.gap.power_kw") == pytest.approx(5.0, abs=0.05))
            assert bench.shows(f"{METER}.power_kw") == pytest.approx(twin_kw + 5.0)
            block.put(0x34, 1_000.0 * twin_kw - 1_000.0)
            block.put(0x48, 502.0)
            await bench.until(lambda: bench.shows(f"{METER}.gap.power_kw") == pytest.approx(-1.0, abs=0.05))
            assert bench.shows(f"{METER}.gap.import_kwh") == pytest.approx(2.0, abs=0.01), "its register began anywhere"
            gaps = {gap.quantity: gap for gap in instrument_gaps(bench.station)}
            assert gaps["power_kw"].largest == pytest.approx(5.0, abs=0.05) and -1.1 < gaps["power_kw"].mean < 5.1
            volts = bench.shows(f"{METER}.voltage_l1_v") - 1_000.0 * 0.4 / 3**0.5
            assert gaps["voltage_l1_v"].largest == pytest.approx(volts, abs=0.5) and gaps["voltage_l1_v"].readings >= 2

    asyncio.run(story())


def test_a_meters_readings_are_recorded_and_its_register_has_a_residual(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, METER, "sdm630") as (bench, block, server):
            block.put(0x34, 123_400.0)
            block.put(0x48, 500.0)
            await bench.until(lambda: bench.shows(f"{METER}.read.import_kwh") == 500.0)
            block.put(0x48, 502.0)
            await bench.until(lambda: bench.shows(f"{METER}.read.import_kwh") == 502.0)
            (book,) = register_books(bench.station, bench.kernel.now)
            assert (book.slot, book.quantity, book.registered_kwh) == (METER, "import_kwh", 2.0)
            grid_kwh = bench.station.grid.power_kw.total_at(bench.kernel.now) / 3600.0
            assert 0.0 < book.true_kwh < grid_kwh, "from the first reading to the last"
            assert book.residual_kwh == 2.0 - book.true_kwh and book.silences == 0
            block.put(0x48, 3.0)  # another meter was put there
            await bench.until(lambda: [step.to_kwh for step in register_steps(bench.station)] == [3.0])
            (book,) = register_books(bench.station, bench.kernel.now)
            assert book.registered_kwh == pytest.approx(2.0)
            await bench.until(lambda: bench.shows(f"{METER}.read.import_kwh") == 3.0)
            await server.shutdown()
            await bench.until(lambda: bench.alarms()[-1] == ("alarm.raised", "device_silent"))
            (book,) = register_books(bench.station, bench.kernel.now)
            assert book.silences == 1 and book.silent_s >= 2.0 and book.unseen_kwh > 0.0

    asyncio.run(story())
    with Run(tmp_path) as run:
        read = run.series(f"{METER}.read.import_kwh")
        assert [value for value in read.a if value == value] == [500.0, 502.0, 3.0]
        assert isnan(read.a[0]) and isnan(read.a[-1]), "nothing is known before the first reading, and in silence"
        power = run.series(f"{METER}.read.power_kw")
        assert sum(value == pytest.approx(123.4) for value in power.a) == 1, "a value that stands is kept once"


def test_a_map_of_another_kind_of_thing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    path.write_text(SLOTS.format(behind="hardware", at=METER, port=502, map="env_rs485"), encoding="utf-8")
    document = read_slots(path)
    file = read_station(find_station("public")).value
    kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
    station = Station(kernel, file, LocalPlatform(kernel), document.value.devices)
    (problem,) = map_problems(document, station)
    assert str(problem).startswith(f"{path}:8: things[0].driver.map: it is of the family env and cannot show {METER}")
    path.write_text(SLOTS.format(behind="hardware", at=METER, port=502, map="sdm63"), encoding="utf-8")
    (problem,) = map_problems(read_slots(path), station)
    assert "no map sdm63; did you mean sdm630?" in str(problem)


@pytest.mark.parametrize("name", [name for name in map_names() if shipped_map(name).family in ("meter", "env")])
def test_what_a_map_writes_a_master_reads_by_it(name: str) -> None:
    mapped = shipped_map(name)
    points = 0
    for block in blocks_of(mapped, filter(is_number, mapped.placed())):
        assert block.count <= mapped.registers
        registers = [0] * block.count
        for placed in block.points:
            point = placed.point
            assert isinstance(point, RegisterPoint)
            kind = KINDS[point.type]
            words = kind.words(kind.bits(2.0 * point.scale + point.add), mapped.words)
            registers[placed.first - block.first : placed.first - block.first + kind.registers] = words
        found = dict(values_of(mapped, block, registers))
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


def test_an_environment_sensor_tells_all_that_its_map_has_and_is_compared() -> None:
    from dataclasses import replace

    from twins.bay import PlaceConfig
    from twins.instrument import Instrument
    from twins.instrument_shadow import InstrumentShadow
    from twins.microclimate import EnvSensor, EnvSensorConfig
    from twins.weather import Weather

    file = read_station(find_station("public")).value
    kernel = Kernel(Clock(datetime(2022, 6, 14, 12), file.station.timezone), 1)
    weather = Weather(kernel, replace(file.weather))
    config = EnvSensorConfig(id="E1", place=PlaceConfig(x_m=0.0, y_m=0.0), radiation_k=0.0)
    sensor = EnvSensor(kernel, config, weather.air_temp_c, weather)

    def changed() -> None:
        sensor.follow(device)
        shadow.compare()

    device = Instrument(kernel, sensor.path, 5.0, changed)
    shadow = InstrumentShadow(kernel, device, sensor.own_gauges())
    own = {gauge.path.removeprefix("env[E1]."): gauge.at(kernel.now) for gauge in sensor.own_gauges()}

    def says(number: int, **args: float) -> None:
        kernel.post(Command("slot", "E1", "reading", "env[E1].device", args, ("slot", number)))
        kernel.admit()
        kernel.advance(kernel.now)

    says(1, temp_c=30.0, read_pct=40.0, wind_m_s=7.0, sun_w_m2=900.0)
    assert [reading.at(kernel.now) for reading in sensor.readings] == [30.0, 40.0, 7.0, 900.0]
    assert {gap.name: gap.largest for gap in shadow.gaps} == {
        "temp_c": pytest.approx(30.0 - own["temp_c"]), "read_pct": pytest.approx(40.0 - own["read_pct"]),
        "wind_m_s": pytest.approx(7.0 - own["wind_m_s"]), "sun_w_m2": pytest.approx(900.0 - own["sun_w_m2"]),
    }  # fmt: skip
    says(2, wind_m_s=8.0)
    assert sensor.wind_m_s.at(kernel.now) == 8.0 and sensor.temp_c.at(kernel.now) == -50.0, "its element is cut off"
    says(3, wind_m_s=-1.0)
    assert sensor.wind_m_s.at(kernel.now) == 8.0


def test_a_sunspec_meter_is_read_by_its_own_scale_factors(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, METER, "sunspec_203", size=41_000) as (bench, block, _):
            power, factor = 40_088, 40_092
            block.words.update({power: 1_234, factor: 0xFFFF})  # 123.4 W
            await bench.until(lambda: bench.shows(f"{METER}.power_kw") == pytest.approx(0.1234))
            block.words[factor] = 1
            await bench.until(lambda: bench.shows(f"{METER}.power_kw") == pytest.approx(12.34))
            block.words[factor] = 0x8000  # none: what it scales is no reading, all else is
            await bench.until(lambda: isnan(bench.shows(f"{METER}.power_kw")))
            assert bench.alarms() == []
            block.words[factor] = 11
            await bench.until(lambda: ("alarm.raised", "device_nonsense") in bench.alarms())
            said = next(event.data["what_said"] for event in bench.events if event.kind == "device.nonsense")
            assert said == "W_SF 11, where the map has 2"

    asyncio.run(story())


def test_a_meter_behind_current_transformers_is_multiplied(tmp_path: Path) -> None:
    async def story() -> None:
        async with running(tmp_path, METER, "sdm630", driver="ct_ratio: 400, ") as (bench, block, _):
            for address, value in ((0x00, 229.0), (0x06, 4.0), (0x34, 2_500.0), (0x46, 50.0), (0x48, 12.5)):
                block.put(address, value)
            await bench.until(lambda: bench.shows(f"{METER}.power_kw") == pytest.approx(1_000.0))
            names = ("voltage_l1_v", "current_l1_a", "import_kwh", "frequency_hz")
            assert [bench.shows(f"{METER}.{name}") for name in names] == pytest.approx([229.0, 1_600.0, 5_000.0, 50.0])

    asyncio.run(story())
