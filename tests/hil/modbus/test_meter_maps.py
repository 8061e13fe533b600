"""Every shipped map of a meter, read by pymodbus over a socket: each point is its quantity at that instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import isnan
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerType

from hil.modbus.endpoint import ModbusEndpoint
from hil.modbus.map_checks import map_names, shipped_map
from hil.modbus.map_file import PlacedPoint
from hil.modbus.map_points import RegisterPoint
from hil.modbus.values import KINDS

Sites = Callable[..., Any]

METERS = [name for name in map_names() if shipped_map(name).family == "meter"]
TYPES = {
    "u16": "UINT16", "s16": "INT16", "u32": "UINT32", "s32": "INT32", "u64": "UINT64", "s64": "INT64",
    "f32": "FLOAT32", "f64": "FLOAT64", "text": "STRING",
}  # fmt: skip


async def every_point(one: Any, shows: str) -> int:
    """Read all points, one request each; how many of them were of a quantity."""
    (bus,) = one.station.buses.values()
    endpoint = ModbusEndpoint(
        bus, {unit.device: unit for unit in one.units.values()}, one.door, one.document.path.parent
    )
    await endpoint.start()
    try:
        port = int(endpoint.url.rpartition(":")[2])
        framer = FramerType.RTU if bus.config.transport == "rtu_tcp" else FramerType.SOCKET
        async with AsyncModbusTcpClient("127.0.0.1", port=port, framer=framer) as client:
            return sum([await matches(client, one, shows, placed) for placed in one.units[1].map.placed()])
    finally:
        await endpoint.stop()


async def matches(client: AsyncModbusTcpClient, one: Any, shows: str, placed: PlacedPoint) -> bool:
    point = placed.point
    assert isinstance(point, RegisterPoint)
    read = client.read_input_registers if placed.table == "input" else client.read_holding_registers
    answer = await read(placed.first, count=point.size, device_id=1)
    assert not answer.isError(), (placed.name, answer)
    datatype = getattr(ModbusClientMixin.DATATYPE, TYPES[point.type])
    got: Any = ModbusClientMixin.convert_from_registers(answer.registers, datatype)
    if point.text is not None:
        assert got.rstrip("\0") == point.text.replace("{shows}", shows)
    elif point.constant is not None:
        assert got == point.constant
    elif not point.of:
        assert isnan(got) or KINDS[point.type].bits(got) == point.absent
    else:
        value = one.at(f"{shows}.{point.of}")
        kind = KINDS[point.type]
        is_unsigned = kind.low == 0  # the bits of the end say that there is nothing
        wanted = min(max(value * point.scale + point.add, kind.low), kind.high - is_unsigned)
        if isnan(value):
            assert isnan(got) or kind.bits(got) == (kind.absent if point.absent is None else point.absent)
        else:
            assert got == pytest.approx(wanted, rel=2.0**-24 if kind.is_float else 0, abs=0 if kind.is_float else 0.5)
        return True
    return False


@pytest.mark.parametrize("transport", ["tcp", "rtu_tcp"])
@pytest.mark.parametrize("shows", ["grid.meter[M1]", "grid.feeder[F3].meter"])
@pytest.mark.parametrize("name", METERS)
def test_every_point_is_its_quantity_at_that_instant(site: Sites, name: str, shows: str, transport: str) -> None:
    one = site("public", f'{{unit: 1, map: {name}, shows: "{shows}"}}', more=f", transport: {transport}")
    one.cars(9)
    one.cars(2, "mini_25_lfp", "slow")
    for t in (700.0, 1_234.5):
        one.to(t)
        assert asyncio.run(every_point(one, shows)) >= 12


@pytest.mark.parametrize("name", METERS)
def test_in_an_outage_a_meter_shows_no_voltage_and_its_counters_stand(site: Sites, name: str) -> None:
    shows = "grid.meter[M1]"
    one = site("public", f'{{unit: 1, map: {name}, shows: "{shows}"}}')
    one.cars(9)
    one.to(900.0)
    one.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 600.0}, "outage")
    one.to(1_000.0)
    stood = one.at(f"{shows}.import_kwh")
    assert stood > 10.0
    assert [one.at(f"{shows}.{name}") for name in ("voltage_l2_v", "current_l1_a", "power_kw")] == [0.0, 0.0, 0.0]
    assert isnan(one.at(f"{shows}.frequency_hz"))
    assert isnan(one.at(f"{shows}.power_factor"))
    asyncio.run(every_point(one, shows))
    one.to(1_200.0)
    assert one.at(f"{shows}.import_kwh") == stood
