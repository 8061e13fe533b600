"""What a kilowatt-hour costs, and when: one flat price, or periods of the station's civil day.

Chinese public stations charge for the energy itself and for the service, each by the period of the day: sharp, peak,
flat and valley (尖峰平谷). Periods follow the station's local clock, on days of 23 and 25 hours too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from sim.civil import DAY_MIN, CivilDay
from sim.clock import Clock
from sim.files import Misfit, key
from sim.units import FOREVER, SimTime

__all__ = ["Level", "OccupancyConfig", "Period", "PeriodConfig", "Tariff", "TariffConfig"]

MAX_PERIODS = 48
ALL_DAY = "all_day"
"""The name that a flat tariff's only period has on bills."""

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodConfig:
    """One part of the civil day and its prices; it crosses midnight where `to` is not after `from`."""

    name: str = field(metadata=key("What bills call it, as in sharp, peak, flat, valley.", count=(1, 20)))
    begins: str = field(metadata=key('When it begins, "00:00" to "23:59", local time.', name="from"))
    ends: str = field(metadata=key('When it ends, "00:00" to "24:00", local time.', name="to"))
    energy_cny_kwh: float = field(metadata=key("Price of the energy.", unit="CNY/kWh", low=0, high=1_000))
    service_cny_kwh: float = field(metadata=key("Price of the service.", unit="CNY/kWh", low=0, high=1_000))

    def __post_init__(self) -> None:
        """Refuse times that no day has, and a period without length."""
        if not _TIME.fullmatch(self.begins):
            raise Misfit("from", f"{self.begins!r} is no time of day", '"00:00" to "23:59"')
        if not (_TIME.fullmatch(self.ends) or self.ends == "24:00"):
            raise Misfit("to", f"{self.ends!r} is no time of day", '"00:00" to "24:00"')
        if self.begins == self.ends:
            right = 'a later end; the whole day is from "00:00" to "24:00"'
            raise Misfit("to", f"{self.name} ends when it begins ({self.begins})", right)

    @property
    def begin_min(self) -> int:
        """Minutes from midnight to its begin, 0 to 1439."""
        return _minutes(self.begins)

    @property
    def length_min(self) -> int:
        """Its length on a day of 24 hours, 1 to 1440."""
        length = _minutes(self.ends) - self.begin_min
        return length if length > 0 else length + DAY_MIN


