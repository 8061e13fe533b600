from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from hil.ocpp.transport import Connection, WebSocketClient, WebSocketServer, identity_of
from sim.errors import PortInUse, Unreachable


class Peer:
    """What a client or a server's connection saw."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.closed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def on_data(self, data: bytes) -> None:
        self.messages.append(data)

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.set_result((code, reason))

    def client(self, **options: Any) -> WebSocketClient:
        return WebSocketClient(self.on_data, self.on_closed, **options)


class Echo:
    """A server that answers each message with itself and remembers who came."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.closed: dict[str, asyncio.Future[tuple[int, str]]] = {}

    def on_open(self, connection: Connection) -> None:
        ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.connections.append(connection)
        self.closed[connection.identity] = ended
        connection.on_data = connection.send
        connection.on_closed = lambda code, reason: ended.set_result((code, reason))


@asynccontextmanager
async def echoing(**options: Any) -> AsyncIterator[tuple[WebSocketServer, Echo]]:
    echo = Echo()
    server = WebSocketServer(echo.on_open, **options)
    await server.start()
    try:
        yield server, echo
    finally:
        await server.stop()


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run the body; anything left to the loop's exception handler fails the test."""
    stray: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: stray.append(context))
        async with asyncio.timeout(30):
            await body()
        gc.collect()

    asyncio.run(main())
    assert stray == []


