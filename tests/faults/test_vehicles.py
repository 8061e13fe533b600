"""Faults of cars and their batteries: what the pile makes of them, and what a master and the platform read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Play = Callable[..., Any]
Car = Callable[..., Any]

FIRST, BMS = "pile[A01].connector[1]", "bay[B01].vehicle.bms"
UNIT = 11
STEP, FAULT_BITS, SOC, CHARGING = 1000, 1001, 1007, 6
BMS_SILENT = 1 << 5
COMMON = {"capacity_kwh": 60.0, "soc_in_pct": 20.0, "power_max_kw": 120.0}


def ended(site: Any) -> Any:
    """The end of the first charge."""
    site.until(lambda: bool(site.of("session.ended", FIRST)))
    return site.of("session.ended", FIRST)[0]


@pytest.mark.clause("8.3")
@pytest.mark.fault("bms.mute")
def test_a_bms_that_falls_silent_is_told_by_its_register_and_ends_the_charge(played: Play, car: Car) -> None:
    site = played(car(0, 1, **COMMON))
    site.to(600.0)
    assert site.read(UNIT, "input", STEP, 2) == [CHARGING, 0]
    site.inject("bms.mute", BMS)
    site.to(601.0)
    assert ended(site).data["reason"] == "bms_timeout"
    assert site.of("alarm.raised", FIRST, alarm="bms_timeout")[0].t == 601.0
    assert site.read(UNIT, "input", FAULT_BITS)[0] & BMS_SILENT
    assert site.platform.stopped == 1


@pytest.mark.clause("9.5.2")
@pytest.mark.fault("vehicle.soaked")
def test_a_soaked_battery_waits_at_the_pile_and_takes_nothing(played: Play, car: Car) -> None:
    site = played(car(0, 1, **COMMON))
    site.inject("vehicle.soaked", "bay[B01]", temp_c=62.0)
    site.until(lambda: bool(site.of("bms.waiting", BMS)))
    site.to(site.kernel.now + 60.0)
    assert site.at(f"{FIRST}.vehicle_temp_c") > 60.0
    assert site.at(f"{FIRST}.power_kw") < 5.0
    assert site.read(UNIT, "input", SOC) == [20]
    assert site.platform.begun == 1


@pytest.mark.fault("vehicle.cell_defect")
@pytest.mark.parametrize(("heat_w", "ends"), [(400.0, True), (200.0, False)])
def test_a_cell_that_warms_by_itself_is_warned_of_or_ends_the_charge(
    heat_w: float, ends: bool, played: Play, car: Car
) -> None:
    site = played(car(0, 1, **COMMON))
    site.to(600.0)
    site.inject("vehicle.cell_defect", BMS, heat_w=heat_w)
    site.to(660.0)
    assert bool(site.of("bms.warned", BMS, limit="cell_temperature_spread")) is not ends
    assert bool(site.of("alarm.raised", FIRST, alarm="cell_temperature_spread")) is ends
    assert (site.read(UNIT, "input", STEP)[0] == CHARGING) is not ends
    assert site.platform.stopped == ends


@pytest.mark.fault("vehicle.cell_drift")
def test_a_cell_ahead_ends_the_charge_before_the_target(played: Play, car: Car) -> None:
    site = played(car(0, 1, **COMMON))
    site.to(600.0)
    site.inject("vehicle.cell_drift", BMS, lead_pct=12.0)
    end = ended(site)
    assert end.data["reason"] == "target_reached"
    assert 0.80 < site.at(f"{FIRST}.vehicle_soc") < 0.90
    assert site.of("bill.issued")[0].data["energy_kwh"] == end.data["energy_kwh"] < 45.0
    assert site.platform.stopped == 1


@pytest.mark.fault("vehicle.coolant_pump_failed")
def test_a_battery_without_coolant_warms_and_takes_longer(played: Play, car: Car) -> None:
    plain, site = played(car(0, 1, **COMMON)), played(car(0, 1, **COMMON))
    for one in (plain, site):
        one.to(60.0)
    site.inject("vehicle.coolant_pump_failed", BMS)
    for one in (plain, site):
        one.to(1_500.0)
    assert site.at(f"{FIRST}.vehicle_temp_c") > plain.at(f"{FIRST}.vehicle_temp_c") + 2.0
    assert ended(site).t > ended(plain).t + 60.0
