"""One connection to a gateway, shared by all who poll units behind it: one request at a time, writes before reads.

A late answer must not be taken for the next one's, so the connection is given up whenever one does not come in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from heapq import heappop, heappush
from itertools import count
from typing import Final, Literal, NamedTuple

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException
from pymodbus.framer import FRAMER_NAME_TO_CLASS
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.transaction import TransactionManager

from hil.modbus.unit import Code, Table

__all__ = ["Address", "Away", "Busy", "Master", "Nonsense"]

_IS_OURS: ContextVar[bool] = ContextVar("is_ours", default=False)
logging.getLogger("pymodbus.logging").addFilter(lambda _record: not _IS_OURS.get())  # twins tell of their devices

_ACKNOWLEDGE: Final = 5
_LATER: Final = (_ACKNOWLEDGE, Code.BUSY)
_NO_WAY: Final = (Code.GATEWAY_PATH, Code.GATEWAY_TARGET)
_WRITE, _READ = 0, 1
_READS: Final[dict[Table, int]] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


class Address(NamedTuple):
    """A gateway."""

    host: str
    port: int
    framing: Literal["tcp", "rtu_tcp"]


class Away(Exception):
    """Nobody is there, or the unit does not answer."""


class Busy(Exception):
    """The device says that it cannot now, and may later."""


class Nonsense(Exception):
    """The device answers with another exception, or not what was asked for."""


class _Answers(TransactionManager):
    """pymodbus's end of a connection; what it cannot decode is the device's answer, and no failure of the loop."""

    def callback_data(self, data: bytes, addr: tuple[object, ...] | None = None) -> int:
        """Take what has come in."""
        try:
            return super().callback_data(data, addr)
        except Exception as error:  # its decoders raise whatever the bytes lead them to
            if self.response_future.done():  # nobody has asked
                self.close()
            else:
                self._fail(Nonsense(f"{data[:16].hex(' ')}: {error}"[:100]))
            return len(data)

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Tell who waits for an answer; the library would let it wait until its time is out."""
        super().callback_disconnected(exc)
        if not self.response_future.done():
            self._fail(ConnectionException("hung up before it answered"))

    def _fail(self, error: Exception) -> None:
        self.response_future.set_exception(error)
        self.response_future.exception()  # or asyncio tells of it when nobody waits


class Master:
    """The master of one gateway; for one event loop."""

    def __init__(self, address: Address, timeout_s: float) -> None:
        """`timeout_s` is for connecting and for each answer."""
        self.address = address
        self._timeout_s = timeout_s
        framer = FramerType.RTU if address.framing == "rtu_tcp" else FramerType.SOCKET
        self._client = AsyncModbusTcpClient(
            address.host, port=address.port, framer=framer, timeout=timeout_s, retries=0, reconnect_delay=0
        )
        decoder = FRAMER_NAME_TO_CLASS[framer](DecodePDU(False))
        self._client.ctx = _Answers(self._client.comm_params, decoder, 0, False, None, None, None)
        self._is_taken = False
        self._numbers = count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def read(self, unit: int, table: Table, first: int, size: int) -> list[int]:
        """So many registers, or bits; raises `Away`, `Busy`, `Nonsense`."""
        client = self._client
        ask = {
            "input": client.read_input_registers, "holding": client.read_holding_registers,
            "coil": client.read_coils, "discrete": client.read_discrete_inputs,
        }[table]  # fmt: skip
        async with self._turn(_READ):
            answer = await self._answer(_READS[table], lambda: ask(first, count=size, device_id=unit))
        if table in ("coil", "discrete"):
            bits = getattr(answer, "bits", None) or []
            if len(bits) < size:
                raise Nonsense(f"{table} {first:#x}: {len(bits)} bits of {size}")
            return [int(bit) for bit in bits[:size]]
        registers: list[int] = list(getattr(answer, "registers", None) or [])
        if len(registers) != size:
            raise Nonsense(f"{table} {first:#x}: {len(registers)} registers of {size}")
        return registers

    async def write(self, unit: int, table: Table, first: int, words: Sequence[int]) -> None:
        """Write registers, or a coil: one by function 6 or 5, several by 16; raises `Away`, `Busy`, `Nonsense`."""
        client = self._client
        async with self._turn(_WRITE):
            if table == "coil":
                await self._answer(5, lambda: client.write_coil(first, bool(words[0]), device_id=unit))
            elif len(words) == 1:
                await self._answer(6, lambda: client.write_register(first, words[0], device_id=unit))
            else:
                await self._answer(16, lambda: client.write_registers(first, list(words), device_id=unit))

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    async def _answer(self, function: int, ask: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
        _IS_OURS.set(True)  # in the task that polls, and in what its connection calls back
        try:
            async with asyncio.timeout(2.0 * self._timeout_s):
                if not self._client.connected and not await self._client.connect():
                    raise Away(f"nobody listens at {self.address.host}:{self.address.port}")
                answer = await ask()
        except (ModbusException, OSError, TimeoutError) as error:
            self._client.close()
            raise Away(str(error)[:100]) from None
        except Nonsense:
            self._client.close()  # where its next answer begins is unknown
            raise
        except asyncio.CancelledError:
            self._client.close()  # its answer may still come
            raise
        if answer.function_code & 0x7F != function:
            self._client.close()
            raise Nonsense(f"function {answer.function_code} where {function} was asked for")
        if not answer.isError():
            return answer
        code = getattr(answer, "exception_code", 0)
        if code in _NO_WAY:
            raise Away(f"exception {code}")
        raise Busy(f"exception {code}") if code in _LATER else Nonsense(f"exception {code}")

    @asynccontextmanager
    async def _turn(self, rank: int) -> AsyncIterator[None]:
        """One request at a time; of those that wait, writes go first."""
        if self._is_taken:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heappush(self._waiting, (rank, next(self._numbers), mine))
            try:
                await mine
            except asyncio.CancelledError:
                if mine.done() and not mine.cancelled():
                    self._pass_on()
                raise
        self._is_taken = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, waiting = heappop(self._waiting)
            if not waiting.done():
                waiting.set_result(None)  # the turn goes over, `_is_taken` stays
                return
        self._is_taken = False
