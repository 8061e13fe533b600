"""A short scenario in a folder, and runs of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.outcome import Outcome
from bench_api.paces import read_pace
from scenarios.loader import load_scenario

SCENARIO = """\
scenario: 1
title: {en: Three cars, zh: 三辆车}
station: two-outlet
start: 2022-06-14T08:00
duration_h: 3
seed: 3
demand: {replay: cars.csv}
expect:
  - {id: all_end, count: {event: session.ended, equals: 3}}
"""
CARS = """\
arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw
0,,1,60,20,80,120
300,,2,77,30,70,150
5400,,1,50,40,80,100
"""

Play = Callable[..., Outcome]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    (tmp_path / "cars.csv").write_text(CARS)
    path = tmp_path / "three-cars.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture
def play(tmp_path: Path, scenario: Path) -> Play:
    """Play the scenario in a pace into a folder of this name."""

    def played(pace: str, name: str = "run", **more: Any) -> Outcome:
        out = tmp_path / name
        plan = Plan(loaded=load_scenario(scenario), pace=read_pace(pace), seed=3, out=out,
                    **({"state": out / "state"} | more))  # fmt: skip
        return Bench(plan).run()

    return played
