"""Modbus in TLS: pymodbus's client with a certificate made here, strangers turned away, bad files named."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from pymodbus.client import AsyncModbusTlsClient

from hil.modbus.tls import server_context
from sim.files import Misfit
from twins.bus_config import TlsConfig

TLS = TlsConfig(certificate="port.pem", private_key="port.key")


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    issued = made.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "port.key")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(tmp_path / "port.pem", append=True)
    return made


def test_a_master_reads_in_tls_and_a_plain_one_is_turned_away(
    authority: trustme.CA, tmp_path: Path, serve: Callable[..., Any]
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def story() -> None:
        async with serve(transport="tls", tls=TLS, context=server_context(TLS, tmp_path)) as served:
            client = AsyncModbusTlsClient("127.0.0.1", port=served.server.port, sslctx=trusting, retries=0)
            assert await client.connect()
            assert not (await client.write_registers(3, [5, 6], device_id=2)).isError()
            told = await client.read_holding_registers(2, count=4, device_id=2)
            assert told.registers == [2_002, 5, 6, 2_005]
            client.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
            writer.write(bytes.fromhex("000100000006010300000001"))
            answer = await reader.read()
            assert len(answer) < 9  # an alert at most
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port, ssl=trusting)
            writer.write(bytes.fromhex("000100000006010300000001") * 20)
            assert len(await reader.readexactly(20 * 11)) == 220
            writer.close()

    asyncio.run(asyncio.wait_for(story(), 20.0))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            TlsConfig(certificate="nowhere.pem", private_key="port.key"),
            "tls.certificate: there is no file .*nowhere.pem",
        ),
        (
            TlsConfig(certificate="port.pem", private_key="nowhere.key"),
            "tls.key: there is no file .*nowhere.key; a PEM",
        ),
        (TlsConfig(certificate="port.pem", private_key="port.pem"), "port.pem and .*port.pem are no certificate and"),
        (TlsConfig(certificate="port.key", private_key="port.key"), "port.key are no certificate and its key"),
    ],
)
def test_bad_files_are_named(authority: trustme.CA, tmp_path: Path, config: TlsConfig, said: str) -> None:
    with pytest.raises(Misfit, match=said):
        server_context(config, tmp_path)
