from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import inf
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hil.ocpp.frames import MAX_FRAME_BYTES, Call, CallError, Frame, Payload, Result, encode, parse
from hil.ocpp.rpc import (
    Answer,
    Answered,
    BadPayload,
    CallRefused,
    Done,
    Invalid,
    Lost,
    Refused,
    Rpc,
    RpcClosed,
    TimedOut,
)

TIME = {"currentTime": "2022-07-11T12:00:00.000Z"}


def answer_time(_action: str, _payload: Payload, _now: float) -> Payload:
    return dict(TIME)


def make(handler: Callable[[str, Payload, float], Payload] = answer_time, timeout_s: float = 30.0) -> Rpc:
    numbers = count(1)
    return Rpc(handler, new_id=lambda: f"id{next(numbers)}", timeout_s=timeout_s)


def keep(answers: list[Answer]) -> Done:
    return lambda answer, _now: answers.append(answer)


def sent(rpc: Rpc) -> list[Frame]:
    return [parse(data) for data in rpc.outgoing()]


def refusal(rpc: Rpc, data: bytes) -> CallError:
    rpc.received(data, 0.0)
    (frame,) = sent(rpc)
    assert isinstance(frame, CallError)
    return frame


def test_calls_go_one_at_a_time_in_order() -> None:
    rpc, answers = make(), list[Answer]()
    assert rpc.is_idle
    for tag in "abc":
        rpc.call("Authorize", {"idTag": tag}, keep(answers), 0.0)
    assert [frame.payload["idTag"] for frame in sent(rpc) if isinstance(frame, Call)] == ["a"]
    rpc.received(b'[3,"id1",{"idTagInfo":{"status":"Accepted"}}]', 1.0)
    rpc.received(b'[4,"id2","InternalError","no",{"a":1}]', 2.0)
    rpc.received(b'[3,"id3",{"idTagInfo":{"status":"Odd"}}]', 3.0)
    assert answers[:2] == [Answered({"idTagInfo": {"status": "Accepted"}}), Refused("InternalError", "no", {"a": 1})]
    assert isinstance(answers[2], Invalid)
    assert answers[2].violation.code == "PropertyConstraintViolation"
    assert len(sent(rpc)) == 2
    assert rpc.is_idle


def test_an_unanswered_call_times_out_and_the_next_goes() -> None:
    rpc, answers = make(timeout_s=5.0), list[Answer]()
    rpc.call("Heartbeat", {}, keep(answers), 10.0)
    rpc.call("Heartbeat", {}, keep(answers), 11.0)
    assert rpc.next_timer() == 15.0
    rpc.tick(14.999)
    assert answers == []
    rpc.tick(15.0)
    assert answers == [TimedOut()]
    assert rpc.open_call == Call("id2", "Heartbeat", {})
    assert rpc.next_timer() == 20.0
    rpc.received(b'[3,"id1",{"currentTime":"2022-07-11T12:00:00Z"}]', 16.0)
    assert (rpc.unexpected_count, list(rpc.unexpected)) == (1, [Result("id1", {"currentTime": "2022-07-11T12:00:00Z"})])
    assert len(answers) == 1


def test_a_lost_connection_ends_all_calls_in_order() -> None:
    rpc, order = make(), list[tuple[str, Answer]]()
    for name in "abc":
        rpc.call("Heartbeat", {}, lambda answer, _now, name=name: order.append((name, answer)), 0.0)  # type: ignore[misc]
    rpc.closed(1.0)
    rpc.closed(1.0)
    assert order == [("a", Lost()), ("b", Lost()), ("c", Lost())]
    assert (rpc.outgoing(), rpc.next_timer(), rpc.is_idle, rpc.is_closed) == ([], inf, True, True)
    rpc.received(b'[2,"1","Heartbeat",{}]', 2.0)
    assert rpc.outgoing() == []
    with pytest.raises(RpcClosed):
        rpc.call("Heartbeat", {}, keep([]), 2.0)


def test_a_bad_payload_of_ours_never_goes_out() -> None:
    rpc = make()
    with pytest.raises(BadPayload, match="idTag"):
        rpc.call("Authorize", {}, keep([]), 0.0)
    with pytest.raises(BadPayload, match="NotImplemented"):
        rpc.call("Nonsense", {}, keep([]), 0.0)
    assert rpc.is_idle


def test_the_answer_goes_before_what_it_provokes() -> None:
    answers: list[Answer] = []

    def handler(action: str, _payload: Payload, now: float) -> Payload:
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        rpc.call("StatusNotification", status, keep(answers), now)
        return {"status": "Accepted"}

    rpc = make(handler)
    rpc.received(b'[2,"x","TriggerMessage",{"requestedMessage":"StatusNotification"}]', 0.0)
    first, second = sent(rpc)
    assert isinstance(first, Result)
    assert isinstance(second, Call)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'[2,"7","Nonsense",{}]', "NotImplemented"),
        (b'[2,"7","Heartbeat",{"a":1}]', "FormationViolation"),
        (b'[2,"7","Authorize",{}]', "OccurenceConstraintViolation"),
        (b'[2,"7","Heartbeat"]', "ProtocolError"),
        (b'[2,"7","Heartbeat",{', "FormationViolation"),
        (b'[2,"7","Heartbeat",{"a":"' + b"x" * MAX_FRAME_BYTES + b'"}]', "FormationViolation"),
    ],
)
def test_bad_calls_are_refused_with_the_right_code(data: bytes, code: str) -> None:
    frame = refusal(make(), data)
    assert (frame.id, frame.code) == ("7", code)


