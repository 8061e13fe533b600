"""Open and covered places, cars and cabinets in them, and the sensors that measure: on stations built from files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import permutations
from math import exp
from pathlib import Path
from typing import Any

import pytest

from sim.errors import FileProblems
from sim.events import Event
from sim.kernel import Kernel
from sim.reading import Run
from sim.recording import Recorder
from sim.units import SimTime
from twins.books import energy_book
from twins.cell_bms import CellBms
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import read_station

Site = Callable[..., tuple[Kernel, Station, list[Event]]]
OnePile = Callable[..., Any]
DAY_S = 86_400.0
SHENZHEN = "{id: TWO, timezone: Asia/Shanghai, operator: {name: {en: Two, zh: 二}}}"
SERIES = "{series: shenzhen_2022}"
FULL_SUN = "{air_temp_c: 35, sun_w_m2: 1000}"
SENSORS = """{sensors: [
  {id: E1, place: {x_m: 0, y_m: 9}}, {id: E2, place: {x_m: 3, y_m: 9}, roof: canopy},
  {id: E3, place: {x_m: 6, y_m: 9}, radiation_k: 0}]}"""


def run_to(kernel: Kernel, t: float) -> SimTime:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))
    return SimTime(t)


def read(kernel: Kernel, path: str) -> float:
    signal: Any = kernel.signals[path]
    return float(signal.at(kernel.now))


def told(events: list[Event], *kinds: str) -> list[tuple[str, float]]:
    return [(one.kind, one.t) for one in events if one.kind in kinds]


# The air at places


def test_without_the_block_all_places_have_the_weathers_air(site: Site) -> None:
    kernel, station, _ = site(weather=FULL_SUN)
    air = station.weather.air_temp_c
    assert station.microclimate.air_c("open") is air is station.microclimate.air_c("canopy")
    assert station.microclimate.soaked_k(kernel.now, 7.0, 1e6) == 7.0
    assert not [name for name in kernel.signals if name.startswith(("microclimate", "env"))]


# 13 July 2022 at 22.5 N, 114 E: at nine the sun's hour angle is -52.6 deg, sin h = 0.663, by Haurwitz 668 W/m2; at noon
# -7.4 deg, 0.993, 1030 W/m2
@pytest.mark.parametrize(("hour", "air_c", "sun_w_m2"), [(3, 28.0, 0.0), (9, 31.0, 668.0), (12, 32.0, 1_030.0)])
def test_open_places_are_warmer_by_the_sun(site: Site, hour: int, air_c: float, sun_w_m2: float) -> None:
    kernel, station, _ = site(weather=SERIES, microclimate="{open_air_k: 4}", station=SHENZHEN)
    run_to(kernel, 3_600.0 * hour)
    sun = read(kernel, "weather.sun_w_m2")
    assert sun == pytest.approx(sun_w_m2, rel=0.02)
    assert read(kernel, "microclimate.open_air_c") == pytest.approx(air_c + 0.004 * sun, abs=1e-9)
    assert station.microclimate.air_c("canopy").at(kernel.now) == pytest.approx(air_c)


def test_it_runs_along_the_lines_of_air_and_sun_and_plans_no_more(site: Site) -> None:
    kernel, station, _ = site(weather=SERIES, microclimate="{}", station=SHENZHEN)
    weather, open_air = station.weather, station.microclimate.air_c("open")
    for quarter in range(1, 97):
        now = run_to(kernel, 900.0 * quarter)
        wanted = weather.air_temp_c.at(now) + 0.003 * weather.sun_w_m2.at(now)
        assert open_air.at(now) == pytest.approx(wanted, abs=1e-9)
    assert 12 <= open_air.version <= 24 + 3, "an hour each, sunrise, sunset, and the beginning"
    area = weather.air_temp_c.total_at(now) + 0.003 * weather.sun_w_m2.total_at(now)
    assert open_air.total_at(now) == pytest.approx(area, rel=1e-12)


# Cars, contacts, cabinets

CAR = ReplayRow(arrival_s=600.0, stay_s=None, connector=1, capacity_kwh=60.0, soc_in_pct=20.0, soc_target_pct=90.0,
                power_max_kw=120.0)  # fmt: skip


AMBIENT = """
- {name: abb, rated_kw: 172.5, evse_count: 2, evse_max_kw: 172.5, no_load_loss_kw: 0.2, loss_ratio: 0.05,
   standby_kw: 0.1, handshake_s: 10, insulation_test_s: 5, precharge_s: 2, cabinet: {derating: abb_terra_94_184}}"""
PILES = "[{id: A01, model: abb, feeder: F1, evses: [{reaches: [B01]}, {reaches: [B02]}], place: {x_m: 3, y_m: 0}}]"


def bays(roof: str, *waiting: str) -> str:
    first, second = (f"{{id: B0{n}, kind: fast, roof: {roof}, place: {{x_m: {n}, y_m: 3}}}}" for n in (1, 2))
    more = (
        f"{{id: W{n}, kind: waiting, roof: {over}, place: {{x_m: {n}, y_m: 30}}}}" for n, over in enumerate(waiting)
    )
    return f"[{', '.join((first, second, *more))}]"


def bms_of(station: Station) -> CellBms:
    bms = station.evses[0].bms
    assert isinstance(bms, CellBms)
    return bms


def test_the_pack_of_a_car_in_the_open_gives_its_heat_to_hotter_air(site: Site) -> None:
    warmest = {}
    for roof in ("canopy", "open"):
        kernel, station, _ = site(CAR, weather=FULL_SUN, microclimate="{open_air_k: 10, soak_k: 0}", bays=bays(roof))
        run_to(kernel, 700.0)
        bms = bms_of(station)
        assert bms.ambient_c == (45.0 if roof == "open" else 35.0)
        assert bms.temp_c.at(station.evses[0].started_s or kernel.now) == pytest.approx(43.0, abs=0.05), "as it came"
        warmest[roof] = bms.temp_c.at(run_to(kernel, 2_400.0))
        energy_book(station, kernel.now).check()
    pack = bms.pack
    tau_s = pack.heat_capacity_j_k / (pack.passive_w_k + pack.cooling_w_k)
    settles_k = 10.0 * pack.passive_w_k / (pack.passive_w_k + pack.cooling_w_k)
    foreseen_k = settles_k * (1.0 - exp(-1_700.0 / tau_s))
    assert warmest["open"] - warmest["canopy"] == pytest.approx(foreseen_k, rel=0.1)


@pytest.mark.clause("9.5.2")
@pytest.mark.parametrize(
    ("waiting", "share"), [(("open",), 1.0), (("canopy",), 0.0), (("open", "canopy"), 0.5), ((), 1.0)]
)
def test_a_battery_soaks_while_its_car_waits_in_the_open(site: Site, waiting: tuple[str, ...], share: float) -> None:
    """Two hours in the open under 1000 W/m2 warm it by 25 K (1 - exp(-2 h / 3 h))."""
    first = ReplayRow(arrival_s=0.0, stay_s=7_500.0, connector=1, capacity_kwh=1_000.0, soc_in_pct=5.0,
                      soc_target_pct=95.0, power_max_kw=40.0)  # fmt: skip
    kernel, station, _ = site(
        first, CAR, weather="{air_temp_c: 20, sun_w_m2: 1000}", microclimate="{}", bays=bays("open", *waiting)
    )
    while not (station.evses[0].session == "S000002" and station.evses[0].bms is not None):
        assert kernel.next_time() < 3 * 3_600.0
        kernel.advance(kernel.next_time())
    (session,) = station.visits.present.values()
    assert session.bay_s is not None
    waited_s = session.bay_s - session.arrived_s
    assert waited_s == pytest.approx(2 * 3_600.0, rel=0.06)
    soaked_k = 25.0 * share * (1.0 - exp(-waited_s / (3 * 3_600.0)))
    assert bms_of(station).temp_c.at(kernel.now) == pytest.approx(20.0 + 8.0 + soaked_k, abs=1e-6)
    assert bms_of(station).ambient_c == 23.0


def test_a_car_that_came_soaked_soaks_no_further_than_the_sun_goes(site: Site) -> None:
    kernel, station, _ = site(weather=FULL_SUN, microclimate="{soak_k: 25, soak_h: 2}")
    soaked_k = station.microclimate.soaked_k
    assert [soaked_k(kernel.now, came_k, 0.0) for came_k in (0.0, 25.0)] == [0.0, 25.0]
    assert [soaked_k(kernel.now, came_k, 1e7) for came_k in (0.0, 60.0)] == pytest.approx([25.0, 25.0])
    assert soaked_k(kernel.now, 25.0, 3_600.0) == pytest.approx(25.0)


@pytest.mark.parametrize(("roof", "air_c"), [("canopy", 35.0), ("open", 38.0)])
def test_a_contact_hangs_in_the_air_of_its_bay(site: Site, roof: str, air_c: float) -> None:
    big = replace(CAR, arrival_s=0.0, capacity_kwh=1_000.0, power_max_kw=1_000.0)
    kernel, station, _ = site(
        big, weather=FULL_SUN, microclimate="{}", bays=bays(roof), heat="{packs: false, connectors: true}",
        control="{policy: equal_share, site_limit_kw: 60}",
    )  # fmt: skip
    contact = station.evses[0].contact
    assert contact is not None
    assert contact.temp_c.at(SimTime(0.0)) == air_c
    now = run_to(kernel, 9_000.0)
    rise_k = contact.rise_k.at(now)
    assert rise_k == pytest.approx(174.0**2 * 60e-6 * 2.0, rel=1e-3), "a cooled contact of 60 uohm and 2 K/W"
    assert contact.temp_c.at(now) == pytest.approx(air_c + rise_k)


@pytest.mark.parametrize(("roof", "air_c"), [("canopy", 35.0), ("open", 38.0)])
def test_a_cabinet_stands_in_the_air_of_its_place(site: Site, roof: str, air_c: float) -> None:
    kernel, station, _ = site(
        CAR, weather=FULL_SUN, microclimate="{}", bays=bays(roof), heat="{packs: false, piles: true}",
        pile_models=AMBIENT, piles=PILES.replace("model: abb", "model: abb, cabinet: {fan_on_c: 79}"),
    )  # fmt: skip
    cabinet = station.piles["A01"].cabinet
    assert cabinet is not None
    assert cabinet.body.temp_c.at(SimTime(0.0)) == air_c
    now = run_to(kernel, DAY_S)
    sun_w = 0.0 if roof == "canopy" else 1.2 * 600.0
    assert cabinet.body.temp_c.at(now) == pytest.approx(air_c + sun_w / 25.0, abs=0.01)


def test_thresholds_are_met_where_the_open_air_leads_to_them(site: Site) -> None:
    """By ambient air ABB's curve falls beyond 35 C: 34 C at two o'clock are more in the open, not under the canopy."""
    derated = {}
    for roof in ("canopy", "open"):
        kernel, _, events = site(
            weather=SERIES, microclimate="{}", bays=bays(roof), station=SHENZHEN, heat="{packs: false, piles: true}",
            pile_models=AMBIENT, piles=PILES,
        )  # fmt: skip
        run_to(kernel, DAY_S)
        derated[roof] = told(events, "pile.derated", "pile.derating_ended")
    assert derated["canopy"] == []
    (begins, ends) = derated["open"]
    kernel, station, _ = site(weather=SERIES, microclimate="{}", station=SHENZHEN)
    assert station.microclimate.air_c("open").at(run_to(kernel, begins[1])) == pytest.approx(35.0, abs=1e-3)
    assert station.microclimate.air_c("open").at(run_to(kernel, ends[1] - 60.0)) == pytest.approx(33.0, abs=1e-3)


# Sensors


@pytest.mark.parametrize(
    ("sensor", "temp_c", "sun_w_m2"), [("E1", 35.0 + 3.0 + 3.0, 1_000.0), ("E2", 35.0, 0.0), ("E3", 38.0, 1_000.0)]
)
def test_a_sensor_reads_its_place_and_the_sun_on_itself(
    site: Site, sensor: str, temp_c: float, sun_w_m2: float
) -> None:
    weather = "{air_temp_c: 35, sun_w_m2: 1000, humidity_pct: 71, wind_m_s: 3.5}"
    kernel, _, _ = site(weather=weather, microclimate=SENSORS)
    names = ("temp_c", "humidity_pct", "wind_m_s", "sun_w_m2")
    assert [read(kernel, f"env[{sensor}].{name}") for name in names] == [temp_c, 71.0, 3.5, sun_w_m2]


def test_what_is_recorded_of_a_sensor_is_what_the_weather_was(site: Site, tmp_path: Path) -> None:
    kernel, station, _ = site(weather=SERIES, microclimate=SENSORS, station=SHENZHEN)
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.attach(kernel)
    station.faults.inject("env.sensor_stuck", "env[E3]", {"duration_s": 7_200.0})
    for hour in range(1, 25):
        kernel.advance(SimTime(3_600.0 * hour))
        recorder.flush(kernel.now)
    kernel.jump(SimTime(DAY_S))
    recorder.close(SimTime(DAY_S))
    with Run(tmp_path / "run.sqlite") as run:
        for hour in (0.5, 6.2, 9.75, 13.0, 18.9, 22.0):
            t = 3_600.0 * hour
            air, sun = (run.series(f"weather.{name}").at(t) for name in ("air_temp_c", "sun_w_m2"))
            assert run.series("env[E1].temp_c").at(t) == pytest.approx(air + 0.006 * sun, abs=1e-6)
            assert run.series("env[E2].temp_c").at(t) == pytest.approx(air, abs=1e-9)
            assert run.series("env[E2].sun_w_m2").at(t) == 0.0
            assert run.series("env[E3].temp_c").at(t) == pytest.approx(29.0 if t < 7_200.0 else air + 0.003 * sun)
            assert run.series("env[E1].humidity_pct").at(t) == run.series("weather.humidity_pct").at(t)


STUCK, BROKEN = "env.sensor_stuck", "env.sensor_broken"


def test_a_stuck_sensor_says_what_it_said_and_nobody_notices(site: Site) -> None:
    kernel, station, events = site(weather=SERIES, microclimate=SENSORS, station=SHENZHEN)
    run_to(kernel, 12 * 3_600.0)
    noon = [read(kernel, f"env[E1].{name}") for name in ("temp_c", "humidity_pct", "wind_m_s", "sun_w_m2")]
    assert noon[3] > 900.0
    station.faults.inject(STUCK, "env[E1]", {"duration_s": 7 * 3_600.0})
    run_to(kernel, 18.9 * 3_600.0)
    assert [read(kernel, f"env[E1].{name}") for name in ("temp_c", "humidity_pct", "wind_m_s", "sun_w_m2")] == noon
    assert told(events, "alarm.raised") == []
    run_to(kernel, 20 * 3_600.0)
    assert (read(kernel, "env[E1].temp_c"), read(kernel, "env[E1].sun_w_m2")) == pytest.approx((30.0, 0.0))


def test_a_broken_sensor_is_silent_and_raises_an_alarm(site: Site) -> None:
    kernel, station, events = site(weather=FULL_SUN, microclimate=SENSORS)
    kernel.at(SimTime(50.0), lambda: station.faults.inject(BROKEN, "env[E1]", {"duration_s": 50.0}))
    run_to(kernel, 60.0)
    state: Any = kernel.signals["env[E1].state"]
    assert (read(kernel, "env[E1].temp_c"), read(kernel, "env[E1].sun_w_m2")) == (-50.0, 0.0)
    assert state.value.value == "silent"
    run_to(kernel, 120.0)
    assert (read(kernel, "env[E1].temp_c"), state.value.value) == (41.0, "ok")
    assert told(events, "alarm.raised", "alarm.cleared") == [("alarm.raised", 50.0), ("alarm.cleared", 100.0)]
    (alarm,) = (one for one in events if one.kind == "alarm.raised")
    assert (alarm.subject, alarm.data) == ("env[E1]", {"alarm": "env_sensor_broken"})


@pytest.mark.parametrize("order", sorted(set(permutations((STUCK, STUCK, BROKEN, BROKEN)))))
def test_overlapping_faults_of_a_sensor_clear_in_any_order(site: Site, order: tuple[str, ...]) -> None:
    """Each name comes twice: injected, then cleared. Air that climbs by 2 K an hour from 20 C tells what is held."""
    kernel, station, _ = site(weather="{air_temp_c: 20}", microclimate=SENSORS)
    station.weather.air_temp_c.set(SimTime(0.0), 20.0, 2.0 / 3_600.0)
    active: dict[str, float] = {}
    for step, name in enumerate(order, start=1):
        run_to(kernel, 3_600.0 * step)
        if name in active:
            del active[name]
            station.faults.clear(name)
        else:
            active[name] = 20.0 + 2.0 * step
            station.faults.inject(name, "env[E1]", {}, name)
        run_to(kernel, 3_600.0 * (step + 0.5))
        wanted = -50.0 if BROKEN in active else active.get(STUCK, 20.0 + 2.0 * (step + 0.5))
        assert read(kernel, "env[E1].temp_c") == pytest.approx(wanted)


@pytest.mark.clause("5.6")
@pytest.mark.parametrize(
    ("name", "switches"),
    [(None, ["off", "on", "off", "on"]), (STUCK, ["off", "off", "on"]), (BROKEN, ["off", "on", "off", "on"])],
)
def test_lights_go_by_their_sensor_right_or_wrong(site: Site, name: str | None, switches: list[str]) -> None:
    """At noon the sensor fails for a day: stuck it leaves the night dark, broken it has the lights burn at once."""
    kernel, station, events = site(
        weather=SERIES, microclimate=SENSORS, house="{lighting_kw: 5, twilight_sensor: E1}", station=SHENZHEN
    )
    run_to(kernel, 12 * 3_600.0)
    if name is not None:
        station.faults.inject(name, "env[E1]", {"duration_s": DAY_S})
    run_to(kernel, 23 * 3_600.0)
    assert read(kernel, "house.lighting_kw") == (0.0 if name == STUCK else 5.0)
    run_to(kernel, 2 * DAY_S)
    lights = told(events, "house.lights_on", "house.lights_off")
    words = [kind.removeprefix("house.lights_") for kind, _ in lights]
    if name == STUCK:
        assert words == ["off", "on"] and lights[1][1] > DAY_S + 18 * 3_600.0
    else:
        assert words == switches
        assert (lights[1][1] == 12 * 3_600.0) is (name == BROKEN)
    energy_book(station, kernel.now).check()


# Files


@pytest.mark.parametrize(
    ("microclimate", "said"),
    [
        ("{open_air_k: -1}", "microclimate.open_air_k: -1 is out of range; at least 0"),
        ("{soak_h: 0}", "microclimate.soak_h: 0 is out of range; more than 0"),
        ("{sensor: []}", "microclimate.sensor: unknown key; did you mean sensors?"),
        ("{sensors: [{id: E1}]}", "microclimate.sensors[0].place: missing; give it"),
        ("{sensors: [{id: E1, place: {x_m: 0, y_m: 0}, roof: tent}]}",
         "microclimate.sensors[0].roof: tent is not known here; 'canopy' or 'open'"),
        ("{sensors: [{id: E1, place: {x_m: 0, y_m: 0}}, {id: E1, place: {x_m: 1, y_m: 0}}]}",
         "microclimate.sensors[1].id: E1 is the name of microclimate.sensors[0] too"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line(site_file: Callable[..., Path], microclimate: str, said: str) -> None:
    path = site_file(microclimate=microclimate)
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    lines = path.read_text("utf-8").splitlines()
    line = next(at for at, text in enumerate(lines, 1) if text.startswith("microclimate:"))
    assert any(str(problem).startswith(f"{path}:{line}: {said}") for problem in caught.value.problems), caught.value


def test_lights_cannot_go_by_a_sensor_under_a_canopy(site_file: Callable[..., Path]) -> None:
    path = site_file(weather=SERIES, microclimate=SENSORS, house="{lighting_kw: 1, twilight_sensor: E2}")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    said = "house.twilight_sensor: E2 stands under a canopy: it sees no sun; one in the open"
    assert [said in str(problem) for problem in caught.value.problems] == [True]
    assert caught.value.problems[0].line == len(path.read_text("utf-8").splitlines())


def test_the_shipped_stations_take_the_blocks(site: Site) -> None:
    for name in ("public", "hub", "community"):
        kernel, station, _ = site(
            name=name, microclimate=SENSORS, house="{lighting_kw: 5, cooling: {set_c: 26, kw_per_k: 1, rating_kw: 8}}",
            heat="{packs: true, piles: true, connectors: true}", start=datetime(2022, 7, 13, 10),
        )  # fmt: skip
        station.draw_demand(None, 4 * 3_600.0)
        energy_book(station, run_to(kernel, 4 * 3_600.0)).check()
