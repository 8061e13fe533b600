"""A port of a station file on its socket: TLS with its files, what it lists, an address that is taken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from pymodbus.client import AsyncModbusTcpClient, AsyncModbusTlsClient

from hil.modbus.endpoint import ModbusEndpoint
from sim.errors import FileProblems, PortInUse, UsageError

Sites = Callable[..., Any]
METER = '{unit: 5, map: sdm630, shows: "grid.meter[M1]"}'


def endpoint(one: Any) -> ModbusEndpoint:
    (bus,) = one.station.buses.values()
    return ModbusEndpoint(bus, {unit.device: unit for unit in one.units.values()}, one.door, one.document.path.parent)


def test_a_port_in_tls_is_read(site: Sites, tmp_path: Path) -> None:
    authority = trustme.CA()
    identity = authority.issue_cert("127.0.0.1", "localhost")
    identity.private_key_pem.write_to_path(tmp_path / "site.key")
    for number, blob in enumerate(identity.cert_chain_pems):
        blob.write_to_path(tmp_path / "site.pem", append=number > 0)
    one = site("two-outlet", METER, more=", transport: tls, tls: {certificate: site.pem, key: site.key}")

    async def main() -> None:
        port = endpoint(one)
        await port.start()
        context = ssl.create_default_context()
        authority.configure_trust(context)
        number = int(port.url.rpartition(":")[2])
        async with AsyncModbusTlsClient("127.0.0.1", port=number, sslctx=context) as client:
            answer = await client.read_input_registers(0x46, count=2, device_id=5)
            assert client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32) == 50.0
        await port.stop()

    asyncio.run(main())
    assert endpoint(one).rows()[0]["protocol"] == "modbus-tls"


def test_tls_files_that_are_none_are_told_at_their_line(site: Sites, tmp_path: Path) -> None:
    more = ", transport: tls, tls: {certificate: site.pem, key: site.key}"
    with pytest.raises(FileProblems, match=r":\d+: endpoints\[\d\]\.tls\.certificate: there is no file .*site\.pem;"):
        site("two-outlet", METER, more=more)
    identity = trustme.CA().issue_cert("127.0.0.1")
    identity.private_key_pem.write_to_path(tmp_path / "site.key")
    identity.cert_chain_pems[0].write_to_path(tmp_path / "site.pem")
    one = site("two-outlet", METER, more=more)
    (tmp_path / "site.key").unlink()
    with pytest.raises(UsageError, match=r"link\[bus\]: tls\.key: there is no file .*site\.key"):
        asyncio.run(endpoint(one).start())


def test_rows_say_where_it_listens_and_what_each_point_shows(site: Sites) -> None:
    one = site("two-outlet", METER, '{unit: 9, map: sunspec_203, shows: "grid.feeder[F1].meter"}')
    port = endpoint(one)
    first, second = port.rows()
    assert first["signals"].pop("power_l2") == "grid.meter[M1].power_l2_kw"
    del first["signals"]
    assert first == {
        "id": "bus.5", "protocol": "modbus-tcp", "device": "Eastron SDM630: grid.meter[M1]",
        "url": "tcp://127.0.0.1:0", "unit": 5, "map": "sdm630", "table": "input", "first": 0,
    }  # fmt: skip
    assert (second["first"], second["table"], second["unit"]) == (40000, "holding", 9)
    assert "sunspec" in second["device"]
    assert second["signals"]["TotWhImp"] == "grid.feeder[F1].meter.import_kwh"
    assert all(one.kernel.quantity(path) is not None for path in second["signals"].values())

    async def main() -> None:
        await port.start()
        assert port.rows()[0]["url"] == port.url != "tcp://127.0.0.1:0"
        number = int(port.url.rpartition(":")[2])
        async with AsyncModbusTcpClient("127.0.0.1", port=number) as client:
            said = await client.read_device_information(device_id=9)
            assert said.information == {0: b"Voltyard", 1: b"SunSpec meter", 2: b"1.0"}
        await port.stop()
        await port.stop()

    asyncio.run(main())


def test_an_address_that_is_taken_is_told(site: Sites) -> None:
    async def main() -> None:
        first = endpoint(site("two-outlet", METER))
        await first.start()
        second = endpoint(site("two-outlet", METER, more=f", port: {first.url.rpartition(':')[2]}"))
        with pytest.raises(PortInUse, match="cannot listen on"):
            await second.start()
        await second.stop()
        await first.stop()

    asyncio.run(main())
