"""Faults by command: each answered, recorded, and with its cause; a refused one leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import pytest

from sim.clock import Clock
from sim.events import Command, Event, Scalar
from sim.fault_commands import FAULT_DESK, FaultCommands
from sim.faults import Contribution, FaultBoard, Knob, bounds, fault
from sim.kernel import Kernel


class Valve:
    def __init__(self) -> None:
        self.is_shut = Knob(False, lambda: None)


@fault("testvalve.shut", hits=Valve, zh="阀门关闭")
@dataclass(frozen=True, kw_only=True)
class ValveShut:
    """The valve is shut."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))

    def contributions(self, valve: Valve) -> Iterable[Contribution]:
        yield valve.is_shut.force(True)


class Desk:
    def __init__(self) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
        self.valve = Valve()
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        things: dict[str, object] = {"valve": self.valve, "wall": object()}
        self.board = FaultBoard(self.kernel, things.get)
        FaultCommands(self.kernel, self.board, things.get)

    def ask(self, verb: str, **args: Scalar) -> Event:
        """Post a command; its outcome."""
        ticket = self.kernel.post(Command("rest", "me", verb, FAULT_DESK, args))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)
        (outcome,) = [one for one in self.events if one.cause == ticket.seq and one.kind.startswith("command.")]
        return outcome


def test_inject_clear_and_clear_all_are_the_cause_of_what_follows() -> None:
    desk = Desk()
    done = desk.ask("fault.inject", fault="testvalve.shut", target="valve", id="mine", duration_s=60.0)
    assert (done.kind, done.data["id"], done.data["actor"]) == ("command.done", "mine", "me")
    assert desk.valve.is_shut.value
    (armed,) = [one for one in desk.events if one.kind == "fault.armed"]
    assert armed.cause == done.cause
    cleared = desk.ask("fault.clear", id="mine")
    assert not desk.valve.is_shut.value
    assert [one.cause for one in desk.events if one.kind == "fault.cleared"] == [cleared.cause]
    for _ in range(2):
        desk.ask("fault.inject", fault="testvalve.shut", target="valve")
    assert desk.valve.is_shut.value
    assert desk.ask("fault.clear_all").kind == "command.done"
    assert not desk.valve.is_shut.value


@pytest.mark.parametrize(
    ("verb", "args", "why"),
    [
        ("fault.inject", {"fault": "testvalve.shot", "target": "valve"}, "did you mean 'testvalve.shut'"),
        ("fault.inject", {"fault": "testvalve.shut", "target": "wall"}, "hits Valve, and wall is object"),
        ("fault.inject", {"fault": "testvalve.shut", "target": "valve", "duration_s": 0.0}, "out of bounds"),
        ("fault.inject", {"fault": "testvalve.shut", "target": "valve", "speed": 1}, "no parameter 'speed'"),
        ("fault.inject", {}, "unknown fault ''"),
        ("fault.clear", {"id": "nobody"}, "no fault is called 'nobody'"),
        ("fault.break", {}, "unknown verb 'fault.break'"),
    ],
)
def test_refusals_say_why_and_change_nothing(verb: str, args: dict[str, Scalar], why: str) -> None:
    desk = Desk()
    outcome = desk.ask(verb, **args)
    assert outcome.kind == "command.refused"
    assert why in str(outcome.data["reason"])
    assert desk.board.injected == {} and not desk.valve.is_shut.value


def test_a_name_is_used_once_at_a_time() -> None:
    desk = Desk()
    for kind in ("command.done", "command.refused"):
        assert desk.ask("fault.inject", fault="testvalve.shut", target="valve", id="a").kind == kind
    desk.ask("fault.clear", id="a")
    assert desk.ask("fault.inject", fault="testvalve.shut", target="valve", id="a").kind == "command.done"
