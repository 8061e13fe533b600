"""The server on real sockets: pymodbus's clients, idle and hostile connections beside honest ones, faults of links."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient

from hil.modbus.server import ModbusServer
from hil.modbus.session import Session
from sim.errors import PortInUse
from twins.bus_config import GatewayConfig

Serve = Callable[..., Any]

READ = bytes.fromhex("000100000006010300000001")
ANSWER = bytes.fromhex("00010000000501030203E8")


Play = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Play:
    """Run a story in a loop of either kind."""
    factory = pytest.importorskip("uvloop").new_event_loop if request.param == "uvloop" else None

    def run(story: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(story, 30.0))

    return run


async def client_of(served: Any, framer: FramerType = FramerType.SOCKET, **options: Any) -> AsyncModbusTcpClient:
    options = {"timeout": 5, "retries": 0, "reconnect_delay": 0} | options
    client = AsyncModbusTcpClient("127.0.0.1", port=served.server.port, framer=framer, **options)
    assert await client.connect()
    return client


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connections(served: Any, count: int = 1) -> AsyncIterator[list[Pair]]:
    """So many plain connections, closed in the end."""
    pairs: list[Pair] = []
    try:
        for _ in range(count):
            pairs.append(await asyncio.open_connection("127.0.0.1", served.server.port))
        yield pairs
    finally:
        for _, writer in pairs:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 what is waited for tells nobody
        await asyncio.sleep(0.002)


FRAMERS = {"tcp": FramerType.SOCKET, "rtu_tcp": FramerType.RTU}


@pytest.mark.parametrize("transport", ["tcp", "rtu_tcp"])
def test_pymodbus_reads_and_writes_everything(serve: Serve, play: Play, transport: str) -> None:
    words = st.lists(st.integers(0, 65_535), min_size=1, max_size=121)
    bits = st.lists(st.booleans(), min_size=1, max_size=900)

    async def story() -> None:
        async with serve(transport=transport) as served:
            client = await client_of(served, FRAMERS[transport])
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, exchanges, client, loop)
            told: Any = await client.read_device_information(read_code=2, device_id=2)
            assert told.information == {0: b"Voltyard", 1: b"M2", 2: b"1.0", 5: b"Memory"}
            refused = [
                (await client.read_holding_registers(990, count=20, device_id=1)).exception_code,
                (await client.read_holding_registers(0, device_id=77)).exception_code,
                (await client.diag_query_data(b"\x01\x02", device_id=1)).exception_code,
            ]
            assert refused == [2, 11, 1]
            client.close()

    def exchanges(client: AsyncModbusTcpClient, loop: asyncio.AbstractEventLoop) -> None:
        def ask(request: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(request, loop).result(10.0)

        @settings(max_examples=25)
        @given(st.sampled_from([1, 2, 3]), words, bits, st.integers(0, 90))
        def exchange(unit: int, values: list[int], coils: list[bool], first: int) -> None:
            assert not ask(client.write_registers(first, values, device_id=unit)).isError()
            read = ask(client.read_input_registers(first, count=len(values), device_id=unit))
            assert read.registers == values
            assert not ask(client.write_coils(first, coils, device_id=unit)).isError()
            seen = ask(client.read_discrete_inputs(first, count=len(coils), device_id=unit))
            assert list(seen.bits)[: len(coils)] == coils
            ask(client.write_coil(first, not coils[0], device_id=unit))
            ask(client.write_register(first, 7, device_id=unit))
            ask(client.mask_write_register(address=first, and_mask=0xF0, or_mask=0x0A, device_id=unit))
            both = ask(client.readwrite_registers(read_address=first, read_count=2, write_address=first + 1, values=[9],
                                                  device_id=unit))  # fmt: skip
            assert both.registers == [0x0A & 0x0F | 7 & 0xF0, 9]
            assert ask(client.read_coils(first, count=1, device_id=unit)).bits[0] is not coils[0]

        exchange()

    play(story())


def test_the_address_is_given_as_a_url(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served:
            assert served.server.url == f"tcp://127.0.0.1:{served.server.port}"

    play(story())


def test_twenty_pipelined_requests_in_order_and_what_follows_an_end_of_stream(serve: Serve, play: Play) -> None:
    async def story() -> None:
        habits = GatewayConfig(turnaround_ms=1.0, queue=30)
        async with serve(gateway=habits) as served, connections(served) as [(reader, writer)]:
            writer.write(b"".join(struct.pack(">HHHBBHH", number, 0, 6, 1, 3, number, 1) for number in range(20)))
            writer.write_eof()
            told = await reader.read()
            assert told == b"".join(struct.pack(">HHHBBBH", n, 0, 5, 1, 3, 2, 1_000 + n) for n in range(20))

    play(story())


def test_one_present_for_all_requests_of_a_turn(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served, connections(served) as [(reader, writer)]:
            times = []
            served.door.catch_up = lambda: times.append(served.units[1].reads)
            writer.write(READ * 10)
            assert await reader.readexactly(len(ANSWER) * 10) == ANSWER * 10
            assert times == [0]

    play(story())


def test_idle_half_open_and_slow_connections_are_harmless(serve: Serve, play: Play) -> None:
    async def drip(writer: asyncio.StreamWriter, at: int) -> None:
        """A frame that comes byte by byte."""
        while True:
            writer.write(READ[at % 12 : at % 12 + 1])
            at += 1
            await asyncio.sleep(0.02)

    async def story() -> None:
        async with serve(connections=210) as served, connections(served, 200) as pairs:
            for _, writer in pairs[:70]:
                writer.write(READ[:5])
            drips = [asyncio.ensure_future(drip(writer, 0)) for _, writer in pairs[70:130]]
            await until(lambda: served.bus.connections == 200)
            honest = [await client_of(served) for _ in range(5)]
            for _ in range(40):
                told = await asyncio.gather(*(one.read_holding_registers(0, count=60, device_id=2) for one in honest))
                assert all(one.registers == list(range(2_000, 2_060)) for one in told)
            for task in drips:
                task.cancel()
            await asyncio.gather(*drips, return_exceptions=True)
            for one in honest:
                one.close()

    play(story())


def test_a_flood_leaves_the_others_their_turns(serve: Serve, play: Play) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(READ * 200)
            await reader.readexactly(len(ANSWER) * 200)

    async def story() -> None:
        async with serve() as served, connections(served, 4) as pairs:
            flooding = [asyncio.ensure_future(flood(*pair)) for pair in pairs]
            await until(lambda: served.bus.requests > 1_000)
            before = served.bus.requests
            honest = await client_of(served)
            for _ in range(20):
                assert not (await honest.read_holding_registers(0, count=60, device_id=2)).isError()
            others = served.bus.requests - before - 20
            assert others < 20 * 1_000  # between two requests each flood had a few turns of sixteen
            honest.close()
            for task in flooding:
                task.cancel()
            await asyncio.gather(*flooding, return_exceptions=True)

    play(story())


def test_noise_on_an_rtu_port_is_cut_off_and_leaves_the_others_their_turns(serve: Serve, play: Play) -> None:
    noise = b"\x0f\xf7" * 1_024

    async def noisy(served: Any) -> None:
        while True:
            async with connections(served) as [(reader, writer)]:
                with suppress(ConnectionError):
                    for _ in range(20):
                        writer.write(noise)
                    assert await reader.read() == b""
            nonlocal cut_off
            cut_off += 1

    async def story() -> None:
        async with serve(transport="rtu_tcp") as served:
            noises = [asyncio.ensure_future(noisy(served)) for _ in range(5)]
            await until(lambda: cut_off >= 5)
            honest = await client_of(served, FramerType.RTU)
            for _ in range(20):
                assert not (await honest.read_holding_registers(0, count=60, device_id=2)).isError()
            honest.close()
            assert not any(task.done() for task in noises)
            for task in noises:
                task.cancel()
            await asyncio.gather(*noises, return_exceptions=True)

    cut_off = 0
    play(story())


def test_whoever_does_not_read_is_not_read_from(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served:
            sock = socket.socket()
            for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, buffer, 32_768)
            sock.connect(("127.0.0.1", served.server.port))
            sock.setblocking(False)
            sent, ask = 0, struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 125)
            stalled_since = 0
            while stalled_since < 50:
                with suppress(BlockingIOError):
                    sent += sock.send(ask * 100)
                    stalled_since = 0
                stalled_since += 1
                await asyncio.sleep(0.002)
            assert served.bus.requests < sent / len(ask)
            asked = served.bus.requests
            honest = await client_of(served)
            assert not (await honest.read_holding_registers(0, device_id=1)).isError()
            assert served.bus.requests == asked + 1
            received = 0
            loop = asyncio.get_running_loop()
            while received < (9 + 250) * (sent // len(ask)):
                received += len(await loop.sock_recv(sock, 65_536))
            sock.close()
            honest.close()

    play(story())


def test_masters_beyond_the_limit_are_turned_away(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve(connections=2) as served:
            honest = [await client_of(served) for _ in range(2)]
            async with connections(served) as [(reader, _)]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            for one in honest:
                assert not (await one.read_holding_registers(0, device_id=1)).isError()
                one.close()
            await until(lambda: served.bus.connections == 0)
            late = await client_of(served)
            assert not (await late.read_holding_registers(0, device_id=1)).isError()
            late.close()

    play(story())


class Taken:
    """A connection as its server sees it."""

    def __init__(self, server: ModbusServer, now: float) -> None:
        self.is_aborted = False
        self.made = server.admit(self, now)  # type: ignore[arg-type]

    @property
    def session(self) -> Session:
        assert self.made is not None
        return self.made

    def abort(self) -> None:
        self.is_aborted = True


def test_a_connection_that_never_asked_gives_way_to_a_newcomer(make_port: Callable[..., Any]) -> None:
    port = make_port(connections=3)
    server = ModbusServer(port.bus, port.units, port.door)
    first, second, third = (Taken(server, now) for now in (0.0, 1.0, 2.0))
    first.session.received(READ, 2.5)
    first.session.serve(2.5, 1)
    assert Taken(server, 2.9).made is None  # the second has been there for less than two seconds
    newcomer = Taken(server, 3.1)
    assert newcomer.made is not None
    assert [one.is_aborted for one in (first, second, third)] == [False, True, False]
    assert port.bus.connections == 3


def test_a_silent_master_is_dropped(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve(idle_s=1.0) as served, connections(served) as [(reader, writer)]:
            writer.write(READ)
            assert await reader.readexactly(len(ANSWER)) == ANSWER
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 3.0) == b""
            await until(lambda: served.bus.connections == 0)

    play(story())


def test_a_cut_port_loses_its_masters_and_comes_back_where_it_was(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served:
            client = await client_of(served, timeout=0.3)
            assert not (await client.read_holding_registers(0, device_id=1)).isError()
            cut = served.inject("bus.cut")
            with pytest.raises(ModbusException):
                await client.read_holding_registers(0, device_id=1)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", served.server.port)
            assert served.bus.connections == 0
            served.faults.clear(cut)
            await until(lambda: served.server._listener is not None)
            assert await client.connect()
            assert (await client.read_holding_registers(0, device_id=1)).registers == [1_000]
            client.close()

    play(story())


def test_delay_drop_corrupt_and_busy_as_a_client_meets_them(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served:
            client = await client_of(served, timeout=0.3)
            loop = asyncio.get_running_loop()

            async def read() -> Any:
                return await client.read_holding_registers(0, device_id=1)

            late = served.inject("bus.delayed", delay_s=0.15)
            begun = loop.time()
            assert (await read()).registers == [1_000]
            assert loop.time() - begun >= 0.14
            served.faults.clear(late)
            busy = served.inject("bus.busy")
            assert (await read()).exception_code == 6
            served.faults.clear(busy)
            for name in ("bus.dropping", "bus.corrupted"):
                injected = served.inject(name)
                with pytest.raises(ModbusException):
                    await read()
                served.faults.clear(injected)
                assert await client.connect()
                assert (await read()).registers == [1_000]
            client.close()

    play(story())


def test_a_port_in_use_is_named(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served:
            with pytest.raises(PortInUse, match=rf"cannot listen on 127\.0\.0\.1:{served.server.port}: .*in use"):
                async with serve(port=served.server.port):
                    pass

    play(story())


def test_a_present_that_fails_is_told_and_ends_the_service(serve: Serve, play: Play) -> None:
    async def story() -> None:
        async with serve() as served, connections(served) as [(reader, writer)]:

            def fail() -> None:
                raise RuntimeError("a plan without end")

            served.door.catch_up = fail
            writer.write(READ)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            assert [str(error) for error in served.failures] == ["a plan without end"]

    play(story())
