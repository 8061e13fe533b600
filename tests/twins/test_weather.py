from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sim.clock import Clock
from sim.errors import FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.units import FOREVER, SimTime
from twins.station_file import find_station, read_station
from twins.sun import Sun, clear_sky_w_m2
from twins.weather import Weather, WeatherConfig
from twins.weather_fit import AIR_TEMP_C, HUMIDITY_PCT
from twins.weather_series import Rain, hour_number, read_series

DAY_S = 86_400.0
MEANS_C = (1.0, 2.0, 6.0, 9.0, 14.0, 18.0, 20.0, 19.0, 15.0, 11.0, 5.0, 2.0)


class Sky:
    """A weather in a kernel of its own, read by local time."""

    def __init__(self, start: str, zone: str = "Asia/Shanghai", **config: Any) -> None:
        self.kernel = Kernel(Clock(datetime.fromisoformat(start), zone), 1)
        self.events: list[Event] = []
        self.weather = Weather(self.kernel, WeatherConfig(**(config or {"series": "shenzhen_2022"})))
        self.kernel.subscribe(self.events.append)

    def go(self, local: str) -> Weather:
        clock = self.kernel.clock
        wall = datetime.fromisoformat(local).replace(tzinfo=clock.zone)
        self.go_to((wall - clock.start) / timedelta(seconds=1))
        return self.weather

    def go_to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def read(self) -> tuple[float, float, float, float]:
        weather, now = self.weather, self.kernel.now
        signals = weather.air_temp_c, weather.humidity_pct, weather.wind_m_s, weather.sun_w_m2
        return signals[0].at(now), signals[1].at(now), signals[2].at(now), signals[3].at(now)


# The recorded series


@pytest.mark.parametrize(
    ("hour", "air_temp_c", "humidity_pct", "wind_m_s"),
    [("2022-06-19T00:00", 28, 84, 6), ("2022-07-11T13:00", 31, 70, 4), ("2022-07-13T14:00", 34, 59, 3)],
)
def test_a_summer_hour_is_the_files(hour: str, air_temp_c: float, humidity_pct: float, wind_m_s: float) -> None:
    sky = Sky("2022-06-19")
    sky.go(hour)
    assert sky.read()[:3] == (air_temp_c, humidity_pct, wind_m_s)
    assert sky.weather.rain.value is Rain.NONE


@pytest.mark.parametrize(
    ("hour", "air_temp_c", "humidity_pct", "rain"),
    [
        ("2022-09-08T15:00", 28.6, 84, Rain.HEAVY),
        ("2022-09-10T14:00", 32.1, 61, Rain.NONE),
        ("2022-12-17T08:00", 10.0, 90, Rain.HEAVY),
        ("2023-02-28T23:00", 16.1, 77, Rain.NONE),
    ],
)
def test_an_autumn_or_winter_hour_is_the_files(hour: str, air_temp_c: float, humidity_pct: float, rain: Rain) -> None:
    sky = Sky("2022-09-01")
    sky.go(hour)
    assert sky.read()[:2] == (air_temp_c, humidity_pct)
    assert sky.weather.rain.value is rain
    assert 4.0 < sky.read()[2] < 6.0
    assert not sky.weather.is_synthetic and sky.events == []


def test_between_two_hours_it_runs_straight() -> None:
    sky = Sky("2022-07-11T12:20")
    assert sky.read()[:3] == pytest.approx((31.0, 75 - 5 / 3, 4.0))
    sky.go("2022-07-11T12:30")
    assert sky.read()[:3] == pytest.approx((31.0, 72.5, 4.0))
    sky.go("2022-07-11T15:15")
    assert sky.read()[:3] == pytest.approx((31.25, 74.0, 3.5))


def test_it_reads_alike_whenever_the_run_began_and_however_often_it_is_looked_at() -> None:
    times = [f"2022-09-08T{hour:02d}:{minute:02d}" for hour in range(4, 22) for minute in (0, 7, 41)]
    watched, early = Sky("2022-09-08"), Sky("2022-08-30T11:13")
    for time in times:
        watched.go(time)
        early.go(time)
        late = Sky(time)
        late.go_to(0.0)
        assert watched.read() == pytest.approx(early.read(), abs=1e-6)
        assert watched.read() == pytest.approx(late.read(), abs=1e-6)
        assert watched.weather.rain.value is late.weather.rain.value


def test_a_station_elsewhere_has_it_by_its_own_clock_through_a_change_of_clocks() -> None:
    sky = Sky("2022-10-29T12:00", zone="Europe/Zurich")
    home = Sky("2022-10-29T12:00")
    for time in ("2022-10-29T18:30", "2022-10-30T12:00", "2022-10-31T15:00"):
        sky.go(time)
        home.go(time)
        assert sky.read()[:3] == pytest.approx(home.read()[:3])


# Where nothing is recorded


