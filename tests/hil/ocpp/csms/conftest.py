from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from hil.ocpp.csms.process import CsmsProcess, spawn
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Rpc
from hil.ocpp.transport import WebSocketClient


class ChargePoint:
    """A bare charge point on a real socket."""

    def __init__(self, identity: str, handler: Callable[[str, Payload, float], Payload] | None = None) -> None:
        numbers = count(1)
        self.identity = identity
        self.loop = asyncio.get_running_loop()
        self.rpc = Rpc(handler or self.accept, new_id=lambda: f"{identity}-{next(numbers)}", timeout_s=10.0)
        self.client = WebSocketClient(self.on_data, self.on_closed)
        self.asked: list[tuple[str, Payload]] = []
        self.closed: asyncio.Future[tuple[int, str]] = self.loop.create_future()

    def accept(self, action: str, payload: Payload, _now: float) -> Payload:
        self.asked.append((action, payload))
        return {"status": "Accepted"}

    def on_data(self, data: bytes) -> None:
        self.rpc.received(data, self.loop.time())
        self.flush()

    def on_closed(self, code: int, reason: str) -> None:
        self.rpc.closed(self.loop.time())
        self.closed.set_result((code, reason))

    def flush(self) -> None:
        for data in self.rpc.outgoing():
            self.client.send(data)

    async def connect(self, url: str, *, boot: bool = True) -> ChargePoint:
        await self.client.connect(f"{url}/{self.identity}")
        if boot:
            await self.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        return self

    async def call(self, action: str, payload: Payload) -> Answer:
        answered: asyncio.Future[Answer] = self.loop.create_future()
        self.rpc.call(action, payload, lambda answer, _now: answered.set_result(answer), self.loop.time())
        self.flush()
        return await answered


@pytest.fixture
def charge_point() -> type[ChargePoint]:
    return ChargePoint


@pytest.fixture
def csms(tmp_path: Path) -> Iterator[CsmsProcess]:
    with spawn(tmp_path / "csms.sqlite") as process:
        yield process


@pytest.fixture(scope="module")
def csms_shared() -> Iterator[CsmsProcess]:
    with spawn() as process:
        yield process


@pytest.fixture
def spawn_csms() -> Callable[..., CsmsProcess]:
    return spawn
