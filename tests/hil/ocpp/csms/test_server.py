from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answered, BadPayload, CallRefused, Lost, Refused, TimedOut
from hil.ocpp.transport import WebSocketClient
from sim.errors import Unreachable

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@asynccontextmanager
async def running() -> AsyncIterator[Csms]:
    numbers = count(1)
    clock = datetime(2022, 7, 11, 12, tzinfo=UTC)
    csms = Csms(CentralSystem(Store(), new_id=lambda: f"c{next(numbers)}", clock=lambda: clock))
    await csms.start()
    try:
        yield csms
    finally:
        await csms.stop()
        csms.system.store.close()


def test_a_fence_says_that_everything_before_is_handled(charge_point: Any) -> None:
    async def main() -> None:
        async with running() as csms:
            pile = await charge_point("CP1").connect(csms.url)
            answers: list[Any] = []
            for _ in range(50):
                pile.rpc.call("StatusNotification", STATUS, lambda answer, _now: answers.append(answer), 0.0)
            pile.flush()
            while not pile.rpc.is_idle:
                assert await pile.client.fence()
            assert answers == [Answered({})] * 50
            await pile.client.close()

    asyncio.run(main())


def test_calls_to_charge_points(charge_point: Any) -> None:
    def refuses(_action: str, _payload: Payload, _now: float) -> Payload:
        raise CallRefused("NotSupported", "no")

    async def main() -> None:
        async with running() as csms:
            assert await csms.call("CP1", "ClearCache", {}) == Lost()
            pile = await charge_point("CP1").connect(csms.url)
            stubborn = await charge_point("CP2", refuses).connect(csms.url)
            assert csms.is_connected("CP1")
            assert await csms.call("CP1", "Reset", {"type": "Soft"}) == Answered({"status": "Accepted"})
            assert pile.asked == [("Reset", {"type": "Soft"})]
            assert await csms.call("CP2", "ClearCache", {}) == Refused("NotSupported", "no")
            with pytest.raises(BadPayload):
                await csms.call("CP1", "Reset", {"type": "Odd"})
            for one in (pile, stubborn):
                await one.client.close()
            assert await csms.call("CP1", "ClearCache", {}) == Lost()

    asyncio.run(main())


def test_a_silent_charge_point_times_out_and_one_that_leaves_is_lost(charge_point: Any) -> None:
    async def main() -> None:
        async with running() as csms:
            pile = await charge_point("CP1").connect(csms.url)
            pile.client._connection.on_data = lambda _data: None
            csms.system.sessions["CP1"].rpc.timeout_s = 0.05
            assert await csms.call("CP1", "ClearCache", {}) == TimedOut()
            csms.system.sessions["CP1"].rpc.timeout_s = 30.0
            waiting = asyncio.create_task(csms.call("CP1", "ClearCache", {}))
            assert await pile.client.fence()
            pile.client.abort()
            assert await waiting == Lost()

    asyncio.run(main())


def test_a_newer_connection_takes_over(charge_point: Any) -> None:
    async def main() -> None:
        async with running() as csms:
            older = await charge_point("CP1").connect(csms.url)
            newer = await charge_point("CP1").connect(csms.url, boot=False)
            assert (await older.closed)[0] == 1008
            assert await csms.call("CP1", "ClearCache", {}) == Answered({"status": "Accepted"})
            assert newer.asked == [("ClearCache", {})]
            await newer.client.close()
            assert not csms.is_connected("CP1")

    asyncio.run(main())


def test_stopping_says_goodbye(charge_point: Any) -> None:
    async def main() -> None:
        async with running() as csms:
            pile = await charge_point("CP1").connect(csms.url)
            await csms.stop()
            assert (await pile.closed)[0] == 1001

    asyncio.run(main())


def test_a_page_of_another_site_is_refused() -> None:
    async def main() -> None:
        async with running() as csms:
            client = WebSocketClient(lambda _data: None, lambda _code, _reason: None)
            with pytest.raises(Unreachable, match="403"):
                await client.connect(f"{csms.url}/CP1", headers={"Origin": "http://evil.example"})
            await client.connect(f"{csms.url}/CP1", headers={"Origin": f"http://127.0.0.1:{csms.port}"})
            await client.close()

    asyncio.run(main())


def test_one_hostile_connection_does_not_disturb_another(charge_point: Any) -> None:
    async def main() -> None:
        async with running() as csms:
            hostile = await charge_point("EVIL").connect(csms.url, boot=False)
            good = await charge_point("CP1").connect(csms.url)
            for number in range(2000):
                hostile.client.send(b'[2,"%d","Heartbeat",{"x":%d}]' % (number, number))
                hostile.client.send(b"\x00" * (number % 50))
            assert await good.call("StatusNotification", STATUS) == Answered({})
            assert await hostile.client.fence()
            assert hostile.rpc.unexpected_count == 2000
            for one in (hostile, good):
                await one.client.close()

    asyncio.run(main())


def test_with_passwords_who_has_none_or_a_wrong_one_does_not_come_in(charge_point: Any) -> None:
    async def main() -> None:
        system = CentralSystem(Store(), new_id=lambda: "c1", clock=lambda: datetime(2022, 7, 11, 12, tzinfo=UTC))
        csms = Csms(system, {"CP1": "correct-horse", "CP2": ""})
        await csms.start()
        try:
            port = csms.port
            for identity, pair in (("CP1", ""), ("CP1", "CP1:wrong@"), ("CP1", "CP2:correct-horse@"), ("CP3", ""),
                                   ("CP3", "CP3:None@"), ("CP3", "CP3:correct-horse@")):  # fmt: skip
                with pytest.raises(Unreachable, match="401"):
                    await charge_point(identity).client.connect(f"ws://{pair}127.0.0.1:{port}/{identity}")
            for identity, pair in (("CP1", "CP1:correct-horse@"), ("CP2", "")):
                pile = await charge_point(identity).connect(f"ws://{pair}127.0.0.1:{port}")
                assert csms.is_connected(identity)
                await pile.client.close()
        finally:
            await csms.stop()
            system.store.close()

    asyncio.run(main())
