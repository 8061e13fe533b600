"""Whom a port lets in: loopback unless its file says otherwise, then networks that are named, or masters certified."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
from pymodbus.client import AsyncModbusTcpClient

from hil.modbus.tls import server_context
from sim.files import Misfit
from twins.bus_config import TlsConfig

Serve = Callable[..., Any]
REQUEST, ANSWER_BYTES = bytes.fromhex("000100000006010300000001"), 11
TLS = TlsConfig(certificate="port.pem", private_key="port.key", authority="masters.pem")


async def answered(port: int, came_from: str, tls: ssl.SSLContext | None = None) -> bytes:
    """What a master from this address is answered before it is hung up on."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(came_from, 0), ssl=tls)
    except OSError:
        return b""
    try:
        writer.write(REQUEST)
        return await reader.readexactly(ANSWER_BYTES)
    except (OSError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("allow", "first", "second"),
    [
        ((), True, True),
        (("127.0.0.1",), True, False),
        (("10.0.0.0/8", "127.0.0.2/32"), False, True),
        (("10.0.0.0/8", "::/0"), False, False),
        (("0.0.0.0/0",), True, True),
    ],
)
def test_masters_come_from_the_networks_that_are_named(
    serve: Serve, allow: Sequence[str], first: bool, second: bool
) -> None:
    async def story() -> None:
        async with serve(allow=tuple(allow)) as served:
            for came_from, is_let_in in (("127.0.0.1", first), ("127.0.0.2", second)):
                assert bool(await answered(served.server.port, came_from)) is is_let_in
            assert served.bus.requests == first + second and not served.failures

    asyncio.run(asyncio.wait_for(story(), 20.0))


def test_a_stranger_does_not_push_out_a_master(serve: Serve) -> None:
    async def story() -> None:
        async with (
            serve(allow=("127.0.0.1",), connections=1) as served,
            AsyncModbusTcpClient("127.0.0.1", port=served.server.port) as master,
        ):
            for _ in range(5):
                assert await answered(served.server.port, "127.0.0.2") == b""
            assert (await master.read_holding_registers(0, count=1, device_id=1)).registers == [1_000]

    asyncio.run(asyncio.wait_for(story(), 20.0))


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    issued = made.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "port.key")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "port.pem")
    made.cert_pem.write_to_path(tmp_path / "masters.pem")
    return made


def test_in_tls_masters_show_a_certificate_of_the_authority(
    authority: trustme.CA, tmp_path: Path, serve: Serve
) -> None:
    def master(signed_by: trustme.CA | None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        if signed_by is not None:
            signed_by.issue_cert("poller").configure_cert(context)
        return context

    async def story() -> None:
        async with serve(transport="tls", tls=TLS, context=server_context(TLS, tmp_path)) as served:
            for signed_by, is_let_in in ((authority, True), (None, False), (trustme.CA(), False)):
                assert bool(await answered(served.server.port, "127.0.0.1", master(signed_by))) is is_let_in
            assert served.bus.requests == 1 and not served.failures

    asyncio.run(asyncio.wait_for(story(), 20.0))


def test_an_authority_that_is_none_is_named(authority: trustme.CA, tmp_path: Path) -> None:
    (tmp_path / "masters.pem").write_text("nothing\n")
    with pytest.raises(Misfit, match=r"tls.authority: .*masters.pem holds no certificate"):
        server_context(TLS, tmp_path)
    (tmp_path / "masters.pem").unlink()
    with pytest.raises(Misfit, match=r"tls.authority: there is no file .*masters.pem"):
        server_context(TLS, tmp_path)
