"""A drill with conditions, deeds, a steady state and a way back, by the command line, headless and on sockets."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from bench_api.cli import main
from sim.reading import Run

DRILL = """scenario: 1
title: {en: Drill, zh: 演练}
station: two-outlet
start: 2022-06-14T12:00
seed: 7
duration_h: 0.25
demand: {sessions_per_day: 0}
parameters: {dark_s: {title: {en: Darkness, zh: 停电}, default: 600, low: 10, high: 2000, unit: s}}
steady: {settle_s: 300, hold: [{id: fed, state: grid.feed.state, is: normal}]}
timeline:
  - {after_s: 60, inject: grid.outage, target: grid.feed, as: dark, with: {duration_s: {parameter: dark_s}}}
  - {when: {event: grid.outage}, later_s: 5, do: evse.enable, target: "pile[A01].connector[1]", with: {is_on: false}}
restore: [{clear: all}, {do: evse.enable, target: "pile[A01].connector[1]", with: {is_on: true}}]
expect:
  - {id: soon, after: {event: grid.outage}, within_s: 560, event: grid.restored}
sabotage: {title: {en: No drill, zh: 不演练}, fails: [dark], drop: [dark]}
"""
COUNT = "  - {id: dark, count: {event: grid.outage, equals: 1}}\n"


@pytest.fixture
def drill(tmp_path: Path) -> Path:
    path = tmp_path / "drill.yaml"
    path.write_text(DRILL.replace("sabotage:", COUNT + "sabotage:"), encoding="utf-8")
    return path


def voltyard(*arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was said on standard error."""
    err, before = StringIO(), sys.argv
    sys.argv = ["voltyard", *map(str, arguments)]
    try:
        with redirect_stdout(StringIO()), redirect_stderr(err):
            main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0, err.getvalue()
    finally:
        sys.argv = before
    return 0, err.getvalue()


def verdict(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    return document


def deeds(out: Path) -> list[tuple[float, str]]:
    with Run(out) as run:
        return [(event.t_s, event.kind) for event in run.events() if event.kind.startswith(("grid.", "command."))]


def test_a_drill_on_sockets_acts_as_it_does_headless(drill: Path, tmp_path: Path) -> None:
    seen = {}
    for pace in ("fast", "lockstep"):
        out = tmp_path / pace
        assert voltyard("run", drill, "--pace", pace, "--out", out, "--state", tmp_path / "s" / pace)[0] == 0
        rows = {row["id"]: row["verdict"] for row in verdict(out)["expectations"]}
        assert rows == {"fed.before": "pass", "soon": "pass", "dark": "pass", "fed.after": "pass"}
        seen[pace] = deeds(out)
    assert seen["fast"] == seen["lockstep"]
    assert [t_s for t_s, kind in seen["fast"] if kind == "command.done"] == [65, 600, 600]


def test_a_run_takes_parameters_and_plays_the_sabotage(drill: Path, tmp_path: Path) -> None:
    def run(name: str, *more: str) -> tuple[int, str]:
        return voltyard("run", drill, "--pace", "fast", "--out", tmp_path / name, *more)

    assert run("short", "--set", "dark_s=20")[0] == 0
    assert (80.0, "grid.restored") in deeds(tmp_path / "short")
    assert run("sabotage", "--sabotage")[0] == 1
    failed = [row["id"] for row in verdict(tmp_path / "sabotage")["expectations"] if row["verdict"] == "fail"]
    assert failed == ["dark"]
    code, told = run("wild", "--set", "dark_s=5")
    assert code not in (0, 1)
    assert "parameters.dark_s: 5 is out of bounds; 10 to 2000 s" in told
