"""The sun over a place: its height, and what a clear sky lets through.

Declination after Cooper (1969) and equation of time as in Duffie and Beckman, Solar Engineering of Thermal Processes,
chapter 1: height within half a degree. Clear-sky global irradiance on the level after Haurwitz (1945):
`1098 cos z exp(-0.057 / cos z)` W/m2 with z the zenith angle. It knows no haze; a humid sky gives up to a tenth less.
"""

from __future__ import annotations

from datetime import datetime
from math import cos, exp, pi, radians, sin

from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["Sun", "clear_sky_w_m2"]

_SECONDS_A_DAY = 24 * SECONDS_PER_HOUR
_DAYS_A_YEAR = 365.2425
_CHORDS = 4


class Sun:
    """The sun seen from one place, at times of the run."""

    def __init__(self, start: datetime, latitude_deg: float, longitude_deg: float) -> None:
        """`start` is the run's start in UTC; latitude -90 to 90 north, longitude -180 to 180 east."""
        self._start_s = (start - start.replace(month=1, day=1, hour=0, minute=0, second=0)).total_seconds()
        self._shift_h = longitude_deg / 15.0 - 12.0
        self._sin_latitude = sin(radians(latitude_deg))
        self._cos_latitude = cos(radians(latitude_deg))

    def height(self, t: SimTime) -> float:
        """The sine of the sun's height above the horizon, negative at night."""
        utc_s = self._start_s + t
        day = 1.0 + (utc_s / _SECONDS_A_DAY) % _DAYS_A_YEAR
        season = 2 * pi * (day - 81.0) / 364.0
        lead_h = (9.87 * sin(2 * season) - 7.53 * cos(season) - 1.5 * sin(season)) / 60.0
        hour_angle = pi / 12.0 * (utc_s / SECONDS_PER_HOUR + self._shift_h + lead_h)
        declination = radians(23.45) * sin(2 * pi * (284.0 + day) / 365.0)
        return self._sin_latitude * sin(declination) + self._cos_latitude * cos(declination) * cos(hour_angle)

    def crossing(self, t0: SimTime, h0: float, t1: SimTime, h1: float) -> SimTime:
        """When the sun rises or sets between two times an hour or less apart, to a second.

        `h0` and `h1` are its heights there: one above 0, the other not.
        """
        was_up = h0 > 0.0
        for _ in range(_CHORDS):
            t = SimTime(t0 + (t1 - t0) * h0 / (h0 - h1))
            height = self.height(t)
            if (height > 0.0) == was_up:
                t0, h0 = t, height
            else:
                t1, h1 = t, height
        return t


def clear_sky_w_m2(height: float) -> float:
    """Global irradiance on level ground under a clear sky, by the sine of the sun's height; 0 while it is down."""
    return 1098.0 * height * exp(-0.057 / height) if height > 0.0 else 0.0
