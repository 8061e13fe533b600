"""A served run by REST: it stands, goes on, faster; a fault is changed in it; it is ended; its verdict so far."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from kept_up import alone_day, ask, keep_up

from bench_api.running import replay


@pytest.fixture
def station(tmp_path: Path) -> Path:
    return alone_day(tmp_path)


def t_s(client: httpx2.Client) -> float:
    return float(ask(client, 200, "GET", "health")["t_s"])


def test_time_stands_and_goes_on_without_a_jump(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        stood = ask(client, 200, "POST", "station/pause")
        assert stood["state"] == "paused"
        done = ask(client, 200, "POST", "reset")
        assert {t_s(client) for _ in range(20)} == {stood["t_s"]} == {done["t_s"]}, "commands act where it stands"
        assert ask(client, 200, "POST", "station/speed", json={"factor": 10.0})["state"] == "paused"
        went_on = ask(client, 200, "POST", "station/resume")
        assert went_on["state"] == "running" and went_on["factor"] == 10.0
        assert stood["t_s"] <= went_on["t_s"] < stood["t_s"] + 10.0, "the pause is not made up for"
        assert t_s(client) > stood["t_s"]
        ask(client, 422, "POST", "station/speed", json={"factor": 0})
        assert ask(client, 200, "GET", "station/verdict")["verdict"] == "pass"

    keep_up(station, act)
    assert replay(station.parent / "run", None, as_json=False) == 0


def test_a_fault_is_changed_and_the_run_replays(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        muted = {"fault": "bms.mute", "target": "bay[B01].vehicle.bms", "id": "mute"}
        made = ask(client, 201, "POST", "faults/active", json=muted)
        path = f"faults/active/{made['id']}"
        changed = ask(client, 200, "PATCH", path, json={"parameters": {"duration_s": 77.0}})
        assert changed["parameters"]["duration_s"] == 77.0
        ask(client, 404, "PATCH", "faults/active/nobody", json={"parameters": {"duration_s": 77.0}})
        for bad in ({"duration_s": -1}, {"durashun_s": 1}, {}):
            ask(client, 422, "PATCH", path, json={"parameters": bad})
        (told,) = ask(client, 200, "GET", "events", params={"kind": "fault.changed"})["events"]
        assert told["data"]["duration_s"] == 77.0

    keep_up(station, act)
    assert replay(station.parent / "run", None, as_json=False) == 0


def test_it_is_ended_in_order(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        assert ask(client, 202, "POST", "station/stop")["state"] == "stopped"

    assert keep_up(station, act).document["verdict"] == "pass"


def test_scenarios_are_listed_and_texts_checked_without_reading_files(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        names = [row["name"] for row in ask(client, 200, "GET", "scenarios")]
        assert "quiet-day" in names
        text = ask(client, 200, "GET", "scenarios/two-outlet-day")["text"]
        assert ask(client, 200, "POST", "scenarios/validate", json={"text": text}) == {"is_valid": True, "problems": []}
        by_parameter = "station: {parameter: where}\nparameters: {where: {default: /etc/passwd.yaml}}"
        for more, key in (
            ("station: /etc/passwd.yaml", "station"),
            (by_parameter, "station"),
            ("demand: {replay: /etc/passwd}", "demand.replay"),
            ("include: [/etc/passwd]", "include"),
        ):
            bad = "scenario: 1\ntitle: {en: A, zh: 甲}\nstart: 2022-06-14T08:00\nduration_h: 1\nseed: 1\n" + more
            (first, *_) = ask(client, 200, "POST", "scenarios/validate", json={"text": bad})["problems"]
            assert (first["file"], first["line"], first["key"]) == ("scenario.yaml", 6, key)
        assert "did you mean" in ask(client, 404, "GET", "scenarios/quiet-dya")["detail"]

    keep_up(station, act)
