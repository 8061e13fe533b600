"""A pile that has failed: lock-out, a technician, reset or repair; what becomes of the cars; the face on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.books import energy_book
from twins.drivers import Arrival, Habits
from twins.platform import LocalPlatform
from twins.reliability import ReliabilityConfig
from twins.staff import MemberConfig, StaffConfig
from twins.station import Station
from twins.station_file import HeatConfig, find_station, read_station
from twins.supply import EvseState
from twins.vehicle import vehicle_models
from twins.visits import Session

Build = Callable[..., tuple[Kernel, Any, Any]]
RESETS = ReliabilityConfig(pile_mtbf_h=None, reset_share=0.99)
REPAIRS = ReliabilityConfig(pile_mtbf_h=None, reset_share=0.0)
PUBLIC = read_station(find_station("public")).value
STAFF = PUBLIC.staff
assert STAFF is not None
NIGHT = SimTime(86_400.0)


def at_work(build: Build, **changes: Any) -> tuple[Kernel, Any, list[Event]]:
    """The public station from eight in the morning, empty."""
    changes = {"heat": HeatConfig(packs=False)} | changes
    kernel, station, _ = build(name="public", start=datetime(2022, 7, 6, 8), **changes)
    events: list[Event] = []
    kernel.subscribe(lambda event: events.append(event) if event.kind != "evse.state" else None)
    return kernel, station, events


def cars(station: Any, *times: float, **habits: Any) -> None:
    model = vehicle_models()["nmc_75_400v"]
    station.visits.expect(iter([(Arrival(t, model, 10.0, 95.0, Habits(wants="fast", **habits)), None) for t in times]))


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if event.kind.split(".")[0] in ("fault", "alarm", "staff", "pile", "evse")]


@pytest.mark.clause("9.4.1", "12")
def test_a_reset_mends_a_pile_that_has_failed(build: Build) -> None:
    kernel, station, events = at_work(build, reliability=RESETS)
    station.faults.inject("pile.failed", "pile[A03]", {})
    (evse,) = station.piles["A03"].evses
    assert evse.state.value is EvseState.FAULTED and not evse.start("REMOTE")
    kernel.advance(NIGHT)
    assert kinds(events) == ["fault.armed", "fault.active", "alarm.raised", "staff.dispatched", "staff.arrived",
                             "pile.reset", "fault.cleared", "staff.done", "evse.recovered"]  # fmt: skip
    _, active, alarm, sent, arrived, reset, cleared, done, recovered = events
    assert (alarm.data["alarm"], alarm.clause) == ("pile_failed", "9.4.1")
    assert [sent.cause, arrived.cause, reset.cause, cleared.cause] == [
        alarm.seq, sent.seq, arrived.seq, reset.seq]  # fmt: skip
    assert reset.data == {"is_mended": True} and done.data["result"] == "reset"
    walk_s = arrived.t - active.t
    assert walk_s == sent.data["walk_s"] == pytest.approx(((58 - 12) ** 2 + (21 - 6.5) ** 2) ** 0.5 / 1.3)
    assert recovered.t == reset.t == pytest.approx(arrived.t + 90.0)
    assert evse.is_ready


@pytest.mark.clause("9.4.1")
def test_what_a_reset_does_not_mend_stays_locked_out_until_it_is_repaired(build: Build) -> None:
    kernel, station, events = at_work(build, reliability=REPAIRS)
    station.faults.inject("pile.failed", "pile[A03]", {})
    kernel.advance(NIGHT)
    by_kind = {event.kind: event for event in events}
    assert by_kind["pile.reset"].data == {"is_mended": False}
    assert by_kind["staff.done"].data["result"] == "repaired"
    assert by_kind["evse.recovered"].t == by_kind["staff.done"].t > by_kind["pile.reset"].t + 60.0
    assert station.kpis.figures(NIGHT)[9].value == pytest.approx(
        100.0 - 100.0 * by_kind["evse.recovered"].t / NIGHT / 20.0
    )


@pytest.mark.clause("9.4.1")
def test_no_reset_mends_a_welded_contactor(build: Build) -> None:
    kernel, station, events = at_work(build, reliability=RESETS)
    cars(station, 0.0)
    station.faults.inject("pile.contactor_stuck", "pile[A01].connector[1]", {"position": "closed"})
    kernel.advance(NIGHT)
    by_kind = {event.kind: event for event in events}
    assert by_kind["alarm.raised"].data["alarm"] == "contactor_welded"
    assert by_kind["staff.dispatched"].data["to"] == "pile[A01].connector[1]"
    assert (by_kind["pile.reset"].data["is_mended"], by_kind["staff.done"].data["result"]) == (False, "repaired")
    assert by_kind["evse.recovered"].t == by_kind["fault.cleared"].t == by_kind["staff.done"].t
    assert [one.outcome for one in station.ended] == ["charged"]


def test_a_contactor_that_does_not_close_stays_locked_out_when_the_car_has_left(build: Build) -> None:
    kernel, station, events = at_work(build, staff=None)
    cars(station, 0.0)
    evse = station.evses[0]
    station.faults.inject("pile.contactor_stuck", evse.path, {"position": "open"}, "open")
    kernel.advance(SimTime(3_600.0))
    assert evse.bms is None and evse.state.value is EvseState.FAULTED, "its test fails"
    assert "staff.dispatched" not in kinds(events)
    station.faults.clear("open")
    kernel.advance(NIGHT)
    assert evse.is_ready


def test_who_mends_it_from_outside_spares_the_technician_the_rest(build: Build) -> None:
    kernel, station, events = at_work(build, reliability=REPAIRS)
    for pile, after_s in (("A01", 20.0), ("A02", 60.0), ("A03", 300.0)):
        station.faults.inject("pile.failed", f"pile[{pile}]", {"duration_s": after_s})
        kernel.advance(SimTime(kernel.now + 2_000.0))
        kernel.jump(SimTime(kernel.now + 2_000.0))
    done = [event for event in events if event.kind == "staff.done"]
    assert [event.data["result"] for event in done] == ["sound"] * 3
    recovered = [event.t for event in events if event.kind == "evse.recovered"]
    assert [done[0].t > recovered[0], *(one.t == t for one, t in zip(done[1:], recovered[1:], strict=True))] == [
        True
    ] * 3
    assert kinds(events).count("pile.reset") == 1, "only at the third had he come so far"


def test_a_call_that_nobody_has_taken_ends_with_its_cause(build: Build) -> None:
    day = StaffConfig(room=STAFF.room, members=(MemberConfig(id="T1", role="technician", shifts=("09:00-19:00",)),))
    kernel, station, events = at_work(build, staff=day)
    station.faults.inject("pile.failed", "pile[A01]", {"duration_s": 600.0})
    kernel.advance(NIGHT)
    assert "staff.dispatched" not in kinds(events)
    assert kinds(events)[-1] == "evse.recovered" and events[-1].t == 600.0


@pytest.mark.parametrize(
    ("changes", "is_mended"),
    [
        ({"staff": None, "reliability": REPAIRS}, True),
        ({"staff": None, "reliability": None}, False),
        ({"staff": StaffConfig(room=STAFF.room, members=STAFF.members[2:]), "reliability": None}, True),
    ],
)
def test_without_a_technician_a_firm_comes_if_anybody_minds(
    build: Build, changes: dict[str, Any], is_mended: bool
) -> None:
    kernel, station, events = at_work(build, **changes)
    station.faults.inject("pile.failed", "pile[A01]", {})
    kernel.advance(SimTime(10 * NIGHT))
    assert station.evses[0].is_ready is is_mended
    assert not {"staff.dispatched", "pile.reset"} & set(kinds(events))


@pytest.mark.clause("9.4.1")
def test_a_charge_whose_pile_fails_ends_as_failed_and_the_books_close(build: Build) -> None:
    kernel, station, _ = at_work(build)
    cars(station, 0.0, 0.0)
    kernel.advance(SimTime(900.0))
    kernel.jump(SimTime(900.0))
    assert sum(evse.is_charging for evse in station.evses) == 2
    station.faults.inject("pile.failed", "pile[A01]", {})
    assert not station.evses[0].is_charging and station.evses[0].power_kw.at(kernel.now) == 0.0
    kernel.advance(NIGHT)
    failed, charged = sorted(station.ended, key=lambda one: one.id)
    assert (failed.outcome, failed.stop_reason, failed.stopped_s) == ("failed", "pile_failed", 900.0)
    assert failed.left_s == 900.0 + 155.0 and failed.energy_true_kwh > 5.0 and failed.cost_cny > 0.0
    assert charged.outcome == "charged"
    energy_book(station, NIGHT).check()
    assert station.money.check(NIGHT) == []


@pytest.mark.parametrize("at_s", [3.0, 20.0])
def test_a_driver_whose_pile_fails_on_the_way_or_at_the_plug_gets_another(build: Build, at_s: float) -> None:
    kernel, station, events = at_work(build)
    cars(station, 0.0)
    kernel.advance(SimTime(at_s))
    kernel.jump(SimTime(at_s))
    (session,) = station.visits.present.values()
    bay = next(bay for bay in station.bays.values() if bay.is_promised)
    station.faults.inject("pile.failed", f"pile[{bay.evses[0][1]}]", {})
    kernel.advance(NIGHT)
    assert [event.subject for event in events if event.kind == "bay.blocked"] == [bay.path]
    assert (session.outcome, session.bay != bay.config.id) == ("charged", True)
    assert not station.visits.present and not bay.is_promised


def test_a_car_whose_token_is_still_being_asked_for_is_let_go() -> None:
    class Mute(LocalPlatform):
        def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
            return None

    kernel = Kernel(Clock(datetime(2022, 7, 6, 8), "Asia/Shanghai"), 1)
    station = Station(kernel, PUBLIC, Mute(kernel))
    ended: list[Session] = []
    station.visits.on_session = ended.append
    cars(station, 0.0)
    kernel.advance(SimTime(200.0))
    assert station.evses[0].state.value is EvseState.PREPARING
    station.faults.inject("pile.failed", "pile[A01]", {})
    kernel.advance(SimTime(1_000.0))
    assert [(one.outcome, one.stop_reason) for one in ended] == [("failed", "pile_failed")]


def test_two_that_fail_at_once_are_mended_one_after_the_other(build: Build) -> None:
    kernel, station, events = at_work(build, reliability=RESETS)
    for pile in ("A01", "A02"):
        station.faults.inject("pile.failed", f"pile[{pile}]", {})
    kernel.advance(SimTime(3_600.0))
    first, second = (event for event in events if event.kind == "staff.dispatched")
    done = next(event for event in events if event.kind == "staff.done")
    assert (first.subject, second.subject, second.t) == ("staff[T1]", "staff[T1]", done.t)
    assert second.data["walk_s"] == pytest.approx(3.0 / 1.3), "the two stand side by side"


def test_a_cabinet_of_two_connectors_calls_once(build: Build) -> None:
    kernel, station, _ = build(name="community", staff=STAFF, reliability=RESETS)
    events: list[Event] = []
    kernel.subscribe(events.append)
    station.faults.inject("pile.failed", "pile[A01]", {})
    kernel.advance(NIGHT)
    told = kinds(events)
    assert (told.count("alarm.raised"), told.count("staff.dispatched"), told.count("evse.recovered")) == (2, 1, 2)


def test_a_split_stack_fails_as_a_whole(build: Build) -> None:
    kernel, station, _ = build(name="hub", staff=STAFF, reliability=REPAIRS)
    cars(station, *[0.0] * 6)
    kernel.advance(SimTime(900.0))
    kernel.jump(SimTime(900.0))
    stack = station.piles["H01"]
    assert sum(evse.is_charging for evse in stack.evses) == 6
    station.faults.inject("pile.failed", "pile[H01]", {})
    kernel.advance(SimTime(910.0))
    assert all(evse.state.value is EvseState.FAULTED for evse in stack.evses)
    assert stack.free.at(kernel.now) == 16.0
    kernel.advance(SimTime(5 * NIGHT))
    assert all(evse.is_ready for evse in stack.evses)
    energy_book(station, kernel.now).check()


@pytest.mark.clause("12")
@pytest.mark.parametrize(
    ("fault", "target", "facts", "alarm"),
    [
        ("connector.contact_loose", "pile[A01].connector[1].contact", {"factor": 12.0}, "connector_overtemperature"),
        ("pile.inlet_sensor_broken", "pile[A01].cabinet", {}, "inlet_sensor_broken"),
    ],
)
def test_what_heat_has_locked_out_is_mended_too(
    build: Build, fault: str, target: str, facts: dict[str, float], alarm: str
) -> None:
    kernel, station, events = at_work(build, reliability=REPAIRS, heat=HeatConfig(packs=False, piles=True,
                                                                                 connectors=True))  # fmt: skip
    cars(station, 0.0)
    station.faults.inject(fault, target, facts)
    kernel.advance(NIGHT)
    mended = [event for event in events if event.kind in ("alarm.raised", "staff.dispatched", "staff.done")]
    raised = [event.data["alarm"] for event in mended if event.kind == "alarm.raised"]
    assert alarm in raised
    assert [event.data["result"] for event in mended if event.kind == "staff.done"] == ["repaired"]
    assert "fault.cleared" in kinds(events)
    assert station.evses[0].is_ready
