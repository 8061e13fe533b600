"""The wire book against two real ends of a connection."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from hil.ocpp.frames import Payload
from hil.ocpp.rpc import CallRefused, Rpc
from hil.ocpp.wire_book import Remark, WireBook, merged

Say = Callable[[str, Payload, object], None]


@pytest.fixture
def book() -> WireBook:
    return WireBook("A01")


@pytest.fixture
def say(book: WireBook) -> Say:
    """Send a call and let the peer answer with these words, an error where they are a list."""
    numbers = iter(range(1, 1000))

    def refuse(_action: str, _payload: Payload, _now: float) -> Payload:
        raise CallRefused("NotSupported", "no")

    rpc = Rpc(
        refuse, new_id=lambda: str(next(numbers)),
        on_frame=lambda direction, frame, data, verdict: book.seen(direction, frame, data, verdict, 7.0),
    )  # fmt: skip

    def said(action: str, payload: Payload, answer: object) -> None:
        if action:
            rpc.call(action, payload, lambda _answer, _now: None, 7.0)
            number = json.loads(rpc.outgoing()[-1])[1]
            frame = [4, number, *answer] if isinstance(answer, list) else [3, number, answer]
            rpc.received(json.dumps(frame).encode(), 7.0)
        else:
            rpc.received(answer if isinstance(answer, bytes) else json.dumps(answer).encode(), 7.0)

    return said


TIME = {"currentTime": "2022-06-14T06:00:00Z"}


def test_breaches_are_kept_by_kind_and_action_with_the_first(book: WireBook, say: Say) -> None:
    say("Heartbeat", {}, {"currentTime": 5})
    say("Heartbeat", {}, {"currentTime": 6})
    say("", {}, b"hello")
    say("", {}, [2, "x", "Reset", {"type": "Gentle"}])
    say("", {}, [3, "never asked", {}])
    assert {remark: one.count for remark, one in book.breaches.items()} == {
        Remark("in", "result", "Heartbeat", "TypeConstraintViolation"): 2,
        Remark("in", "unreadable", "", "FormationViolation"): 1,
        Remark("in", "call", "Reset", "PropertyConstraintViolation"): 1,
        Remark("in", "result", "", "unexpected"): 1,
    }
    first, *_ = book.breaches.values()
    assert (first.t_s, first.charge_point) == (7.0, "A01")
    assert json.loads(first.body)[2] == {"currentTime": 5}


def test_refusals_of_both_sides_are_kept_by_action(book: WireBook, say: Say) -> None:
    say("Heartbeat", {}, ["InternalError", "boom", {}])
    say("", {}, [2, "x", "ClearCache", {}])
    assert {(remark.direction, remark.action, remark.word) for remark in book.call_errors} == {
        ("in", "Heartbeat", "InternalError"), ("out", "ClearCache", "NotSupported"),
    }  # fmt: skip
    assert book.breaches == {}


def test_boots_and_tokens_are_kept_as_they_were_answered(book: WireBook, say: Say) -> None:
    boot = {"chargePointModel": "m", "chargePointVendor": "v"}
    say("BootNotification", boot, TIME | {"status": "Pending", "interval": 1})
    say("BootNotification", boot, ["InternalError", "", {}])
    say("BootNotification", boot, TIME | {"status": "Accepted", "interval": 1})
    say("Authorize", {"idTag": "T1"}, {"idTagInfo": {"status": "Blocked"}})
    say("Authorize", {"idTag": "T2"}, {"idTagInfo": {"status": "Accepted"}})
    say("Authorize", {"idTag": "T3"}, {"idTagInfo": {"status": "OK"}})
    assert book.boots == {"Pending": 1, "InternalError": 1, "Accepted": 1}
    assert book.boots_sent == 3
    assert book.tokens == {"T1": "Blocked", "T2": "Accepted", "T3": "PropertyConstraintViolation"}


def test_a_secret_is_not_shown_though_nobody_can_read_the_rest(book: WireBook, say: Say) -> None:
    say("", {}, b'[2,"x","ChangeConfiguration",{"key":"AuthorizationKey","value":"5e')
    (one,) = book.breaches.values()
    assert one.body == ""


def test_books_are_merged_the_most_frequent_first(say: Say, book: WireBook) -> None:
    say("Heartbeat", {}, {"currentTime": 5})
    say("", {}, b"hello")
    other = WireBook("A02")
    for at_s in (3.0, 4.0):
        other.seen("in", None, b"hello", "FormationViolation", at_s)
    whole = merged([book.breaches, other.breaches])
    assert [(remark.kind, one.count) for remark, one in whole.items()] == [("unreadable", 3), ("result", 1)]
    first, *_ = whole.values()
    assert (first.t_s, first.charge_point) == (3.0, "A02")
    assert len(book.breaches) == 2 and book.breaches[Remark("in", "unreadable", "", "FormationViolation")].count == 1


def test_a_csms_that_invents_names_fills_no_memory_and_no_terminal(book: WireBook, say: Say) -> None:
    say("", {}, [2, "x", "\x1b[2JReset", {}])
    (remark,) = book.breaches
    assert remark.action == "?[2JReset"
    for number in range(300):
        say("", {}, [2, f"n{number}", f"Invented{number}", {}])
    assert len(book.breaches) <= 101
    assert book.breaches[Remark("in", "call", "", "others")].count == 201
