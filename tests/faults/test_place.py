"""Faults of bays, of who comes to them, of the yard, the weather, the feeders and the allocation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from twins.replay import ReplayRow

Play = Callable[..., Any]
Car = Callable[..., ReplayRow]

FIRST = "pile[A01].connector[1]"


@pytest.mark.fault("vehicle.air_conditioning")
def test_the_air_conditioning_shows_on_the_meter_and_not_in_the_pack(played: Play, car: Car) -> None:
    site = played(car(0, 1), car(0, 2))
    site.inject("vehicle.air_conditioning", "bay[B01]", cooling_kw=5.0)
    site.to(1_200.0)
    cooled, plain = site.station.piles["A01"].evses[:2]
    assert cooled.power_kw.at(site.kernel.now) == pytest.approx(plain.power_kw.at(site.kernel.now) + 5.0, abs=0.2)
    assert cooled.energy_kwh(site.kernel.now) > plain.energy_kwh(site.kernel.now) + 1.0
    assert site.at(f"{FIRST}.vehicle_soc") == pytest.approx(site.at("pile[A01].connector[2].vehicle_soc"), abs=1e-3)


@pytest.mark.fault("vehicle.blocking")
def test_a_car_that_stays_on_keeps_the_next_one_waiting(played: Play, car: Car) -> None:
    site = played(car(0, 1, soc_target_pct=6.0), car(60, 1))
    site.inject("vehicle.blocking", "bay[B01]", stay_s=7_200.0)
    site.until(lambda: bool(site.of("session.ended")))
    site.to(site.kernel.now + 3_600.0)
    assert site.state("bay[B01].occupied") == "occupied"
    assert not site.of("bay.freed")
    assert site.at("yard.waiting") == 1.0
    assert site.platform.begun == 1


@pytest.mark.fault("vehicle.wrong_bay")
def test_a_petrol_car_takes_the_bay_and_no_energy(played: Play, car: Car) -> None:
    site = played(car(0, 1))
    site.inject("vehicle.wrong_bay", "bay[B01]", stay_s=900.0)
    site.to(600.0)
    assert site.of("bay.misused", "bay[B01]")[0].clause == "13.8"
    assert site.state("bay[B01].occupied") == "occupied"
    assert site.platform.begun == 0
    site.to(1_200.0)
    assert site.of("bay.freed", "bay[B01]")


@pytest.mark.fault("vehicle.unplugged_hot")
def test_who_pulls_under_load_is_held_by_the_lock_and_breaks_off(played: Play, car: Car) -> None:
    site = played(car(0, 1))
    site.inject("vehicle.unplugged_hot", "bay[B01]", after_s=600.0)
    site.to(1_000.0)
    assert site.of("connector.pulled", FIRST)[0].data["lock"] == "locked"
    assert site.of("session.ended", FIRST)
    assert site.platform.stopped == 1


@pytest.mark.fault("bay.sensor_stuck")
def test_a_sensor_that_sticks_at_occupied_keeps_everybody_away(played: Play, car: Car) -> None:
    site = played(car(60, 1))
    stuck = site.inject("bay.sensor_stuck", "bay[B01]", is_occupied=True)
    site.to(600.0)
    assert site.state("bay[B01].seen") == "occupied"
    assert site.state("bay[B01].occupied") == "free"
    assert site.at("yard.waiting") == 1.0
    site.clear(stuck)
    site.to(1_200.0)
    assert site.platform.begun == 1


@pytest.mark.fault("bay.sensor_stuck")
def test_a_sensor_that_sticks_at_free_sends_drivers_to_a_taken_bay(played: Play, car: Car) -> None:
    site = played(car(0, 1), car(1_800, 1))
    site.to(600.0)
    site.inject("bay.sensor_stuck", "bay[B01]", is_occupied=False)
    site.to(1_000.0)
    assert site.state("bay[B01].seen") == "free"
    assert site.state("bay[B01].occupied") == "occupied"


@pytest.mark.fault("bay.obstructed")
def test_nobody_parks_in_a_bay_with_an_obstacle_until_it_is_gone(played: Play, car: Car) -> None:
    site = played(car(60, 1))
    obstacle = site.inject("bay.obstructed", "bay[B01]")
    site.to(600.0)
    assert site.state("bay[B01].seen") == "occupied"
    assert site.platform.begun == 0
    site.clear(obstacle)
    site.to(1_200.0)
    assert site.platform.begun == 1


@pytest.mark.fault("yard.entrance_closed")
def test_a_closed_entrance_turns_away_who_comes_and_lets_who_is_there_charge(played: Play, car: Car) -> None:
    site = played(car(0, 1), car(600, 3))
    site.to(300.0)
    site.inject("yard.entrance_closed", "yard")
    site.to(1_200.0)
    assert len(site.of("vehicle.turned_away")) == 1
    assert site.state("bay[B03].occupied") == "free"
    assert site.platform.begun == 1


@pytest.mark.fault("demand.surge")
def test_in_a_surge_three_come_for_one(played: Play, car: Car) -> None:
    site = played(car(60, 1))
    site.inject("demand.surge", "demand", factor=3.0)
    site.to(600.0)
    assert len(site.of("vehicle.arrived")) == 3
    assert site.at("yard.waiting") == 2.0


@pytest.mark.fault("weather.shifted")
def test_shifted_weather_is_felt_from_the_next_hour_on(played: Play) -> None:
    plain, site = played(), played()
    site.inject("weather.shifted", "weather", warmer_k=8.0)
    for one in (plain, site):
        one.to(3_600.0 + 60.0)
    for path in ("weather.air_temp_c", "env[E1].temp_c"):
        assert site.at(path) == pytest.approx(plain.at(path) + 8.0, abs=0.01)


@pytest.mark.fault("grid.feeder_tripped")
def test_the_piles_of_a_tripped_feeder_are_dead_and_come_back(played: Play, car: Car) -> None:
    site = played(car(0, 1))
    site.to(600.0)
    tripped = site.inject("grid.feeder_tripped", "grid.feeder[F1]")
    site.to(660.0)
    assert site.of("alarm.raised", FIRST, alarm="undervoltage")
    assert site.at("grid.feeder[F1].power_kw") == 0.0
    assert site.platform.stopped == 1
    site.clear(tripped)
    site.to(1_200.0)
    assert site.at("grid.feeder[F1].power_kw") > 0.0


@pytest.mark.fault("grid.limit_ordered")
def test_an_ordered_limit_is_shared_among_the_charges(played: Play, car: Car) -> None:
    site = played(car(0, 1), car(0, 3))
    site.to(600.0)
    assert site.at(f"{FIRST}.power_kw") > 30.0
    ordered = site.inject("grid.limit_ordered", "control", limit_kw=40.0)
    site.to(660.0)
    assert site.at("control.site_limit_kw") == 40.0
    assert site.at(f"{FIRST}.power_kw") + site.at("pile[A02].connector[1].power_kw") <= 40.0
    site.clear(ordered)
    site.to(720.0)
    assert site.at(f"{FIRST}.power_kw") > 30.0


@pytest.mark.fault("control.deaf")
def test_a_deaf_allocation_goes_on_by_what_it_knew(played: Play, car: Car) -> None:
    site = played(car(0, 1))
    site.to(600.0)
    before_kw = site.at(f"{FIRST}.power_kw")
    deaf = site.inject("control.deaf", "control")
    site.inject("grid.limit_ordered", "control", limit_kw=20.0)
    site.to(660.0)
    assert site.at("control.site_limit_kw") > 20.0
    assert site.at(f"{FIRST}.power_kw") > 20.0
    assert before_kw > 20.0
    site.clear(deaf)
    site.to(720.0)
    assert site.at("control.site_limit_kw") == 20.0
    assert site.at(f"{FIRST}.power_kw") <= 20.0


@pytest.mark.fault("gas.leak")
def test_a_leak_is_sensed_alarmed_and_logged_by_the_panel(played: Play) -> None:
    site = played()
    leak = site.inject("gas.leak", "gas[G1]", co_ppm=200.0)
    site.to(60.0)
    assert site.at("gas[G1].alarm_level") == 2.0
    assert site.of("alarm.raised", "gas[G1]", alarm="gas_high")
    assert site.at("fire_panel[FP1].fires") == 1.0
    assert site.at("fire_panel[FP1].is_sounder_on") == 1.0
    site.clear(leak)
    site.to(120.0)
    assert site.of("alarm.cleared", "gas[G1]", alarm="gas_high")
    assert site.at("fire_panel[FP1].fires") == 0.0


@pytest.mark.fault("gas.sensor_poisoned")
def test_a_poisoned_detector_misses_the_leak(played: Play) -> None:
    site = played()
    site.inject("gas.sensor_poisoned", "gas[G1]", share=0.1)
    site.inject("gas.leak", "gas[G1]", co_ppm=200.0)
    site.to(60.0)
    assert site.at("gas[G1].co_ppm") == pytest.approx(20.0)
    assert not site.of("alarm.raised", "gas[G1]")
    assert site.at("fire_panel[FP1].fires") == 0.0


@pytest.mark.fault("bms.soc_wrong")
def test_a_bms_that_takes_its_pack_for_fuller_ends_too_early(played: Play, car: Car) -> None:
    site = played(car(0, 1, soc_in_pct=20.0, soc_target_pct=40.0, capacity_kwh=60.0))
    site.to(200.0)
    site.inject("bms.soc_wrong", "bay[B01].vehicle.bms", by_pct=15.0)
    evse = site.station.piles["A01"].evses[0]
    site.until(lambda: evse.is_charging)
    told, _ = evse.vehicle_at(site.kernel.now)
    assert told == pytest.approx(site.at(f"{FIRST}.vehicle_soc") + 0.15)
    site.until(lambda: bool(site.of("session.ended", FIRST)))
    assert site.of("session.ended", FIRST)[0].data["reason"] == "target_reached"
    assert site.at(f"{FIRST}.vehicle_soc") == pytest.approx(0.25, abs=0.01)
    assert site.platform.stopped == 1
