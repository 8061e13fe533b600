"""`voltyard sweep` as a person and a program meet it: processes, text and JSON, codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.loader import load_scenario

SCENARIO = """\
scenario: 1
title: {en: A busy morning, zh: 繁忙的早晨}
station: two-outlet
start: 2022-06-14T08:00
duration_h: 2
seed: 3
demand: {sessions_per_day: 60}
expect:
  - {id: served, count: {event: session.started, at_least: 1}}
"""
GRID = ("--set", "demand.sessions_per_day=30,60", "--set", "station.control.site_limit_kw=100,172.5")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "voltyard", "sweep", *map(str, arguments)]


def sweep(*arguments: str | Path, begin: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=120, check=False, preexec_fn=begin
    )


@pytest.fixture
def morning(tmp_path: Path) -> Path:
    path = tmp_path / "busy-morning.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def test_the_same_digits_for_any_number_of_workers(morning: Path, tmp_path: Path) -> None:
    texts, tables = set(), set()
    for workers in ("1", "3"):
        table = tmp_path / f"{workers}.csv"
        shown = sweep(morning, "--seeds", "1..3", *GRID, "--workers", workers, "--json", "--csv", table)
        assert shown.returncode == 0, shown.stderr
        assert f"workers {workers}" in shown.stderr
        texts.add(shown.stdout)
        tables.add(table.read_bytes())
    assert len(texts) == len(tables) == 1
    document = json.loads(texts.pop())
    assert {name: document[name] for name in ("schema", "scenario", "station", "seeds", "runs")} == {
        "schema": 1, "scenario": "busy-morning", "station": "two-outlet", "seeds": [1, 2, 3],
        "runs": {"planned": 12, "done": 12},
    }  # fmt: skip
    assert [entry["set"] for entry in document["settings"]] == [
        {"demand.sessions_per_day": load, "station.control.site_limit_kw": limit}
        for load in (30, 60)
        for limit in (100, 172.5)
    ]
    assert all(entry["verdicts"]["pass"] == 3 for entry in document["settings"])
    less, more = document["settings"][:2]
    assert less["kpis"]["peak_kw"]["max"] < more["kpis"]["peak_kw"]["max"]
    # the same seeds bring the same vehicles, whatever the limit
    assert more["against_first"]["arrivals"] == {
        "mean": 0.0, "ci95_low": 0.0, "ci95_high": 0.0, "n": 3, "is_significant": False,
    }  # fmt: skip
    rows = list(csv.DictReader(tables.pop().decode().splitlines()))
    assert [(row["setting"], row["seed"]) for row in rows] == [
        (str(n), str(seed)) for n in range(1, 5) for seed in range(1, 4)
    ]
    peaks = [float(row["peak_kw"]) for row in rows if row["setting"] == "2"]
    assert max(peaks) == more["kpis"]["peak_kw"]["max"]


def test_a_run_of_a_sweep_is_the_run_itself(morning: Path, tmp_path: Path) -> None:
    table = tmp_path / "runs" / "table.csv"
    shown = sweep(morning, "--seeds", "5", "--csv", table)
    assert shown.returncode == 0, shown.stderr
    (row,) = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    out = tmp_path / "run"
    plan = Plan(loaded=load_scenario(morning), pace=read_pace("fast"), seed=5, out=out, state=out / "state")
    document = Bench(plan).run().document
    assert row["event_digest"] == document["event_digest"]
    assert float(row["energy_kwh"]) == document["kpis"]["energy_kwh"]


def test_the_table_shows_verdicts_means_and_what_differs(morning: Path) -> None:
    shown = sweep(morning, "--seeds", "1..4", "--set", "demand.sessions_per_day=30,200")
    assert shown.returncode == 0, shown.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in shown.stdout.splitlines() if "|" in line]
    assert rows[2] == ["1", "demand.sessions_per_day=30", "4", "4", "-", "-", "-", "-"]
    arrivals = next(row for row in rows if row[:2] == ["arrivals", "2"])
    assert "±" in arrivals[2] and arrivals[-2] == "4" and arrivals[-1].endswith("*")
    assert "voltyard" not in shown.stdout and "8 runs in" in shown.stderr


def test_a_failed_run_makes_the_sweep_fail_and_is_named(morning: Path) -> None:
    shown = sweep(morning, "--seeds", "1..2", "--set", "expect[served].count.at_least=1,1000", "--json")
    assert shown.returncode == 1, shown.stderr
    first, second = json.loads(shown.stdout)["settings"]
    assert (first["verdicts"]["pass"], second["verdicts"]["fail"]) == (2, 2)
    assert second["not_passed"][0] == {"seed": 1, "verdict": "fail", "reason": "failed: served"}
    assert "fail: setting 2 (expect[served].count.at_least=1000), seed 1: failed: served" in shown.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit for the size of files")
def test_a_run_that_ends_in_error_is_named_and_is_the_benchs(morning: Path, tmp_path: Path) -> None:
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    shown = sweep(morning, "--seeds", "1..2", "--workers", "1", "--json", begin=small_files)
    assert shown.returncode == 3, shown.stderr
    assert "error: setting 1 (as the files say), seed 1: " in shown.stderr and "Traceback" not in shown.stderr
    (entry,) = json.loads(shown.stdout)["settings"]
    assert entry["verdicts"]["error"] == 2 and entry["n"] == 2
    assert all(kpi["n"] == 0 and kpi["mean"] is None for kpi in entry["kpis"].values())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["two-outlet-dya"], "two-outlet-day"),
        (["two-outlet-day", "--seeds", "1-50"], "1..50"),
        (["two-outlet-day", "--workers", "0"], "1 to 256"),
        (["two-outlet-day", "--set", "demand"], "key=value"),
        (["two-outlet-day", "--set", "demand.sesions_per_day=3"], "did you mean sessions_per_day?"),
        (["two-outlet-day", "--set", "station.control.site_limit_kw=400,lots"], "site_limit_kw=lots"),
        (["two-outlet-day", "--csv", "/dev/null/x/y.csv"], "give another"),
    ],
)
def test_a_persons_mistake_is_told_before_any_run(arguments: list[str], word: str) -> None:
    shown = sweep(*arguments)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert word in shown.stderr and "workers" not in shown.stderr.replace("--workers", "")
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_early_it_says_so_and_leaves_nothing_behind(
    morning: Path, tmp_path: Path, number: signal.Signals
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    with subprocess.Popen(
        command(morning, "--seeds", "1..5000", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(place)}, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None and process.stdout is not None
        assert "runs 5000" in process.stderr.readline()
        os.killpg(process.pid, number)
        text, said = process.communicate(timeout=60)
    assert process.returncode == 4, said
    assert "ended early" in said and "Traceback" not in said
    assert json.loads(text)["runs"]["done"] < 5000
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs the children of a process")
def test_a_worker_that_dies_is_told(morning: Path) -> None:
    with subprocess.Popen(
        command(morning, "--seeds", "1..5000", "--workers", "2", "--json"), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        process.stderr.readline()
        workers: list[int] = []
        while not workers and process.poll() is None:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            workers = [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]
        os.kill(workers[0], signal.SIGKILL)
        text, said = process.communicate(timeout=60)
    assert process.returncode == 3, said
    assert "a worker process died or could not be started" in said and "Traceback" not in said
    assert json.loads(text)["settings"][0]["verdicts"]["error"] == 1


def test_help_fits_a_screen_and_has_an_example() -> None:
    shown = sweep("--help")
    assert shown.returncode == 0
    assert "Example: voltyard sweep" in shown.stdout
    assert len(shown.stdout.splitlines()) <= 30
