"""The weather of Shenzhen on days without a record: least-squares harmonics of the two recorded files.

An annual harmonic times a daily curve of two harmonics. A second annual harmonic would be free where nothing is
recorded (March to mid-June, August): it puts 89 % of humidity on a mean day of May. The coefficients are stored, so
that no run depends on a machine's linear algebra; `tests/twins/test_weather_fit.py` fits anew and compares.
Hours are civil hours counted from the year 1, as `twins.weather_series.hour_number` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

__all__ = ["AIR_TEMP_C", "HUMIDITY_PCT", "WIND_M_S", "Harmonics", "annual_terms", "daily_terms"]

_Five = tuple[float, float, float, float, float]

_HOURS_A_YEAR = 365.2425 * 24


def annual_terms(hour: int) -> tuple[float, float, float]:
    """The constant and the harmonic of the year at this hour."""
    angle = 2 * pi * (hour % _HOURS_A_YEAR) / _HOURS_A_YEAR
    return 1.0, cos(angle), sin(angle)


def _day(hour: int) -> _Five:
    angle = 2 * pi * hour / 24
    return 1.0, cos(angle), sin(angle), cos(2 * angle), sin(2 * angle)


_DAILY = tuple(_day(hour) for hour in range(24))


def daily_terms(hour: int) -> _Five:
    """The constant and the two harmonics of the day at this hour."""
    return _DAILY[hour % 24]


@dataclass(frozen=True, slots=True)
class Harmonics:
    """One fitted quantity. `rows` holds a daily curve for each annual term (the first alone: no course of the year).

    `spread` is the root mean square of recorded less fitted over every recorded hour, in the quantity's unit.
    """

    rows: tuple[_Five, ...]
    spread: float
    low: float
    high: float

    def at(self, hour: int) -> float:
        """The fitted value at this hour, kept between `low` and `high`."""
        _, cos1, sin1, cos2, sin2 = daily_terms(hour)
        value = 0.0
        for annual, (mean, on_cos1, on_sin1, on_cos2, on_sin2) in zip(annual_terms(hour), self.rows, strict=False):
            value += annual * (mean + on_cos1 * cos1 + on_sin1 * sin1 + on_cos2 * cos2 + on_sin2 * sin2)
        return min(max(value, self.low), self.high)


AIR_TEMP_C = Harmonics(
    rows=(
        (23.2248, -1.3217, -1.3281, 0.461, 0.4354),
        (-6.0793, -0.2001, -0.6091, 0.0697, 0.3259),
        (-3.5439, 0.1004, -0.211, -0.0917, 0.0946),
    ),
    spread=2.99,
    low=-60.0,
    high=60.0,
)
HUMIDITY_PCT = Harmonics(
    rows=(
        (74.4656, 5.2964, 4.1591, -1.4794, -1.2058),
        (-6.6325, 0.6406, 1.6532, -0.1277, -0.9129),
        (1.9421, -0.3901, 0.9288, 0.526, 0.0829),
    ),
    spread=15.03,
    low=0.0,
    high=100.0,
)
WIND_M_S = Harmonics(rows=((4.9625, -0.2398, -0.8855, 0.0241, 0.1272),), spread=2.19, low=0.0, high=60.0)
