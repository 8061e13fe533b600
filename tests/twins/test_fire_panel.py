"""The fire panel: its outputs, its log, its test; detectors and their levels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.errors import FileProblems
from sim.units import SimTime
from twins.evse import EvseState
from twins.station_file import read_station

Sites = Callable[..., Any]

EVSE = "pile[A01].connector[1]"


FIRE = "{panel: {id: FP1}, detectors: [{id: G1, place: {x_m: 1, y_m: 1}}]}"
PANEL, GAS = "fire_panel[FP1]", "gas[G1]"


@pytest.mark.clause("9.7")
def test_the_panel_cuts_the_charging_power_until_it_is_reset(asked: Sites) -> None:
    site = asked(fire=FIRE)
    site.cars(1, 2, 3)
    site.to(600.0)
    assert site.ask("fire.output", PANEL, output="power_cut", is_on=True) == ""
    assert all(evse.state.value is EvseState.FAULTED for evse in site.station.evses)
    assert site.at("pile[A01].power_kw") == 0.0 and site.at(f"{EVSE}.emergency_stop") == 1.0
    assert {one.data["reason"] for one in site.kinds("session.ended")} == {"emergency_stop"}
    assert "drives an output" in site.ask("fire.test", PANEL, is_on=True)
    assert site.ask("fire.reset", PANEL) == ""
    site.to(4_000.0)
    assert site.station.evses[3].state.value is EvseState.AVAILABLE
    log = [site.at(f"{PANEL}.event[{slot}].kind") for slot in (1, 2, 3)]
    assert log == [5.0, 7.0, 0.0] and site.at(f"{PANEL}.last_seq") == 2.0
    assert site.at(f"{PANEL}.event[1].unix_s") == site.kernel.clock.wall(SimTime(600.0)).timestamp()


def test_the_panel_logs_its_mains_and_drives_nothing_in_a_test(asked: Sites) -> None:
    site = asked(fire=FIRE)
    assert site.ask("fire.test", PANEL, is_on=True) == ""
    assert "being tested" in site.ask("fire.output", PANEL, output="sounder", is_on=True)
    assert site.ask("fire.test", PANEL, is_on=False) == ""
    assert site.ask("fire.output", PANEL, output="sounder", is_on=True) == ""
    assert site.ask("fire.silence", PANEL) == ""
    assert "silent" in site.ask("fire.silence", PANEL)
    assert site.ask("fire.mode", PANEL, is_manual=True) == "" and site.at(f"{PANEL}.is_manual") == 1.0
    site.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 60.0}, "o")
    site.to(30.0)
    assert (site.at(f"{PANEL}.has_mains_lost"), site.at(f"{PANEL}.faults")) == (1.0, 1.0)
    site.to(100.0)
    assert (site.at(f"{PANEL}.has_mains_lost"), site.at(f"{PANEL}.faults")) == (0.0, 0.0)
    assert [site.at(f"{PANEL}.event[{slot}].kind") for slot in (1, 2, 3)] == [5.0, 2.0, 4.0]
    for _ in range(32):
        site.ask("fire.reset", PANEL)
    assert site.at(f"{PANEL}.event[1].seq") == 33.0 and site.at(f"{PANEL}.event[3].seq") == 35.0


def test_a_detector_alarms_by_its_levels(asked: Sites) -> None:
    site = asked(fire=FIRE)
    assert site.at(f"{GAS}.alarm_level") == 0.0
    assert site.ask("gas.levels", GAS, co_low_ppm=30.0) == ""
    assert "not below" in site.ask("gas.levels", GAS, co_low_ppm=200.0)
    assert site.at(f"{GAS}.co_low_ppm") == 30.0
    (detector,) = site.station.gas_detectors
    detector.co_ppm.set(site.kernel.now, 30.0)
    assert site.at(f"{GAS}.alarm_level") == 1.0
    detector.h2_ppm.set(site.kernel.now, 500.0)
    assert site.at(f"{GAS}.alarm_level") == 2.0


def test_two_detectors_of_one_name_are_refused_with_line_and_key(site_file: Callable[..., Path]) -> None:
    place = "place: {x_m: 1, y_m: 1}"
    path = site_file(fire=f"{{panel: {{id: FP1}}, detectors: [{{id: G1, {place}}}, {{id: G1, {place}}}]}}")
    with pytest.raises(FileProblems, match=rf"{path.name}:\d+: fire\.detectors\[1\]\.id: G1 is the name of"):
        read_station(path)
