"""A meter or sensor polled as its master: registers become readings of its twin, by the device's own map.

Modbus Application Protocol V1.1b3, functions 3 and 4. What the device says that it has not (NaN, 0x8000) is no reading;
what cannot be is for its twin to judge. A lost connection is tried again at every poll.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusTcpClient

from hil.modbus.map_file import MapFile, PlacedPoint
from hil.modbus.map_points import RegisterPoint
from hil.modbus.unit import Table
from hil.modbus.values import KINDS
from sim.events import Command, Scalar
from sim.kernel import Kernel
from twins.slot_file import ModbusDriverConfig

__all__ = ["Poller", "blocks_of", "reading_of"]

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # a device that is away is told by its twin


@dataclass(frozen=True, slots=True)
class Block:
    """Registers that are read at once, and the points in them."""

    table: Table
    first: int
    count: int
    points: tuple[PlacedPoint, ...]


def blocks_of(mapped: MapFile) -> list[Block]:
    """What a master reads of a device: all points that show a quantity, in as few requests as its map allows."""
    found: list[Block] = []
    for table in ("input", "holding"):
        points = [one for one in mapped.placed() if one.table == table and _is_number(one)]
        for point in sorted(points, key=lambda one: one.first):
            last = found[-1] if found and found[-1].table == table else None
            if last is not None and _reaches(mapped, last, point):
                found[-1] = Block(last.table, last.first, point.end - last.first, (*last.points, point))
            else:
                found.append(Block(point.table, point.first, point.end - point.first, (point,)))
    return found


def reading_of(mapped: MapFile, block: Block, registers: Sequence[int]) -> Iterator[tuple[str, float]]:
    """(name, value) of each point of a block that has one now."""
    for placed in block.points:
        point = placed.point
        assert isinstance(point, RegisterPoint)
        kind = KINDS[point.type]
        at = placed.first - block.first
        bits = kind.joined(registers[at : at + kind.registers], mapped.words)
        number = kind.number(bits)
        if bits == (kind.absent if point.absent is None else point.absent) or (kind.is_float and not isfinite(number)):
            continue
        if point.most is not None and number > point.most:
            continue
        yield placed.path(point.of, ""), (number - point.add) / point.scale


class Poller:
    """Reads one device every `poll_s` and tells its twin."""

    def __init__(self, kernel: Kernel, path: str, config: ModbusDriverConfig, mapped: MapFile) -> None:
        """`path` is the thing's whose place the device takes."""
        self._kernel = kernel
        self._path = path
        self._config = config
        self._mapped = mapped
        self._blocks = blocks_of(mapped)
        self._count = 0
        self._is_up = False
        self._task: asyncio.Task[None] | None = None
        framer = FramerType.RTU if config.framing == "rtu_tcp" else FramerType.SOCKET
        self._client = AsyncModbusTcpClient(
            config.host, port=config.port, framer=framer, timeout=min(3.0, max(0.2, config.poll_s)), retries=0,
            reconnect_delay=0,
        )  # fmt: skip

    async def start(self) -> None:
        """Begin to poll."""
        self._task = asyncio.get_running_loop().create_task(self._poll())

    async def make_safe(self) -> None:
        """It is only read: nothing flows by our doing."""

    async def stop(self) -> None:
        """Poll no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._client.close()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            try:
                if self._client.connected or await self._client.connect():
                    self._post("reading", **await self._read())
                    if not self._is_up:
                        self._is_up = True
                        self._post("joined")
                else:
                    self._lost()
            except (ModbusException, OSError, TimeoutError):
                self._client.close()
                self._lost()
            except _Refused as refusal:
                self._post("nonsense", what=str(refusal))
            due = max(due + self._config.poll_s, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _read(self) -> dict[str, Scalar]:
        found: dict[str, Scalar] = {}
        for block in self._blocks:
            ask = self._client.read_input_registers if block.table == "input" else self._client.read_holding_registers
            answer = await ask(block.first, count=block.count, device_id=self._config.unit)
            if answer.isError() or len(answer.registers) != block.count:
                raise _Refused(f"{block.table} {block.first:#x}, {block.count}: {answer}"[:100])
            found.update(reading_of(self._mapped, block, answer.registers))
        return found

    def _lost(self) -> None:
        if self._is_up:
            self._is_up = False
            self._post("lost")

    def _post(self, verb: str, **args: Scalar) -> None:
        self._count += 1
        key = (f"slot:{self._path}", self._count)
        self._kernel.post(Command("slot", self._config.host, verb, f"{self._path}.device", args, key))


class _Refused(Exception):
    """The device answers with an exception, or not what was asked for."""


def _is_number(placed: PlacedPoint) -> bool:
    """Points of other things than the device's own (a leading /), codes and texts are no readings of it."""
    point = placed.point
    return (
        isinstance(point, RegisterPoint)
        and bool(point.of)
        and point.of[0] != "/"
        and not point.codes
        and (point.type in KINDS)
    )


def _reaches(mapped: MapFile, block: Block, point: PlacedPoint) -> bool:
    is_near = point.first == block.first + block.count or mapped.gaps == "zero"
    return is_near and point.end - block.first <= mapped.registers
