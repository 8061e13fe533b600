"""Runs asked for by REST: begun in processes of their own, followed, ended; what they leave; what is refused."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2
import pytest
from kept_up import Act, alone_day, ask, keep_up

from bench_api.outcome import Outcome

TEXT = """\
scenario: 1
title: {en: An hour, zh: 一小时}
station: two-outlet
start: 2022-06-14T08:00
duration_h: 1
seed: 3
parameters: {cars: {title: {en: Cars a day, zh: 日到达}, default: 40, low: 1, high: 400}}
demand: {sessions_per_day: {parameter: cars}}
"""
LONG = TEXT.replace("duration_h: 1", "duration_h: 24")


@pytest.fixture
def up(tmp_path: Path) -> Callable[[Act], Outcome]:
    """Keep a station up in real pace while something is done by REST."""
    return lambda act: keep_up(alone_day(tmp_path), act, pace="real")


def until(client: httpx2.Client, identity: str, *states: str) -> dict[str, Any]:
    """The run once it is in one of these states."""
    while True:
        row: dict[str, Any] = ask(client, 200, "GET", f"runs/{identity}")
        if row["state"] in states:
            return row
        assert row["state"] in ("queued", "running"), row
        time.sleep(0.05)


def test_a_text_is_run_and_leaves_what_any_run_leaves(up: Callable[[Act], Outcome], tmp_path: Path) -> None:
    def act(client: httpx2.Client) -> None:
        order = {"scenario": TEXT, "seed": 7, "parameters": {"cars": 96}}
        begun = ask(client, 202, "POST", "runs", json=order)
        assert (begun["state"], begun["seed"], begun["pace"], begun["verdict"]) == ("running", 7, "fast", None)
        at = f"runs/{begun['id']}"
        done = until(client, begun["id"], "done")
        assert (done["verdict"], done["simulated_s"], done["duration_s"]) == ("pass", 3600.0, 3600.0)
        assert done["rate"] > 0.0 and done["parameters"] == {"cars": 96}
        verdict = ask(client, 200, "GET", f"{at}/verdict")
        assert (verdict["seed"], verdict["verdict"]) == (7, "pass")
        assert verdict["kpis"]["arrivals"] > 0
        report = client.get(f"{at}/report")
        assert report.headers["content-type"].startswith("text/html") and "</html>" in report.text
        assert ElementTree.fromstring(client.get(f"{at}/junit").text).tag == "testsuites"
        copy = tmp_path / "copy.sqlite"
        copy.write_bytes(client.get(f"{at}/recording").content)
        with sqlite3.connect(copy) as recorded:
            kinds = [kind for (kind,) in recorded.execute("SELECT kind FROM events ORDER BY seq")]
            assert recorded.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        recorded.close()
        first = ask(client, 200, "GET", f"{at}/events", params={"limit": 5})
        rest = ask(client, 200, "GET", f"{at}/events", params={"after": first["next"], "limit": 10_000})
        assert [one["kind"] for one in first["events"] + rest["events"]] == kinds and kinds
        started = ask(client, 200, "GET", f"{at}/events", params={"kind": "session.*"})["events"]
        assert {one["kind"].split(".")[0] for one in started} == {"session"}
        assert [row["id"] for row in ask(client, 200, "GET", "runs")] == [begun["id"]]

    assert up(act).document["verdict"] == "pass"
    assert (tmp_path / "run" / "rest-runs" / "1" / "scenario.yaml").read_text(encoding="utf-8") == TEXT


def test_two_at_once_eight_wait_and_all_end_with_the_station(up: Callable[[Act], Outcome]) -> None:
    children: list[int] = []

    def act(client: httpx2.Client) -> None:
        asked = {"scenario": LONG, "pace": "real"}
        rows = [ask(client, 202, "POST", "runs", json=asked) for _ in range(10)]
        assert [row["state"] for row in rows] == ["running"] * 2 + ["queued"] * 8
        assert "wait" in ask(client, 429, "POST", "runs", json=asked)["detail"]
        ask(client, 409, "GET", "runs/1/verdict")
        ask(client, 409, "GET", "runs/1/recording")
        assert ask(client, 200, "GET", "runs/3/events")["events"] == []
        while ask(client, 200, "GET", "runs/1")["simulated_s"] <= 0.0:
            time.sleep(0.05)
        assert ask(client, 202, "POST", "runs/4/stop")["state"] == "stopped"
        ask(client, 404, "GET", "runs/4/verdict")
        ask(client, 202, "POST", "runs/1/stop")
        ended = until(client, "1", "done")
        assert ended["verdict"] == "aborted" and 0.0 < ended["simulated_s"] < 3600.0
        assert until(client, "3", "running")["state"] == "running"
        children.extend(_children())
        assert len(children) >= 2 and all(os.getpriority(os.PRIO_PROCESS, child) >= 10 for child in children)

    up(act)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def _children() -> list[int]:
    """Processes that play a run for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
            is_ours = b"bench_api.lesser_run" in words and f"PPid:\t{os.getpid()}\n" in (entry / "status").read_text()
        except OSError:
            continue
        if is_ours:
            found.append(int(entry.name))
    return found


