"""Faults of the house and of environment sensors: what is drawn, and what a master reads of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest

SENSOR, HOUSE = 32, 33
COOLING, LIGHTS = 0, 3
FAULT_CODE = 2


def f32(words: Sequence[int]) -> float:
    value: float = struct.unpack(">f", struct.pack(">2H", *words))[0]
    return value


@pytest.mark.fault("house.cooling_failed")
def test_cooling_that_has_failed_draws_nothing_and_says_so(played: Any) -> None:
    site = played()
    site.to(60.0)
    before_kw = site.at("grid.house_kw")
    failed = site.inject("house.cooling_failed", "house.cooling")
    site.to(120.0)
    assert site.at("house.cooling_kw") == 0.0
    assert site.at("grid.house_kw") < before_kw - 3.0
    assert site.read(HOUSE, "discrete", COOLING) == [0]
    supply, back, code = site.read(HOUSE, "input", 0, FAULT_CODE + 1)
    assert supply == back and code == 1
    site.clear(failed)
    site.to(180.0)
    assert site.read(HOUSE, "discrete", COOLING) == [1]


@pytest.mark.clause("5.6")
@pytest.mark.fault("house.lighting_stuck")
@pytest.mark.parametrize(("position", "at_s"), [("on", 60.0), ("off", 9 * 3_600.0)])
def test_lights_that_stick_burn_at_noon_or_leave_the_evening_dark(position: str, at_s: float, played: Any) -> None:
    site = played()
    site.inject("house.lighting_stuck", "house.lights", position=position)
    site.to(at_s)
    is_on = position == "on"
    assert site.at("house.lighting_kw") == (4.0 if is_on else 0.0)
    assert bool(site.of("house.lights_on")) is is_on
    assert site.read(HOUSE, "discrete", LIGHTS) == [int(is_on)]


@pytest.mark.clause("8.4.1.3")
@pytest.mark.fault("env.sensor_stuck")
def test_a_stuck_sensor_says_noon_in_the_evening_and_nobody_is_told(played: Any) -> None:
    site = played()
    site.to(60.0)
    noon_c = site.at("env[E1].temp_c")
    site.inject("env.sensor_stuck", "env[E1]")
    site.to(8 * 3_600.0)
    assert site.at("env[E1].temp_c") == noon_c > site.at("weather.air_temp_c") + 3.0
    assert f32(site.read(SENSOR, "holding", 0, 2)) == pytest.approx(noon_c, rel=1e-6)
    assert not site.of("alarm.raised", "env[E1]")


@pytest.mark.clause("8.4.1.3")
@pytest.mark.fault("env.sensor_broken")
def test_a_broken_sensor_raises_an_alarm_and_its_registers_are_not_numbers(played: Any) -> None:
    site = played()
    broken = site.inject("env.sensor_broken", "env[E1]")
    site.to(60.0)
    assert site.state("env[E1].state") == "silent"
    assert site.of("alarm.raised", "env[E1]", alarm="env_sensor_broken")
    assert site.read(SENSOR, "holding", 0, 2) == [0x7FC0, 0]
    site.clear(broken)
    site.to(120.0)
    assert site.of("alarm.cleared", "env[E1]", alarm="env_sensor_broken")
    assert f32(site.read(SENSOR, "holding", 0, 2)) == pytest.approx(site.at("env[E1].temp_c"), rel=1e-6)
