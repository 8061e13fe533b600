"""Faults: the fold over all that lean, the life cycle, late targets, refusals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.errors import UsageError
from sim.events import Event
from sim.faults import FAULTS, Contribution, FaultBoard, Knob, bounds, fault
from sim.kernel import Kernel
from sim.units import SimTime


class Pump:
    def __init__(self) -> None:
        self.changes = 0
        self.flow = Knob(10.0, self._changed)
        self.is_stuck = Knob(False, self._changed)

    def _changed(self) -> None:
        self.changes += 1


@fault("testpump.stuck", hits=Pump, zh="泵卡死", clause="8.4.1.2")
@dataclass(frozen=True, kw_only=True)
class PumpStuck:
    """The pump stands still."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=600.0))
    leak_pct: float = field(default=0.0, metadata=bounds(low=0.0, high=100.0))

    def contributions(self, pump: Pump) -> Iterable[Contribution]:
        yield pump.is_stuck.force(True)
        yield pump.flow.scale(1.0 - self.leak_pct / 100.0)


@fault("testpump.throttled", hits=Pump, zh="泵节流")
@dataclass(frozen=True, kw_only=True)
class PumpThrottled:
    """The pump moves no more than this, which is less than it can."""

    flow: float = field(default=5.0, metadata=bounds(low=0.0, high=100.0))

    def contributions(self, pump: Pump) -> Iterable[Contribution]:
        if self.flow > pump.flow.base:
            raise UsageError(f"the pump moves {pump.flow.base:g} at most")
        yield pump.flow.cap(self.flow)


def board(things: dict[str, object]) -> tuple[Kernel, FaultBoard, list[Event]]:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    return kernel, FaultBoard(kernel, things.get), events


def test_overlap_and_clearing_in_any_order() -> None:
    pump = Pump()
    _, faults, _ = board({"pump": pump})
    faults.inject("testpump.stuck", "pump", {"leak_pct": 50.0}, "one")
    faults.inject("testpump.stuck", "pump", {"leak_pct": 50.0}, "two")
    assert (pump.is_stuck.value, pump.flow.value) == (True, 2.5)
    faults.clear("one")
    assert (pump.is_stuck.value, pump.flow.value) == (True, 5.0)
    faults.clear("two")
    assert (pump.is_stuck.value, pump.flow.value) == (False, 10.0)


@given(st.lists(st.tuples(st.sampled_from(["add", "scale", "cap", "force"]), st.floats(0.1, 5.0)), max_size=6))
def test_the_fold_forgets_whatever_is_released(leans: list[tuple[str, float]]) -> None:
    knob = Knob(10.0, lambda: None)
    made = [getattr(knob, operation)(value) for operation, value in leans]
    for contribution in made:
        knob.lean(contribution)
    for contribution in made:
        knob.release(contribution)
    assert knob.value == 10.0


def test_life_cycle_is_events_with_causes_and_a_duration_ends_it() -> None:
    pump = Pump()
    kernel, faults, events = board({"pump": pump})
    faults.inject("testpump.stuck", "pump", {"duration_s": 30.0})
    kernel.advance(SimTime(29.0))
    assert pump.is_stuck.value
    kernel.advance(SimTime(31.0))
    assert not pump.is_stuck.value
    assert [(event.kind, event.t) for event in events] == [
        ("fault.armed", 0.0), ("fault.active", 0.0), ("fault.cleared", 30.0),
    ]  # fmt: skip
    assert events[1].cause == events[0].seq
    assert events[0].clause == "8.4.1.2"


def test_a_target_is_bound_when_it_appears() -> None:
    things: dict[str, object] = {}
    _, faults, events = board(things)
    faults.inject("testpump.stuck", "pump", {})
    assert [injected.target for injected in faults.never_met()] == ["pump"]
    things["pump"] = Pump()
    faults.targets_changed()
    assert faults.never_met() == []
    assert [event.kind for event in events] == ["fault.armed", "fault.active"]


def test_what_was_cleared_long_ago_is_forgotten() -> None:
    pump = Pump()
    _, faults, _ = board({"pump": pump})
    faults.inject("testpump.stuck", "pump", {}, "lasting")
    for number in range(2, 3_002):
        assert faults.inject("testpump.stuck", "pump", {}).id == f"testpump.stuck#{number}"
        faults.clear(f"testpump.stuck#{number}")
    assert len(faults.injected) == 1_001 and faults.injected["lasting"].state == "active"
    assert faults.injected["testpump.stuck#3001"].state == "cleared"
    for _ in range(1_100):
        faults.inject("testpump.stuck", "pump", {}, "again")
        faults.clear("again")
    assert list(faults.injected) == ["lasting", "again"]


def test_refusals_say_what_would_be_right() -> None:
    _, faults, _ = board({"pump": Pump(), "tap": object()})
    with pytest.raises(UsageError, match=r"did you mean 'testpump\.stuck'"):
        faults.inject("testpump.stck", "pump", {})
    with pytest.raises(UsageError, match=r"did you mean 'leak_pct'"):
        faults.inject("testpump.stuck", "pump", {"leak_pc": 1.0})
    with pytest.raises(UsageError, match=r"0\.0 to 100\.0"):
        faults.inject("testpump.stuck", "pump", {"leak_pct": 101.0})
    with pytest.raises(UsageError, match="hits a Pump"):
        faults.inject("testpump.stuck", "tap", {})
    with pytest.raises(UsageError, match="no fault is called"):
        faults.clear("nobody")


def test_what_its_target_cannot_have_is_refused_and_nothing_has_happened() -> None:
    pump = Pump()
    _, faults, events = board({"pump": pump})
    with pytest.raises(UsageError, match="10 at most"):
        faults.inject("testpump.throttled", "pump", {"flow": 20.0}, "slow")
    assert events == [] and faults.injected == {}
    faults.inject("testpump.throttled", "pump", {"flow": 4.0}, "slow")
    told = len(events)
    with pytest.raises(UsageError, match="10 at most"):
        faults.change("slow", {"flow": 20.0})
    assert len(events) == told and pump.flow.value == 4.0 and faults.injected["slow"].given == {"flow": 4.0}


def test_the_catalogue_tells_types_units_and_bounds() -> None:
    spec = FAULTS.get("testpump.stuck")
    assert (spec.title, spec.title_zh) == ("The pump stands still.", "泵卡死")
    by_name = {parameter.name: parameter for parameter in spec.parameters}
    assert (by_name["duration_s"].unit, by_name["duration_s"].low, by_name["duration_s"].default) == ("s", 0.1, None)
    assert by_name["leak_pct"].unit == "%"
