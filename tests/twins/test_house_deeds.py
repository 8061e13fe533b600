"""Lights and cooling by hand, beside dusk and dawn, weather and faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Sites = Callable[..., Any]

HOUSE = "{lighting_kw: 4, cooling: {set_c: 29.5, kw_per_k: 0.8, rating_kw: 2}}"
SERIES = {"weather": "{series: shenzhen_2022}", "house": HOUSE,
          "station": "{id: TWO, timezone: Asia/Shanghai, operator: {name: {en: Two, zh: 二}}}"}  # fmt: skip


def test_lights_by_hand_burn_by_day_unless_a_fault_holds_them(asked: Sites) -> None:
    site = asked(**SERIES)
    site.to(3_600.0)
    assert site.at("house.lighting_kw") == 0.0
    assert site.ask("house.lights", "house", position="on") == ""
    assert (site.at("house.lighting_kw"), site.at("house.are_lights_on")) == (4.0, 1.0)
    assert site.ask("house.lights", "house", position="auto") == ""
    assert site.at("house.lighting_kw") == 0.0
    site.station.faults.inject("house.lighting_stuck", "house.lights", {"position": "on", "duration_s": 60.0}, "s")
    site.to(3_601.0)
    assert site.ask("house.lights", "house", position="off") == ""
    assert site.at("house.lighting_kw") == 4.0, "stuck is stuck"
    site.to(3_700.0)
    assert site.at("house.lighting_kw") == 0.0
    site.to(16 * 3_600.0)
    assert site.at("house.lighting_kw") == 0.0, "held off at night"
    assert site.ask("house.lights", "house", position="auto") == ""
    assert site.at("house.lighting_kw") == 4.0


def test_cooling_takes_another_set_point_and_is_switched(asked: Sites) -> None:
    site = asked(**SERIES)
    site.to(3_600.0)  # ten o'clock: 31 C
    assert site.at("house.cooling_kw") == pytest.approx(1.2)
    assert (site.at("house.return_c"), site.at("house.set_c")) == (pytest.approx(29.5), 29.5)
    assert site.at("house.supply_c") == pytest.approx(29.5 - 10.0 * 0.6)
    assert site.ask("house.cooling", "house", set_c=30.0) == ""
    assert site.at("house.cooling_kw") == pytest.approx(0.8)
    assert site.ask("house.cooling_switch", "house", is_on=False) == ""
    assert (site.at("house.cooling_kw"), site.at("house.is_cooling")) == (0.0, 0.0)
    assert site.at("house.return_c") == pytest.approx(31.0)
    assert site.ask("house.cooling_switch", "house", is_on=True) == ""
    assert site.at("house.cooling_kw") == pytest.approx(0.8)
    site.station.faults.inject("house.cooling_failed", "house.cooling", {"share": 0.5}, "f")
    site.to(3_601.0)
    assert site.at("house.has_cooling_failed") == 1.0
    assert site.at("house.return_c") == pytest.approx(30.5, abs=0.01), "half the cold, half the way"


def test_a_house_without_them_says_so(asked: Sites) -> None:
    site = asked()
    assert "no lights" in site.ask("house.lights", "house", position="on")
    assert "no cooling" in site.ask("house.cooling", "house", set_c=20.0)
    assert "no cooling" in site.ask("house.cooling_switch", "house", is_on=False)
