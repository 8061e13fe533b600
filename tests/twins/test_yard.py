"""The yard: free bays, the line and its rules, patience, sensors that lag; nobody is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.streams import Streams
from sim.units import SimTime
from twins.arrivals import VehicleShare, draw_arrivals
from twins.bay import Bay, BayConfig, Occupancy, PlaceConfig, SensorConfig
from twins.drivers import Arrival, Habits
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.vehicle import PETROL_CAR, vehicle_models
from twins.yard import Turn, Yard, YardConfig

from datetime import datetime  # isort: skip

Build = Callable[..., tuple[Kernel, Any, Any]]


class _Outlet:
    is_ready = True


def yard(fast: int, slow: int, line: str = "by_kind", places: int = 100) -> tuple[Kernel, Yard]:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    bays = []
    for number in range(fast + slow):
        config = BayConfig(id=f"B{number}", kind="fast" if number < fast else "slow", place=PlaceConfig(x_m=0, y_m=0))
        bay = Bay(kernel, config, number, SensorConfig())
        bay.evses.append((_Outlet(), "A", 1))  # type: ignore[arg-type]
        bays.append(bay)
    return kernel, Yard(kernel, YardConfig(line=line), bays, places)  # type: ignore[arg-type]


def join(site: Yard, wants: str, called: list[tuple[str, Bay]], name: str) -> Turn:
    turn = Turn(wants, None, lambda bay: called.append((name, bay)))
    site.wait(turn)
    return turn


def test_the_first_of_a_kind_is_called_when_a_bay_of_it_is_free() -> None:
    _, site = yard(1, 1)
    held = [site.seek("fast", None), site.seek("slow", None)]
    called: list[tuple[str, Bay]] = []
    join(site, "fast", called, "one")
    join(site, "slow", called, "two")
    assert held[0] is not None and held[1] is not None
    assert site.seek("slow", None) is None
    site.release(held[1])
    assert [name for name, _ in called] == ["two"]
    assert site.waiting.at(SimTime(0.0)) == 1.0


def test_in_one_line_the_head_holds_up_those_behind() -> None:
    _, site = yard(1, 1, "first_come")
    fast, slow = site.seek("fast", None), site.seek("slow", None)
    assert fast is not None and slow is not None
    called: list[tuple[str, Bay]] = []
    first = join(site, "fast", called, "one")
    join(site, "slow", called, "two")
    site.release(slow)
    assert called == []
    assert site.seek("slow", None) is None, "the line comes first"
    site.give_up(first)
    assert [name for name, _ in called] == ["two"]


@pytest.mark.clause("9.6.1")
def test_a_sensor_that_lags_sends_nobody_to_a_bay_that_looks_taken() -> None:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    config = BayConfig(id="B1", kind="fast", place=PlaceConfig(x_m=0, y_m=0))
    bay = Bay(kernel, config, 0, SensorConfig(delay_s=30.0))
    bay.evses.append((_Outlet(), "A", 1))  # type: ignore[arg-type]
    site = Yard(kernel, YardConfig(), [bay], 5)
    assert site.seek("fast", None) is bay
    bay.occupy("S1")
    kernel.advance(SimTime(100.0))
    assert bay.seen.value is Occupancy.OCCUPIED
    called: list[tuple[str, Bay]] = []
    join(site, "fast", called, "one")
    bay.free("S1")
    site.release(bay)
    assert called == []
    kernel.advance(SimTime(130.0))
    assert [name for name, _ in called] == ["one"]


def arrival(t_s: float, **habits: Any) -> Arrival:
    model = PETROL_CAR if habits.get("petrol_stay_s") else vehicle_models()["lfp_60_400v"]
    return Arrival(t_s, model, 30.0, 80.0, Habits(**{"wants": "fast", **habits}))


@pytest.mark.clause("13.8")
def test_a_petrol_car_blocks_a_bay_and_is_told(build: Build) -> None:
    kernel, station, _ = build(name="public", start=datetime(2022, 7, 6))
    events: list[Event] = []
    kernel.subscribe(events.append)
    station.visits.expect(iter([(arrival(0.0, petrol_stay_s=600.0), None)]))
    kernel.advance(SimTime(300.0))
    assert station.bays["B01"].occupied.value is Occupancy.OCCUPIED
    kernel.advance(SimTime(1_000.0))
    assert [event.kind for event in events] == [
        "vehicle.arrived", "bay.occupied", "bay.misused", "bay.freed"]  # fmt: skip
    assert station.evses[0].energy_kwh(kernel.now) == 0.0
    assert [one.outcome for one in station.ended] == ["petrol"]


@pytest.mark.clause("5.4")
def test_patience_and_the_sight_of_the_line(build: Build) -> None:
    kernel, station, _ = build(name="public")
    crowd = [(arrival(0.0, patience_s=120.0, balk_at=2.0), None) for _ in range(21)]
    station.visits.expect(iter(crowd))
    kernel.advance(SimTime(10.0))
    assert station.yard.length == 2
    assert [one.outcome for one in station.ended] == ["turned_away", "turned_away"]
    kernel.advance(SimTime(121.0))
    assert [one.outcome for one in station.ended[2:]] == ["reneged", "reneged"]
    assert station.ended[2].left_s == 120.0
    assert station.yard.length == 0


def test_overstay_blocks_the_bay_after_the_charge(build: Build) -> None:
    kernel, station, _ = build(name="public")
    station.visits.expect(iter([(arrival(0.0, overstay_s=900.0), None)]))
    kernel.advance(SimTime(20_000.0))
    (session,) = station.ended
    assert session.left_s - session.stopped_s == pytest.approx(900.0 + 155.0, abs=1e-9)


@pytest.mark.clause("9.5.3")
def test_air_conditioning_shows_on_the_meter_and_not_in_the_pack(build: Build) -> None:
    def energy_kwh(cooling_kw: float) -> tuple[float, float]:
        kernel, station, _ = build(name="public")
        station.visits.expect(iter([(arrival(0.0, cooling_kw=cooling_kw), None)]))
        kernel.advance(SimTime(20_000.0))
        (session,) = station.ended
        assert abs(session.soc_out_pct - 80.0) < 1e-4
        return session.energy_true_kwh, session.stopped_s - session.started_s

    plain_kwh, _ = energy_kwh(0.0)
    cooled_kwh, charged_s = energy_kwh(3.0)
    assert abs(cooled_kwh - plain_kwh - 3.0 * charged_s / 3_600.0) < 1e-6


@pytest.mark.clause("9.5.4")
def test_the_lock_holds_against_who_pulls_under_load(build: Build) -> None:
    kernel, station, _ = build(name="public")
    events: list[Event] = []
    kernel.subscribe(events.append)
    station.visits.expect(iter([(arrival(0.0, hot_unplug_share=0.5), None)]))
    kernel.advance(SimTime(20_000.0))
    (session,) = station.ended
    assert session.stop_reason == "driver" and session.soc_out_pct < 80.0
    assert [(event.data["lock"], event.clause) for event in events if event.kind == "connector.pulled"] == [
        ("locked", "9.5.4")
    ]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["first_come", "by_kind"]), st.floats(0.0, 60.0), st.floats(0.0, 0.4))
def test_on_a_wild_day_nobody_is_lost(seed: int, line: str, delay_s: float, miss_share: float) -> None:
    from dataclasses import replace

    from twins.books import energy_book
    from twins.drivers import DriversConfig
    from twins.platform import LocalPlatform
    from twins.station_file import find_station, read_station

    file = read_station(find_station("public")).value
    drivers = DriversConfig(patience_mean_min=8, balk_at=4, slow_share=0.1, timed_share=0.2, early_share=0.1,
                            overstay_share=0.3, cooling_share=0.3, petrol_share=0.05)  # fmt: skip
    sensors = SensorConfig(delay_s=delay_s, miss_share=miss_share)
    file = replace(file, yard=replace(file.yard, line=line, sensors=sensors),
                   demand=replace(file.demand, drivers=drivers))  # fmt: skip
    kernel = Kernel(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), seed)
    station = Station(kernel, file, LocalPlatform(kernel))
    outcomes: list[str] = []
    station.visits.on_session = lambda session: outcomes.append(session.outcome)
    arrived: list[Event] = []
    kernel.subscribe(arrived.append, "vehicle.arrived")
    station.draw_demand(600.0, 36_000.0)
    kernel.advance(SimTime(36_000.0))
    assert len(arrived) == len(outcomes) + len(station.visits.present)
    assert station.yard.length == sum(one.bay_s is None for one in station.visits.present.values())
    kernel.advance(SimTime(200_000.0))
    assert not station.visits.present, "everybody has left in the end"
    assert all(bay.occupied.value is Occupancy.FREE and not bay.is_promised for bay in station.bays.values())
    energy_book(station, kernel.now).check()


def test_a_car_without_an_on_board_charger_never_looks_for_a_slow_bay() -> None:
    """Half the cars have one; nothing else about anybody changes by that, draws included."""
    file = read_station(find_station("community")).value
    plain = vehicle_models()["lfp_60_400v"]
    demand = replace(
        file.demand.at_rate(400.0), vehicles=(VehicleShare(model="a", share=0.5), VehicleShare(model="b", share=0.5)),
        drivers=replace(file.demand.drivers, slow_share=0.5),
    )  # fmt: skip

    def drawn(ac_max_kw: float) -> list[Arrival]:
        models = {"a": replace(plain, name="a"), "b": replace(plain, name="b", ac_max_kw=ac_max_kw)}
        clock = Clock(datetime(2022, 6, 14), "Asia/Shanghai")
        return list(draw_arrivals(demand, models, clock, Streams(1), 86_400.0))

    both, one = drawn(7.0), drawn(0.0)
    assert {arrival.model.ac_max_kw for arrival in one if arrival.habits.wants == "slow"} == {7.0, PETROL_CAR.ac_max_kw}
    changed = [(old, new) for old, new in zip(both, one, strict=True) if old.habits != new.habits]
    assert len(changed) > 50
    for old, new in changed:
        assert new.model.name == "b" and old.habits._replace(wants="fast") == new.habits
    assert all(old._replace(model=plain, habits=Habits()) == new._replace(model=plain, habits=Habits())
               for old, new in zip(both, one, strict=True))  # fmt: skip


def test_who_wants_what_the_station_has_not_is_turned_away(build: Build) -> None:
    kernel, station, _ = build(name="hub")
    station.visits.expect(iter([(arrival(0.0, wants="slow"), None), (arrival(1.0), None)]))
    kernel.advance(SimTime(10.0))
    assert [one.outcome for one in station.ended] == ["turned_away"]
    assert station.yard.length == 0 and len(station.visits.present) == 1
