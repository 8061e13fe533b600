"""A charge point between two plugs and a scripted CSMS, without a socket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import Frame, Payload
from hil.ocpp.meter_values import Sample
from hil.ocpp.queue import TransactionQueue
from hil.ocpp.rpc import Answer, Answered, CallRefused, Direction, Rpc

START = datetime(2022, 7, 11, 12, tzinfo=UTC)


def stamp(now: float) -> str:
    return (START + timedelta(seconds=now)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Plug:
    """A connector of a twin that does as it is told, and notes it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.limits: list[float | None] = []
        self.is_willing = True
        self.availability = "Accepted"

    def sample(self, now: float) -> Sample:
        return Sample(energy_wh=1000.9 + now, power_w=7000.0, current_a=10.0, voltage_v=700.0, soc_pct=40.0)

    def start(self, id_tag: str, now: float) -> bool:
        self.asked.append(("start", id_tag))
        return self.is_willing

    def stop(self, now: float) -> bool:
        self.asked.append(("stop",))
        return self.is_willing

    def set_available(self, is_available: bool, now: float) -> str:
        self.asked.append(("available", is_available))
        return self.availability

    most_w = 60_000.0

    def watts_per_a(self, phases: int) -> float | None:
        return 230.0 * phases

    def limit(self, limit_w: float | None, now: float) -> None:
        self.limits.append(limit_w)

    def unlock(self, now: float) -> str:
        return "Unlocked"


class Pile:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def deauthorised(self, connector_id: int, session: str, now: float) -> None:
        self.heard.append(("deauthorised", connector_id, session))

    def reset(self, kind: str, now: float) -> None:
        self.heard.append(("reset", kind))


def make_point(
    identity: str = "CP1",
    queue: TransactionQueue | None = None,
    plugs: dict[int, Plug] | None = None,
    pile: Pile | None = None,
    **more: Any,
) -> ChargePoint:
    return ChargePoint(
        identity, "Model", "Vendor", "1.0", plugs or {1: Plug(), 2: Plug()}, queue or TransactionQueue(), stamp,
        lambda: 0.5, listener=pile or Pile(), **more,
    )  # fmt: skip


class Desk:
    """A scripted CSMS and the wire to it; time moves only by `run`."""

    start = START
    stamp = staticmethod(stamp)

    def __init__(self, queue: TransactionQueue | None = None, configuration: dict[str, str] | None = None) -> None:
        self.plugs = {1: Plug(), 2: Plug()}
        self.pile = Pile()
        self.now = 0.0
        self.calls: list[tuple[str, Payload]] = []
        self.script: dict[str, Callable[[Payload], Payload]] = {}
        self.boot: Payload = {"status": "Accepted", "currentTime": stamp(0.0), "interval": 600}
        self.numbers = count(100)
        self.wire: Rpc | None = None
        self.point = make_point(queue=queue, plugs=self.plugs, pile=self.pile, configuration=configuration)

    def answer(self, action: str, payload: Payload, _now: float) -> Payload:
        self.calls.append((action, payload))
        if action in self.script:
            return self.script[action](payload)
        if action == "BootNotification":
            return self.boot
        if action == "Heartbeat":
            return {"currentTime": stamp(self.now)}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        if action == "StartTransaction":
            return {"transactionId": next(self.numbers), "idTagInfo": {"status": "Accepted"}}
        return {}

    def connect(self) -> None:
        ids = count(1)
        self.wire = Rpc(self.answer, new_id=lambda: f"c{next(ids)}", on_frame=self.seen)
        self.point.connected(self.now)
        self.exchange()

    def seen(self, _direction: Direction, _frame: Frame | None, data: bytes, verdict: str) -> None:
        assert verdict == "ok", data

    def exchange(self) -> None:
        while self.wire is not None:
            out, back = self.point.outgoing(), self.wire.outgoing()
            if not out and not back:
                return
            for data in out:
                self.wire.received(data, self.now)
            for data in back:
                self.point.received(data, self.now)

    def lose(self) -> None:
        self.wire = None
        self.point.lost(self.now)

    def run(self, until: float) -> None:
        while self.point.next_timer() <= until:
            self.now = max(self.now, self.point.next_timer())
            self.point.tick(self.now)
            self.exchange()
        self.now = until

    def ask(self, action: str, payload: Payload) -> Payload:
        answers: list[Answer] = []
        assert self.wire is not None
        self.wire.call(action, payload, lambda answer, _now: answers.append(answer), self.now)
        self.exchange()
        (answer,) = answers
        assert isinstance(answer, Answered), answer
        return answer.payload

    def take(self, *actions: str) -> list[tuple[str, Payload]]:
        taken, self.calls = self.calls, []
        return [call for call in taken if not actions or call[0] in actions]

    def names(self) -> list[str]:
        return [action for action, _ in self.take()]

    @staticmethod
    def refuse(_payload: Payload) -> Payload:
        raise CallRefused("InternalError", "not now")


@pytest.fixture(name="make_point")
def _make_point() -> Callable[..., ChargePoint]:
    return make_point


@pytest.fixture
def make_desk() -> type[Desk]:
    return Desk


@pytest.fixture
def online() -> Callable[..., Desk]:
    """Make a desk whose charge point has booted, with this configuration."""

    def made(**configuration: str) -> Desk:
        desk = Desk(configuration=configuration)
        desk.connect()
        desk.take()
        return desk

    return made