SABOTAGE = "expect: [{id: a, count: {event: session.ended, at_least: 0}}]\nsabotage: {fails: [a], set: {%s}}\n"


def test_what_cannot_be_run_is_refused_and_no_file_is_read(up: Callable[[Act], Outcome], tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("voltyard: hush")

    def refused(client: httpx2.Client, scenario: str = TEXT, **more: Any) -> str:
        said = str(ask(client, 422, "POST", "runs", json={"scenario": scenario} | more)["detail"])
        assert "hush" not in said and str(tmp_path) not in said.replace(scenario, "")
        return said

    def act(client: httpx2.Client) -> None:
        assert "did you mean quiet-day?" in refused(client, "quiet-dya")
        assert "no scenario" in refused(client, str(secret))
        assert "scenario.yaml:3: station" in refused(client, TEXT.replace("two-outlet", str(secret)))
        for change in (f"station: {secret}", f"'station[map]': {secret}", "station.x: a.pem", "'demand[replay]': a.csv",
                       "include: a"):  # fmt: skip
            assert "sabotage.set" in refused(client, TEXT + SABOTAGE % change)
        assert "parameters.cars" in refused(client, parameters={"cars": 1_000})
        assert "no parameter 'station'" in refused(client, parameters={"station": str(secret)})
        assert "ws://" in refused(client, csms="http://127.0.0.1:1", pace="lockstep")
        assert "ws://" in refused(client, csms="ws://", pace="lockstep")
        assert "csms needs sockets" in refused(client, csms="ws://127.0.0.1:1", pace="fast")
        assert "60x" in refused(client, pace="--help")
        refused(client, seed=-1)
        refused(client, seed="1")
        refused(client, out="/tmp")
        refused(client, parameters={"cars": None})
        lone = client.post("runs", content=b'{"scenario": "\\ud800\\n"}', headers={"Content-Type": "application/json"})
        assert lone.status_code == 422
        for path in ("runs/1", "runs/..%2f1", "runs/1/verdict", "runs/1/events", "runs/1/report"):
            ask(client, 404, "GET", path)
        assert ask(client, 200, "GET", "runs") == []

    assert up(act).document["verdict"] == "pass"
    assert not (tmp_path / "run" / "rest-runs").exists()


def test_an_unreachable_platform_is_told_without_its_password(up: Callable[[Act], Outcome], tmp_path: Path) -> None:
    def act(client: httpx2.Client) -> None:
        short = TEXT.replace("duration_h: 1", "duration_h: 0.01")
        order = {"scenario": short, "csms": "ws://me:hush@127.0.0.1:1/x", "pace": "lockstep"}
        assert ask(client, 202, "POST", "runs", json=order)["csms"] == "ws://127.0.0.1:1/x"
        row = until(client, "1", "done", "failed")
        assert row["verdict"] == "error" and "never reached" in row["reason"]
        assert "hush" not in json.dumps(row) + client.get("runs/1/report").text

    up(act)
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or b"hush" not in path.read_bytes(), path
