"""Heat of cabinets, on signals of stations built from files: worked numbers, small steps, closure, what derating does.

Section numbers are the physics sheet's.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import exp
from typing import Any

import pytest

from sim.units import SimTime
from twins.books import energy_book
from twins.derating import CURVES, STEP_K
from twins.station_file import find_station, read_station
from twins.supply import EvseState

OnePile = Callable[..., Any]
HEAT_W = 120e3 * (1.0 / 0.95 - 1.0)
SUN_LIMIT_W_M2 = 600.0


# Worked numbers of section 2


def test_section_2_heat_and_air_of_120_kw(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 20}")
    one.cars((0.0, 1))
    one.to(5_000.0)
    assert one.read("power_kw") == pytest.approx(120.0, rel=1e-9)
    assert one.read("loss_kw") == pytest.approx(6.316, rel=5e-4)
    assert one.read("cabinet_airflow_needed_m3_h") == pytest.approx(1_312.0, rel=5e-4)
    assert one.read("fan_share") == 1.0
    assert one.read("cabinet_rise_k") == pytest.approx(HEAT_W / (420.0 + 25.0), rel=1e-5)
    assert one.read("cabinet_temp_c") == pytest.approx(20.0 + one.read("cabinet_rise_k"), rel=1e-12)
    assert one.read("inlet_temp_c") == one.read("cabinet_temp_c")


def test_section_2_time_constants_with_and_without_fans(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 20}")
    one.cars((0.0, 1))
    began = one.until(lambda: one.read("power_kw") > 0.0)
    one.to(began + 150e3 / 445.0)
    assert one.read("cabinet_rise_k") == pytest.approx(HEAT_W / 445.0 * (1.0 - exp(-1.0)), rel=1e-5)
    one.pile.evses[0].stop("driver")
    one.to(one.kernel.now)
    ended, ended_k = one.kernel.now, one.read("cabinet_rise_k")
    assert one.read("fan_share") == 0.0
    one.to(ended + 150e3 / 25.0)
    assert one.read("cabinet_rise_k") == pytest.approx(ended_k * exp(-1.0), rel=1e-5)


@pytest.mark.parametrize(("temp_c", "share"), [(60.0, 0.875), (65.0, 0.75), (75.0, 0.5)])
def test_section_2_module_curve(one_pile: OnePile, temp_c: float, share: float) -> None:
    one = one_pile(weather="{air_temp_c: 40}", cabinet="{derating: module_20kw, fan_w_k: 0, inlet_cutoff_c: 100}")
    one.cars((0.0, 1))
    one.until(lambda: one.read("cabinet_temp_c") > temp_c - 1e-6)
    assert one.read("cabinet_temp_c") == pytest.approx(temp_c, abs=1e-6)
    assert one.read("derating") == pytest.approx(share, rel=1e-9)
    assert one.read("power_kw") == pytest.approx(120.0 * share, rel=1e-9)


def test_section_2_module_curve_ends_beyond_75_c(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 40}", cabinet="{derating: module_20kw, fan_w_k: 0, inlet_cutoff_c: 100}")
    one.cars((0.0, 1))
    one.until(lambda: one.read("derating") == 0.0)
    ended = one.kernel.now
    assert one.read("cabinet_temp_c") == pytest.approx(75.0, abs=0.01)
    assert one.read("power_kw") == 0.0 and one.pile.evses[0].is_charging
    one.until(lambda: one.read("derating") > 0.0)
    assert one.read("cabinet_temp_c") < 70.0, "5 K below"
    assert one.kernel.now - ended > 60.0
    assert one.read("power_kw") == pytest.approx(120.0 * one.read("derating"), rel=1e-9)


@pytest.mark.parametrize(
    ("air_c", "share"),
    [(20, 1.0), (35, 1.0), (36, 0.9), (40, 0.9), (41, 0.85), (45, 0.85), (46, 0.75), (50, 0.75), (51, 0.65),
     (55, 0.65), (56, 0.0)],
)  # fmt: skip
def test_section_2_abb_terra_goes_by_the_air(one_pile: OnePile, air_c: float, share: float) -> None:
    one = one_pile(weather=f"{{air_temp_c: {air_c}}}", cabinet="{derating: abb_terra_94_184}")
    one.cars((0.0, 1))
    one.to(3_000.0)
    assert one.read("derating") == share
    assert one.pile.evses[0].ceiling_kw == pytest.approx(120.0 * share, rel=1e-9)
    if air_c < 55:  # no battery takes anything there
        assert one.read("power_kw") == pytest.approx(120.0 * share, rel=1e-9)


@pytest.mark.parametrize(("temp_c", "share"), [(57.5, 0.75), (65.0, 0.5), (68.0, 0.2), (70.0, 0.0)])
def test_section_2_gb_default(one_pile: OnePile, temp_c: float, share: float) -> None:
    one = one_pile(weather="{air_temp_c: 40, sun_w_m2: 600}", bay_roof="open", cabinet="{fan_w_k: 0}")
    one.cars((0.0, 1))
    one.until(lambda: one.read("cabinet_temp_c") > temp_c - 1e-6)
    assert one.read("derating") == pytest.approx(share, abs=1e-9)


# Sun, air, fans


def test_the_sun_warms_what_stands_in_the_open(one_pile: OnePile) -> None:
    def risen_k(sun_w_m2: int, bay: str, pile: str = "null") -> float:
        one = one_pile(weather=f"{{air_temp_c: 10, sun_w_m2: {sun_w_m2}}}", bay_roof=bay, roof=pile)
        one.to(86_400.0)
        return float(one.read("cabinet_rise_k"))

    assert risen_k(300, "open") == pytest.approx(300 * 2 * 0.6 / 25.0, rel=1e-4)
    assert risen_k(1_000, "open") == pytest.approx(600 * 2 * 0.6 / 25.0, rel=1e-4)
    assert risen_k(300, "canopy") == 0.0
    assert risen_k(300, "open", "canopy") == 0.0
    assert risen_k(300, "canopy", "open") > 14.0


def test_a_hot_cabinet_is_fanned_without_a_charge(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 30, sun_w_m2: 900}", bay_roof="open")
    one.until(lambda: one.read("fan_share") == 1.0)
    assert one.read("cabinet_temp_c") == pytest.approx(50.0, abs=1e-6)
    began = one.kernel.now
    one.until(lambda: one.read("fan_share") == 0.0)
    assert one.read("cabinet_temp_c") < 45.0 and one.kernel.now - began > 60.0
    assert one.read("derating") == 1.0 and one.told("pile.derated") == []


def test_cabinets_in_range_of_nothing_are_looked_at_a_few_times_a_charge(one_pile: OnePile) -> None:
    one = one_pile(model="dc_120_1", weather="{air_temp_c: 20}")
    one.cars(*((4_000.0 * n, 1) for n in range(10)), capacity_kwh=75.0, soc_target_pct=95.0, power_max_kw=180.0)
    looked: list[float] = []
    take, one.cabinet.plan = one.cabinet.plan, lambda now: (looked.append(now), take(now))[1]
    one.to(43_000.0)
    assert len(one.told("session.ended")) == 10
    pieces = one.pile.evses[0].power_kw.version
    assert len(looked) <= pieces + 10, "where power changes, and once more a charge"
    assert one.cabinet.body.planned_at < 0.0, "never"


# Against small steps


CASES: dict[str, dict[str, Any]] = {
    "flat, then falling": {"arrivals": [(0, 1), (3_500, 1)], "end_s": 7_000},
    "two at once": {"model": "dc_120_2", "count": 2, "arrivals": [(0, 1), (700, 2), (4_000, 1)], "end_s": 8_000},
    "blocks": {"model": "dc_172_2", "count": 2, "arrivals": [(0, 1), (700, 2)], "end_s": 5_000},
    "warming packs": {"packs": True, "arrivals": [(0, 1), (3_500, 1)], "end_s": 7_000},
    "derated": {"weather": "{air_temp_c: 46}", "arrivals": [(0, 1), (3_500, 1)], "end_s": 7_000},
    "a fan that fails": {"arrivals": [(0, 1), (3_500, 1)], "end_s": 7_000, "fails_s": 900},
    "under the sun": {
        "weather": "{air_temp_c: 31, latitude_deg: 30}", "bay_roof": "open",
        "arrivals": [(36_000, 1), (40_000, 1)], "begin_s": 16_000, "end_s": 44_000,
    },
    "a wall box": {"model": "ac_7_1", "arrivals": [(0, 1)], "end_s": 7_000},
    "air that warms and drops": {
        "arrivals": [(0, 1), (3_500, 1)], "end_s": 9_000, "fails_s": 900,
        "air": [(0.0, 35.0, 3.0), (3_000.0, 37.5, 3.0), (6_000.0, 33.0, -3.0)],
    },
    "idle in air that warms and drops": {
        "weather": "{air_temp_c: 20}", "arrivals": [(8_000, 1)], "end_s": 9_000,
        "air": [(0.0, 20.0, 3.0), (3_600.0, 15.0, 3.0)],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_follows_small_steps_and_loses_no_heat(one_pile: OnePile, name: str) -> None:
    case = dict(CASES[name])
    arrivals, end_s, begin_s = case.pop("arrivals"), case.pop("end_s"), case.pop("begin_s", 0)
    fails_s, air = case.pop("fails_s", None), case.pop("air", [])
    one = one_pile(**{"model": "dc_120_1"} | case)
    one.cars(*arrivals, capacity_kwh=75.0, soc_in_pct=15.0, soc_target_pct=97.0, power_max_kw=180.0)
    if fails_s is not None:
        one.kernel.at(SimTime(fails_s), lambda: one.inject("pile.fan_failed", duration_s=1_500.0))
    for t, *line in air:
        blow(one, t, *line)
    body, config, weather = one.cabinet.body, one.cabinet.config, one.station.weather
    one.to(begin_s)
    assert body.rise_k.at(SimTime(begin_s)) == 0.0
    temp_c = begun_c = weather.air_temp_c.at(SimTime(begin_s))
    step_s, worst_k, sun_j, given_off_j, integral = 0.1, 0.0, 0.0, 0.0, 0.0
    given_w_k = config.leak_w_k
    for number in range(round((end_s - begin_s) / step_s)):
        t = SimTime(begin_s + number * step_s)
        one.kernel.advance(t)
        one.kernel.jump(t)
        before, integral = integral, body.rise_k.total_at(t)
        given_off_j += given_w_k * (integral - before)
        worst_k = max(worst_k, abs(body.temp_c.at(t) - temp_c))
        given_w_k = config.leak_w_k + config.fan_w_k * one.cabinet.fan_share.a
        sun_w = min(weather.sun_w_m2.at(t), SUN_LIMIT_W_M2) * config.solar_m2 if case.get("bay_roof") == "open" else 0.0
        sun_j += step_s * sun_w
        given_w = given_w_k * (temp_c - weather.air_temp_c.at(t))
        temp_c += step_s * (1e3 * one.pile.loss_kw.at(t) + sun_w - given_w) / body.capacity_j_k
    assert worst_k < 0.2
    heat_j = 1e3 * one.pile.loss_kw.total_at(t) + sun_j
    assert heat_j > 1e4
    assert given_off_j + body.capacity_j_k * (body.temp_c.at(t) - begun_c) == pytest.approx(heat_j, rel=1e-3)


def blow(one: Any, t: float, air_c: float, slope_k_h: float) -> None:
    """From then on the air is so warm, and warms by so much in an hour."""
    one.kernel.at(SimTime(t), lambda: one.station.weather.air_temp_c.set(SimTime(t), air_c, slope_k_h / 3_600.0))


# What derating does


def test_the_curve_is_followed_within_half_a_kelvin_and_back(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 48}")
    curve, falls = CURVES["gb_default"], 0.1
    one.cars((0.0, 1))
    one.kernel.at(SimTime(2_000.0), lambda: one.inject("pile.fan_failed", duration_s=2_500.0))
    shares = set()
    while one.kernel.now < 15_000.0:
        one.kernel.advance(one.kernel.next_time())
        for later in (0.0, 5.0):
            t = SimTime(one.kernel.now + later)
            if t <= one.kernel.next_time():
                off = one.read("derating") - curve.share(one.cabinet.body.temp_c.at(t))
                assert abs(off) <= falls * STEP_K + 1e-6
        shares.add(one.read("derating"))
    assert len(shares) > 20 and min(shares) < 0.1 and one.read("derating") > 0.7


def test_derating_begins_and_ends_with_an_event_and_tells_each_tenth(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 40}", cabinet="{fan_w_k: 100}")
    one.cars((0.0, 1), soc_target_pct=30.0)
    one.until(lambda: bool(one.told("session.ended")))
    one.to(one.kernel.now + 40_000.0)
    begun, *further = one.told("pile.derated")
    assert (begun.subject, begun.clause) == ("pile[A01]", "8.4.1.2")
    assert begun.data == {"share": 0.9833, "temp_c": 50.5}
    assert further, "it is told more than once"
    for one_told, next_told in pairwise(one.told("pile.derated")):
        assert abs(one_told.data["share"] - next_told.data["share"]) >= 0.0999
    (ended,) = one.told("pile.derating_ended")
    assert ended.t > one.told("session.ended")[0].t
    assert (one.read("derating"), one.pile.share) == (1.0, 1.0)


def hold_all_limits(one: Any, until: float) -> tuple[int, int]:
    """Play on; at every instant at rest no limit is passed. How often heat bound the pile, and how often it did not."""
    bound = free = 0
    rated_kw = one.pile.model.rated_kw
    while one.kernel.now < until:
        one.kernel.advance(one.kernel.next_time())
        share, power_kw = one.read("derating"), one.read("power_kw")
        assert power_kw <= rated_kw * share * (1.0 + 1e-9)
        for evse in one.pile.evses:
            assert evse.power_kw.at(one.kernel.now) <= evse.limit_kw.at(one.kernel.now) * (1.0 + 1e-9)
        bound += share < 1.0 and power_kw > 0.999 * rated_kw * share
        free += share == 1.0 and power_kw > 0.999 * rated_kw
    return bound, free


@pytest.mark.parametrize("model", ["dc_120_2", "dc_240_2"])
def test_two_outlets_share_what_heat_leaves_and_have_it_back(one_pile: OnePile, model: str) -> None:
    one = one_pile(model=model, count=2, weather="{air_temp_c: 36}")
    one.cars((0.0, 1), (600.0, 2))
    one.kernel.at(SimTime(2_000.0), lambda: one.inject("pile.fan_failed", duration_s=3_000.0))
    one.to(1_900.0)
    full_kw = one.read("power_kw")
    bound, _ = hold_all_limits(one, 4_900.0)
    assert bound > 20
    halves = [evse.power_kw.at(one.kernel.now) for evse in one.pile.evses]
    assert halves[0] == pytest.approx(halves[1], rel=1e-9) and sum(halves) < 0.6 * full_kw
    one.pile.evses[0].stop("driver")
    one.to(4_950.0)
    assert one.read("power_kw") == pytest.approx(sum(halves), rel=0.1), "the other may have it all"
    hold_all_limits(one, 15_000.0)
    assert one.read("derating") == 1.0
    assert one.read("power_kw") == one.pile.model.evse_max_kw
    energy_book(one.station, SimTime(one.kernel.now)).check()


def test_blocks_of_modules_give_less_too(one_pile: OnePile) -> None:
    one = one_pile(model="dc_172_2", count=2, weather="{air_temp_c: 45}", cabinet="{derating: [[40, 50]]}")
    one.cars((0.0, 1), (600.0, 2))
    one.to(3_000.0)
    powers = [evse.power_kw.at(one.kernel.now) for evse in one.pile.evses]
    assert powers == pytest.approx([0.5 * 172.5 * 0.88 * 0.6, 0.5 * 172.5 * 0.88 * 0.4], rel=1e-9)
    hold_all_limits(one, 12_000.0)


def test_a_split_stack_gives_a_hungry_terminal_more_modules(one_pile: OnePile) -> None:
    one = one_pile(model="stack_640_12", count=12, weather="{air_temp_c: 40}")
    one.cars((0.0, 1), (0.0, 2), (0.0, 3), power_max_kw=130.0)
    one.to(1_900.0)
    assert [one.read(f"connector[{n}].modules") for n in (1, 2, 3)] == [3.0, 3.0, 3.0]
    before_kw = one.read("power_kw")
    one.inject("pile.fan_failed", duration_s=40_000.0)
    bound = 0
    one.until(lambda: one.read("derating") < 0.7)
    one.to(one.kernel.now + 10.0)
    module_kw = 40.0 * one.read("derating")
    for number, evse in enumerate(one.pile.evses[:3], start=1):
        modules, power_kw = one.read(f"connector[{number}].modules"), evse.power_kw.at(one.kernel.now)
        assert modules > 3 and power_kw <= modules * module_kw * (1.0 + 1e-9)
        bound += power_kw > (modules - 1.1) * module_kw
    assert bound == 3
    assert one.read("power_kw") == pytest.approx(before_kw, rel=0.01), "as long as there are modules"
    one.cars(*((one.kernel.now, n) for n in range(4, 13)))
    hold_all_limits(one, 30_000.0)
    energy_book(one.station, SimTime(one.kernel.now)).check()


def test_the_air_lets_go_two_kelvin_below_after_a_minute(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 39}", cabinet="{derating: abb_terra_94_184}")
    air = one.station.weather.air_temp_c
    one.cars((0.0, 1))
    one.to(1_000.0)
    assert one.read("derating") == 0.9
    air.set(SimTime(1_000.0), 39.0, 3.0 / 3_600.0)
    one.to(2_190.0)
    assert one.read("derating") == 0.9
    one.to(2_210.0)
    assert (one.read("derating"), one.read("power_kw")) == (0.85, pytest.approx(102.0))
    air.set(SimTime(2_210.0), 40.0, -1.0 / 600.0)
    one.to(3_460.0)
    assert one.read("derating") == 0.85, "38 C is reached, a minute is not over"
    one.to(3_480.0)
    assert (one.read("derating"), one.read("power_kw")) == (0.9, pytest.approx(108.0))
    assert one.told("pile.derated")[0].data == {"share": 0.9, "temp_c": 39.0}


# The cut-off


@pytest.mark.clause("8.4.1.2", "9.4.1")
def test_the_inlet_cut_off_locks_out_and_lets_go(one_pile: OnePile) -> None:
    one = one_pile(model="dc_120_2", count=2, weather="{air_temp_c: 40}", cabinet="{inlet_cutoff_c: 52}")
    one.cars((0.0, 1))
    one.inject("pile.fan_failed", duration_s=7_200.0)
    hot = one.until(lambda: bool(one.told("alarm.raised")))
    assert one.read("cabinet_temp_c") == pytest.approx(52.0, abs=1e-6)
    assert [(event.subject, event.data["alarm"]) for event in one.told("alarm.raised")] == [
        ("pile[A01].connector[1]", "high_temperature"), ("pile[A01].connector[2]", "high_temperature"),
    ]  # fmt: skip
    assert one.told("session.ended")[0].data["reason"] == "high_temperature"
    assert [evse.state.value for evse in one.pile.evses] == [EvseState.FAULTED] * 2
    assert one.read("power_kw") == 0.0
    back = one.until(lambda: all(evse.state.value is EvseState.AVAILABLE for evse in one.pile.evses))
    assert one.read("cabinet_temp_c") < 47.0 and back > hot + 60.0
    assert len(one.told("alarm.raised")) == 2 and len(one.told("evse.recovered")) == 2
    one.cars((one.kernel.now, 1))
    one.to(one.kernel.now + 100.0)
    assert one.read("power_kw") > 100.0


# Whose heat is followed


def test_heat_of_piles_is_off_unless_a_file_says_so() -> None:
    assert not read_station(find_station("two-outlet")).value.heat.piles
    assert read_station(find_station("public")).value.heat.piles


def test_a_cabinet_is_found_by_its_path(one_pile: OnePile, build: Callable[..., Any]) -> None:
    one = one_pile()
    assert one.station.find("pile[A01].cabinet") is one.cabinet
    assert one.station.find("pile[A01].connector[1].cabinet") is None
    assert one.station.find("bay[B01].cabinet") is None
    assert build()[1].find("pile[A01].cabinet") is None
