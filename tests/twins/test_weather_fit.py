from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

import twins.weather_fit as fit
from twins.weather_series import HourlySeries, hour_number, read_series

DATA = Path(fit.__file__).parent / "data" / "weather"
SUMMER = read_series(DATA / "shenzhen_2022_summer.csv")
AUTUMN = read_series(DATA / "shenzhen_2022_autumn_winter.csv")

FITTED = {"air_temp_c": fit.AIR_TEMP_C, "humidity_pct": fit.HUMIDITY_PCT, "wind_m_s": fit.WIND_M_S}


def recorded(series: HourlySeries, name: str) -> Mapping[int, float]:
    return getattr(series, name)  # type: ignore[no-any-return]


def test_the_second_file_repeats_the_observations_of_every_third_hour() -> None:
    for number, value in AUTUMN.air_temp_c.items():
        if number % 3 == 2:
            assert all(AUTUMN.air_temp_c.get(number + later, value) == value for later in (1, 2))


@pytest.mark.parametrize("name", FITTED)
def test_the_stored_fit_is_the_least_squares_fit_of_the_observations(name: str) -> None:
    stored = FITTED[name]
    points = [*recorded(SUMMER, name).items()]
    points += [(number, value) for number, value in recorded(AUTUMN, name).items() if number % 3 == 2]
    annual = len(stored.rows)
    terms = [np.outer(fit.annual_terms(number)[:annual], fit.daily_terms(number)).ravel() for number, _ in points]
    found = np.linalg.lstsq(np.array(terms), np.array([value for _, value in points]), rcond=None)[0]
    assert stored.rows == pytest.approx(found.reshape(annual, 5), abs=6e-5), found


@pytest.mark.parametrize("name", FITTED)
def test_the_recorded_hours_scatter_about_the_fit_by_the_stored_spread(name: str) -> None:
    stored = FITTED[name]
    points = {**recorded(SUMMER, name), **recorded(AUTUMN, name)}
    errors = np.array([value - stored.at(number) for number, value in points.items()])
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(stored.spread, abs=0.006)
    assert np.mean(np.abs(errors) < 2 * stored.spread) > 0.93


def test_a_year_of_the_fit_is_one_that_the_place_could_have() -> None:
    begin = hour_number(datetime(2024, 1, 1))
    temps = [fit.AIR_TEMP_C.at(begin + hour) for hour in range(8_784)]
    assert 10.0 < min(temps) < 15.0 and 30.0 < max(temps) < 35.0
    january, july = temps[: 31 * 24], temps[182 * 24 : 213 * 24]
    assert np.mean(january) == pytest.approx(16.4, abs=0.5)
    assert np.mean(july) == pytest.approx(29.9, abs=0.5)
    hottest = max(range(24), key=july.__getitem__)
    assert 12 <= hottest <= 16
    assert all(0.0 <= fit.HUMIDITY_PCT.at(begin + hour) <= 100.0 for hour in range(8_784))


def test_the_bounds_hold() -> None:
    steep = fit.Harmonics(rows=((50.0, 80.0, 0.0, 0.0, 0.0),), spread=1.0, low=0.0, high=100.0)
    assert (steep.at(0), steep.at(12)) == (100.0, 0.0)
