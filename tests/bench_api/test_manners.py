"""A run against an operator that acts: an expectation about the platform holds, or fails with evidence; it repeats."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.outcome import Outcome
from bench_api.paces import read_pace
from scenarios.loader import load_scenario

SCENARIO = f"""\
scenario: 1
title: {{en: A contact heats up, zh: 触头过热}}
station: {Path(__file__).parents[1] / "faults" / "site.yaml"}
start: 2022-07-13T12:00
duration_h: 1
seed: 3
demand: {{replay: cars.csv}}
timeline:
  - {{after_s: 600, inject: connector.contact_loose, target: "pile[A02].connector[1].contact", with: {{factor: 40}}}}
expect:
  - id: withdrawn
    after: {{event: alarm.raised, subject: "pile[A02].connector[1]"}}
    within_s: 60
    event: platform.change_availability
    face: platform
"""
CARS = "arrival_s,connector,stay_s,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n0,3,,1000,5,95,100\n"


@pytest.fixture
def play(tmp_path: Path) -> Callable[[str, str], Outcome]:
    (tmp_path / "cars.csv").write_text(CARS, encoding="utf-8")
    path = tmp_path / "hot.yaml"
    path.write_text(SCENARIO, encoding="utf-8")

    def played(manner: str, name: str) -> Outcome:
        out = tmp_path / name
        plan = Plan(loaded=load_scenario(path), pace=read_pace("lockstep"), seed=3, out=out, state=out / "state",
                    manner=manner)  # fmt: skip
        return Bench(plan).run()

    return played


def frames(folder: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "run.sqlite") as db:
        return db.execute("SELECT t_s, link, direction, kind, action FROM frames ORDER BY seq").fetchall()


def test_a_careful_operator_withdraws_a_hot_connector_and_repeats(play: Callable[..., Outcome], tmp_path: Path) -> None:
    first, again = play("careful", "first"), play("careful", "again")
    assert first.document["verdict"] == again.document["verdict"] == "pass"
    assert first.document["digest"] == again.document["digest"]
    assert frames(tmp_path / "first") == frames(tmp_path / "again")
    assert any(frame[4] == "RemoteStopTransaction" for frame in frames(tmp_path / "first"))


def test_one_that_ignores_alarms_fails_with_evidence(play: Callable[..., Outcome], tmp_path: Path) -> None:
    assert play("careless:ignores_alarms", "run").document["verdict"] == "fail"
    said = (tmp_path / "run" / "junit.xml").read_text(encoding="utf-8")
    assert "withdrawn" in said
    assert "platform.change_availability" in said