@dataclass(frozen=True, slots=True, kw_only=True)
class OccupancyConfig:
    """What a car pays that still stands there when its charge has ended; every begun minute after the grace counts."""

    grace_min: float = field(metadata=key("Free after the end of the charge.", unit="min", low=0, high=1_440))
    cny_min: float = field(metadata=key("Price of a minute after that.", unit="CNY/min", low=0, high=1_000))
    cap_cny: float | None = field(
        default=None, metadata=key("Most that one stay costs; no bound when left out.", unit="CNY", low=0, high=100_000)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffConfig:
    """Prices by the kilowatt-hour: flat, or by periods that cover the day once; exactly one of the two is given."""

    flat_energy_cny_kwh: float | None = field(
        default=None,
        metadata=key("Price of the energy, all day.", name="energy_cny_kwh", unit="CNY/kWh", low=0, high=1_000),
    )
    flat_service_cny_kwh: float | None = field(
        default=None,
        metadata=key("Price of the service, all day.", name="service_cny_kwh", unit="CNY/kWh", low=0, high=1_000),
    )
    periods: tuple[PeriodConfig, ...] = field(
        default=(), metadata=key("Prices by the time of day.", count=(1, MAX_PERIODS))
    )
    occupancy: OccupancyConfig | None = field(
        default=None, metadata=key("Fee for standing there after the charge; none when left out.")
    )
    version: str | None = field(default=None, metadata=key("What bills call this tariff.", count=(1, 40)))

    def __post_init__(self) -> None:
        """Refuse both forms or neither, a gap, an overlap, and a name with two prices."""
        flat = {"energy_cny_kwh": self.flat_energy_cny_kwh, "service_cny_kwh": self.flat_service_cny_kwh}
        given = [name for name, price in flat.items() if price is not None]
        if self.periods and given:
            right = "either periods, or energy_cny_kwh and service_cny_kwh"
            raise Misfit(given[0], "a flat price beside periods", right)
        if not self.periods and not given:
            raise Misfit("", "no prices given", "energy_cny_kwh and service_cny_kwh, or periods")
        if len(given) == 1:
            raise Misfit(next(name for name in flat if name not in given), "missing", "a flat tariff has both prices")
        _refuse_two_prices(self.periods)
        _refuse_gaps_and_overlaps(self.periods)

    @property
    def energy_cny_kwh(self) -> float:
        """The flat price of the energy, or its mean over a day of 24 hours."""
        if self.flat_energy_cny_kwh is not None:
            return self.flat_energy_cny_kwh
        return sum(level.energy_cny_kwh * level.length_min for level in self.levels) / DAY_MIN

    @property
    def service_cny_kwh(self) -> float:
        """The flat price of the service, or its mean over a day of 24 hours."""
        if self.flat_service_cny_kwh is not None:
            return self.flat_service_cny_kwh
        return sum(level.service_cny_kwh * level.length_min for level in self.levels) / DAY_MIN

    @property
    def levels(self) -> tuple[Level, ...]:
        """The civil day from midnight on; a period that crosses midnight is two of them."""
        if self.flat_energy_cny_kwh is not None and self.flat_service_cny_kwh is not None:
            return (Level(ALL_DAY, 0, DAY_MIN, self.flat_energy_cny_kwh, self.flat_service_cny_kwh),)
        found: list[Level] = []
        for one in self.periods:
            begin, end = one.begin_min, one.begin_min + one.length_min
            prices = (one.energy_cny_kwh, one.service_cny_kwh)
            found.append(Level(one.name, begin, min(end, DAY_MIN), *prices))
            if end > DAY_MIN:
                found.append(Level(one.name, 0, end - DAY_MIN, *prices))
        return tuple(sorted(found, key=lambda level: level.begin_min))


class Level(NamedTuple):
    """A stretch of the civil day at one price; minutes from midnight."""

    name: str
    begin_min: int
    end_min: int
    energy_cny_kwh: float
    service_cny_kwh: float

    @property
    def length_min(self) -> int:
        """On a day of 24 hours."""
        return self.end_min - self.begin_min


class Period(NamedTuple):
    """A name and its prices in CNY/kWh, as they stand on a bill; stretches of one name are one period."""

    name: str
    energy_cny_kwh: float
    service_cny_kwh: float

    @property
    def price_cny_kwh(self) -> float:
        """Energy and service together."""
        return self.energy_cny_kwh + self.service_cny_kwh


class Tariff:
    """A tariff on the calendar of a run. `levels` are the civil day for plots, `periods` its prices in their order."""

    def __init__(self, config: TariffConfig, clock: Clock) -> None:
        """Follows the local time of `clock`."""
        self.occupancy = config.occupancy
        self.version = config.version or ""
        self.levels = config.levels
        ordered = [Period(level.name, level.energy_cny_kwh, level.service_cny_kwh) for level in self.levels]
        self.periods = tuple(dict.fromkeys(ordered))
        turns = [at for at, period in enumerate(ordered) if period != ordered[at - 1]] or [0]
        self._stretches = [ordered[at] for at in turns]
        self._day = CivilDay(clock, [self.levels[at].begin_min for at in turns])
        # many ask about the present, again and again
        self._known = (SimTime(0.0), SimTime(0.0), ordered[0])

    def period_at(self, t: SimTime) -> Period:
        """The period in force at `t`; it begins at its first instant."""
        return self._span(t)[2]

    def next_change(self, t: SimTime) -> SimTime:
        """When another period than that of `t` comes into force, later than `t`; FOREVER for a flat tariff."""
        return self._span(t)[1]

    def _span(self, t: SimTime) -> tuple[SimTime, SimTime, Period]:
        known = self._known
        if not known[0] <= t < known[1]:
            period = self._stretches[self._day.stretch_at(t)]
            until = self._day.next_change(t)
            while until < FOREVER and self._stretches[self._day.stretch_at(until)] == period:
                until = self._day.next_change(until)
            known = self._known = (t, until, period)
        return known


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _time(minutes: int) -> str:
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _refuse_two_prices(periods: Sequence[PeriodConfig]) -> None:
    first: dict[str, int] = {}
    for at, one in enumerate(periods):
        known = first.setdefault(one.name, at)
        for price in ("energy_cny_kwh", "service_cny_kwh"):
            here, there = getattr(one, price), getattr(periods[known], price)
            if here != there:
                what = f"{one.name} costs {here:g} here and {there:g} at periods[{known}]"
                raise Misfit(f"periods[{at}].{price}", what, f"{there:g}, or a name of its own")


def _refuse_gaps_and_overlaps(periods: Sequence[PeriodConfig]) -> None:
    turns = sorted(range(len(periods)), key=lambda at: periods[at].begin_min)
    seams: list[tuple[int, int, int]] = []
    for last, this in pairwise([*turns, *turns[:1]]):
        ends_min = periods[last].begin_min + periods[last].length_min
        begins_min = periods[this].begin_min + (DAY_MIN if this == turns[0] else 0)
        seams.append((ends_min - begins_min, last, this))
    # overlaps first: beneath a long period the seams of short ones look like gaps
    for excess_min, last, this in sorted(seams, reverse=True):
        if excess_min == 0:
            continue
        one, other = periods[this], f"periods[{last}] ({periods[last].name})"
        ended = _time(periods[last].begin_min + periods[last].length_min)
        if excess_min < 0:
            what = f"no period from {ended} to {one.begins}"
            raise Misfit(f"periods[{this}].from", what, f'"{ended}", or a period for that time')
        until = _time(one.begin_min + min(excess_min, one.length_min))
        what = f"{one.name} overlaps {other} from {one.begins} to {until}"
        right = f"an end of periods[{last}] at {one.begins}"
        if one.begins == periods[last].begins:
            right = "one of the two"
        elif excess_min < one.length_min:
            right = f'"{ended}", or {right}'
        raise Misfit(f"periods[{this}].from", what, right)
