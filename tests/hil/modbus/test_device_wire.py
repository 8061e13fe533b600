"""Piles and the transformer's controller over sockets: by pymodbus, and by the frame of the controller's own page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from hil.modbus.endpoint import ModbusEndpoint

Sites = Callable[..., Any]


def served(one: Any, act: Callable[[int], Awaitable[None]]) -> None:
    """Do something with the port while its server runs."""

    async def go() -> None:
        (bus,) = one.station.buses.values()
        units = {unit.device: unit for unit in one.units.values()}
        endpoint = ModbusEndpoint(bus, units, one.door, one.document.path.parent)
        await endpoint.start()
        try:
            await act(int(endpoint.url.rpartition(":")[2]))
        finally:
            await endpoint.stop()

    asyncio.run(go())


def test_a_dc_pile_is_read_limited_and_stopped_by_pymodbus(every: Sites) -> None:
    one = every(1)
    one.to(300.0)
    unit = one.devices["dc"]

    async def act(port: int) -> None:
        async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
            number = unit.device.unit
            answer = await client.read_input_registers(1000, count=17, device_id=number)
            assert answer.registers == list(unit.read("input", 1000, 17)) and answer.registers[0] == 6
            assert not (await client.write_register(1020, 300, device_id=number)).isError()
            assert one.at("pile[D01].power_kw") == pytest.approx(30.0, rel=0.01)
            assert (await client.read_holding_registers(1020, count=1, device_id=number)).registers == [300]
            assert (await client.write_register(1021, 9, device_id=number)).exception_code == 3
            assert not (await client.write_register(1021, 2, device_id=number)).isError()
            assert (await client.read_holding_registers(1000, count=1, device_id=number)).registers == [8]
            assert (await client.write_register(1021, 2, device_id=number)).exception_code == 4

    served(one, act)


def test_the_controllers_own_worked_frame_is_answered_as_its_page_says(site: Sites) -> None:
    one = site("public", '{unit: 1, map: transformer_dry, shows: "grid.transformer[T1]"}', more=", transport: rtu_tcp")
    one.to(10.0)
    one.units[1].write("coil", 1, [1])
    assert one.at("grid.transformer[T1].are_fans_on") == 1.0

    async def act(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(bytes.fromhex("01 01 00 00 00 04 3D C9"))
        answer = await asyncio.wait_for(reader.readexactly(6), 5.0)
        assert answer[:4] == bytes.fromhex("01 01 01 02"), "fans on, nothing else"
        writer.close()
        await writer.wait_closed()

    served(one, act)
