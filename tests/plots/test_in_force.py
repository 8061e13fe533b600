"""What was in force: the tariff on the calendar, faults from arming to clearing, and the strips that show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plots.in_force import fault_windows, tariff_stretches
from plots.strips import MOST_LANES, in_force, short
from sim.reading import Run

LEVELS = [
    {"name": "night", "begin_min": 0, "end_min": 420, "energy_cny_kwh": 0.3, "service_cny_kwh": 0.2},
    {"name": "day", "begin_min": 420, "end_min": 1260, "energy_cny_kwh": 1.0, "service_cny_kwh": 0.5},
    {"name": "night", "begin_min": 1260, "end_min": 1440, "energy_cny_kwh": 0.3, "service_cny_kwh": 0.2},
]
HOUR_S = 3600.0


def test_the_tariff_follows_the_civil_clock(write: Callable[..., Path]) -> None:
    """Two days from noon, with the night in which an hour is missing; what crosses midnight is one stretch."""
    folder = write(
        start="2022-03-26T12:00:00", timezone="Europe/Zurich", simulated_s=str(47 * HOUR_S), tariff=json.dumps(LEVELS)
    )
    with Run(folder) as run:
        found = tariff_stretches(run)
    assert [(one.name, one.begin_s / HOUR_S, one.end_s / HOUR_S) for one in found] == [
        ("day", 0.0, 9.0), ("night", 9.0, 18.0), ("day", 18.0, 32.0), ("night", 32.0, 42.0), ("day", 42.0, 47.0),
    ]  # fmt: skip
    assert [(one.rank, one.price_cny) for one in found[:2]] == [(1, 1.5), (0, 0.5)]


@pytest.mark.parametrize("meta", [{}, {"simulated_s": str(16 * 24 * HOUR_S), "tariff": json.dumps(LEVELS)}])
def test_no_tariff_is_drawn_where_none_is_known_or_for_too_many_days(
    write: Callable[..., Path], meta: dict[str, str]
) -> None:
    with Run(write(**meta)) as run:
        assert tariff_stretches(run) == []


def event(t: float, step: str, identity: str, subject: str = "pile[A01]") -> tuple[float, str, str, dict[str, object]]:
    return t, f"fault.{step}", subject, {"fault": "pile.failed", "id": identity}


def test_a_fault_is_followed_through_its_life(write: Callable[..., Path]) -> None:
    events = [
        event(10.0, "armed", "one"), event(20.0, "active", "one"), event(25.0, "armed", "late"),
        event(30.0, "cleared", "one"), event(40.0, "armed", "one"), event(40.0, "active", "one"),
    ]  # fmt: skip
    with Run(write(events=events)) as run:
        found = fault_windows(run)
    assert [(one.id, one.armed_s, one.active_s, one.cleared_s) for one in found] == [
        ("one", 10.0, 20.0, 30.0), ("late", 25.0, None, None), ("one", 40.0, 40.0, None),
    ]  # fmt: skip
    assert found[0].titles == {"en": "pile.failed", "zh": "pile.failed"}, "a recording without titles has the names"


def test_faults_at_one_time_have_lanes_of_their_own_while_there_are_any(write: Callable[..., Path]) -> None:
    events = [event(100.0, "active", f"f{n}", f"pile[A{n:02}]") for n in range(8)]
    with Run(write(events=events)) as run:
        shown = in_force(run, "en")
    assert [lane for _, lane, _ in shown.faults] == [0, 1, 2, 3, 4, 5, 5, 5]
    assert shown.lanes == MOST_LANES
    assert [bool(label) for _, _, label in shown.faults] == [True] * 6 + [False] * 2


def test_faults_one_after_the_other_share_a_lane(write: Callable[..., Path]) -> None:
    events = [event(100.0, "active", "a"), event(200.0, "cleared", "a"), event(60_000.0, "active", "b")]
    with Run(write(events=events)) as run:
        assert [lane for _, lane, _ in in_force(run, "en").faults] == [0, 0]


def test_paths_are_said_as_on_the_cabinet() -> None:
    assert [short(path) for path in ("pile[A01].connector[2]", "grid.transformer[T1]", "grid.feed")] == [
        "A01-2",
        "T1",
        "",
    ]
