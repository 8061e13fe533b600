"""Shifts by the clock on the wall, refused where they are none; duty across midnight and the change of clocks."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.files import Misfit
from sim.units import FOREVER, SimTime
from twins.shifts import Duty, Shift, read_shifts

HOUR_S = 3_600.0


def test_shifts_have_a_begin_and_a_length() -> None:
    assert read_shifts(["07:00-19:00"], "shifts") == (Shift(420, 720),)
    assert read_shifts(["19:00-07:00"], "shifts") == (Shift(1_140, 720),)
    assert read_shifts(["00:00-24:00"], "shifts") == (Shift(0, 1_440),)
    assert read_shifts(["06:00-10:00", "16:00-24:00"], "shifts") == (Shift(360, 240), Shift(960, 480))


@pytest.mark.parametrize(
    ("shifts", "key", "said"),
    [
        (["7:00-19:00"], "shifts[0]", "'7:00-19:00' is no shift"),
        (["07:00-24:30"], "shifts[0]", "'07:00-24:30' is no shift"),
        (["24:00-07:00"], "shifts[0]", "'24:00-07:00' is no shift"),
        (["07:00-19:00", "night"], "shifts[1]", "'night' is no shift"),
        (["07:00-07:00"], "shifts[0]", "07:00-07:00 has no length"),
        (["07:00-19:00", "18:59-20:00"], "shifts[1]", "18:59-20:00 overlaps 07:00-19:00"),
        (["22:00-06:00", "05:00-07:00"], "shifts[1]", "05:00-07:00 overlaps 22:00-06:00"),
        (["07:00-19:00", "07:00-19:00"], "shifts[1]", "07:00-19:00 overlaps 07:00-19:00"),
    ],
)
def test_what_is_no_shift_is_refused(shifts: list[str], key: str, said: str) -> None:
    with pytest.raises(Misfit) as caught:
        read_shifts(shifts, "shifts")
    assert (caught.value.key, caught.value.what) == (key, said)
    assert caught.value.right


def test_a_shift_holds_from_its_first_instant_until_its_end() -> None:
    duty = Duty(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), read_shifts(["07:00-12:00", "12:00-19:00"], "shifts"))
    assert [duty.is_on(SimTime(hour * HOUR_S)) for hour in (0, 6.999, 7, 12, 18.999, 19, 31)] == [
        False, False, True, True, True, False, True]  # fmt: skip
    assert duty.next_change(SimTime(0.0)) == 7 * HOUR_S
    assert duty.next_change(SimTime(7 * HOUR_S)) == 19 * HOUR_S, "shifts that touch are one"
    assert duty.next_change(SimTime(19 * HOUR_S)) == 31 * HOUR_S


def test_around_the_clock_nothing_changes() -> None:
    duty = Duty(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), read_shifts(["08:00-20:00", "20:00-08:00"], "shifts"))
    assert duty.is_on(SimTime(3.0)) and duty.next_change(SimTime(3.0)) == FOREVER


@given(st.integers(0, 1_439), st.integers(1, 1_440), st.floats(0.0, 200_000.0))
def test_duty_goes_by_the_local_clock_when_clocks_are_set_too(begin: int, length: int, t: float) -> None:
    clock = Clock(datetime(2022, 10, 29), "Europe/Zurich")
    duty = Duty(clock, [Shift(begin, length)])

    def is_in(at: float) -> bool:
        local = clock.local(SimTime(at))
        return (local.hour * 60 + local.minute - begin) % 1_440 < length

    assert duty.is_on(SimTime(t)) is is_in(t)
    change = duty.next_change(SimTime(t))
    if length == 1_440:
        assert change == FOREVER
    else:
        assert change > t and duty.is_on(change) is not duty.is_on(SimTime(t))
        assert all(is_in(t + (change - t) * share / 7.0) is is_in(t) for share in range(7))
