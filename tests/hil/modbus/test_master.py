"""The master of a gateway, before servers that do not keep to the specification."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.framer import FramerRTU

from hil.modbus.master import Address, Away, Busy, Master, Nonsense

PATIENT_S, BRIEF_S = 5.0, 0.1
Answer = Callable[[bytes], bytes | None]
"""What is sent for a request; None hangs up, nothing is nothing."""


class Server:
    """Answers each request as it is told to."""

    def __init__(self) -> None:
        self.answer: Answer = right
        self.asked: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readexactly(6)
                request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                self.asked.append(request)
                data = self.answer(request)
                if data is None:
                    break
                writer.write(data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def adu(request: bytes, pdu: bytes, unit: int | None = None, tid: bytes | None = None) -> bytes:
    body = bytes([request[6] if unit is None else unit]) + pdu
    return (tid or request[:2]) + b"\0\0" + len(body).to_bytes(2, "big") + body


def right(request: bytes) -> bytes:
    function, address, count = request[7], request[8:10], int.from_bytes(request[10:12], "big")
    if function in (5, 6, 15, 16):
        return adu(request, request[7:12])
    if function in (1, 2):
        return adu(request, bytes([function, (count + 7) // 8]) + b"\xff" * ((count + 7) // 8))
    return adu(request, bytes([function, 2 * count]) + (address * count))


async def serve_rtu(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pdu: bytes, over: asyncio.Event
) -> None:
    """Answers every frame of eight bytes with this, under a right checksum."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            frame = (await reader.readexactly(8))[:1] + pdu
            writer.write(frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big"))
    writer.close()
    over.set()


@asynccontextmanager
async def served(timeout_s: float = PATIENT_S) -> AsyncIterator[tuple[Server, Master]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    master = Master(Address("127.0.0.1", port, "tcp"), timeout_s)
    try:
        yield server, master
    finally:
        master.close()
        listening.close()


async def read_at_last(master: Master, first: int, size: int) -> list[int]:
    """What an honest server says, also where this machine once stands still for longer than `BRIEF_S`."""
    for _ in range(50):
        with suppress(Away):
            return await master.read(1, "holding", first, size)
    raise AssertionError("never answered")


def exception(code: int) -> Answer:
    return lambda request: adu(request, bytes([request[7] | 0x80, code]))


SILENT = {"is mute", "answers for another unit", "answers another question", "sends half of it", "is no Modbus"}
"""Who is waited for until the time is out."""
BAD: dict[str, tuple[Answer, type[Exception]]] = {
    "hangs up": (lambda _request: None, Away),
    "is mute": (lambda _request: b"", Away),
    "answers for another unit": (lambda request: adu(request, right(request)[7:], unit=9), Away),
    "answers another question": (lambda request: adu(request, right(request)[7:], tid=b"\x7f\x7f"), Away),
    "sends half of it": (lambda request: right(request)[:-2], Away),
    "is no Modbus": (lambda _request: b"HTTP/1.1 400 Bad Request\r\n\r\n", Away),
    "sends too few registers": (lambda request: adu(request, bytes([3, 2, 0, 1])), Nonsense),
    "sends too many registers": (lambda request: adu(request, bytes([3, 8]) + bytes(8)), Nonsense),
    "says that it failed and not why": (lambda request: adu(request, bytes([request[7] | 0x80])), Nonsense),
    "has no bytes": (lambda request: adu(request, bytes([3, 0])), Nonsense),
    "says nothing but the function": (lambda request: adu(request, bytes([3])), Nonsense),
    "is short of what it counts": (lambda request: adu(request, bytes([3, 4, 0, 0, 0])), Nonsense),
    "answers function 12": (lambda request: adu(request, bytes([12, 1])), Nonsense),
    "answers function 17": (lambda request: adu(request, bytes([17, 200, 1])), Nonsense),
    "answers function 20": (lambda request: adu(request, bytes([20, 5, 9, 6, 1])), Nonsense),
    "answers function 23": (lambda request: adu(request, bytes([23, 4]) + bytes(4)), Nonsense),
    "answers function 24": (lambda request: adu(request, bytes([24, 0, 4, 0, 9, 1, 2])), Nonsense),
    "answers function 43": (lambda request: adu(request, bytes([43, 14, 1])), Nonsense),
    "answers function 99": (lambda request: adu(request, bytes([99, 1, 2, 3])), Nonsense),
    "fails another function": (lambda request: adu(request, bytes([0x84, 2])), Nonsense),
    "knows no such address": (exception(2), Nonsense),
    "has failed": (exception(4), Nonsense),
    "is busy": (exception(6), Busy),
    "takes its time": (exception(5), Busy),
    "has no way to the unit": (exception(10), Away),
    "hears nothing of the unit": (exception(11), Away),
}


@pytest.mark.parametrize("name", BAD)
def test_a_server_that(name: str) -> None:
    answer, expected = BAD[name]

    async def story() -> None:
        async with served(BRIEF_S if name in SILENT else PATIENT_S) as (server, master):
            assert await read_at_last(master, 0x102, 3) == [0x102] * 3
            server.answer = answer
            failures: list[object] = []
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
            with pytest.raises(expected):
                await master.read(1, "holding", 7, 2)
            assert failures == []
            server.answer = right
            assert await read_at_last(master, 0x203, 2) == [0x203] * 2, "what comes late is nobody's answer"

    asyncio.run(story())


@pytest.mark.parametrize("function", [3, 0x83, 12, 17, 20, 23, 24, 43, 99])
@pytest.mark.parametrize("rest", [b"", b"\x00", b"\x04\x00\x00", b"\x0e\x01\x01\x00\x00\x05", b"\xff" * 8])
def test_nonsense_in_rtu_frames_is_no_failure_of_the_loop(function: int, rest: bytes) -> None:
    async def story() -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
        over = asyncio.Event()
        listening = await asyncio.start_server(
            lambda reader, writer: serve_rtu(reader, writer, bytes([function]) + rest, over), "127.0.0.1", 0
        )
        master = Master(Address("127.0.0.1", listening.sockets[0].getsockname()[1], "rtu_tcp"), 0.05)
        with pytest.raises((Away, Nonsense)):
            await master.read(1, "holding", 7, 2)
        master.close()
        listening.close()
        await over.wait()
        gc.collect()
        assert failures == []

    asyncio.run(story())


def test_only_our_own_masters_are_silent_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with served() as (server, master):
            server.answer = lambda request: adu(request, bytes([99, 1]))
            with pytest.raises(Nonsense):
                await asyncio.create_task(master.read(1, "holding", 0, 1))
            assert caplog.records == []
        stranger = AsyncModbusTcpClient("127.0.0.1", port=master.address.port, timeout=0.1, retries=0)
        await stranger.connect()
        assert [record.name for record in caplog.records] == ["pymodbus.logging"]
        stranger.close()

    asyncio.run(story())


def test_nobody_there() -> None:
    async def story() -> None:
        async with served() as (_, master):
            pass
        with pytest.raises(Away):
            await master.read(1, "input", 0, 1)

    asyncio.run(story())


def test_one_request_at_a_time_and_writes_before_reads() -> None:
    async def story() -> None:
        async with served() as (server, master):
            reads = [asyncio.create_task(master.read(unit, "input", 0, 1)) for unit in (1, 2, 3)]
            await asyncio.sleep(0)
            write = asyncio.create_task(master.write(4, "holding", 5, [6]))
            await asyncio.gather(*reads, write)
            assert [request[6] for request in server.asked] == [1, 4, 2, 3]
            assert server.connections == 1

    asyncio.run(story())


def test_who_gives_up_waiting_holds_nobody_up() -> None:
    async def story() -> None:
        async with served() as (server, master):
            first = asyncio.create_task(master.read(1, "input", 0, 1))
            await asyncio.sleep(0)
            given_up = asyncio.create_task(master.read(2, "input", 0, 1))
            await asyncio.sleep(0)
            given_up.cancel()
            await first
            assert await master.read(3, "input", 9, 1) == [9]
            assert 2 not in [request[6] for request in server.asked]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("table", "words", "function"),
    [("coil", [1], 5), ("holding", [7], 6), ("holding", [7, 8], 16)],
)
def test_functions_of_what_is_written(table: Any, words: list[int], function: int) -> None:
    async def story() -> None:
        async with served() as (server, master):
            await master.write(1, table, 3, words)
            assert server.asked[0][7] == function
            assert await master.read(1, "coil", 3, 9) == [1] * 9

    asyncio.run(story())


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40))
def test_whatever_is_sent_is_an_answer_or_a_reason(data: bytes) -> None:
    async def story() -> None:
        async with served(BRIEF_S) as (server, master):
            server.answer = lambda request: request[:2] + data
            with suppress(Away, Busy, Nonsense):
                assert len(await master.read(1, "holding", 0, 2)) == 2
            server.answer = right
            assert await read_at_last(master, 0x102, 1) == [0x102]

    asyncio.run(story())
