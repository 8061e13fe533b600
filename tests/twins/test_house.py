"""The house: lights by the sun, cooling by the air, on signals of stations built from files; books and limits too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.bounds import Range
from scenarios.catalogue import StationCatalogue
from sim.clock import Clock
from sim.errors import BooksOpen, FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime
from twins.books import energy_book
from twins.house import Cooling, CoolingConfig, HouseConfig, Lights
from twins.station import Station
from twins.station_file import StationFile, read_station
from twins.sun import Sun, clear_sky_w_m2

Site = Callable[..., tuple[Kernel, Station, list[Event]]]
DAY_S = 86_400.0
COOLING = "cooling: {set_c: 29.5, kw_per_k: 0.8, rating_kw: 2}"  # full from 32 C on
SERIES = "{series: shenzhen_2022}"
SHENZHEN = "{id: TWO, timezone: Asia/Shanghai, operator: {name: {en: Two, zh: 二}}}"
WARM_DAY = {"weather": SERIES, "house": f"{{{COOLING}}}"}


def run_to(kernel: Kernel, t: float) -> SimTime:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))
    return SimTime(t)


def switched(events: list[Event]) -> list[tuple[str, float]]:
    """(on or off, when) of the lights."""
    return [(one.kind.removeprefix("house.lights_"), one.t) for one in events if one.kind.startswith("house.lights")]


# Cooling


def test_a_file_without_the_block_has_the_base_alone(site: Site) -> None:
    kernel, station, events = site()
    end = run_to(kernel, DAY_S)
    house = station.house
    assert (house.power_kw.at(end), house.base_kw.version, house.most_kw) == (0.3, 0, 0.3)
    assert [name for name in kernel.signals if name.startswith("house.")] == ["house.base_kw"]
    assert station.grid.house_kw.total_at(end) == pytest.approx(0.3 * DAY_S)
    assert switched(events) == []


# the series has 28 C at six o'clock of 13 July 2022, 29 at seven, 30 at eight, 31 from nine on, 32 at noon, 34 at two
@pytest.mark.parametrize(
    ("hour", "cooling_kw"),
    [(3, 0.0), (7, 0.0), (7.5, 0.0), (7.75, 0.2), (8, 0.4), (8.5, 0.8), (9, 1.2), (11, 1.2), (11.5, 1.6), (12, 2.0),
     (14, 2.0), (17, 2.0), (17.25, 1.8), (18, 1.2), (19.5, 0.4), (20.25, 0.2), (20.75, 0.0), (23, 0.0)],
)  # fmt: skip
def test_cooling_is_so_much_a_kelvin_up_to_its_rating(site: Site, hour: float, cooling_kw: float) -> None:
    kernel, station, _ = site(**WARM_DAY, station=SHENZHEN)
    now = run_to(kernel, 3_600.0 * hour)
    assert kernel.signals["house.cooling_kw"].at(now) == pytest.approx(cooling_kw, abs=1e-9)
    assert station.grid.house_kw.at(now) == pytest.approx(0.3 + cooling_kw)


def test_between_corners_nothing_is_planned_and_its_energy_is_exact(site: Site) -> None:
    kernel, station, _ = site(**WARM_DAY, station=SHENZHEN)
    cooling = station.house.cooling
    assert cooling is not None
    signal, air = cooling.power_kw, station.weather.air_temp_c
    times, begins = [0.0], [signal.at(SimTime(0.0))]
    while kernel.next_time() < DAY_S:
        kernel.advance(kernel.next_time())
        times.append(kernel.now)
        begins.append(signal.at(kernel.now))
        assert begins[-1] == pytest.approx(min(max(0.0, 0.8 * (air.at(kernel.now) - 29.5)), 2.0), abs=1e-6)
    end = run_to(kernel, DAY_S)
    times.append(end)
    begins.append(signal.at(end))
    by_trapezoids = np.trapezoid(begins, times)
    assert signal.total_at(end) == pytest.approx(by_trapezoids, rel=1e-9)
    assert signal.total_at(end) > 3_600.0 * 10.0
    assert 4 <= signal.version <= 24 + 4, "a segment an hour of the series at most, and its corners"


def test_air_that_jumps_and_air_that_stands(site: Site) -> None:
    means = "{monthly_mean_c: [1, 2, 6, 9, 14, 18, 31, 45, 15, 11, 5, 2], latitude_deg: 46.5}"
    kernel, station, _ = site(weather=means, house=f"{{{COOLING}}}", start=datetime(2022, 6, 29))
    seen = [kernel.signals["house.cooling_kw"].at(run_to(kernel, DAY_S * day)) for day in (1, 3, 34, 65)]
    assert seen == pytest.approx([0.0, 1.2, 2.0, 0.0])
    assert station.house.cooling is not None and station.house.cooling.power_kw.version == 3


course = st.lists(st.tuples(st.floats(60.0, 7_200.0), st.floats(-20.0, 60.0)), min_size=1, max_size=12)
turns = st.lists(st.tuples(st.floats(0.0, 40_000.0), st.sampled_from(["dark", "live", 0.0, 0.5, 1.0])), max_size=6)


@given(course, st.floats(-10.0, 40.0), st.floats(0.1, 5.0), st.floats(0.5, 50.0), turns)
def test_whatever_the_air_does_cooling_is_what_it_calls_for(
    course: list[tuple[float, float]], set_c: float, kw_per_k: float, rating_kw: float, turns: list[tuple[float, Any]]
) -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 13), "UTC"), 1)
    air = Signal("air", "C", 20.0)
    cooling = Cooling(kernel, CoolingConfig(set_c=set_c, kw_per_k=kw_per_k, rating_kw=rating_kw), air)
    power, is_live, share, whole = cooling.power_kw, True, 1.0, 0.0

    def drawn(t: float) -> float:
        now = run_to(kernel, t)
        called_for = min(max(0.0, kw_per_k * (air.at(now) - set_c)), rating_kw)
        assert power.at(now) == pytest.approx(called_for * share * is_live, abs=1e-5 * (1.0 + kw_per_k))
        assert power.within[0] <= power.at(now) <= power.within[1] + 1e-9
        return power.at(now)

    def to(until: float) -> float:
        """Go there, from one plan to the next and its middle; the energy by trapezoids."""
        area, t, before = 0.0, kernel.now, drawn(kernel.now)
        while t < until:
            following = min(kernel.next_time(), until)
            drawn(0.5 * (t + following))
            after = drawn(following)
            area += 0.5 * (before + after) * (following - t)
            t, before = following, after
        return area

    ends = np.cumsum([length_s for length_s, _ in course])
    for begin, end, (length_s, temp_c) in zip([0.0, *ends], ends, course, strict=False):
        air.set(SimTime(begin), air.at(SimTime(begin)), (temp_c - air.at(SimTime(begin))) / length_s)
        for t, turn in sorted((one for one in turns if begin <= one[0] < end), key=lambda one: one[0]):
            whole += to(t)
            if isinstance(turn, str):
                is_live = turn == "live"
                cooling.energise(is_live)
            else:
                share = turn
                cooling.share.rebase(share)
                kernel.touch(cooling)
        whole += to(end)
    assert power.total_at(kernel.now) == pytest.approx(whole, rel=1e-6, abs=1e-3)
    assert power.version <= 4 * (len(course) + len(turns))


# Lights


def expected_switches(start: datetime, latitude: float, longitude: float, days: int) -> list[tuple[str, float]]:
    """By hand: straight lines from hour to hour of a clear sky that ends where the sun sets; on at 10, off at 20."""
    sun = Sun(start.astimezone(UTC), latitude, longitude)
    knots: list[tuple[float, float]] = []
    for hour in range(24 * days + 1):
        t0, t1 = SimTime(3_600.0 * hour), SimTime(3_600.0 * (hour + 1))
        h0, h1 = sun.height(t0), sun.height(t1)
        knots.append((t0, clear_sky_w_m2(h0)))
        if (h0 > 0.0) is not (h1 > 0.0):
            knots.append((sun.crossing(t0, h0, t1, h1), 0.0))
    found = []
    for (t0, w0), (t1, w1) in pairwise(knots):
        for level, word, is_turn in ((10.0, "on", w0 > 10.0 >= w1), (20.0, "off", w0 < 20.0 <= w1)):
            if is_turn:
                found.append((word, t0 + (level - w0) / (w1 - w0) * (t1 - t0)))
    return [one for one in found if one[1] < DAY_S * days]


@pytest.mark.parametrize(
    ("zone", "latitude", "longitude"),
    [("Asia/Shanghai", 31.2, 121.5), ("Europe/Zurich", 46.5, 6.6), ("America/Sao_Paulo", -23.5, -46.6)],
)
@pytest.mark.parametrize("day", ["2022-03-21", "2022-06-21", "2022-12-21"])
def test_lights_go_on_at_dusk_and_off_at_dawn(
    site: Site, zone: str, latitude: float, longitude: float, day: str
) -> None:
    place = SHENZHEN.replace("Asia/Shanghai", zone)
    weather = f"{{air_temp_c: 20, latitude_deg: {latitude}, longitude_deg: {longitude}}}"
    kernel, station, events = site(
        weather=weather, station=place, house="{lighting_kw: 4.5}", start=datetime.fromisoformat(day)
    )
    assert station.grid.house_kw.at(SimTime(0.0)) == 4.8, "it is midnight"
    run_to(kernel, 3 * DAY_S)
    found = switched(events)
    wanted = expected_switches(kernel.clock.start, latitude, longitude, 3)
    assert [word for word, _ in found] == [word for word, _ in wanted] == ["off", "on"] * 3
    assert [t for _, t in found] == pytest.approx([t for _, t in wanted], abs=1.0)
    sun = Sun(kernel.clock.start.astimezone(UTC), latitude, longitude)
    assert all(sun.height(SimTime(t)) > 0.0 > sun.height(SimTime(t + (1_800.0 if word == "on" else -1_800.0)))
               for word, t in found), "half an hour to the dark side the sun is down"  # fmt: skip
    lit_s = sum(t if word == "off" else -t for word, t in found) + 3 * DAY_S
    lighting = kernel.signals["house.lighting_kw"]
    assert lighting.total_at(kernel.now) == pytest.approx(4.5 * lit_s)
    assert lighting.version == 6


def lights_under(*course: tuple[float, float]) -> tuple[list[tuple[str, float]], Lights]:
    """What lights do under a sun that runs straight through these (t, W/m2)."""
    kernel = Kernel(Clock(datetime(2022, 7, 13), "UTC"), 1)
    sun = Signal("sun", "W/m2")

    def shine(at: int) -> None:
        (t0, w0), (t1, w1) = course[at], course[at + 1]
        sun.set(SimTime(t0), w0, (w1 - w0) / (t1 - t0))

    shine(0)
    for at in range(1, len(course) - 1):
        kernel.at(SimTime(course[at][0]), lambda at=at: shine(at))  # type: ignore[misc]
    events: list[Event] = []
    kernel.subscribe(events.append)
    lights = Lights(kernel, HouseConfig(lighting_kw=1.0), sun)
    run_to(kernel, course[-1][0])
    return switched(events), lights


def test_between_dusk_and_dawn_nothing_switches() -> None:
    clouds, _ = lights_under((0, 30), (100, 11), (200, 19), (300, 9), (400, 19), (500, 11), (600, 25), (700, 11))
    assert clouds == [("on", pytest.approx(290.0)), ("off", pytest.approx(500.0 + 900.0 / 14.0))]


@pytest.mark.parametrize(("begins", "ends", "is_lit"), [(15, 18, True), (18, 15, False), (5, 8, True), (40, 30, False)])
def test_a_run_that_begins_in_the_twilight_goes_by_where_the_sun_goes(begins: float, ends: float, is_lit: bool) -> None:
    told, lights = lights_under((0, begins), (1_000, ends))
    assert told == []
    assert lights.power_kw.at(SimTime(1_000.0)) == (1.0 if is_lit else 0.0)


@pytest.mark.parametrize(("sun", "lighting_kw"), [(0, 2.0), (10, 2.0), (15, 0.0), (800, 0.0)])
def test_a_stated_sun_settles_it_once(site: Site, sun: float, lighting_kw: float) -> None:
    kernel, _, events = site(weather=f"{{air_temp_c: 20, sun_w_m2: {sun}}}", house="{lighting_kw: 2}")
    assert kernel.signals["house.lighting_kw"].at(run_to(kernel, DAY_S)) == lighting_kw
    assert switched(events) == []


# Outages and faults

HOT_NIGHT = {"weather": "{air_temp_c: 31, sun_w_m2: 0}", "house": f"{{lighting_kw: 2, {COOLING}}}"}


def test_an_outage_darkens_it_and_the_book_closes(site: Site) -> None:
    kernel, station, events = site(**HOT_NIGHT)
    kernel.at(SimTime(3_600.0), lambda: station.faults.inject("grid.outage", "grid.feed", {"duration_s": 1_800.0}))
    house = station.grid.house_kw
    assert house.at(run_to(kernel, 3_000.0)) == pytest.approx(0.3 + 2.0 + 1.2)
    assert house.at(run_to(kernel, 4_000.0)) == 0.0
    assert house.at(run_to(kernel, 6_000.0)) == pytest.approx(3.5)
    assert switched(events) == [("off", 3_600.0), ("on", 5_400.0)]
    assert house.total_at(kernel.now) == pytest.approx(3.5 * (6_000.0 - 1_800.0))
    energy_book(station, kernel.now).check()


def test_failed_cooling_draws_less_and_stuck_lights_stay(site: Site) -> None:
    kernel, station, events = site(**HOT_NIGHT)

    def drawn_kw(t: float) -> tuple[float, ...]:
        now = run_to(kernel, t)
        return tuple(kernel.signals[f"house.{name}_kw"].at(now) for name in ("base", "lighting", "cooling"))

    station.faults.inject("house.cooling_failed", "house.cooling", {"share": 0.25}, "weak")
    station.faults.inject("house.lighting_stuck", "house.lights", {"position": "off"}, "dark")
    assert drawn_kw(100.0) == pytest.approx((0.3, 0.0, 0.3))
    station.faults.inject("house.cooling_failed", "house.cooling", {}, "dead")
    assert drawn_kw(200.0) == pytest.approx((0.3, 0.0, 0.0))
    for name in ("weak", "dead", "dark"):
        station.faults.clear(name)
    assert drawn_kw(300.0) == pytest.approx((0.3, 2.0, 1.2))
    assert switched(events) == [("off", 0.0), ("on", 200.0)]
    energy_book(station, kernel.now).check()


@pytest.mark.clause("5.6")
def test_lights_stuck_on_burn_by_day_and_one_stuck_off_leaves_the_night_dark(site: Site) -> None:
    day = {"weather": "{air_temp_c: 20, latitude_deg: 30}", "house": "{lighting_kw: 2}", "station": SHENZHEN}
    for position, lit_h in (("on", 24.0), ("off", 0.0)):
        kernel, station, events = site(**day)
        station.faults.inject("house.lighting_stuck", "house.lights", {"position": position})
        assert kernel.signals["house.lighting_kw"].total_at(run_to(kernel, DAY_S)) == 2.0 * lit_h * 3_600.0
        assert switched(events) == ([] if position == "on" else [("off", 0.0)])


def test_what_a_house_has_not_cannot_fail(site_file: Callable[..., Path]) -> None:
    catalogue = StationCatalogue(read_station(site_file(**WARM_DAY)).value)
    assert catalogue.target_problem("house.cooling_failed", "house.cooling") is None
    assert catalogue.target_problem("house.lighting_stuck", "house.lights") == "the station has no house.lights"
    said = "house.lighting_stuck hits Lights, and house.cooling is Cooling"
    assert catalogue.target_problem("house.lighting_stuck", "house.cooling") == said


# Books and limits


def test_the_energy_book_closes_over_days_and_opens_without_the_cooling(site: Site) -> None:
    house = "{lighting_kw: 6, cooling: {set_c: 26, kw_per_k: 1.5, rating_kw: 9}}"
    kernel, station, _ = site(name="public", house=house, start=datetime(2022, 7, 11))
    station.draw_demand(None, 2 * DAY_S)
    for hour in range(1, 49, 7):
        energy_book(station, run_to(kernel, 3_600.0 * hour)).check()
    now = run_to(kernel, 2 * DAY_S)
    energy_book(station, now).check()
    assert kernel.signals["house.cooling_kw"].total_at(now) > 50.0 * 3_600.0
    station.grid.house_kw = Sum("", "kW", [station.house.base_kw])
    with pytest.raises(BooksOpen):
        energy_book(station, now).check()


def test_the_site_leaves_room_for_all_that_the_house_may_draw(site: Site) -> None:
    bare, housed = ({}, {"house": "{lighting_kw: 60, cooling: {set_c: 26, kw_per_k: 10, rating_kw: 90}}"})
    limits = []
    for blocks in (bare, housed):
        _, station, _ = site(name="public", **blocks)
        limits.append(station.control.site_limit_kw.at(SimTime(0.0)))
    worst = max(pile.input_ratio for pile in station.piles.values())
    assert limits[0] - limits[1] == pytest.approx(150.0 / worst, rel=1e-9)


HOUSE_BIG = "{lighting_kw: 60, cooling: {set_c: 26, kw_per_k: 12, rating_kw: 90}}"
END = SimTime(DAY_S)


def recorded(path: Path, file: StationFile) -> Station:
    """A crowded July day, recorded whole."""
    from twins.platform import LocalPlatform

    kernel = Kernel(Clock(datetime(2022, 7, 13), "Asia/Shanghai"), 3)
    station = Station(kernel, file, LocalPlatform(kernel))
    recorder = Recorder(path)
    recorder.attach(kernel)
    station.draw_demand(700.0, END)
    kernel.at(SimTime(46_000.0), lambda: _weaken(station))
    for hour in range(1, 25):
        kernel.advance(SimTime(3_600.0 * hour))
        recorder.flush(kernel.now)
    kernel.jump(END)
    recorder.close(END)
    return station


def _weaken(station: Any) -> None:
    station.faults.inject("transformer.derated", "grid.transformer[T1]", {"share": 0.5, "duration_s": 7_200.0})


def test_limits_hold_at_every_recorded_instant_with_lights_and_cooling(
    site_file: Callable[..., Path], tmp_path: Path
) -> None:
    file = read_station(site_file("public", house=HOUSE_BIG)).value
    file = replace(file, grid=replace(file.grid, contract_limit_kw=900.0))
    station = recorded(tmp_path / "run.sqlite", file)
    with Run(tmp_path / "run.sqlite") as run:
        names = ["grid.power_kw", "grid.load_kw", "grid.house_kw", "control.site_limit_kw"]
        starts = np.unique(np.concatenate([run.series(name).t0 for name in names]))
        times = np.unique(np.concatenate((starts, np.nextafter(starts[1:], 0.0), [END])))
        power, load, house, site_kw = (run.series(name).at(times) for name in names)
        assert np.all(power <= 900.0 * (1 + 1e-9))
        assert np.all(load <= run.series("grid.transformer[T1].limit_kw").at(times) * (1 + 1e-9))
        assert np.all((house >= 0.0) & (house <= station.house.most_kw + 1e-9))
        assert station.house.most_kw == 158.0
        outputs = sum(
            run.series(name).at(times)
            for name in run.signal_names("pile[*].connector[*].power_kw")
        )  # fmt: skip
        assert np.max(outputs / site_kw) > 0.999, "the limit was reached"
        assert len(np.unique(site_kw)) > 1, "and it moved"
        parts = sum(run.series(f"house.{name}_kw").at(times) for name in ("base", "lighting", "cooling"))
        assert house == pytest.approx(parts, abs=1e-9)
        total = run.series("grid.power_kw").integral(0.0, END)
        assert np.trapezoid(run.series("grid.power_kw").at(fine := np.linspace(0.0, END, 400_001)), fine) == (
            pytest.approx(total, rel=1e-4)
        )
        assert total == pytest.approx(station.grid.power_kw.total_at(END), rel=1e-9)


def test_an_expectation_meets_a_load_that_climbs_while_nobody_charges(site: Site) -> None:
    """From 11 to 12 o'clock the air climbs from 31 to 32 C and the house from 1.5 to 2.3 kW: 2 kW at 11:37:30."""
    kernel, station, _ = site(**WARM_DAY, station=SHENZHEN)
    looks: list[tuple[float, bool, float]] = []
    Range(kernel, station.grid.load_kw, station.grid.load_kw.at(SimTime(0.0)) + 1.7, None,
          lambda is_inside, value: looks.append((kernel.now, is_inside, value)))  # fmt: skip
    run_to(kernel, DAY_S)
    left = next(look for look in looks if not look[1])
    assert left[0] == pytest.approx(3_600.0 * (11 + 0.5 / 0.8), abs=1e-3)
    assert len(looks) < 60