async def raw(server: WebSocketServer, *, subprotocol: str = "ocpp1.6", connection: str = "Upgrade") -> Any:
    """A bare TCP client that has shaken hands."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: {connection}\r\n"
        f"Sec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    return reader, writer, head


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    mask = b"\x01\x02\x03\x04"
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([(0x80 if fin else 0) | opcode]) + size + mask + body


def test_messages_go_there_and_back_in_order_and_a_fence_says_when() -> None:
    async def body() -> None:
        async with echoing() as (server, echo):
            peer = Peer()
            client = peer.client()
            assert await client.connect(f"{server.url}/any/path/CP%201") == "ocpp1.6"
            for number in range(500):
                client.send(b"%d" % number)
            assert await client.fence()
            assert peer.messages == [b"%d" % number for number in range(500)]
            assert echo.connections[0].identity == "CP 1"
            await client.close()
            assert await peer.closed == (1000, "")
            assert (await echo.closed["CP 1"])[0] == 1000
            assert not await client.fence()

    run(body)


def test_a_client_connects_again_after_the_server_closed() -> None:
    async def body() -> None:
        async with echoing() as (server, echo):
            peer = Peer()
            client = peer.client()
            await client.connect(f"{server.url}/CP1")
            echo.connections[0].close(1012, "restart")
            assert await peer.closed == (1012, "restart")
            assert not client.is_open
            client.send(b"nobody gets this")
            peer.closed = asyncio.get_running_loop().create_future()
            await client.connect(f"{server.url}/CP1")
            client.send(b"again")
            assert await client.fence()
            assert peer.messages == [b"again"]
            await client.close()

    run(body)


def test_a_peer_that_vanishes_is_told_and_ends_a_fence() -> None:
    async def body() -> None:
        async with echoing() as (server, echo):
            peer = Peer()
            client = peer.client()
            await client.connect(f"{server.url}/CP1")
            assert await client.fence()
            echo.connections[0].abort()
            assert not await client.fence()
            assert (await peer.closed)[0] == 1006

    run(body)


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _web_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    await writer.drain()


async def _nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(os.urandom(20_000))
    await writer.drain()


async def _gone(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("behaviour", [_silent, _web_page, _nonsense, _gone], ids=lambda behaviour: behaviour.__name__)
def test_no_websocket_behind_the_address_is_unreachable(
    behaviour: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> None:
    async def body() -> None:
        tasks: list[asyncio.Task[None]] = []
        writers: list[asyncio.StreamWriter] = []

        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            tasks.append(asyncio.ensure_future(behaviour(reader, writer)))  # type: ignore[arg-type]

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
                await Peer().client(timeout_s=0.3).connect(f"ws://127.0.0.1:{port}/CP1")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in writers:
                writer.close()
            server.close()

    run(body)


@pytest.mark.parametrize(
    "url",
    ["ws://127.0.0.1:1/C", "ws://no-such-host.invalid/C", "http://127.0.0.1/C", "ws://127.0.0.1:99999/C", "ws:///", ""],
)
def test_a_bad_address_is_unreachable(url: str) -> None:
    async def body() -> None:
        with pytest.raises(Unreachable):
            await Peer().client(timeout_s=5).connect(url)

    run(body)


def test_another_subprotocol_is_turned_away_on_both_sides() -> None:
    async def body() -> None:
        async with echoing() as (server, echo):
            with pytest.raises(Unreachable, match=r"none selected; this side speaks ocpp2\.0\.1"):
                await Peer().client().connect(f"{server.url}/CP1", subprotocols=("ocpp2.0.1",))
            reader, writer, head = await raw(server, subprotocol="ocpp2.0.1")
            assert b" 101 " in head
            assert b"protocol: ocpp" not in head.lower()
            assert (await reader.read())[0] == 0x88  # the close frame, then the end
            writer.close()
            assert echo.connections == []

    run(body)


def test_credentials_become_basic_authentication_and_are_not_shown() -> None:
    async def body() -> None:
        seen: list[str] = []

        def accepts(request: Any) -> int | None:
            seen.append(request.headers.get("Authorization", ""))
            return 401

        async with echoing(accepts=accepts) as (server, _):
            url = f"ws://CP1:s%3Acret@127.0.0.1:{server.port}/CP1"
            with pytest.raises(Unreachable) as caught:
                await Peer().client().connect(url)
        assert seen == ["Basic " + base64.b64encode(b"CP1:s:cret").decode()]
        assert "cret" not in str(caught.value)

    run(body)


def test_a_connect_given_up_leaves_nothing_behind() -> None:
    async def body() -> None:
        answering = asyncio.Event()
        ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            key = head.partition(b"Sec-WebSocket-Key: ")[2].split(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            answering.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x02hi"
            )
            ended.set_result(await reader.read())
            writer.close()

        server = await asyncio.start_server(late, "127.0.0.1", 0)
        peer = Peer()
        port = server.sockets[0].getsockname()[1]
        connecting = asyncio.create_task(peer.client().connect(f"ws://127.0.0.1:{port}/CP1"))
        await answering.wait()
        connecting.cancel()
        assert await ended == b""
        with pytest.raises(asyncio.CancelledError):
            await connecting
        assert peer.messages == []
        server.close()

    run(body)


def test_a_taken_port_is_named() -> None:
    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(PortInUse, match=f"127.0.0.1:{port}"):
                await WebSocketServer(lambda _connection: None).start("127.0.0.1", port)

    run(body)


def test_slow_headers_are_cut_while_others_are_served() -> None:
    async def body() -> None:
        async with echoing(header_timeout_s=0.2) as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /CP1 HTT")
            peer = Peer()
            client = peer.client()
            await client.connect(f"{server.url}/CP2")
            assert await reader.read() == b""
            client.send(b"still here")
            assert await client.fence()
            assert peer.messages == [b"still here"]
            writer.close()
            await client.close()

    run(body)


def test_fragments_are_joined_and_a_connection_header_may_list_more() -> None:
    async def body() -> None:
        async with echoing() as (server, _):
            reader, writer, head = await raw(server, connection="keep-alive, Upgrade")
            assert b" 101 " in head
            writer.write(masked(1, b"[2,", fin=False) + masked(9, b"p") + masked(0, b"3", fin=False) + masked(0, b"]"))
            assert await reader.readexactly(3) == b"\x8a\x01p"
            assert await reader.readexactly(7) == b"\x81\x05[2,3]"
            writer.close()

    run(body)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (masked(2, b"binary"), 1003),
        (masked(0, b"no start"), 1002),
        (masked(1, b"a", fin=False) + masked(1, b"b"), 1002),
        (bytes([0xC1]) + masked(1, b"x")[1:], 1002),
        (b"\x81\x05hello", 1002),
        (masked(1, b"x" * 4000), 1009),
        (masked(1, b"x" * 900, fin=False) + masked(0, b"x" * 900, fin=False), 1009),
        (masked(3, b""), 1002),
    ],
)
def test_broken_websocket_traffic_is_closed_with_the_right_code(sent: bytes, code: int) -> None:
    async def body() -> None:
        async with echoing(max_message_bytes=1000) as (server, echo):
            reader, writer, _ = await raw(server)
            writer.write(sent)
            head = await reader.readexactly(4)
            assert head[0] == 0x88
            assert struct.unpack(">H", head[2:])[0] == code
            writer.write(masked(8, struct.pack(">H", code)))
            await echo.closed["CP1"]
            writer.close()

    run(body)


def test_a_peer_that_does_not_read_is_cut() -> None:
    async def body() -> None:
        async with echoing() as (server, echo):
            _, writer, _ = await raw(server)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            block = b"x" * 60_000
            for _ in range(400):
                echo.connections[0].send(block)
            assert (await echo.closed["CP1"])[0] == 1008
            writer.close()

    run(body)


def test_a_peer_that_pings_and_does_not_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.ocpp.connection._MAX_UNSENT_BYTES", 256 * 1024)  # of 4 MB, which take seconds to fill

    async def body() -> None:
        async with echoing() as (server, echo):
            _, writer, _ = await raw(server)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            ping = masked(9, b"x" * 125) * 500
            while not echo.closed["CP1"].done() and not writer.transport.is_closing():
                writer.write(ping)
                with suppress(ConnectionError):
                    await writer.drain()
            assert (await echo.closed["CP1"])[0] == 1008
            writer.close()

    run(body)


def test_a_callback_that_raises_closes_with_1011_and_is_not_lost() -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _loop, context: told.append(context))
        async with echoing() as (server, _):

            def broken(_data: bytes) -> None:
                raise RuntimeError("ours")

            peer = Peer()
            client = WebSocketClient(broken, peer.on_closed)
            await client.connect(f"{server.url}/CP1")
            client.send(b"x")
            assert (await peer.closed)[0] == 1011
            assert isinstance(client.failure, RuntimeError)
            assert [context["exception"] for context in told] == [client.failure]

    run(body)


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        (b"/CP1", "CP1"),
        (b"/a/b/%E5%85%85?x=/y", "充"),
        (b"/", None),
        (b"/a/%2F", None),
        (b"/%00", None),
        (b"/%ff", None),
        (b"/\xff", None),
        (b"/" + b"x" * 49, None),
        (b"/%20", None),
    ],
)
def test_identity(path: bytes, identity: str | None) -> None:
    assert identity_of(path) == identity
