"""Sags and outages: ride-through or trip, a dark busbar draws nothing, piles come back one after the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.events import Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.books import energy_book
from twins.drivers import Arrival, Habits
from twins.feed import FeedState
from twins.supply import EvseState
from twins.vehicle import vehicle_models

Build = Callable[..., tuple[Kernel, Any, Any]]


def charging(build: Build, cars: int = 6) -> tuple[Kernel, Any, list[Event]]:
    kernel, station, _ = build(name="public", start=datetime(2022, 7, 6))
    events: list[Event] = []
    kernel.subscribe(events.append)
    model = vehicle_models()["nmc_75_400v"]
    station.visits.expect(iter([(Arrival(0.0, model, 10.0, 95.0, Habits(wants="fast")), None) for _ in range(cars)]))
    kernel.advance(SimTime(600.0))
    kernel.jump(SimTime(600.0))
    assert sum(evse.is_charging for evse in station.evses) == cars
    return kernel, station, events


def test_a_short_sag_is_ridden_through(build: Build) -> None:
    kernel, station, events = charging(build)
    station.faults.inject("grid.sag", "grid.feed", {"residual_pu": 0.5, "duration_s": 0.1})
    kernel.advance(SimTime(700.0))
    assert sum(evse.is_charging for evse in station.evses) == 6
    assert [event.kind for event in events if event.kind.startswith("grid.")] == ["grid.sag", "grid.restored"]


@pytest.mark.parametrize("residual_pu", [0.9, 0.86])
def test_a_shallow_sag_trips_nobody(build: Build, residual_pu: float) -> None:
    kernel, station, _ = charging(build)
    station.faults.inject("grid.sag", "grid.feed", {"residual_pu": residual_pu, "duration_s": 60.0})
    kernel.advance(SimTime(700.0))
    assert sum(evse.is_charging for evse in station.evses) == 6


@pytest.mark.clause("8.4.1.1")
def test_an_outage_ends_every_charge_and_piles_come_back_in_turn(build: Build) -> None:
    kernel, station, events = charging(build)
    station.faults.inject("grid.outage", "grid.feed", {"duration_s": 1_000.0})
    kernel.advance(SimTime(601.0))
    assert all(evse.state.value is EvseState.FAULTED for evse in station.evses)
    assert station.grid.power_kw.at(kernel.now) == pytest.approx(0.0, abs=1e-9)
    before_kwh = station.grid.power_kw.total_at(kernel.now)
    kernel.advance(SimTime(1_599.0))
    kernel.jump(SimTime(1_599.0))
    assert station.grid.power_kw.total_at(kernel.now) == pytest.approx(before_kwh, rel=1e-12)
    assert {one.stop_reason for one in station.ended} == {"power_lost"}
    assert {one.outcome for one in station.ended} == {"failed"}
    kernel.advance(SimTime(4_000.0))
    back = [event.t for event in events if event.kind == "evse.recovered"]
    assert back == pytest.approx([1_600.0 + 30.0 + 5.0 * number for number in range(20)])
    assert all(evse.is_ready for evse in station.evses)
    energy_book(station, kernel.now).check()


def test_a_second_outage_during_the_return_starts_it_anew(build: Build) -> None:
    kernel, station, _ = charging(build)
    station.faults.inject("grid.outage", "grid.feed", {"duration_s": 100.0})
    kernel.advance(SimTime(790.0))
    kernel.jump(SimTime(790.0))
    ready = sum(evse.is_ready for evse in station.evses)
    assert 0 < ready < 20
    station.faults.inject("grid.outage", "grid.feed", {"duration_s": 100.0})
    kernel.advance(SimTime(795.0))
    assert not any(evse.is_ready for evse in station.evses)
    kernel.advance(SimTime(2_000.0))
    assert all(evse.is_ready for evse in station.evses)
    energy_book(station, kernel.now).check()


def test_an_open_breaker_darkens_the_station_while_the_feed_is_well(build: Build) -> None:
    kernel, station, events = charging(build)
    station.grid.feed.connect(False)
    kernel.advance(SimTime(700.0))
    kernel.jump(SimTime(700.0))
    assert station.grid.feed.state.value is FeedState.NORMAL
    assert station.grid.power_kw.at(kernel.now) == pytest.approx(0.0, abs=1e-9)
    assert all(evse.state.value is EvseState.FAULTED for evse in station.evses)
    station.faults.inject("grid.outage", "grid.feed", {"duration_s": 100.0})
    station.grid.feed.connect(True)
    kernel.advance(SimTime(790.0))
    assert not any(evse.is_ready for evse in station.evses), "now the feed is dead"
    kernel.advance(SimTime(2_000.0))
    assert all(evse.is_ready for evse in station.evses)
    assert [event.kind for event in events if event.kind.startswith("grid.")] == ["grid.outage", "grid.restored"]
    energy_book(station, kernel.now).check()


def test_a_recorded_outage_reads_back(build: Build, tmp_path: Path) -> None:
    kernel, station, _ = build(name="public", start=datetime(2022, 7, 6))
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.attach(kernel)
    station.draw_demand(800.0, 40_000.0)
    kernel.at(SimTime(30_000.0), lambda: station.faults.inject("grid.outage", "grid.feed", {"duration_s": 600.0}))
    for hour in range(1, 12):
        kernel.advance(SimTime(3_600.0 * hour))
        recorder.flush(kernel.now)
    end = SimTime(39_600.0)
    kernel.jump(end)
    recorder.close(end)
    with Run(tmp_path / "run.sqlite") as run:
        for name in ("grid.load_kw", "grid.power_kw", "pile[A01].input_kw"):
            total = kernel.signals[name].total_at(end)
            assert run.series(name).integral(0.0, end) == pytest.approx(total, rel=1e-9)
        assert run.series("grid.power_kw").at(np.array([30_300.0]))[0] == pytest.approx(0.0, abs=1e-9)
