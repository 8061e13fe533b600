"""Failures of availability against renewal theory and the machine repair model; what is refused; what shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from math import perm
from pathlib import Path
from typing import Any

import pytest

from sim.errors import FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.books import energy_book
from twins.reliability import ReliabilityConfig
from twins.staff import MemberConfig, StaffConfig
from twins.station_file import find_station, read_station
from twins.supply import EvseState
from twins.weather import WeatherConfig

Build = Callable[..., tuple[Kernel, Any, Any]]
YEAR_H = 8_760.0
PUBLIC = read_station(find_station("public")).value
ROOM = PUBLIC.staff.room  # type: ignore[union-attr]


def crew(count: int, *shifts: str) -> StaffConfig:
    """So many technicians, around the clock unless shifts are given; walking takes them next to nothing."""
    people = [MemberConfig(id=f"T{n}", role="technician", shifts=shifts or ("00:00-24:00",)) for n in range(count)]
    return StaffConfig(room=ROOM, walk_m_s=10.0, members=tuple(people))


def availability(build: Build, mtbf_h: float, years: float = 1.0, seed: int = 1, **changes: Any) -> float:
    """The share of a long time without cars that connectors were not locked out; MTTR is 4 h."""
    keys = {"reliability": ReliabilityConfig(pile_mtbf_h=mtbf_h), "weather": WeatherConfig(air_temp_c=20.0)}
    kernel, station, _ = build(seed=seed, name="public", start=datetime(2022, 1, 1), **(keys | changes))
    end = SimTime(years * YEAR_H * 3_600.0)
    kernel.advance(end)
    figures = {figure.name: figure.value for figure in station.kpis.figures(end)}
    return float(figures["availability_pct"]) / 100.0


def error(mtbf_h: float, cv: float, hours: float, mttr_h: float = 4.0) -> float:
    """Standard error of the availability of one that is up exponentially and down with this coefficient of variation.

    The asymptotic variance of an alternating renewal process; twenty piles are twenty times as long.
    """
    both = mtbf_h**2 * (cv * mttr_h) ** 2 + mttr_h**2 * mtbf_h**2
    return float((both / (mtbf_h + mttr_h) ** 3 / hours) ** 0.5)


# of the mixture that a reset makes of it: half are mended in a moment, half take 8 h in the mean
RESET_CV = 3.0**0.5


@pytest.mark.parametrize(("mtbf_h", "has_staff"), [(800.0, True), (40.0, True), (40.0, False)])
def test_availability_is_that_of_the_renewal_process(build: Build, mtbf_h: float, has_staff: bool) -> None:
    expected = mtbf_h / (mtbf_h + 4.0)
    found = availability(build, mtbf_h, staff=crew(20) if has_staff else None)
    assert abs(found / expected - 1.0) < 0.01
    assert abs(found - expected) < 3.0 * error(mtbf_h, RESET_CV if has_staff else 1.0, 20 * YEAR_H)


def repairmen(piles: int, crew: int, load: float) -> float:
    """Availability of the machine repair model (Palm): `load` is MTTR over MTBF."""
    weights = [1.0]
    for down in range(1, piles + 1):
        weights.append(weights[-1] * (piles - down + 1) * load / min(down, crew))
    assert weights[1] == perm(piles, 1) * load
    return 1.0 - sum(down * weight for down, weight in enumerate(weights)) / sum(weights) / piles


@pytest.mark.parametrize(("technicians", "spread"), [(1, 0.0078), (2, 0.0023)])
def test_scarce_technicians_lower_it_as_theory_says(build: Build, technicians: int, spread: float) -> None:
    """`spread` is the standard deviation over half a year, by a simulation of that model alone."""
    plain = ReliabilityConfig(pile_mtbf_h=120.0, reset_share=0.0, reset_s=0.0)
    found = [availability(build, 120.0, 0.5, seed, staff=crew(technicians), reliability=plain) for seed in range(6)]
    mean, error = sum(found) / 6, spread / 6**0.5
    assert abs(mean - repairmen(20, technicians, 4.0 / 120.0)) < 3.0 * error
    assert mean < 120.0 / 124.0 - 2.0 * error


def test_who_works_by_day_only_leaves_piles_down_at_night(build: Build) -> None:
    shifts = [("00:00-24:00",), ("07:00-19:00",), ("09:00-12:00",)]
    found = [availability(build, 400.0, staff=crew(4, *hours)) for hours in shifts]
    assert found[0] > found[1] + 0.005 > found[2] + 0.01


def test_failures_come_whatever_the_seed_brings_else(build: Build) -> None:
    def failed(**changes: Any) -> list[tuple[float, str]]:
        kernel, station, _ = build(seed=5, name="public", reliability=ReliabilityConfig(pile_mtbf_h=100.0), **changes)
        events: list[Event] = []
        kernel.subscribe(events.append, "fault.active")
        station.draw_demand(changes.get("demand", PUBLIC.demand).arrivals.sessions_per_day, 172_800.0)
        kernel.advance(SimTime(172_800.0))
        first: dict[str, tuple[float, str]] = {}
        for event in events:
            first.setdefault(event.subject, (event.t, event.subject))
        return list(first.values())

    base = failed()
    assert len(base) > 3
    fewer = replace(PUBLIC.demand, arrivals=replace(PUBLIC.demand.arrivals, sessions_per_day=50))
    assert failed(demand=fewer) == base
    assert failed(piles=PUBLIC.piles[:10], bays=PUBLIC.bays[:10]) == [
        one for one in base if one[1] < "pile[A11"], "each pile has a stream of its own"  # fmt: skip


def test_without_the_key_nothing_fails_and_nothing_is_drawn(build: Build) -> None:
    kernel, station, _ = build(name="public")
    assert PUBLIC.reliability is None
    kernel.advance(SimTime(86_400.0))
    assert not station.faults.injected and not any(name.startswith("pile") for name in kernel.streams._streams)
    assert {figure.name: figure.value for figure in station.kpis.figures(kernel.now)}["availability_pct"] == 100.0


def test_what_a_scenario_breaks_does_not_fail_twice_and_fails_again_later(build: Build) -> None:
    kernel, station, _ = build(name="public", reliability=ReliabilityConfig(pile_mtbf_h=1.0), staff=None)
    events: list[Event] = []
    kernel.subscribe(events.append)
    for pile in station.piles:
        station.faults.inject("pile.failed", f"pile[{pile}]", {"duration_s": 80_000.0})
    kernel.advance(SimTime(80_000.0 - 1.0))
    alone = [event for event in events if event.kind == "fault.armed" and event.data["id"].startswith("reliability")]
    mended = {event.subject for event in events if event.kind == "fault.cleared"}
    assert {event.subject for event in alone} <= mended, "a pile that is down cannot fail"
    kernel.advance(SimTime(120_000.0))
    failed = {event.subject for event in events if event.kind == "fault.armed" and "reliability" in event.data["id"]}
    assert len(failed) == 20
    for evse in station.evses:
        assert (evse.state.value is EvseState.FAULTED) is station.find(evse.path.split(".")[0]).is_down.value


def test_a_busy_month_with_failures_loses_nobody_and_closes_its_books(build: Build) -> None:
    kernel, station, platform = build(name="public", seed=3, reliability=ReliabilityConfig(pile_mtbf_h=20.0))
    end = SimTime(6 * 86_400.0)
    station.draw_demand(400.0, end - 40_000.0)
    kernel.advance(end)
    outcomes = [one.outcome for one in station.ended]
    assert outcomes.count("failed") > 20 and outcomes.count("charged") > 500
    energy_book(station, end).check()
    assert station.money.check(end) == []
    assert platform.begun == platform.stopped + len(platform.open)


TEXT = find_station("public").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# reliability: {pile_mtbf_h: 800", "reliability: {pile_mtbf_h: 0", "reliability.pile_mtbf_h: 0 is out of"),
        ("# reliability: {", "reliability: {reset_share: 1, ", "reliability.reset_share: 1 is out of range; at most"),
        ("# reliability: {pile_mtbf_h: 800, pile_mttr_h: 4}", "reliability: {pile_mttr_h: 0.5, reset_s: 1800}",
         "reliability.reset_s: 1800 s is out of range; less than pile_mttr_h, 0.5 h"),
        ("id: T2", "id: T1", "staff.members[1].id: T1 is the name of staff.members[0] too (line"),
        ('["19:00-07:00"]', '["19-7"]', "staff.members[1].shifts[0]: '19-7' is no shift; from and to as in"),
        ('["19:00-07:00"]', "[]", "staff.members[1].shifts: this list of 0 is too short; at least 1 entries"),
        ("role: attendant", "role: guard", "staff.members[2].role: guard is not known here; 'technician', 'attendant'"),
        ("room: {x_m: 58, y_m: 21}", "walk_m_s: 11", "staff.walk_m_s: 11 is out of range; at most 10"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "station.yaml"
    assert TEXT.count(old) == 1
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    line = next(at for at, text in enumerate(TEXT.splitlines(), 1) if old in text)
    found = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert any(one.startswith(f"{line}: {said}") for one in found), found


def test_the_key_alone_takes_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "station.yaml"
    path.write_text(TEXT + "reliability: {}\n", encoding="utf-8")
    assert read_station(path).value.reliability == ReliabilityConfig()
    path.write_text(TEXT + "reliability: {pile_mtbf_h: null}\n", encoding="utf-8")
    assert read_station(path).value.reliability == ReliabilityConfig(pile_mtbf_h=None)
