"""A charger that says in which power of ten its registers are, other than its map: pymodbus's own server plays it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hil.loop import Loop
from hil.slots import Slots, map_problems
from sim.clock import Clock
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.slot_file import read_slots
from twins.station import Station
from twins.station_file import find_station, read_station

AT = "pile[A01].connector[1]"
SLOTS = """\
slots: 1
station: public
things:
  - at: "{at}"
    behind: hardware
    armed: true
    max_kw: 50
    reserve_kw: 50
    watchdog_s: 5
    driver: {{kind: modbus, host: 127.0.0.1, port: {port}, unit: 1, map: scaled, maps: maps, poll_s: 0.1}}
"""
MAP = """\
map: 1
name: scaled
title: {en: A charger with a scale factor, zh: 带比例因子的充电桩}
device: Scaled
family: dc_pile
source: "a test"
trust: own
identification: {vendor: V, product: P, revision: "1"}
holding:
  - {at: 0, name: step, type: u16, of: "connector[1].step"}
  - {at: 1, name: power, type: u16, of: "connector[1].metered_kw", scale: 10, scale_by: P_SF}
  - at: 2
    name: limit
    type: u16
    of: "connector[1].allowed_kw"
    scale: 10
    scale_by: P_SF
    write: {do: evse.limit, target: "connector[1]", with: limit_kw}
  - {at: 3, name: P_SF, type: s16, constant: 2}
"""
STEP, POWER, LIMIT, FACTOR = range(4)


class Registers:
    """The device: what is written stands."""

    def __init__(self) -> None:
        self.words = [0, 0, 0, 1]  # steps of 10 W, where the map has 100 W

    async def answer(
        self, function_code: int, start_address: int, address: int, count: int, current_registers: list[int],
        set_values: list[int] | None,
    ) -> None:  # fmt: skip
        for number, at in enumerate(range(address, address + count)):
            if set_values:
                self.words[at] = set_values[number]
            current_registers[at - start_address] = self.words[at]


async def until(is_met: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not is_met():
        assert loop.time() - began < 10.0, "not in time"
        await asyncio.sleep(0.01)


def test_a_charger_is_read_and_limited_by_its_own_scale_factors(tmp_path: Path) -> None:
    async def story() -> None:
        device = Registers()
        data = [SimData(0, count=4, values=0, datatype=DataType.REGISTERS)]
        server = ModbusTcpServer(SimDevice(1, simdata=data, action=device.answer), address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        assert server.transport is not None
        port = server.transport.sockets[0].getsockname()[1]
        (tmp_path / "maps").mkdir()
        (tmp_path / "maps" / "scaled.yaml").write_text(MAP, encoding="utf-8")
        path = tmp_path / "slots.yaml"
        path.write_text(SLOTS.format(at=AT, port=port), encoding="utf-8")
        document, file = read_slots(path), read_station(find_station("public")).value
        kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
        station = Station(kernel, file, LocalPlatform(kernel), document.value.devices)
        assert map_problems(document, station) == []
        recorder = Recorder(tmp_path / "run.sqlite", "kpi")
        slots = Slots(kernel, document.value.devices, station, tmp_path)
        loop = Loop(kernel, (), recorder, lambda _now: None)
        outlet = station.devices[AT]
        await slots.start()
        pacing = asyncio.create_task(loop.real(SimTime(60.0), 1.0))
        try:
            await until(lambda: device.words[LIMIT] == 5_000)  # its reserve of 50 kW, in steps of 10 W
            device.words[STEP], device.words[POWER] = 6, 3_000
            await until(lambda: outlet.power_kw.at(kernel.now) == 30.0 and outlet.is_charging)
            outlet.limit("rest", 12.5)
            await until(lambda: device.words[LIMIT] == 1_250)
            device.words[POWER] = 1_250
            await until(lambda: outlet.told_kw == 12.5)
        finally:
            await slots.close()
            loop.stop()
            await pacing
            recorder.close(kernel.now)
            await server.shutdown()

    asyncio.run(story())
