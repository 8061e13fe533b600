"""Deeds: what is asked is done and told, or refused with a reason; nothing else happens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import pytest

from sim.clock import Clock
from sim.deeds import DEEDS, CannotDo, Switchboard, deed
from sim.errors import UsageError
from sim.events import Command, Event, Scalar
from sim.kernel import Kernel
from sim.parameters import bounds
from sim.units import SimTime


class Valve:
    path_form = "valve[ID]"

    def __init__(self) -> None:
        self.opening = 0.0
        self.is_rusty = self.is_turning = False
        self.has_motor = True
        self.asked_by = ""


@deed("testvalve.open", on=Valve, zh="开阀")
@dataclass(frozen=True, kw_only=True)
class OpenValve:
    """Open the valve so far."""

    opening_pct: float = field(metadata=bounds(low=0.0, high=100.0))
    after_s: float = field(default=inf, metadata=bounds(low=0.0))

    def lack(self, valve: Valve) -> str:
        return "" if valve.has_motor else "it has no motor"

    def do(self, valve: Valve, source: str) -> None:
        if valve.is_rusty:
            raise CannotDo("it does not move")
        if valve.is_turning:
            raise CannotDo("it turns already", is_busy=True)
        valve.opening, valve.asked_by = self.opening_pct, source


def ask(valve: Valve, verb: str, target: str, args: dict[str, Scalar]) -> Event:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    board = Switchboard(kernel, {"valve": valve, "wall": object()}.get)
    ticket = kernel.post(Command("rest", "someone", verb, target, args))
    kernel.admit()
    kernel.advance(SimTime(0.0))
    (event,) = events
    assert event.cause == ticket.seq
    assert event.subject == target
    can_be_tried = board.problem(verb, target, args) is None
    assert can_be_tried or event.kind == "command.refused"
    return event


def test_a_deed_is_done_and_told() -> None:
    valve = Valve()
    event = ask(valve, "testvalve.open", "valve", {"opening_pct": 40.0})
    assert (event.kind, valve.opening, valve.asked_by) == ("command.done", 40.0, "rest")
    assert dict(event.data) == {"verb": "testvalve.open", "source": "rest", "actor": "someone"}


def test_what_cannot_be_done_now_is_refused_with_its_reason() -> None:
    valve = Valve()
    valve.is_rusty = True
    event = ask(valve, "testvalve.open", "valve", {"opening_pct": 40.0})
    assert (event.kind, event.data["reason"], valve.opening) == ("command.refused", "it does not move", 0.0)
    assert "is_busy" not in event.data
    valve.is_rusty, valve.is_turning = False, True
    event = ask(valve, "testvalve.open", "valve", {"opening_pct": 40.0})
    assert (event.data["reason"], event.data["is_busy"]) == ("it turns already", True)


def test_what_a_thing_lacks_is_told_beforehand_and_is_no_matter_of_the_arguments() -> None:
    valve = Valve()
    valve.has_motor = False
    event = ask(valve, "testvalve.open", "valve", {"opening_pct": 40.0})
    assert (event.kind, event.data["reason"], valve.opening) == ("command.refused", "it has no motor", 0.0)
    board = Switchboard(Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1), {"valve": valve}.get)
    with pytest.raises(CannotDo, match="no motor"):
        board.check("testvalve.open", "valve", {"opening_pct": 40.0})
    assert board.problem("testvalve.open", "valve", {"opening_pct": 40.0}) == "it has no motor"


@pytest.mark.parametrize(
    ("verb", "target", "args", "said"),
    [
        ("testvalve.opn", "valve", {}, "did you mean 'testvalve.open'"),
        ("testvalve.open", "pipe", {"opening_pct": 1.0}, "nothing is at 'pipe'"),
        ("testvalve.open", "wall", {"opening_pct": 1.0}, "is for valve[ID], and 'wall' is none"),
        ("testvalve.open", "valve", {"opening_pct": 101.0}, "out of bounds"),
        ("testvalve.open", "valve", {"opening_pct": "wide"}, "is not a number"),
        ("testvalve.open", "valve", {"openng_pct": 1.0}, "did you mean 'opening_pct'"),
        ("testvalve.open", "valve", {}, "opening_pct missing"),
    ],
)
def test_wrong_words_are_told_beforehand_and_refused(
    verb: str, target: str, args: dict[str, Scalar], said: str
) -> None:
    valve = Valve()
    event = ask(valve, verb, target, args)
    assert event.kind == "command.refused"
    assert said in str(event.data["reason"])
    assert valve.opening == 0.0


def test_the_catalogue_comes_from_the_dataclass() -> None:
    spec = DEEDS.get("testvalve.open")
    assert (spec.title, spec.title_zh, spec.on) == ("Open the valve so far.", "开阀", Valve)
    opening, after = spec.parameters
    assert (opening.name, opening.unit, opening.low, opening.high) == ("opening_pct", "%", 0.0, 100.0)
    assert (after.unit, after.default, after.is_required, opening.is_required) == ("s", None, False, True)
    with pytest.raises(UsageError, match="did you mean"):
        DEEDS.get("testvalve.shut")