def test_a_handler_may_refuse() -> None:
    def handler(_action: str, _payload: Payload, _now: float) -> Payload:
        raise CallRefused("NotSupported", "not here", {"why": 1})

    assert refusal(make(handler), b'[2,"7","Heartbeat",{}]') == CallError("7", "NotSupported", "not here", {"why": 1})


def test_a_fault_of_ours_is_answered_and_raised() -> None:
    def breaks(_action: str, _payload: Payload, _now: float) -> Payload:
        raise ZeroDivisionError

    def lies(_action: str, _payload: Payload, _now: float) -> Payload:
        return {"status": "Odd"}

    for handler, error in ((breaks, ZeroDivisionError), (lies, BadPayload)):
        rpc = make(handler)
        with pytest.raises(error):
            rpc.received(b'[2,"7","Heartbeat",{}]', 0.0)
        (frame,) = sent(rpc)
        assert isinstance(frame, CallError)
        assert (frame.id, frame.code) == ("7", "InternalError")
        rpc.call("Heartbeat", {}, keep([]), 0.0)
        assert len(sent(rpc)) == 1


def test_a_broken_answer_ends_the_call() -> None:
    rpc, answers = make(), list[Answer]()
    rpc.call("Heartbeat", {}, keep(answers), 0.0)
    rpc.received(b'[3,"other",[]]', 0.0)
    assert (answers, rpc.ignored_count) == ([], 1)
    rpc.received(b'[3,"id1",[]]', 0.0)
    assert isinstance(answers[0], Invalid)


def test_only_calls_that_may_provoke_say_so() -> None:
    rpc = make()
    rpc.call("Heartbeat", {}, keep([]), 0.0)
    assert not rpc.provoking
    rpc.call("Authorize", {"idTag": "a"}, keep([]), 0.0)
    assert not rpc.provoking
    rpc.received(encode(Result("id1", TIME)), 0.0)
    assert rpc.provoking


def test_the_observer_sees_every_frame_and_what_became_of_it() -> None:
    seen: list[tuple[str, str, str]] = []
    rpc = make()
    rpc.on_frame = lambda direction, frame, _data, verdict: seen.append((direction, type(frame).__name__, verdict))
    rpc.call("Heartbeat", {}, keep([]), 0.0)
    for data in (b"junk", b'[2,"1","Heartbeat",{}]', b'[2,"1","X",{}]', b'[3,"9",{}]', b'[3,"id1",{}]'):
        rpc.received(data, 0.0)
    assert seen == [
        ("out", "Call", "ok"),
        ("in", "NoneType", "FormationViolation"),
        ("in", "Call", "ok"),
        ("out", "Result", "ok"),
        ("in", "Call", "NotImplemented"),
        ("out", "CallError", "ok"),
        ("in", "Result", "unexpected"),
        ("in", "Result", "OccurenceConstraintViolation"),
    ]


PARTS: list[Any] = [2, 3, 4, 5, "2", "7", "id1", "Heartbeat", "Authorize", "Odd", {}, {"idTag": "a"}, [], None, TIME]
MESSAGES = st.binary(max_size=60) | st.lists(st.sampled_from(PARTS), max_size=6).map(orjson.dumps)


@given(st.lists(MESSAGES, max_size=20))
def test_whatever_comes_it_never_raises_and_answers_each_call_once(messages: list[bytes]) -> None:
    rpc, answers = make(), list[Answer]()
    rpc.call("Heartbeat", {}, keep(answers), 0.0)
    rpc.outgoing()
    for data in messages:
        rpc.received(data, 0.0)
        replies = sent(rpc)
        try:
            frame = parse(data)
        except Exception as error:
            wanted = [getattr(error, "message_id", None)] if getattr(error, "is_answerable", False) else []
        else:
            wanted = [frame.id] if isinstance(frame, Call) else []
        assert [reply.id for reply in replies] == wanted
    assert len(answers) <= 1


class Conversation(RuleBasedStateMachine):
    """Any order of calls, answers, time-outs: at most one CALL is open, each `done` comes exactly once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.rpc = make(timeout_s=10.0)
        self.now = 0.0
        self.asked = 0
        self.ended: list[int] = []
        self.open: list[Call] = []

    def drain(self) -> None:
        for frame in sent(self.rpc):
            if isinstance(frame, Call):
                assert not self.open
                self.open.append(frame)

    @rule()
    def ask(self) -> None:
        number = self.asked
        self.asked += 1
        self.rpc.call("Heartbeat", {}, lambda _answer, _now: self.ended.append(number), self.now)
        self.drain()

    @rule(kind=st.sampled_from(["result", "error", "invalid", "stranger"]))
    def answer(self, kind: str) -> None:
        identity = self.open[0].id if self.open else "none"
        frames: dict[str, Any] = {
            "result": [3, identity, TIME],
            "error": [4, identity, "GenericError", "", {}],
            "invalid": [3, identity, {}],
            "stranger": [3, "stranger", TIME],
        }
        if kind != "stranger":
            self.open.clear()
        self.rpc.received(orjson.dumps(frames[kind]), self.now)
        self.drain()

    @rule(seconds=st.floats(0.0, 15.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.rpc.next_timer():
            self.open.clear()
        self.rpc.tick(self.now)
        self.drain()

    @rule()
    def is_asked(self) -> None:
        self.rpc.received(b'[2,"p","Heartbeat",{}]', self.now)
        self.drain()

    @invariant()
    def in_order_and_once(self) -> None:
        assert self.ended == list(range(len(self.ended)))
        waiting = self.asked - len(self.ended)
        assert len(self.open) == min(1, waiting)
        assert (self.rpc.open_call is not None) == bool(waiting)


TestConversation = Conversation.TestCase
