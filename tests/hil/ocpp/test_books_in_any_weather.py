from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import Frame, Payload
from hil.ocpp.queue import Counters, TransactionQueue
from hil.ocpp.rpc import CallRefused, Direction, Rpc

BEGINNING = "2022-07-11T12:00:00.000Z"


class Ledger:
    """A CSMS that outlives its connections: the same start told again is the same transaction."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.log: list[tuple[str, int, Payload]] = []
        self.refusals: Counter[bytes] = Counter()
        self.refuse_next = 0
        self._numbers: dict[bytes, int] = {}

    def answer(self, action: str, payload: Payload, _now: float) -> Payload:
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": BEGINNING, "interval": 600}
        if action == "Heartbeat":
            return {"currentTime": BEGINNING}
        if action == "StatusNotification":
            return {}
        key = orjson.dumps((action, payload))
        if self.refuse_next and self.refusals[key] < 2:
            self.refuse_next -= 1
            self.refusals[key] += 1
            raise CallRefused("InternalError", "not now")
        if action == "StartTransaction":
            number = self._numbers.setdefault(key, len(self._numbers) + 1)
            self._note(action, number, payload)
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        self._note(action, payload["transactionId"], payload)
        return {}

    def _note(self, action: str, number: int, payload: Payload) -> None:
        entry = (action, number, payload)
        if entry in self.log:
            assert entry == self.log[-1], "told again out of its order"
        else:
            self.log.append(entry)


class Weather(RuleBasedStateMachine):
    """Whatever the network, the CSMS and the mains do, the books of the CSMS come out complete and in order."""

    def __init__(self, make_point: Callable[..., ChargePoint]) -> None:
        super().__init__()
        self.make_point = make_point
        self.folder = tempfile.TemporaryDirectory()
        self.queue = TransactionQueue(Path(self.folder.name) / "queue.sqlite")
        self.ledger = Ledger()
        self.now = 0.0
        self.begun: list[int] = []
        self.running: dict[int, str] = {}
        self.wire: Rpc | None = None
        self.hears, self.speaks = True, True
        self.boot()

    def boot(self) -> None:
        self.point = self.make_point(
            queue=self.queue, configuration={"TransactionMessageRetryInterval": "5"}, now=self.now
        )
        self.sessions = count(1)

    def seen(self, _direction: Direction, _frame: Frame | None, data: bytes, verdict: str) -> None:
        assert verdict == "ok", data

    @rule(connector=st.sampled_from((1, 2)))
    def switch(self, connector: int) -> None:
        session = self.running.pop(connector, None)
        if session is not None:
            self.point.ended(connector, session, 100_000, "Local", self.now)
            return
        session = self.running[connector] = f"S{next(self.sessions)}"
        self.begun.append(len(self.begun) + 1)
        self.point.started(connector, session, "TAG", self.begun[-1], self.now)

    @rule(messages=st.integers(1, 9))
    def carry(self, messages: int) -> None:
        for _ in range(messages):
            if self.wire is None:
                return
            for data in self.point.outgoing():
                if self.hears:
                    self.wire.received(data, self.now)
            for data in self.wire.outgoing():
                if self.speaks:
                    self.point.received(data, self.now)

    @rule(seconds=st.sampled_from((1.0, 7.0, 61.0)))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.point.next_timer() <= until:
            self.now = max(self.now, self.point.next_timer())
            self.point.tick(self.now)
        self.now = until

    @precondition(lambda self: self.wire is None)
    @rule(is_refused=st.booleans())
    def connect(self, is_refused: bool) -> None:
        self.now = max(self.now, self.point.next_connect_at)
        if is_refused:
            self.point.refused(self.now)
            return
        ids = count(1)
        self.wire = Rpc(self.ledger.answer, new_id=lambda: f"c{next(ids)}", on_frame=self.seen)
        self.point.connected(self.now)

    @precondition(lambda self: self.wire is not None)
    @rule(is_sent=st.booleans(), is_answered=st.booleans())
    def lose(self, is_sent: bool, is_answered: bool) -> None:
        assert self.wire is not None
        for data in self.point.outgoing() if is_sent else ():
            self.wire.received(data, self.now)
        for data in self.wire.outgoing() if is_answered else ():
            self.point.received(data, self.now)
        self.wire = None
        self.point.lost(self.now)

    @rule(hears=st.booleans(), speaks=st.booleans())
    def fall_silent(self, hears: bool, speaks: bool) -> None:
        self.hears, self.speaks = hears, speaks

    @rule(times=st.integers(1, 4))
    def refuse(self, times: int) -> None:
        self.ledger.refuse_next = times

    @rule()
    def power_cut(self) -> None:
        self.queue.close()
        self.wire = None
        self.running.clear()
        self.queue = TransactionQueue(Path(self.folder.name) / "queue.sqlite")
        self.boot()

    def teardown(self) -> None:
        self.hears = self.speaks = True
        self.ledger.refuse_next = 0
        for connector in list(self.running):
            self.switch(connector)
        for _ in range(300):
            if self.wire is None:
                self.connect(is_refused=False)
            self.carry(9)
            if self.queue.head("CP1") is None:
                break
            self.wait(61.0)
        total = len(self.begun)
        assert self.point.counters == Counters(started=total, stopped=total, open=0, lost=0)
        self.check_books()
        self.queue.close()
        self.folder.cleanup()

    def check_books(self) -> None:
        log = self.ledger.log
        assert [payload["meterStart"] for action, _, payload in log if action == "StartTransaction"] == self.begun
        for number in range(1, len(self.begun) + 1):
            kinds = [action for action, owner, _ in log if owner == number]
            expected = ["StartTransaction", *["MeterValues"] * (len(kinds) - 2), "StopTransaction"]
            assert kinds == expected
        stamps = [
            payload["meterValue"][0]["timestamp"] if action == "MeterValues" else payload["timestamp"]
            for action, _, payload in log
            if payload.get("reason") != "PowerLoss"
        ]
        assert stamps == sorted(stamps)


def test_whatever_happens_the_books_come_out(make_point: Any) -> None:
    most = settings(max_examples=60, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(lambda: Weather(make_point), settings=most)
