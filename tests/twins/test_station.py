"""The two-outlet site for a day: books close, limits hold, demand is met, the same seed is the same run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sim.errors import BooksOpen
from sim.events import Event
from sim.kernel import Kernel
from sim.sums import Sum
from sim.units import SimTime
from twins.books import energy_book
from twins.lock import LockState
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.supply import EvseState

Build = Callable[..., tuple[Kernel, Station, LocalPlatform]]
DAY = SimTime(86_400.0)


def row(arrival_s: float, connector: int, **changes: Any) -> ReplayRow:
    values: dict[str, Any] = {
        "arrival_s": arrival_s, "stay_s": None, "connector": connector, "capacity_kwh": 75.0, "soc_in_pct": 20.0,
        "soc_target_pct": 80.0, "power_max_kw": 180.0,
    }  # fmt: skip
    return ReplayRow(**(values | changes))


def test_a_drawn_day_closes_its_energy_book(build: Build) -> None:
    kernel, station, platform = build(seed=7)
    station.draw_demand(12, DAY)
    kernel.advance(DAY)
    book = energy_book(station, DAY)
    book.check()
    assert len(station.sessions) > 4
    assert book.vehicles_kwh == pytest.approx(sum(s.energy_true_kwh for s in station.sessions), rel=1e-9)
    assert book.vehicles_kwh > 50.0 and book.losses_kwh > 5.0
    assert platform.begun == platform.stopped + len(platform.open)
    assert platform.misordered == 0


def test_a_dropped_loss_opens_the_book(build: Build) -> None:
    kernel, station, _ = build(seed=7)
    station.draw_demand(12, DAY)
    kernel.advance(DAY)
    energy_book(station, DAY).check()
    lost_kwh = station.piles["A01"].ratio_loss_kw.total_at(DAY) / 3_600.0
    station.piles["A01"].loss_kw = Sum("dropped", "kW", [station.piles["A01"].modules_kw])
    book = energy_book(station, DAY)
    assert book.residual_rel == pytest.approx(lost_kwh / book.grid_kwh, rel=1e-9)
    with pytest.raises(BooksOpen, match="energy book"):
        book.check()


def test_same_seed_same_digest(build: Build) -> None:
    def digest(seed: int) -> tuple[str, str]:
        kernel, station, _ = build(seed=seed)
        station.draw_demand(10, DAY)
        kernel.advance(DAY)
        return kernel.digest.finish(DAY, kernel.signals.values())

    assert digest(3) == digest(3)
    assert digest(3)[1] != digest(4)[1]


def test_two_cars_share_the_cabinet_and_never_exceed_it(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1, capacity_kwh=100.0), row(300.0, 2, capacity_kwh=100.0, soc_in_pct=5.0)))
    seen = []
    for second in range(0, 4_000, 7):
        kernel.advance(SimTime(second))
        powers = [evse.power_kw.at(SimTime(second)) for evse in station.evses]
        limits = [evse.limit_kw.at(SimTime(second)) for evse in station.evses]
        assert sum(powers) <= 172.5 * (1 + 1e-9)
        assert powers[0] == 0.0 or powers[1] <= 60.72 * (1 + 1e-9)
        assert all(power <= limit * (1 + 1e-9) for power, limit in zip(powers, limits, strict=True))
        seen.append(tuple(round(power, 1) for power in powers))
    assert (91.1, 60.7) in seen


def test_the_order_of_a_session(build: Build) -> None:
    kernel, station, _ = build()
    events: list[Event] = []
    kernel.subscribe(events.append)
    station.replay((row(60.0, 1),))
    kernel.advance(DAY)
    told = [(event.kind, event.data.get("state") or event.data.get("step") or "") for event in events]
    assert told == [
        ("vehicle.arrived", ""), ("bay.occupied", ""), ("evse.state", "preparing"), ("session.started", ""),
        ("evse.state", "charging"), ("session.ended", ""),
        ("evse.state", "finishing"), ("bill.issued", ""), ("evse.state", "available"), ("bay.freed", ""),
    ]  # fmt: skip
    (session,) = station.sessions
    assert session.outcome == "charged"
    assert session.soc_out_pct == pytest.approx(80.0, abs=1e-5)
    assert session.energy_true_kwh == pytest.approx(75.0 * 0.6 / 0.95, rel=0.02), "as the recorded packs are defined"


def test_a_replayed_car_waits_for_its_connector_and_a_drawn_one_turns_away(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1), row(10.0, 1)))
    kernel.advance(SimTime(3_600.0 * 4))
    first, second = station.sessions
    assert first.left_s is not None and second.plugged_s is not None
    assert second.plugged_s >= first.left_s
    kernel, station, _ = build()
    for number in range(3):
        station.visits.arrive(row(0.0, number + 1).arrival())
        kernel.advance(SimTime(60.0 * (number + 1)))
    assert [session.outcome for session in station.sessions][2] == "turned_away"
    assert {session.connector for session in station.sessions[:2]} == {1, 2}


def test_a_stay_that_is_given_ends_the_charge_early(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1, stay_s=900.0),))
    kernel.advance(DAY)
    (session,) = station.sessions
    assert session.stop_reason == "driver"
    assert session.left_s == pytest.approx(900.0, abs=1e-6)
    assert session.soc_out_pct is not None and session.soc_out_pct < 80.0


def test_a_refused_token_does_not_charge(build: Build) -> None:
    kernel, station, platform = build(blocked=frozenset({"TAG-V000001"}))
    station.replay((row(0.0, 1),))
    kernel.advance(DAY)
    (session,) = station.sessions
    assert (session.outcome, session.stop_reason, session.started_s) == ("failed", "not_authorised", None)
    assert platform.begun == 0
    assert station.evses[0].state.value is EvseState.AVAILABLE


@pytest.mark.clause("8.3")
def test_a_silent_bms_is_stopped_within_its_protocols_second(build: Build) -> None:
    kernel, station, _ = build()
    events: list[Event] = []
    kernel.subscribe(events.append)
    station.replay((row(0.0, 1),))
    station.faults.inject("bms.mute", "bay[B01].vehicle.bms", {})
    assert station.faults.never_met()
    kernel.advance(SimTime(600.0))
    assert not station.faults.never_met()
    (session,) = station.sessions
    assert (session.outcome, session.stop_reason) == ("failed", "bms_timeout")
    alarm = next(event for event in events if event.kind == "alarm.raised")
    assert session.started_s is not None
    assert alarm.t == pytest.approx(session.started_s + 1.0, abs=1e-9)
    energy_book(station, SimTime(600.0)).check()


@pytest.mark.clause("9.4.1")
def test_a_welded_contactor_locks_the_outlet_out_until_it_is_mended(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1), row(200.0, 1)))
    kernel.advance(SimTime(100.0))
    station.faults.inject("pile.contactor_stuck", "pile[A01].connector[1]", {"position": "closed"}, "weld")
    kernel.advance(SimTime(20_000.0))
    evse = station.evses[0]
    assert evse.state.value is EvseState.FAULTED
    assert [session.outcome for session in station.sessions] == ["charged", "waiting"]
    assert not evse.start("REMOTE")
    station.faults.clear("weld")
    kernel.advance(SimTime(40_000.0))
    assert evse.state.value is EvseState.AVAILABLE
    assert [session.outcome for session in station.sessions] == ["charged", "charged"]


def test_a_contactor_that_does_not_close_fails_the_session(build: Build) -> None:
    kernel, station, platform = build()
    station.faults.inject("pile.contactor_stuck", "pile[A01].connector[2]", {"position": "open", "duration_s": 500.0})
    station.replay((row(0.0, 2),))
    kernel.advance(SimTime(2_000.0))
    (session,) = station.sessions
    assert (session.outcome, session.stop_reason) == ("failed", "contactor_open")
    assert platform.begun == 0
    assert station.evses[1].state.value is EvseState.AVAILABLE


def test_a_contactor_that_opens_while_it_charges_ends_the_charge(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1),))
    kernel.advance(SimTime(300.0))
    assert station.evses[0].is_charging
    station.faults.inject("pile.contactor_stuck", "pile[A01].connector[1]", {"position": "open", "duration_s": 60.0})
    kernel.advance(SimTime(301.0))
    assert station.evses[0].power_kw.at(SimTime(301.0)) == 0.0
    assert station.sessions[0].stop_reason == "contactor_open"
    energy_book(station, SimTime(301.0)).check()


def test_a_stay_that_is_over_before_the_charge_could_begin_is_kept(build: Build) -> None:
    kernel, station, platform = build()
    asked: list[Callable[[bool], None]] = []
    platform.authorise = lambda evse, token, done: asked.append(done)
    station.replay((row(0.0, 1, stay_s=400.0),))
    kernel.advance(SimTime(300.0))
    asked[0](True)
    kernel.advance(DAY)
    (session,) = station.sessions
    assert session.left_s == pytest.approx(400.0, abs=1e-6)
    assert (session.started_s, session.energy_true_kwh, station.evses[0].state.value) == (
        None,
        0.0,
        EvseState.AVAILABLE,
    )


def test_a_start_that_was_asked_for_waits_two_minutes(build: Build) -> None:
    kernel, station, _ = build(blocked=frozenset({"TAG-V000001"}))
    evse = station.evses[0]
    station.replay((row(200.0, 1),))
    assert evse.start("REMOTE")
    kernel.advance(DAY)
    assert [session.outcome for session in station.sessions] == ["failed"]


def test_taken_out_of_service_while_somebody_plugs_in(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1),))
    kernel.advance(SimTime(10.0))
    assert station.evses[0].set_in_service(False)
    kernel.advance(SimTime(4_000.0))
    assert station.sessions[0].started_s is None
    assert station.evses[0].set_in_service(True)
    kernel.advance(DAY)
    assert station.sessions[0].outcome == "charged"


def test_the_air_follows_the_month(build: Build) -> None:
    kernel, station, _ = build(start=datetime(2022, 10, 31, 23, 0))
    assert station.weather.air_temp_c.at(SimTime(0.0)) == 11.0
    kernel.advance(SimTime(7_200.0))
    assert station.weather.air_temp_c.at(kernel.now) == 5.0


@pytest.mark.clause("9.5.4")
def test_the_plug_is_locked_while_it_may_be_live(build: Build) -> None:
    kernel, station, _ = build()
    station.replay((row(0.0, 1),))
    evse = station.evses[0]
    kernel.advance(SimTime(24.0))
    assert evse.lock.value is LockState.UNLOCKED
    kernel.advance(SimTime(30.0))
    assert evse.lock.value is LockState.LOCKED
    kernel.advance(SimTime(100.0))
    assert evse.lock.value is LockState.LOCKED
    station.faults.inject("pile.contactor_stuck", evse.path, {"position": "closed"}, "weld")
    assert evse.stop("driver")
    kernel.advance(SimTime(101.0))
    assert (evse.lock.value, evse.unlock()) == (LockState.LOCKED, False)
    station.faults.clear("weld")
    kernel.advance(SimTime(400.0))
    assert evse.lock.value is LockState.UNLOCKED


def test_a_start_that_the_platform_asked_for_waits_for_a_car(build: Build) -> None:
    kernel, station, platform = build(blocked=frozenset({"TAG-V000001", "TAG-V000002"}))
    evse = station.evses[0]
    station.replay((row(60.0, 1), row(8_000.0, 1)))
    assert evse.start("REMOTE")
    kernel.advance(SimTime(20_000.0))
    assert [session.outcome for session in station.sessions] == ["charged", "failed"]
    assert platform.begun == 1


def test_out_of_service_after_the_session_and_back(build: Build) -> None:
    kernel, station, _ = build()
    evse = station.evses[0]
    station.replay((row(0.0, 1), row(300.0, 1)))
    kernel.advance(SimTime(200.0))
    assert not evse.set_in_service(False)
    kernel.advance(SimTime(15_000.0))
    assert evse.state.value is EvseState.UNAVAILABLE
    assert [session.outcome for session in station.sessions] == ["charged", "waiting"]
    assert evse.set_in_service(True)
    kernel.advance(SimTime(40_000.0))
    assert [session.outcome for session in station.sessions] == ["charged", "charged"]
