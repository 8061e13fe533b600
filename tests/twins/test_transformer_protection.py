"""The transformer's protection: fans, alarm, trip, load control, its breaker, and a sensor that may lie."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.books import energy_book
from twins.dry_transformer import FanState
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station

PATH = "grid.transformer[T1]"
RATED_KW = 250.0 * 0.98


@pytest.mark.clause("8.4.1.1")
def test_a_trip_darkens_the_station_until_it_has_cooled_and_somebody_comes(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(
        "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {below_c: 90, after_min: 20}}", share=0.7
    )
    dry.station.draw_demand(60.0, 20_000.0)
    dry.run_to(600.0)
    dry.load(1.3)
    dry.run_to(2_800.0)
    (tripped,) = dry.times("transformer.tripped")
    assert dry.at("load_share") == 0.0 and dry.station.grid.power_kw.at(dry.kernel.now) == 0.0
    assert dry.kernel.signals["grid.voltage_pu"].at(dry.kernel.now) == 0.0
    assert not dry.times("grid.outage"), "the feed itself is well"
    dry.run_to(tripped + 1_300.0)
    assert not dry.times("transformer.reset"), "somebody is there, but it is too hot"
    dry.run_to(20_000.0)
    (reset,) = dry.times("transformer.reset")
    cooled = tripped + 1_800.0 * log((150.0 - 40.0) / (90.0 - 40.0))
    assert reset == pytest.approx(cooled + 60.0, rel=1e-3), "held for a minute"
    back = dry.times("evse.recovered")
    assert len(back) == 2 and back[0] == pytest.approx(reset + 30.0)
    alarm, trip = (
        next(one for one in dry.events if one.kind == kind) for kind in ("alarm.raised", "transformer.tripped")
    )
    assert trip.cause == alarm.seq
    energy_book(dry.station, dry.kernel.now).check()


def test_a_technician_of_the_station_goes_there_and_resets(tmp_path: Path, site_text: Callable[..., str]) -> None:
    heat = "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {place: {x_m: 13, y_m: 0}}}"
    staff = 'staff:\n  room: {x_m: 0, y_m: 0}\n  members: [{id: T1, role: technician, shifts: ["00:00-24:00"]}]\n\n'
    text = site_text(heat, 40.0, 0.7).replace("tariff:\n", staff + "tariff:\n")
    (tmp_path / "given.yaml").write_text(text, encoding="utf-8")
    file = read_station(tmp_path / "given.yaml").value
    kernel = Kernel(Clock(datetime(2022, 7, 6), file.station.timezone), 1)
    events: list[Event] = []
    kernel.subscribe(events.append)
    station = Station(kernel, file, LocalPlatform(kernel))
    kernel.advance(SimTime(0.0))
    station.house.base_kw.set(kernel.now, 1.3 * RATED_KW)
    kernel.advance(SimTime(9_000.0))
    told = [one for one in events if one.kind.startswith(("transformer", "staff"))]
    assert [one.kind for one in told] == [
        "transformer.tripped", "staff.dispatched", "staff.arrived", "transformer.reset", "staff.done",
    ]  # fmt: skip
    tripped, sent, arrived, reset, done = told
    assert arrived.t == pytest.approx(tripped.t + 10.0)
    assert (sent.cause, reset.cause, done.data["result"]) == (tripped.seq, arrived.seq, "reset")
    assert reset.t > arrived.t + 600.0


def test_load_control_prevents_the_trip_and_its_absence_lets_it_happen(tmp_path: Path) -> None:
    """The same station file but for `load_control`, the same cars, the same fans that fail."""

    def evening(control: str) -> tuple[Station, list[Event], float]:
        heat = f"{{kind: dry, fans: {{}}, alarm_c: 130, trip_c: 150{control}}}"
        unit = f"    rating_kva: 630\n    no_load_loss_kw: 1.6\n    load_loss_kw: 9.7\n    heat: {heat}\n"
        text = re.sub(r"    rating_kva: 800\n(?:    .*\n)+", unit, find_station("public").read_text(encoding="utf-8"))
        (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
        file = read_station(tmp_path / "station.yaml").value
        kernel = Kernel(Clock(datetime(2022, 7, 13, 12), file.station.timezone), 5)
        events: list[Event] = []
        kernel.subscribe(events.append)
        station = Station(kernel, file, LocalPlatform(kernel))
        station.draw_demand(1_500.0, 4 * 3_600.0)
        kernel.at(SimTime(3_600.0), lambda: station.faults.inject("transformer.fan_failed", PATH, {}))
        hottest_c = 0.0
        for minute in range(1, 241):
            kernel.advance(SimTime(60.0 * minute))
            transformer: Any = station.grid.transformer
            hottest_c = max(hottest_c, transformer.pt100_c.at(kernel.now))
        return station, events, hottest_c

    _, bare, _ = evening("")
    assert [one.kind for one in bare if one.kind.startswith("transformer")].count("transformer.tripped") >= 1
    assert not any(one.kind == "transformer.limited" for one in bare)
    station, eased, hottest_c = evening(", load_control: {}")
    kinds = [one.kind for one in eased if one.kind.startswith("transformer")]
    assert "transformer.tripped" not in kinds and kinds.count("transformer.limited") > 3
    assert 130.0 < hottest_c < 148.0
    limits_kw = [one.data["limit_kw"] for one in eased if one.kind == "transformer.limited"]
    assert min(limits_kw) < 600.0 and max(limits_kw) > min(limits_kw), "steps down, and steps back"
    lost = [
        sum(one.kind == "session.ended" and one.data["reason"] == "power_lost" for one in events)
        for events in (bare, eased)
    ]
    assert lost[0] > 5 and lost[1] == 0
    energy_book(station, station.kernel.now).check()


def test_load_control_lowers_in_steps_and_gives_back_in_steps(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(
        "{kind: dry, limit_share: 1.6, load_control: {below_trip_k: 30, step_share: 0.2, every_s: 600}}", share=0.7
    )
    dry.load(1.3)
    dry.run_to(3_600.0)
    limit = dry.kernel.signals["control.site_limit_kw"]
    limited = dry.times_and("transformer.limited", "limit_kw")
    begins = 1_800.0 * log((190.204 - 70.643) / (190.204 - 125.0))  # the hot spot, 100 K of the mean
    assert limited[0] == (pytest.approx(begins, rel=1e-3), pytest.approx(1.1 * RATED_KW))
    assert limited[1] == (pytest.approx(begins + 600.0, rel=1e-4), pytest.approx(0.9 * RATED_KW)), "it still rose"
    assert limit.at(dry.kernel.now) < 172.5, "nobody but the house is left: the piles get nothing"
    assert dry.at("limit_kw") == pytest.approx(dry.times_and("transformer.limited", "limit_kw")[-1][1])
    dry.load(0.5)
    dry.run_to(12_000.0)
    limited = dry.times_and("transformer.limited", "limit_kw")
    lowest = min(range(len(limited)), key=lambda at: limited[at][1])
    assert {round((later[0] - earlier[0]) / 600.0, 6) % 1 for earlier, later in pairwise(limited)} == {0.0}
    back = [round((later[1] - earlier[1]) / RATED_KW, 6) for earlier, later in pairwise(limited[lowest:-1])]
    assert len(back) > 2 and set(back) == {0.2}
    assert limited[-1][1] == pytest.approx(1.6 * RATED_KW) and limit.at(dry.kernel.now) == 172.5


def test_alarm_and_fans_hold_until_it_is_clearly_cooler(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 200}", share=0.7)
    for minute in range(1, 600):
        dry.load(1.13 + 0.02 * (minute % 2))  # settles about 163 C hot, 138 C in the mean
        dry.run_to(60.0 * minute)
    assert len(dry.times("alarm.raised")) == 1 and not dry.times("alarm.cleared")
    dry.load(1.03)  # 131 C to 141 C
    dry.run_to(60.0 * 900)
    assert not dry.times("alarm.cleared")
    dry.load(0.9)
    crossed = 60.0 * 900
    while dry.at("pt100_c") > 125.0:
        crossed += 1.0
        dry.run_to(crossed)
    dry.run_to(crossed + 120.0)
    assert dry.times("alarm.cleared") == [pytest.approx(crossed + 60.0, abs=1.1)]


def test_fans_do_not_chatter(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, fans: {}}", air_c=30.0, share=0.6)
    dry.load(1.0)
    dry.run_to(48 * 3_600.0)
    switched = dry.times("transformer.fans")
    assert len(switched) > 2, "a load between the two: the fans come and go"
    assert min(later - earlier for earlier, later in pairwise(switched)) > 300.0


# Faults


@pytest.mark.clause("8.4.1.1")
def test_failed_fans_trip_the_station_as_its_events_and_its_platform_hear(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, fans: {af_ratio: 1.25}}", share=0.6)
    heard: list[tuple[str, str, str]] = []
    dry.platform.status = lambda evse, state, alarm: heard.append((evse, state, alarm))  # type: ignore[method-assign]
    dry.load(1.24)
    dry.run_to(8_000.0)
    assert not dry.times("transformer.tripped") and dry.kernel.signals[f"{PATH}.fans"].value is FanState.ON
    dry.station.faults.inject("transformer.fan_failed", PATH, {})
    assert dry.kernel.signals[f"{PATH}.fans"].value is FanState.OFF
    before_c = dry.at("hot_spot_c")
    dry.run_to(8_600.0)
    assert dry.at("hot_spot_c") > before_c + 5.0
    dry.run_to(16_000.0)
    assert dry.times("transformer.tripped")
    assert {(state, alarm) for _, state, alarm in heard if state == "faulted"} == {("faulted", "undervoltage")}
    assert {evse for evse, state, _ in heard if state == "faulted"} == {one.path for one in dry.station.evses}


@pytest.mark.clause("8.4.1.3")
def test_a_reading_that_sticks_blinds_the_protection(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6}", share=0.7)
    dry.station.faults.inject("transformer.sensor_stuck", PATH, {"duration_s": 7_000.0})
    dry.load(1.3)
    dry.run_to(6_900.0)
    assert dry.at("pt100_c") == pytest.approx(96.51, abs=0.01)
    assert dry.at("hot_spot_c") > 220.0 and dry.at("ageing_rate") > 1_000.0
    assert not dry.times("alarm.raised") and not dry.times("transformer.tripped")
    dry.run_to(7_100.0)
    raised = dry.times("alarm.raised", alarm="transformer_overtemperature")
    assert raised == dry.times("transformer.tripped") == [7_000.0]


@pytest.mark.clause("8.4.1.3")
def test_a_broken_sensor_is_told_and_nothing_is_switched_without_it(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, limit_share: 1.6, fans: {}, load_control: {}}", share=0.7)
    dry.run_to(100.0)
    dry.station.faults.inject("transformer.sensor_broken", PATH, {}, "open")
    assert dry.times("alarm.raised", alarm="transformer_sensor_broken") == [100.0]
    assert dry.kernel.signals[f"{PATH}.sensor"].value.value == "broken"
    dry.load(1.3)
    dry.run_to(9_000.0)
    assert not dry.times("transformer.fans") and not dry.times("transformer.tripped")
    dry.station.faults.clear("open")
    dry.run_to(9_001.0)
    assert dry.times("alarm.cleared", alarm="transformer_sensor_broken") == [9_000.0]
    assert dry.times("transformer.fans")[0] == dry.times("transformer.tripped")[0] == 9_000.0


def test_a_stuck_top_oil_also_misleads_the_winding_indicator(hot_site: Callable[..., Any]) -> None:
    oil = hot_site("{kind: oil, limit_share: 1.6}", share=0.7)
    oil.station.faults.inject("transformer.sensor_stuck", PATH, {})
    oil.load(1.3)
    oil.run_to(20_000.0)
    assert oil.at("top_oil_c") == pytest.approx(75.33, rel=0.005)
    assert oil.at("winding_c") == pytest.approx(75.33 + 35.0, rel=0.005)
    assert oil.at("hot_spot_c") > 145.0 and not oil.times("transformer.tripped")


# Recordings


# Recordings and files


def test_a_recorded_trip_reads_back(hot_site: Callable[..., Any], tmp_path: Path) -> None:
    dry = hot_site(
        "{kind: dry, limit_share: 1.6, fans: {}, alarm_c: 130, trip_c: 150, load_control: {below_trip_k: 5}}", share=0.7
    )
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.attach(dry.kernel)
    dry.station.draw_demand(100.0, 20_000.0)
    dry.load(1.6)
    dry.run_to(20_000.0)
    assert dry.times("transformer.tripped")
    recorder.close(dry.kernel.now)
    with Run(tmp_path / "run.sqlite") as run:
        rate, lost = run.series(f"{PATH}.ageing_rate"), run.series(f"{PATH}.loss_of_life_h")
        assert rate.integral(0.0, 20_000.0) / 3_600.0 == pytest.approx(dry.at("loss_of_life_h"), rel=1e-9)
        times = np.linspace(1.0, 19_999.0, 500)
        assert np.all(np.diff(lost.at(times)) > 0.0), "life is never given back"
        for name in ("hot_spot_c", "pt100_c", "load_share"):
            series = run.series(f"{PATH}.{name}")
            assert series.at(np.array([19_999.9]))[0] == pytest.approx(dry.at(name), rel=1e-3)
        hot, reading = run.series(f"{PATH}.hot_spot_c"), run.series(f"{PATH}.pt100_c")
        assert np.allclose((hot.at(times) - 40.0) / 1.25, reading.at(times) - 40.0, atol=0.05)


@pytest.mark.clause("8.4.1.1")
def test_load_control_that_fails_holds_nothing_down_and_takes_up_its_work_again(tmp_path: Path) -> None:
    heat = "{kind: dry, fans: {}, alarm_c: 130, trip_c: 250, load_control: {below_trip_k: 120}}"
    unit = f"    rating_kva: 630\n    no_load_loss_kw: 1.6\n    load_loss_kw: 9.7\n    heat: {heat}\n"
    text = re.sub(r"    rating_kva: 800\n(?:    .*\n)+", unit, find_station("public").read_text(encoding="utf-8"))
    (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
    file = read_station(tmp_path / "station.yaml").value
    kernel = Kernel(Clock(datetime(2022, 7, 13, 12), file.station.timezone), 5)
    station = Station(kernel, file, LocalPlatform(kernel))
    station.draw_demand(1_500.0, 6 * 3_600.0)
    station.faults.inject("transformer.fan_failed", PATH, {})
    limit_kw = station.control.site_limit_kw
    kernel.advance(SimTime(9_000.0))
    held_kw = limit_kw.at(kernel.now)
    station.faults.inject("transformer.load_control_failed", PATH, {"duration_s": 1_800.0})
    kernel.advance(SimTime(9_001.0))
    assert limit_kw.at(kernel.now) > held_kw + 50.0
    events: list[Event] = []
    kernel.subscribe(events.append, "transformer.limited")
    kernel.advance(SimTime(14_400.0))
    assert events and min(event.t for event in events) >= 9_000.0 + 1_780.0, "it takes up its work again"
