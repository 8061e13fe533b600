"""The pytest plugin as a project of somebody else's uses it: each case is a pytest of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = """\
scenario: 1
title: {en: Two cars, zh: 两辆车}
station: two-outlet
start: 2022-06-14T08:00
duration_h: 1
seed: 3
demand: {replay: cars.csv}
expect:
  - id: too_little
    title: {en: More than can be, zh: 不可能}
    always: {signal: "pile[A01].power_kw", below: 50}
"""
CARS = """\
arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw
60,,1,60,20,80,120
600,,2,60,20,80,120
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of somebody else's, with a package `sim` of its own, whose tests know nothing of ours."""
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("OWNER = 'theirs'\n")
    (tmp_path / "day.yaml").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "cars.csv").write_text(CARS)
    return tmp_path


def pytest_of(project: Path, test: str, *options: str, passed: int = 0, failed: int = 0) -> str:
    (project / "test_theirs.py").write_text(test, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    env["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *options, "test_theirs.py"]
    ended = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert ended.stderr == "", ended.stderr
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", ended.stdout)}
    assert counts == {word: count for word, count in (("passed", passed), ("failed", failed)) if count}, ended.stdout
    return ended.stdout


def test_a_suite_that_does_not_use_it_is_left_alone(project: Path) -> None:
    test = """
import sys

def test_nothing_of_voltyard_is_here():
    assert not {"twins", "hil", "scenarios", "plots", "bench_api", "simpy", "numpy"} & set(sys.modules)
    import sim
    assert sim.OWNER == "theirs"
"""
    pytest_of(project, test, passed=1)


def test_a_station_in_process_steps_breaks_and_is_asked(project: Path) -> None:
    test = """
import pytest

def test_it(voltyard_station):
    station = voltyard_station("day.yaml", seed=5)
    started = station.run_until("session.started", within_s=600)
    assert 60 < started.t == station.now_s < 600
    station.run_for(60)
    assert station.signals["pile[A01].power_kw"] > 50
    fault = station.inject("pile.contactor_stuck", "pile[A01].connector[2]", id="welded")
    station.do("evse.limit", "pile[A01].connector[1]", limit_kw=30)
    station.run_until(lambda one: one.value("pile[A01].power_kw") <= 30.001, within_s=60)
    assert station.events("command.done", verb="evse.limit")
    station.do("evse.stop", "pile[A01].connector[1]")
    station.expect("session.ended", within_s=60)
    station.clear(fault)
    assert [event.data["id"] for event in station.events("fault.cleared")] == ["welded"]
    assert station.finish()["books"]["messages"]["started"] == 1
    from bench_api.running import replay
    assert replay(station.folder, None, as_json=False) == 0, "what was asked is recorded and comes again"

def test_mistakes(voltyard_station):
    station = voltyard_station("day.yaml")
    with pytest.raises(Exception, match="did you mean 'link.cut'"):
        station.inject("link.cot", "link[A01]")
    with pytest.raises(Exception, match="evse.limit"):
        station.do("evse.limit", "pile[A01].connector[1]", limit_kw="much")
    with pytest.raises(KeyError, match="did you mean"):
        station.value("pile[A01].power_kv")

def test_what_does_not_come(voltyard_station):
    station = voltyard_station("day.yaml")
    station.expect("session.started", "pile[A01].connector[2]", within_s=300)
"""
    told = pytest_of(project, test, passed=2, failed=1)
    assert "no session.started of pile[A01].connector[2] within 300 s, until 300 s" in told
    assert "its subject is not pile[A01].connector[2]" in told
    assert "the latest of" in told and "the run is in" in told


def test_a_run_says_what_failed_and_how_to_repeat_it(project: Path) -> None:
    test = """
import pytest

def test_a_pass(voltyard_run):
    run = voltyard_run("two-outlet-day", seed=8)
    assert run.has_passed and run.document["seed"] == 8 and (run.folder / "report.html").exists()

def test_a_bad_file(voltyard_run, tmp_path):
    (tmp_path / "bad.yaml").write_text("scenario: 1\\nseed: x\\n")
    with pytest.raises(Exception, match="bad.yaml"):
        voltyard_run(tmp_path / "bad.yaml")

def test_a_fail(voltyard_run):
    run = voltyard_run("day.yaml")
    assert set(run.failed) == {"too_little"} and not run
    run.expect("pass")
"""
    told = pytest_of(project, test, passed=2, failed=1)
    assert "expected pass: day, seed 3: FAIL" in told
    assert "too_little: More than can be: expected" in told
    assert re.search(r"again: voltyard run \S*day.yaml", told)


def test_a_server_is_steered_from_outside_and_ends(project: Path) -> None:
    test = """
import pytest

def test_it(voltyard_server, voltyard_csms):
    server = voltyard_server("day.yaml", csms=voltyard_csms.url, pace="60x")
    assert server.csms_rest_url is None and server.address("modbus-tcp").startswith("tcp://127.0.0.1:")
    server.wait_for_event("session.started", within_s=1200)
    fault = server.inject("link.cut", "link[A01]", id="gone")
    assert fault == "gone"
    server.wait_for_event("fault.active")
    server.clear(fault)
    server.do("evse.limit", "pile[A01].connector[1]", limit_kw=20)
    with pytest.raises(Exception, match="no fault"):
        server.clear(fault)
    assert server.rest.get("/health").json()["pace"] == "60x"
    assert voltyard_csms.rest.get("/health").status_code == 200
    server.wait_for_event("grid.nothing", within_s=5)
"""
    told = pytest_of(project, test, failed=1)
    assert "no grid.nothing within 5 s" in told and "the run is in" in told
