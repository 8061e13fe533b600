from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.civil import CivilDay
from sim.clock import Clock
from sim.units import FOREVER, SimTime

FORWARD = datetime(2022, 3, 27)  # 02:00 becomes 03:00 in Zurich
BACK = datetime(2022, 10, 30)  # 03:00 becomes 02:00
HOUR_S = 3600.0


def changes(start: datetime, begins_min: list[int], hours: float, zone: str = "Europe/Zurich") -> list[float]:
    """Hours since `start` at which the stretch changes."""
    day, t, found = CivilDay(Clock(start, zone), begins_min), SimTime(0.0), []
    while (t := day.next_change(t)) < hours * HOUR_S:
        found.append(t / HOUR_S)
    return found


def test_a_day_of_24_hours() -> None:
    assert changes(datetime(2022, 6, 14), [6 * 60, 10 * 60, 22 * 60 + 30], 48) == [6, 10, 22.5, 30, 34, 46.5]


def test_clocks_set_forward_make_later_stretches_an_hour_early() -> None:
    assert changes(FORWARD, [0, 6 * 60], 30) == [5, 23, 29]


def test_a_begin_in_the_missing_hour_comes_with_the_change_of_the_clocks() -> None:
    assert changes(FORWARD, [0, 2 * 60, 2 * 60 + 30, 12 * 60], 23) == [2, 11]
    assert changes(FORWARD, [0, 2 * 60, 3 * 60], 23) == [2]


def test_a_begin_in_the_hour_that_comes_twice_comes_twice() -> None:
    assert changes(BACK, [0, 2 * 60 + 30], 26) == [2.5, 3, 3.5, 25]


def test_clocks_set_back_lengthen_a_stretch_that_began_before() -> None:
    assert changes(BACK, [0, 60, 12 * 60], 26) == [1, 13, 25]


def test_one_stretch_never_changes() -> None:
    assert CivilDay(Clock(FORWARD, "Europe/Zurich"), [90]).next_change(SimTime(0.0)) == FOREVER


def test_the_first_begin_after_midnight_leaves_the_night_to_the_last() -> None:
    day = CivilDay(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), [6 * 60, 22 * 60])
    assert [day.stretch_at(SimTime(hour * HOUR_S)) for hour in (0, 5.999, 6, 21.999, 22, 30)] == [1, 1, 0, 0, 1, 0]


STEP_MIN = 5


@pytest.mark.parametrize("zone", ["Europe/Zurich", "Asia/Shanghai", "Australia/Lord_Howe", "Africa/Casablanca"])
@settings(max_examples=40)
@given(
    begins_min=st.sets(st.integers(0, 1439 // STEP_MIN), min_size=2, max_size=12),
    start=st.datetimes(datetime(2022, 1, 1), datetime(2022, 12, 28)).map(lambda at: at.replace(minute=0, second=0))
    | st.sampled_from([FORWARD, BACK, datetime(2022, 4, 2, 12), datetime(2022, 10, 1, 18), datetime(2022, 5, 7, 20)]),
)
def test_changes_are_where_the_clock_on_the_wall_says(zone: str, begins_min: set[int], start: datetime) -> None:
    begins = sorted(at * STEP_MIN for at in begins_min)
    clock = Clock(start.replace(microsecond=0), zone)
    day = CivilDay(clock, begins)
    seen = []
    for minute in range(0, 36 * 60, STEP_MIN):
        local = (clock.start + timedelta(minutes=minute)).astimezone(clock.zone)
        passed = sum(begin <= local.hour * 60 + local.minute for begin in begins)
        seen.append((passed - 1) % len(begins))
        assert day.stretch_at(SimTime(minute * 60.0)) == seen[-1]
    turned = [at * STEP_MIN / 60 for at, (last, this) in enumerate(pairwise(seen), 1) if last != this]
    assert changes(start.replace(microsecond=0), begins, 36, zone) == pytest.approx(turned)
