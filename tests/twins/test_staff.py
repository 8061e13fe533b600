"""People on the plan: who is nearest goes, calls wait in order, shifts begin and end, nobody is in two places."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bay import PlaceConfig
from twins.staff import Call, MemberConfig, Staff, StaffConfig, StaffState

ROOM = PlaceConfig(x_m=0, y_m=0)
ALWAYS = ("00:00-24:00",)


def person(name: str, *shifts: str, role: Any = "technician") -> MemberConfig:
    return MemberConfig(id=name, role=role, shifts=shifts or ALWAYS)


def staffed(*members: MemberConfig, hour: int = 8) -> tuple[Kernel, Staff, list[Event]]:
    """A staff that walks a metre a second, from this hour of the day on."""
    kernel = Kernel(Clock(datetime(2022, 7, 6, hour), "Asia/Shanghai"), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    return kernel, Staff(kernel, StaffConfig(room=ROOM, walk_m_s=1.0, members=members)), events


def call(kernel: Kernel, subject: str, x_m: float, y_m: float = 0.0, work_s: float = 100.0, **more: Any) -> Call:
    def job(_way_s: float, _arrived: int) -> Generator[simpy.Event, Any, str]:
        yield kernel.timeout(work_s)
        return "done"

    return Call(more.pop("role", "technician"), PlaceConfig(x_m=x_m, y_m=y_m), subject, job, **more)


def reach(kernel: Kernel, t: float) -> None:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))


def told(events: list[Event]) -> list[tuple[float, str, str, Any]]:
    return [(e.t, e.kind.removeprefix("staff."), e.subject[6:-1], e.data.get("to") or e.data["at"]) for e in events]


@pytest.mark.clause("12")
def test_who_is_called_walks_works_and_comes_back() -> None:
    kernel, staff, events = staffed(person("T1"))
    (one,) = staff.members
    staff.dispatch(call(kernel, "A", 30, 40, cause=7, clause="12"))
    kernel.advance(SimTime(20.0))
    assert (one.state.value, one.x_m.at(SimTime(25.0)), one.y_m.at(SimTime(25.0))) == (StaffState.WALKING, 15.0, 20.0)
    kernel.advance(SimTime(60.0))
    assert (one.state.value, one.x_m.at(kernel.now), one.y_m.at(kernel.now)) == (StaffState.WORKING, 30.0, 40.0)
    kernel.advance(SimTime(160.0))
    assert one.state.value is StaffState.WALKING
    kernel.advance(SimTime(1_000.0))
    assert (one.state.value, one.x_m.at(kernel.now), one.y_m.at(kernel.now)) == (StaffState.FREE, 0.0, 0.0)
    assert one.state.since == 200.0
    assert told(events) == [(0.0, "dispatched", "T1", "A"), (50.0, "arrived", "T1", "A"), (150.0, "done", "T1", "A")]
    assert [e.cause for e in events] == [7, events[0].seq, events[1].seq]
    assert {e.clause for e in events} == {"12"}
    assert events[0].data["walk_s"] == 50.0 and events[2].data["result"] == "done"


def test_the_nearest_who_is_free_goes() -> None:
    kernel, staff, events = staffed(person("T1"), person("T2"), person("T3"))
    staff.dispatch(call(kernel, "far", 100.0, work_s=1_000.0))
    staff.dispatch(call(kernel, "near", 90.0, work_s=30.0))
    reach(kernel, 140.0)
    staff.dispatch(call(kernel, "middle", 50.0))
    assert told(events[-1:]) == [(140.0, "dispatched", "T2", "middle")], "on his way back at 70 m, T3 is in the room"


def test_who_is_called_on_the_way_back_turns_where_he_is() -> None:
    kernel, staff, events = staffed(person("T1"))
    staff.dispatch(call(kernel, "A", 100.0))
    reach(kernel, 230.0)
    staff.dispatch(call(kernel, "B", 100.0))
    kernel.advance(SimTime(2_000.0))
    assert told(events)[3:] == [(230.0, "dispatched", "T1", "B"), (260.0, "arrived", "T1", "B"),
                                (360.0, "done", "T1", "B")]  # fmt: skip
    assert staff.members[0].state.since == 460.0


def test_calls_wait_in_order_and_lead_from_one_place_to_the_next() -> None:
    kernel, staff, events = staffed(person("T1"), person("K1", role="attendant"))
    for number, x_m in enumerate((10.0, 30.0, 20.0)):
        staff.dispatch(call(kernel, f"P{number}", x_m))
    kernel.advance(SimTime(2_000.0))
    sent = [(t, who, to) for t, kind, who, to in told(events) if kind == "dispatched"]
    assert sent == [(0.0, "T1", "P0"), (110.0, "T1", "P1"), (230.0, "T1", "P2")]
    assert staff.members[1].state.version == 0, "nobody called an attendant"
    assert staff.has("attendant") and not staff.has("manager")


def test_a_call_that_waits_can_be_withdrawn() -> None:
    kernel, staff, events = staffed(person("T1"))
    calls = [call(kernel, name, 10.0) for name in ("A", "B", "C")]
    for one in calls:
        staff.dispatch(one)
    staff.withdraw(calls[1])
    staff.withdraw(calls[0])
    kernel.advance(SimTime(2_000.0))
    assert [to for _, kind, _, to in told(events) if kind == "done"] == ["A", "C"], "who has set out goes on"


def test_nobody_comes_before_the_shift() -> None:
    kernel, staff, events = staffed(person("T1", "09:00-17:00"))
    assert staff.members[0].state.value is StaffState.OFF_DUTY
    staff.dispatch(call(kernel, "A", 10.0))
    kernel.advance(SimTime(86_400.0))
    assert told(events)[0] == (3_600.0, "dispatched", "T1", "A")
    assert staff.members[0].state.value is StaffState.OFF_DUTY
    assert staff.members[0].state.since == 9 * 3_600.0


def test_who_has_begun_ends_the_job_past_his_shift_and_the_next_shift_takes_what_waits() -> None:
    kernel, staff, events = staffed(person("T1", "08:00-09:00"), person("T2", "09:00-08:00"))
    staff.dispatch(call(kernel, "A", 10.0, work_s=7_200.0))
    staff.dispatch(call(kernel, "B", 10.0))
    kernel.advance(SimTime(80_000.0))
    assert told(events) == [
        (0.0, "dispatched", "T1", "A"), (10.0, "arrived", "T1", "A"),
        (3_600.0, "dispatched", "T2", "B"), (3_610.0, "arrived", "T2", "B"), (3_710.0, "done", "T2", "B"),
        (7_210.0, "done", "T1", "A"),
    ]  # fmt: skip
    assert staff.members[0].state.value is StaffState.OFF_DUTY
    assert staff.members[0].state.since == 7_220.0


def test_states_follow_the_shifts_when_nobody_is_called() -> None:
    kernel, staff, events = staffed(person("T1", "07:00-12:00", "13:00-16:00"))
    seen = []
    for hour in range(8, 18):
        kernel.advance(SimTime((hour - 8) * 3_600.0))
        seen.append(staff.members[0].state.value is StaffState.FREE)
    assert seen == [True] * 4 + [False] + [True] * 3 + [False] * 2
    assert events == []


def test_without_staff_nothing_is_planned() -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), 1)
    staff = Staff(kernel, None)
    assert not staff.has("technician") and kernel.next_time() == float("inf")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_call_is_served_once_and_nobody_is_in_two_places(data: st.DataObject) -> None:
    shifts = st.sampled_from([("00:00-24:00",), ("07:00-19:00",), ("19:00-07:00",), ("08:00-12:00", "13:00-17:00")])
    people = [person(f"T{n}", *data.draw(shifts)) for n in range(data.draw(st.integers(1, 3)))]
    kernel, staff, events = staffed(*people, person("T9", "03:00-05:00"))
    place = st.floats(-200.0, 200.0)
    calls = data.draw(
        st.lists(st.tuples(st.floats(0.0, 90_000.0), place, place, st.floats(0.0, 20_000.0)), min_size=1, max_size=20)
    )
    by_time = sorted(calls)
    for number, (t, x_m, y_m, work_s) in enumerate(by_time):
        wanted = call(kernel, f"P{number:02d}", x_m, y_m, work_s)
        kernel.at(SimTime(t), lambda wanted=wanted: staff.dispatch(wanted))  # type: ignore[misc]
    kernel.advance(SimTime(1_000_000.0))
    happened = told(events)
    sent = [to for _, kind, _, to in happened if kind == "dispatched"]
    assert sent == [f"P{number:02d}" for number in range(len(calls))], "in the order of the calls, each once"
    assert [to for _, kind, _, to in happened if kind == "done"] != [] and len(happened) == 3 * len(calls)
    for member in staff.members:
        own = [(kind, to) for _, kind, who, to in happened if who == member.config.id]
        assert [kind for kind, _ in own] == ["dispatched", "arrived", "done"] * (len(own) // 3)
        assert (member.x_m.at(kernel.now), member.y_m.at(kernel.now)) == (0.0, 0.0)
        sent_at = [t for t, kind, who, _ in happened if kind == "dispatched" and who == member.config.id]
        assert all(member.duty.is_on(SimTime(t)) for t in sent_at)
