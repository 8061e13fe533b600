from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import asin, degrees

import pytest

from sim.units import SimTime
from twins.sun import Sun, clear_sky_w_m2


def at(start: datetime, when: datetime) -> SimTime:
    return SimTime((when - start).total_seconds())


@pytest.mark.parametrize("start", [datetime(2024, 1, 1, tzinfo=UTC), datetime(2023, 11, 5, 7, 30, tzinfo=UTC)])
@pytest.mark.parametrize(
    ("latitude_deg", "longitude_deg", "day", "noon_deg"),
    [
        (0.0, 0.0, datetime(2024, 3, 20), 90.0),
        (51.5, 0.0, datetime(2024, 6, 20), 61.9),
        (51.5, 0.0, datetime(2024, 12, 21), 15.1),
        (-33.9, 151.2, datetime(2024, 12, 21), 79.5),
        (69.6, 19.0, datetime(2024, 12, 21), -3.0),
    ],
)
def test_the_noon_height_is_the_almanacs_within_a_degree(
    start: datetime, latitude_deg: float, longitude_deg: float, day: datetime, noon_deg: float
) -> None:
    sun = Sun(start, latitude_deg, longitude_deg)
    noon = day.replace(hour=12, tzinfo=UTC) - timedelta(hours=longitude_deg / 15)
    highest = max(sun.height(at(start, noon + timedelta(minutes=minute))) for minute in range(-30, 31))
    assert degrees(asin(highest)) == pytest.approx(noon_deg, abs=1.0)


# sunrise in UTC+8 as almanacs have it for 22.5 N, 114.1 E, refraction and the sun's radius (4 minutes) taken off
@pytest.mark.parametrize(("day", "rises"), [("2024-06-21", "05:43"), ("2024-12-21", "07:01"), ("2024-03-20", "06:32")])
def test_the_sun_of_shenzhen_rises_when_it_does(day: str, rises: str) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    sun = Sun(start, 22.5, 114.1)
    expected = at(start, datetime.fromisoformat(f"{day}T{rises}+08:00"))
    t0, t1 = SimTime(expected - 1_800.0), SimTime(expected + 1_800.0)
    assert sun.crossing(t0, sun.height(t0), t1, sun.height(t1)) == pytest.approx(expected, abs=240.0)


def test_a_crossing_is_met_to_a_second() -> None:
    sun = Sun(datetime(2024, 6, 1, tzinfo=UTC), 46.5, 6.6)
    met = 0
    for hour in range(24 * 30):
        t0, t1 = SimTime(hour * 3_600.0), SimTime(hour * 3_600.0 + 3_600.0)
        if (sun.height(t0) > 0.0) != (sun.height(t1) > 0.0):
            crossing = sun.crossing(t0, sun.height(t0), t1, sun.height(t1))
            before, after = sun.height(SimTime(crossing - 1.0)), sun.height(SimTime(crossing + 1.0))
            assert (before > 0.0) == (sun.height(t0) > 0.0) and (after > 0.0) == (sun.height(t1) > 0.0)
            met += 1
    assert met == 60


def test_a_clear_sky_gives_what_haurwitz_measured() -> None:
    assert clear_sky_w_m2(-0.5) == clear_sky_w_m2(0.0) == 0.0
    assert clear_sky_w_m2(1.0) == pytest.approx(1_037.2, abs=0.1)
    assert clear_sky_w_m2(0.5) == pytest.approx(489.8, abs=0.1)