def test_the_peak_is_seen_at_the_hottest_hour(site: Site) -> None:
    kernel, station, _ = site(**WARM_DAY, station=SHENZHEN)
    run_to(kernel, DAY_S)
    grid = station.grid
    now = run_to(kernel, DAY_S + 14 * 3_600.0)
    assert now > DAY_S
    standby_kw = sum(pile.standby_kw.at(now) for pile in station.piles.values())
    load_kw = 0.3 + 2.0 + standby_kw
    assert grid.peak_kw == pytest.approx(load_kw + 0.52 + 3.2 * 0.2 * load_kw / 250.0, rel=1e-9)


# Files


@pytest.mark.parametrize(
    ("weather", "house", "said"),
    [
        (SERIES, "{lighting_kw: -1}", "house.lighting_kw: -1 is out of range; at least 0"),
        (SERIES, "{lighting_kw: 5, dusk_w_m2: 20}", "house.dawn_w_m2: 20 W/m2 is no more than dusk; more than dusk_w"),
        (SERIES, "{lights_kw: 5}", "house.lights_kw: unknown key; did you mean lighting_kw?"),
        (SERIES, "{cooling: {set_c: 26, kw_per_k: 0, rating_kw: 5}}",
         "house.cooling.kw_per_k: 0 is out of range; more than 0"),
        (SERIES, "{cooling: {set_c: 99, kw_per_k: 1, rating_kw: 5}}", "house.cooling.set_c: 99 is out of range"),
        (SERIES, "{cooling: {set_c: 26, kw_per_k: 1}}", "house.cooling.rating_kw: missing; give it"),
        (SERIES, "{lighting_kw: 1, twilight_sensor: E1}",
         "house.twilight_sensor: unknown environment sensor E1; there are none"),
        ("{air_temp_c: 30}", "{lighting_kw: 1}",
         "house.lighting_kw: this weather has no sun: the lights would burn for ever; weather.latitude_deg or"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(site_file: Callable[..., Path], weather: str, house: str, said: str) -> None:
    path = site_file(weather=weather, house=house)
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    line = next(at for at, text in enumerate(path.read_text("utf-8").splitlines(), 1) if text.startswith("house:"))
    assert any(str(problem).startswith(f"{path}:{line}: {said}") for problem in caught.value.problems), caught.value


def test_a_limit_must_carry_all_that_the_house_may_draw(site_file: Callable[..., Path]) -> None:
    path = site_file(weather=SERIES, house="{lighting_kw: 200, cooling: {set_c: 26, kw_per_k: 1, rating_kw: 45}}")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    said = "grid.transformer.rating_kva: 245 kW does not even carry the house load of 245.82 kW"
    assert [said in str(problem) for problem in caught.value.problems] == [True]


def test_lights_under_a_recorded_sky_burn_the_nights_of_a_week(site: Site) -> None:
    kernel, _, events = site(weather=SERIES, house="{lighting_kw: 3}", station=SHENZHEN)
    run_to(kernel, 7 * DAY_S)
    lit_h = kernel.signals["house.lighting_kw"].total_at(kernel.now) / 3.0 / 3_600.0
    assert 7 * 10.0 < lit_h < 7 * 11.5, "July nights at 22.5 degrees"
    assert [word for word, _ in switched(events)] == ["off", "on"] * 7