def test_a_day_without_a_record_is_the_fits_and_says_so() -> None:
    sky = Sky("2024-04-10")
    assert sky.weather.is_synthetic
    for hour in range(0, 24, 5):
        sky.go(f"2024-04-10T{hour:02d}:00")
        number = hour_number(datetime(2024, 4, 10, hour))
        assert sky.read()[:2] == pytest.approx((AIR_TEMP_C.at(number), HUMIDITY_PCT.at(number)))
        assert 18.0 < sky.read()[0] < 26.0
    assert [(event.kind, event.subject, event.t) for event in sky.events] == [("weather.synthetic", "weather", 0.0)]
    spreads = {"air_temp_spread_c": AIR_TEMP_C.spread, "humidity_spread_pct": HUMIDITY_PCT.spread}
    assert sky.events[0].data == {"series": "shenzhen_2022"} | spreads


def test_the_last_recorded_day_is_not_synthetic_and_the_next_is() -> None:
    sky = Sky("2022-07-18")
    assert not sky.go("2022-07-18T23:59").is_synthetic
    assert sky.go("2022-07-19T00:00").is_synthetic
    assert [event.t for event in sky.events] == [DAY_S]
    sky.go("2022-07-20T00:00")
    assert len(sky.events) == 1


def test_short_gaps_are_bridged_and_long_ones_fitted(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text(
        "time,temp_c,humidity_pct,rain_class\n"
        "2022-03-01T00:00:00+08:00,10,80,2\n"
        "2022-03-01T04:00:00+08:00,14,,2\n"
        "2022-03-01T05:00:00+08:00,15,70,0\n"
        "2022-03-01T10:00:00+08:00,20,60,0\n",
        encoding="utf-8",
    )
    series = read_series(path)
    first = hour_number(datetime(2022, 3, 1))
    assert [series.at(first + hour).air_temp_c for hour in range(6)] == [10, 11, 12, 13, 14, 15]
    assert [series.at(first + hour).humidity_pct for hour in (0, 5, 10)] == [80, 70, 60]
    assert [series.at(first + hour).rain for hour in (3, 5, 6)] == [Rain.MODERATE, Rain.NONE, Rain.NONE]
    assert [hour for hour in range(-1, 12) if series.at(first + hour).is_synthetic] == [-1, 1, 2, 3, 4, 6, 7, 8, 9, 11]
    for hour in (-1, 6, 7, 8, 9, 11):
        assert series.at(first + hour)[:2] == (AIR_TEMP_C.at(first + hour), HUMIDITY_PCT.at(first + hour))
    assert series.at(first + 3).humidity_pct == HUMIDITY_PCT.at(first + 3)


def test_a_year_runs() -> None:
    sky = Sky("2022-06-19")
    coldest = hottest = sky.read()[0]
    for hour in range(365 * 24):
        sky.go_to(hour * 3_600.0)
        air_c = sky.read()[0]
        coldest, hottest = min(coldest, air_c), max(hottest, air_c)
    assert (coldest, hottest) == (8.3, 34.7)
    assert sky.weather.is_synthetic
    assert [sky.kernel.clock.local(event.t).isoformat() for event in sky.events] == ["2022-07-19T00:00:00+08:00"]
    mean_sun = sky.weather.sun_w_m2.total_at(sky.kernel.now) / sky.kernel.now
    assert 180.0 < mean_sun < 280.0


# Stated weather


def test_a_constant_plans_nothing() -> None:
    sky = Sky("2022-06-19", air_temp_c=35.0, humidity_pct=40.0, wind_m_s=1.5, rain_class=1, sun_w_m2=700.0)
    assert sky.kernel.next_time() == FOREVER
    assert sky.read() == (35.0, 40.0, 1.5, 700.0)
    assert sky.weather.rain.value is Rain.LIGHT
    plain = Sky("2022-06-19", air_temp_c=0.0)
    assert plain.kernel.next_time() == FOREVER
    assert plain.read() == (0.0, 60.0, 2.0, 0.0)
    assert not plain.weather.is_synthetic


def test_months_turn_and_a_stated_sun_stands_still() -> None:
    sky = Sky("2022-10-31T23:00", zone="Europe/Zurich", monthly_mean_c=MEANS_C, sun_w_m2=100.0)
    assert sky.read() == (11.0, 60.0, 2.0, 100.0)
    sky.go("2022-11-01T00:00")
    assert sky.read() == (5.0, 60.0, 2.0, 100.0)
    assert sky.kernel.next_time() == 30 * DAY_S + 3_600.0


# The sun


@pytest.mark.parametrize(
    ("day", "config", "place"),
    [
        ("2022-07-11", {"series": "shenzhen_2022"}, (22.5, 114.0)),
        ("2022-12-21", {"monthly_mean_c": MEANS_C}, (30.0, 120.0)),
        ("2022-12-21", {"air_temp_c": 20.0, "latitude_deg": 69.6, "longitude_deg": 110.0}, (69.6, 110.0)),
        ("2022-06-21", {"air_temp_c": 20.0, "latitude_deg": 69.6, "longitude_deg": 110.0}, (69.6, 110.0)),
    ],
)
def test_the_sun_follows_a_clear_sky_and_is_nothing_at_night(
    day: str, config: dict[str, Any], place: tuple[float, float]
) -> None:
    sky = Sky(day, **config)
    sun = Sun(sky.kernel.clock.start, *place)
    clear_ws = 0.0
    for minute in range(24 * 60):
        sky.go_to(minute * 60.0)
        now_w_m2, height = sky.read()[3], sun.height(sky.kernel.now)
        clear_ws += 60.0 * clear_sky_w_m2(height)
        if height < -1e-4:
            assert now_w_m2 == 0.0
        elif height > 1e-3:
            assert 0.0 < now_w_m2 == pytest.approx(clear_sky_w_m2(height), abs=25.0)
    sky.go_to(DAY_S)
    assert sky.weather.sun_w_m2.total_at(SimTime(DAY_S)) == pytest.approx(clear_ws, rel=0.02)


def test_noon_follows_the_clocks_of_the_zone_not_summer_time() -> None:
    sky = Sky("2022-06-14", zone="Europe/Zurich", monthly_mean_c=MEANS_C)
    readings = {}
    for quarter in range(40, 68):
        sky.go_to(quarter * 900.0)
        readings[quarter / 4] = sky.read()[3]
    assert max(readings, key=readings.__getitem__) == pytest.approx(13.0, abs=0.5)


def test_rain_dims_the_sun() -> None:
    clear = Sky("2022-09-08T12:00", air_temp_c=30.0, latitude_deg=22.5, longitude_deg=114.0)
    wet = Sky("2022-09-08T12:00", air_temp_c=30.0, latitude_deg=22.5, longitude_deg=114.0, rain_class=3)
    assert wet.read()[3] == pytest.approx(0.25 * clear.read()[3])
    recorded = Sky("2022-09-08T12:00")
    for sky in (clear, recorded):
        sky.go("2022-09-08T15:00")
    assert recorded.read()[3] == pytest.approx(0.25 * clear.read()[3])


# Files

STATED = "  monthly_mean_c: [1, 2, 6, 9, 14, 18, 20, 19, 15, 11, 5, 2]\n  latitude_deg: 46.5\n  longitude_deg: 6.6\n"
ONE_OF = "exactly one of monthly_mean_c, air_temp_c and series"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("  series: shenzen_2022\n", "1: weather.series: shenzen_2022 is not known here; 'shenzhen_2022'"),
        ("  wind_m_s: 3\n", f"0: weather: none of monthly_mean_c, air_temp_c and series given; {ONE_OF}"),
        ("  air_temp_c: 20\n  series: shenzhen_2022\n", f"0: weather: air_temp_c and series given; {ONE_OF}"),
        (
            "  series: shenzhen_2022\n  rain_class: 1\n",
            "2: weather.rain_class: has no meaning beside series; leave it out: the series says it",
        ),
        ("  air_temp_c: 61\n", "1: weather.air_temp_c: 61 is out of range; at most 60"),
        ("  air_temp_c: 20\n  humidity_pct: 101\n", "2: weather.humidity_pct: 101 is out of range; at most 100"),
        ("  air_temp_c: 20\n  wind_m_s: -1\n", "2: weather.wind_m_s: -1 is out of range; at least 0"),
        ("  air_temp_c: 20\n  rain_class: 4\n", "2: weather.rain_class: 4 is out of range; at most 3"),
        ("  air_temp_c: 20\n  rain_class: 0.5\n", "2: weather.rain_class: 0.5 is not a whole number; a whole number"),
        ("  air_temp_c: 20\n  latitude_deg: 91\n", "2: weather.latitude_deg: 91 is out of range; at most 90"),
        (
            "  air_temp_c: 20\n  latitude_deg: 9\n  sun_w_m2: 9\n",
            "3: weather.sun_w_m2: given beside latitude_deg; one of the two: a stated sun, or one that moves",
        ),
        (
            "  air_temp_c: 20\n  longitude_deg: 9\n",
            "2: weather.longitude_deg: given without latitude_deg; both, or neither",
        ),
        (STATED.replace(" 2]", " 72]"), "1: weather.monthly_mean_c[11]: 72 C is out of range; -60 to 60 C"),
        ("  air_temp_c: 20\n  humidty_pct: 50\n", "2: weather.humidty_pct: unknown key; did you mean humidity_pct?"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, written: str, said: str) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    assert STATED in text
    path = tmp_path / "station.yaml"
    path.write_text(text.replace(STATED, written), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    line, _, rest = said.partition(":")
    heading = text.splitlines().index("weather:") + 1
    assert [str(problem) for problem in caught.value.problems] == [f"{path}:{heading + int(line)}:{rest}"]


def test_a_station_may_take_the_series(tmp_path: Path) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    path = tmp_path / "station.yaml"
    path.write_text(text.replace(STATED, "  series: shenzhen_2022\n"), encoding="utf-8")
    assert read_station(path).value.weather == WeatherConfig(series="shenzhen_2022")
