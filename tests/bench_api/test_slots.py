"""Runs with devices in slots, from the command line and between two processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from slot import WATCHDOG_S, play

from bench_api.running import run
from scenarios.slots import find_slots, slot_file_names
from sim.errors import FileProblems, UsageError
from twins.slot_file import check_slots

BROKEN = """\
scenario: 1
title: {en: Broken, zh: 故障}
station: forecourt
start: 2022-06-14T10:00
duration_h: 0.1
seed: 1
timeline:
  - {at: "10:01", inject: pile.contactor_stuck, target: "pile[A03].connector[1]", as: stuck}
"""


def play_with(slots: str, scenario: str = "foreign-charger", pace: str | None = None) -> int:
    return run(scenario, pace, None, None, "kpi", None, None, None, slots=slots, as_json=False)


def test_devices_live_by_the_wall_clock() -> None:
    with pytest.raises(UsageError, match="not by --pace fast; use real"):
        play_with("foreign-charger", pace="fast")


def test_slot_files_are_found_by_name_and_fit_their_stations() -> None:
    for name in slot_file_names():
        check_slots(find_slots(name))
    with pytest.raises(UsageError, match="did you mean foreign-charger"):
        play_with("foreign-charge")


def test_slots_of_another_station_are_refused() -> None:
    with pytest.raises(FileProblems, match="slots of forecourt, but quiet-day plays at public"):
        play_with("foreign-charger", scenario="quiet-day")


def test_a_place_that_the_scenarios_cars_go_to_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slots.yaml"
    text = find_slots("foreign-charger").read_text(encoding="utf-8")
    path.write_text(text.replace("pile[A03]", "pile[A01]"), encoding="utf-8")
    with pytest.raises(FileProblems, match=r"things\[0\].at: vehicles of the scenario's replay go to pile\[A01\]"):
        play_with(str(path))


def test_a_device_is_not_broken_by_a_scenario(tmp_path: Path) -> None:
    slots, scenario = tmp_path / "slots.yaml", tmp_path / "broken.yaml"
    slots.write_text(find_slots("foreign-charger").read_text(encoding="utf-8"), encoding="utf-8")
    scenario.write_text(BROKEN, encoding="utf-8")
    with pytest.raises(
        FileProblems, match=r"things\[0\].at: the scenario injects pile.contactor_stuck into pile\[A03\]"
    ):
        play_with(str(slots), scenario=str(scenario))


def test_a_second_process_joins_is_limited_and_is_killed(tmp_path: Path) -> None:
    """Real pace: two processes, three quarters of a minute."""
    found = play(tmp_path)
    assert max(found.join_s, found.lowered_s, found.shared_s) <= 1.0
    assert found.freed_s <= WATCHDOG_S + 0.5
    assert (found.alarms, found.ended, found.stopped) == (["device_silent"], ["device_silent"], 1)
    assert found.most_kw <= 100.1
