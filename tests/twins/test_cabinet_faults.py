"""What fails in a cabinet: its fans, their filters, its inlet sensor; what the station and a meter make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from hil.ocpp.outlets import EvseConnector, error_code_of
from sim.errors import UsageError
from sim.faults import FAULTS
from sim.units import SimTime
from twins.books import energy_book
from twins.station_file import find_station, read_station
from twins.supply import EvseState
from twins.weather import WeatherConfig

OnePile = Callable[..., Any]
NAMES = ("pile.fan_failed", "pile.fan_dusty", "pile.inlet_sensor_stuck", "pile.inlet_sensor_broken")


def metered_kw(one: Any) -> float:
    """What a MeterValues of the first connector would say now."""
    return EvseConnector(one.pile.evses[0]).sample(one.kernel.now).power_w / 1e3


@pytest.mark.clause("8.4.1.2")
def test_a_failed_fan_heats_derates_and_when_mended_gives_back(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 30}")
    one.cars((0.0, 1))
    one.to(2_000.0)
    assert (metered_kw(one), one.read("derating")) == (pytest.approx(120.0), 1.0)
    one.inject("pile.fan_failed", duration_s=5_400.0)
    one.to(2_001.0)
    assert one.read("fan_share") == 0.0
    one.to(7_300.0)
    assert one.read("cabinet_temp_c") > 65.0
    assert one.read("derating") < 0.5
    assert metered_kw(one) == pytest.approx(120.0 * one.read("derating"))
    one.to(12_000.0)
    assert (metered_kw(one), one.read("fan_share")) == (pytest.approx(120.0), 1.0)
    assert one.told("pile.derated") and one.told("pile.derating_ended")


@pytest.mark.clause("8.4.1.2", "9.4.1")
def test_an_idling_pile_without_fans_gets_to_its_cut_off_by_the_sun(one_pile: OnePile) -> None:
    one = one_pile(model="dc_120_1", weather="{air_temp_c: 40, sun_w_m2: 900}", bay_roof="open")
    one.cars((0.0, 1))
    one.inject("pile.fan_failed")
    one.until(lambda: one.pile.evses[0].state.value is EvseState.FAULTED)
    (alarm,) = one.told("alarm.raised")
    assert (alarm.data["alarm"], error_code_of(str(alarm.data["alarm"]))) == ("high_temperature", "HighTemperature")
    assert one.read("cabinet_temp_c") == pytest.approx(80.0, abs=1e-6)
    assert metered_kw(one) == 0.0 and one.told("session.ended")[0].data["reason"] == "high_temperature"


@pytest.mark.parametrize("factor", [0.5, 0.0])
def test_dusty_filters_leave_a_share_of_the_air(one_pile: OnePile, factor: float) -> None:
    one = one_pile(weather="{air_temp_c: 10}", cabinet="{derating: [[70, 100], [71, 0]]}")
    one.cars((0.0, 1))
    one.inject("pile.fan_dusty", factor=factor)
    one.to(9_000.0 if factor else 600.0)
    assert one.read("fan_share") == factor
    if factor:
        assert one.read("cabinet_rise_k") == pytest.approx(6_315.8 / (25.0 + 0.5 * 420.0), rel=1e-4)
    one.station.faults.clear("pile.fan_dusty")
    one.to(one.kernel.now + 9_000.0)
    assert one.read("cabinet_rise_k") == pytest.approx(6_315.8 / 445.0, rel=1e-4)


@pytest.mark.parametrize(("days", "share"), [(0, 1.0), (45, 0.75), (90, 0.5), (400, 0.5)])
def test_section_2_dust_takes_half_the_air_in_ninety_days(one_pile: OnePile, days: int, share: float) -> None:
    one = one_pile(weather="{air_temp_c: 10}", cabinet=f"{{dust_days: {days}}}")
    one.cars((0.0, 1), (86_500.0, 1), capacity_kwh=100.0)
    one.to(1_000.0)
    assert one.read("fan_share") == share
    one.to(87_500.0)
    assert one.read("fan_share") == pytest.approx(max(0.5, share - 0.5 / 90.0)), "a day later"


@pytest.mark.clause("8.4.1.2")
def test_a_sensor_that_sticks_hides_the_heat(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 30}")
    one.cars((0.0, 1))
    one.to(2_000.0)
    said_c = one.read("inlet_temp_c")
    one.inject("pile.inlet_sensor_stuck")
    one.inject("pile.fan_failed")
    one.to(9_000.0)
    assert one.read("cabinet_temp_c") > 90.0, "far beyond its cut-off"
    assert one.read("inlet_temp_c") == pytest.approx(said_c, abs=1e-9)
    assert (one.read("derating"), metered_kw(one)) == (1.0, pytest.approx(120.0))
    assert one.told("alarm.raised") == [] == one.told("pile.derated")
    one.station.faults.clear("pile.inlet_sensor_stuck")
    one.to(9_001.0)
    assert one.read("inlet_temp_c") == one.read("cabinet_temp_c")
    assert one.told("alarm.raised")[0].data == {"alarm": "high_temperature"}
    assert (one.read("derating"), metered_kw(one)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("at_c", "share", "state"),
    [(20.0, 1.0, EvseState.CHARGING), (60.0, 2 / 3, EvseState.CHARGING), (95.0, 0.0, EvseState.FAULTED)],
)
def test_controls_go_by_what_a_stuck_sensor_says(
    one_pile: OnePile, at_c: float, share: float, state: EvseState
) -> None:
    one = one_pile(weather="{air_temp_c: 30}")
    one.cars((0.0, 1))
    one.to(2_000.0)
    one.inject("pile.inlet_sensor_stuck", at_c=at_c)
    one.to(2_100.0)
    assert one.read("inlet_temp_c") == at_c
    assert one.read("cabinet_temp_c") < 45.0
    assert one.read("derating") == pytest.approx(share)
    assert one.pile.evses[0].state.value is state
    assert metered_kw(one) == pytest.approx(120.0 * share)
    one.station.faults.clear("pile.inlet_sensor_stuck")
    one.to(2_400.0)
    assert one.read("derating") == 1.0
    assert one.pile.evses[0].state.value is (EvseState.CHARGING if state is EvseState.CHARGING else EvseState.AVAILABLE)


@pytest.mark.clause("8.4.1.2", "9.4.1")
def test_a_pile_that_cannot_know_its_heat_stops_and_fans(one_pile: OnePile) -> None:
    one = one_pile(model="dc_120_2", count=2, weather="{air_temp_c: 30}")
    one.cars((0.0, 1))
    one.to(2_000.0)
    one.inject("pile.inlet_sensor_broken", duration_s=3_600.0)
    one.to(2_001.0)
    assert [(event.subject, event.data["alarm"]) for event in one.told("alarm.raised")] == [
        ("pile[A01].connector[1]", "inlet_sensor_broken"), ("pile[A01].connector[2]", "inlet_sensor_broken"),
    ]  # fmt: skip
    assert error_code_of("inlet_sensor_broken") == "OtherError"
    assert [evse.state.value for evse in one.pile.evses] == [EvseState.FAULTED] * 2
    assert metered_kw(one) == 0.0
    assert (one.read("inlet_temp_c"), one.read("fan_share"), one.read("derating")) == (-50.0, 1.0, 1.0)
    one.to(5_601.0)
    assert [evse.state.value for evse in one.pile.evses] == [EvseState.AVAILABLE] * 2
    assert (one.read("inlet_temp_c"), one.read("fan_share")) == (one.read("cabinet_temp_c"), 0.0)


def test_faults_of_one_cabinet_overlap_and_end_in_any_order(one_pile: OnePile) -> None:
    one = one_pile(weather="{air_temp_c: 30}")
    one.cars((0.0, 1))
    for at, name, more in (
        (1_000.0, "pile.fan_dusty", {"factor": 0.4}),
        (1_100.0, "pile.fan_failed", {"duration_s": 300.0}),
        (1_200.0, "pile.inlet_sensor_stuck", {"at_c": 90.0, "duration_s": 500.0}),
        (1_300.0, "pile.inlet_sensor_broken", {"duration_s": 300.0}),
    ):
        one.kernel.at(SimTime(at), lambda name=name, more=more: one.inject(name, **more))
    seen = {}
    for t in (1_150.0, 1_250.0, 1_350.0, 1_450.0, 1_650.0, 1_750.0):
        one.to(t)
        seen[t] = one.read("fan_share"), one.read("inlet_temp_c"), one.pile.evses[0].state.value is EvseState.FAULTED
    assert seen[1_150.0] == (0.0, pytest.approx(47.0, abs=3.0), False)
    assert seen[1_250.0] == (0.0, 90.0, True)
    assert seen[1_350.0] == (0.0, -50.0, True)
    assert seen[1_450.0] == (0.4, -50.0, True)
    assert seen[1_650.0] == (0.4, 90.0, True)
    assert seen[1_750.0] == (0.0, one.read("cabinet_temp_c"), False)


@pytest.mark.parametrize(("name", "policy", "seed"), [("public", "tou_aware", 1), ("hub", "first_come", 2)])
def test_whatever_fails_no_limit_is_passed_and_the_book_closes(
    build: Callable[..., Any], name: str, policy: str, seed: int
) -> None:
    file = read_station(find_station(name)).value
    hot = WeatherConfig(air_temp_c=41.0, latitude_deg=30.0)
    heat, control = replace(file.heat, piles=True), replace(file.control, policy=policy)
    kernel, station, _ = build(seed=seed, name=name, heat=heat, weather=hot, control=control)
    station.draw_demand(500.0, 43_200.0)
    dice = Random(seed)
    for _ in range(60):
        where = f"{dice.choice(list(station.piles.values())).path}.cabinet"
        which, t, long_s = dice.choice(NAMES), dice.uniform(0.0, 40_000.0), dice.uniform(60.0, 9_000.0)
        values = {"duration_s": long_s}
        kernel.at(SimTime(t), lambda a=(which, where, values): station.faults.inject(*a))
    bound, alarms = 0, Counter[str]()
    kernel.subscribe(lambda event: alarms.update([str(event.data["alarm"])]), "alarm.raised")
    while kernel.next_time() < 43_200.0:
        kernel.advance(kernel.next_time())
        for pile in station.piles.values():
            limit_kw = pile.model.rated_kw * pile.cabinet.derating.a
            power_kw = sum(evse.power_kw.at(kernel.now) for evse in pile.evses)
            assert power_kw <= limit_kw * (1.0 + 1e-9)
            assert all(evse.power_kw.at(kernel.now) <= evse.limit_kw.at(kernel.now) * (1.0 + 1e-9)
                       for evse in pile.evses)  # fmt: skip
            bound += limit_kw < pile.model.rated_kw and power_kw > 0.99 * limit_kw > 0.0
    assert bound > 50 and alarms["inlet_sensor_broken"]
    energy_book(station, SimTime(kernel.now)).check()


def test_the_catalogue_names_them_in_both_languages() -> None:
    for name in NAMES:
        spec = FAULTS.get(name)
        assert spec.title and any("一" <= letter <= "鿿" for letter in spec.title_zh)
        assert (spec.hits.__name__, spec.clause, spec.faces) == ("Cabinet", "8.4.1.2", ("station", "wire"))
        assert all(one.low is not None and one.high is not None for one in spec.parameters)


def test_what_no_cabinet_has_is_refused(one_pile: OnePile) -> None:
    one = one_pile()
    with pytest.raises(UsageError, match=r"'factor': 1\.5 is out of bounds; 0\.0 to 1\.0"):
        one.inject("pile.fan_dusty", factor=1.5)
    with pytest.raises(UsageError, match=r"hits a Cabinet, and 'pile\[A01\]' is a Pile"):
        one.station.faults.inject("pile.fan_failed", "pile[A01]", {})
