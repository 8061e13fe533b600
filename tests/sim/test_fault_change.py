"""A fault that is changed while it runs: one change for what it leans on, its end moved with its duration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any

import pytest

from sim.clock import Clock
from sim.errors import UsageError
from sim.events import Command, Event, Scalar
from sim.fault_commands import FAULT_DESK, FaultCommands
from sim.faults import Contribution, FaultBoard, Knob, bounds, fault
from sim.kernel import Kernel
from sim.units import SimTime


class Pump:
    def __init__(self) -> None:
        self.seen: list[float] = []
        self.flow = Knob(10.0, lambda: self.seen.append(self.flow.value))


@fault("testpump.weak", hits=Pump, zh="水泵无力")
@dataclass(frozen=True, kw_only=True)
class PumpWeak:
    """The pump gives less."""

    share: float = field(metadata=bounds(low=0.0, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))

    def contributions(self, pump: Pump) -> Iterable[Contribution]:
        yield pump.flow.scale(self.share)


class Bench:
    def __init__(self) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
        self.pump = Pump()
        self.things: dict[str, Any] = {"pump": self.pump}
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.board = FaultBoard(self.kernel, self.things.get)
        FaultCommands(self.kernel, self.board, self.things.get)

    def to(self, t_s: float) -> None:
        self.kernel.advance(SimTime(t_s))
        self.kernel.jump(SimTime(t_s))

    def kinds(self) -> list[str]:
        return [one.kind for one in self.events]


def test_what_it_leans_on_changes_once_and_never_to_the_healthy_value() -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5}, "weak")
    bench.board.change("weak", {"share": 0.2})
    assert bench.pump.seen == [5.0, 2.0]
    assert bench.events[-1].kind == "fault.changed"
    assert bench.events[-1].data == {"fault": "testpump.weak", "id": "weak", "share": 0.2}
    bench.board.clear("weak")
    assert bench.pump.flow.value == 10.0


def test_others_that_lean_on_the_same_stay() -> None:
    bench = Bench()
    for name, share in (("one", 0.5), ("two", 0.5)):
        bench.board.inject("testpump.weak", "pump", {"share": share}, name)
    bench.board.change("one", {"share": 1.0})
    assert bench.pump.flow.value == 5.0
    bench.board.clear("two")
    assert bench.pump.flow.value == 10.0


@pytest.mark.parametrize(("duration_s", "end_s"), [(60.0, 60.0), (5.0, 20.0)])
def test_a_new_duration_counts_from_when_it_became_active(duration_s: float, end_s: float) -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5, "duration_s": 30.0}, "weak")
    bench.to(20.0)
    bench.board.change("weak", {"duration_s": duration_s})
    bench.to(100.0)
    assert [(one.kind, one.t) for one in bench.events if one.kind == "fault.cleared"] == [("fault.cleared", end_s)]


def test_a_duration_that_is_taken_back_leaves_it_without_an_end() -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5, "duration_s": 30.0}, "weak")
    bench.board.change("weak", {"duration_s": None})
    bench.to(1_000.0)
    assert bench.pump.flow.value == 5.0
    assert bench.events[-1].data["duration_s"] is None


def test_one_that_is_armed_becomes_active_with_what_it_was_changed_to() -> None:
    bench = Bench()
    guest = Pump()
    bench.board.inject("testpump.weak", "guest", {"share": 0.5}, "weak")
    bench.board.change("weak", {"share": 0.1})
    bench.things["guest"] = guest
    bench.board.targets_changed()
    assert guest.flow.value == 1.0
    assert bench.kinds() == ["fault.armed", "fault.changed", "fault.active"]


@pytest.mark.parametrize(
    ("identity", "values", "why"),
    [
        ("week", {"share": 0.1}, "no fault called 'week'"),
        ("weak", {"shear": 0.1}, "did you mean"),
        ("weak", {"share": 2.0}, "out of bounds"),
        ("weak", {"share": None}, "needs its parameter 'share'"),
        ("weak", {"share": "much"}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(identity: str, values: dict[str, Scalar], why: str) -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5}, "weak")
    before = len(bench.events)
    with pytest.raises(UsageError, match=why):
        bench.board.change(identity, values)
    assert (bench.pump.flow.value, len(bench.events)) == (5.0, before)


def test_a_cleared_one_cannot_be_changed() -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5}, "weak")
    bench.board.clear("weak")
    with pytest.raises(UsageError, match="armed or active"):
        bench.board.change("weak", {"share": 0.1})


def test_it_is_a_command_and_the_cause_of_what_follows() -> None:
    bench = Bench()
    bench.board.inject("testpump.weak", "pump", {"share": 0.5}, "weak")
    ticket = bench.kernel.post(Command("rest", "me", "fault.change", FAULT_DESK, {"id": "weak", "share": 0.3}))
    bench.kernel.admit()
    bench.kernel.advance(bench.kernel.now)
    changed, done = bench.events[-2:]
    assert (changed.kind, changed.cause) == ("fault.changed", ticket.seq)
    assert (done.kind, done.data["id"]) == ("command.done", "weak")
    assert bench.pump.flow.value == 3.0
