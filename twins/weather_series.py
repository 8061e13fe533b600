"""Recorded weather by the hour of the station's civil clock; what is not recorded comes from the fit.

Files and their licences: `twins/data/weather/README.md`. A gap of up to three hours is bridged by a straight line.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from twins.weather_fit import AIR_TEMP_C, HUMIDITY_PCT, WIND_M_S

__all__ = ["Hour", "HourlySeries", "Rain", "hour_number", "read_series", "shenzhen_2022"]

_DATA = Path(__file__).parent / "data" / "weather"
_COLUMNS = ("temp_c", "humidity_pct", "wind_mps", "rain_class")
_LONGEST_GAP_H = 3


class Rain(Enum):
    """How hard it rains; classes 0 to 3 of the recorded files, in this order."""

    NONE = "none"
    LIGHT = "light"
    MODERATE = "moderate"
    HEAVY = "heavy"


_RAIN = tuple(Rain)


class Hour(NamedTuple):
    """The weather as an hour begins; `is_synthetic`: its temperature or humidity is fitted, not recorded."""

    air_temp_c: float
    humidity_pct: float
    wind_m_s: float
    rain: Rain
    is_synthetic: bool


@dataclass(frozen=True, slots=True)
class HourlySeries:
    """What is recorded, each quantity by hour number; `rain_class` is 0 to 3."""

    air_temp_c: Mapping[int, float]
    humidity_pct: Mapping[int, float]
    wind_m_s: Mapping[int, float]
    rain_class: Mapping[int, float]

    def at(self, number: int) -> Hour:
        """The weather as hour `number` begins. Wind without a record is fitted, rain without a record is none."""
        air_temp_c, humidity_pct = self.air_temp_c.get(number), self.humidity_pct.get(number)
        wind_m_s = self.wind_m_s.get(number)
        return Hour(
            AIR_TEMP_C.at(number) if air_temp_c is None else air_temp_c,
            HUMIDITY_PCT.at(number) if humidity_pct is None else humidity_pct,
            WIND_M_S.at(number) if wind_m_s is None else wind_m_s,
            _RAIN[int(self.rain_class.get(number, 0))],
            air_temp_c is None or humidity_pct is None,
        )


def hour_number(local: datetime) -> int:
    """Hours from the year 1 to the hour that this civil time lies in."""
    return local.toordinal() * 24 + local.hour


def read_series(*paths: Path) -> HourlySeries:
    """The files as one series; their times are civil times, whatever zone they name. Empty cells are gaps."""
    found: dict[str, dict[int, float]] = {name: {} for name in _COLUMNS}
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        table = dict(zip(header, zip(*rows, strict=True), strict=True))
        days = {day: date.fromisoformat(day).toordinal() * 24 for day in {time[:10] for time in table["time"]}}
        numbers = [days[time[:10]] + int(time[11:13]) for time in table["time"]]
        for name, values in found.items():
            cells = zip(numbers, table.get(name, ()), strict=False)
            recorded = {number: float(cell) for number, cell in cells if cell}
            values |= recorded
            values |= _bridges(recorded)
    return HourlySeries(*found.values())


@cache
def shenzhen_2022() -> HourlySeries:
    """Shenzhen, 2022-06-19 to 07-18 and 2022-09-01 to 2023-02-28."""
    return read_series(_DATA / "shenzhen_2022_summer.csv", _DATA / "shenzhen_2022_autumn_winter.csv")


def _bridges(values: dict[int, float]) -> dict[int, float]:
    """The values of the hours that are missing between two recorded ones, where the gap is short."""
    between: dict[int, float] = {}
    numbers = sorted(values)
    if not numbers or numbers[-1] - numbers[0] + 1 == len(numbers):
        return between
    for before, after in pairwise(numbers):
        if 1 < after - before <= _LONGEST_GAP_H + 1:
            slope = (values[after] - values[before]) / (after - before)
            for number in range(before + 1, after):
                between[number] = values[before] + slope * (number - before)
    return between
