"""What an operator asks of a charge point, by its manner; each on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.manners import read_manner
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answered, Invalid, Refused, TimedOut

TIME = "2022-07-11T12:00:00.000Z"
Act = Callable[[Any], Any]


@pytest.fixture
def asked(charge_point: Any) -> Callable[[str, Act], list[tuple[str, Payload]]]:
    """What a CSMS of this manner asks while `act` speaks for a charge point."""

    def play(manner: str, act: Act) -> list[tuple[str, Payload]]:
        async def main() -> list[tuple[str, Payload]]:
            store, numbers = Store(None), count(1)
            system = CentralSystem(
                store, new_id=lambda: f"c{next(numbers)}", clock=lambda: datetime.now(UTC), manner=read_manner(manner)
            )
            csms = Csms(system)
            await csms.start()
            pile = await charge_point("CP1").connect(csms.url, boot=False)
            await act(pile)
            await csms.stop()
            store.close()
            return list(pile.asked)

        return asyncio.run(main())

    return play


async def boot(pile: Any) -> None:
    await pile.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})


async def status(pile: Any, status: str, code: str = "NoError") -> None:
    await pile.call("StatusNotification", {"connectorId": 1, "status": status, "errorCode": code, "timestamp": TIME})
    for _ in range(4):  # each answer of ours may be followed by the next call
        await pile.client.fence()


async def start(pile: Any, meter: int = 0) -> Payload:
    said = {"connectorId": 1, "idTag": "T1", "meterStart": meter, "timestamp": TIME}
    answer = await pile.call("StartTransaction", said)
    assert isinstance(answer, Answered)
    return answer.payload


async def trouble(pile: Any) -> None:
    await boot(pile)
    await start(pile)
    await status(pile, "Charging", "HighTemperature")
    await status(pile, "Faulted", "HighTemperature")
    await status(pile, "Available")


STOP = ("RemoteStopTransaction", {"transactionId": 1})
OUT = ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
BACK = ("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
AGAIN = ("RemoteStartTransaction", {"connectorId": 1, "idTag": "OPERATOR"})


@pytest.mark.parametrize(
    ("manner", "asks"),
    [("plain", []), ("careful", [STOP, OUT, BACK]), ("careless", [AGAIN]), ("careless:ignores_alarms", []),
     ("careless:accepts_faulted", [STOP, OUT, BACK])],
)  # fmt: skip
def test_what_it_asks_when_a_connector_is_in_trouble(asked: Any, manner: str, asks: list[Any]) -> None:
    assert asked(manner, trouble) == asks


@pytest.mark.parametrize(
    ("manner", "said"), [("careful", "Blocked"), ("careless:accepts_faulted", "Accepted"), ("plain", "Accepted")]
)
def test_a_start_on_a_faulted_connector(asked: Any, manner: str, said: str) -> None:
    async def act(pile: Any) -> None:
        await boot(pile)
        await status(pile, "Faulted", "GroundFailure")
        assert (await start(pile))["idTagInfo"]["status"] == said

    asked(manner, act)


@pytest.mark.parametrize(("manner", "numbers"), [("careful", [1, 1, 1]), ("careless:bills_twice", [1, 2, 3])])
def test_a_start_that_is_told_again(asked: Any, manner: str, numbers: list[int]) -> None:
    async def act(pile: Any) -> None:
        await boot(pile)
        assert [(await start(pile))["transactionId"] for _ in numbers] == numbers

    asked(manner, act)


def test_it_can_answer_amiss(asked: Any) -> None:
    async def act(pile: Any) -> None:
        await boot(pile)
        assert isinstance(await pile.call("Authorize", {"idTag": "T1"}), Invalid)
        assert isinstance(await pile.call("DataTransfer", {"vendorId": "V"}), Refused)
        silent = asyncio.ensure_future(pile.call("Heartbeat", {}))
        await pile.client.fence()
        assert not silent.done()
        pile.rpc.tick(pile.rpc.next_timer())
        assert isinstance(await silent, TimedOut)

    asked("wrong:Authorize+error:DataTransfer+mute:Heartbeat", act)
