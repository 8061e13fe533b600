"""Shifts: which stretches of the civil day somebody is on duty, by the station's local clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sim.civil import DAY_MIN, CivilDay
from sim.clock import Clock
from sim.files import Misfit
from sim.units import SimTime

__all__ = ["Duty", "Shift", "read_shifts"]

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SHIFT = re.compile(rf"({_TIME})-({_TIME}|24:00)")


class Shift(NamedTuple):
    """Minutes from midnight, 0 to 1439, and a length of 1 to 1440 that may reach over midnight."""

    begin_min: int
    length_min: int


def read_shifts(texts: Sequence[str], key: str) -> tuple[Shift, ...]:
    """Shifts such as `07:00-19:00` of one person, which must not overlap; `19:00-07:00` crosses midnight.

    Raises:
        Misfit: at `key[n]`, a text that is no shift, or one that lies in an earlier one.
    """
    found: list[Shift] = []
    taken: dict[int, int] = {}
    for at, text in enumerate(texts):
        match = _SHIFT.fullmatch(text)
        if match is None:
            raise Misfit(f"{key}[{at}]", f"{text!r} is no shift", 'from and to as in "07:00-19:00" or "19:00-07:00"')
        begin, end = _minutes(match[1]), _minutes(match[2])
        if begin == end:
            raise Misfit(f"{key}[{at}]", f"{text} has no length", 'a later end; the whole day is "00:00-24:00"')
        shift = Shift(begin, (end - begin - 1) % DAY_MIN + 1)
        for minute in _minutes_of(shift):
            other = taken.setdefault(minute, at)
            if other != at:
                raise Misfit(f"{key}[{at}]", f"{text} overlaps {texts[other]}", "shifts of one person side by side")
        found.append(shift)
    return tuple(found)


class Duty:
    """When somebody is on duty. Shifts follow the clock on the wall: in the night clocks are set they differ."""

    def __init__(self, clock: Clock, shifts: Sequence[Shift]) -> None:
        """`shifts` do not overlap; those that touch are one."""
        on = {minute for shift in shifts for minute in _minutes_of(shift)}
        begins = [minute for minute in range(DAY_MIN) if (minute in on) is not ((minute - 1) % DAY_MIN in on)]
        self._is_on = [minute in on for minute in begins or [0]]
        self._day = CivilDay(clock, begins or [0])

    def is_on(self, t: SimTime) -> bool:
        """Whether `t` lies in a shift; its first instant does, its last does not."""
        return self._is_on[self._day.stretch_at(t)]

    def next_change(self, t: SimTime) -> SimTime:
        """When duty next begins or ends, later than `t`; FOREVER around the clock."""
        return self._day.next_change(t)


def _minutes(time: str) -> int:
    return int(time[:2]) * 60 + int(time[3:])


def _minutes_of(shift: Shift) -> list[int]:
    return [(shift.begin_min + minute) % DAY_MIN for minute in range(shift.length_min)]
