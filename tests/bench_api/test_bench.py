"""Whole runs: the paces agree, recordings repeat, and whatever the CSMS does ends in a verdict."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.outcome import Outcome
from bench_api.paces import read_pace
from bench_api.report import write_report
from bench_api.running import replay
from hil.ocpp.connection import Connection
from hil.ocpp.csms.process import CsmsProcess, spawn
from hil.ocpp.transport import WebSocketServer
from scenarios.loader import load_scenario
from sim.reading import Run
from twins.station_file import find_station

Play = Callable[..., Outcome]
Behave = Callable[[Connection, bytes], None]


@contextmanager
def counterpart(behave: Behave, greet: Callable[[Connection], None] = lambda _connection: None) -> Iterator[str]:
    """A CSMS of this behaviour, in a thread of its own; gives its address. `greet` is called for each connection."""
    ready, address = threading.Event(), [""]
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        def opened(connection: Connection) -> None:
            connection.on_data = lambda data: behave(connection, data)
            loop.call_soon(greet, connection)

        server = WebSocketServer(opened)
        await server.start()
        address[0] = server.url
        ready.set()
        try:
            await stopped.wait()
        finally:
            await server.stop()

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10.0)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_fast_and_lockstep_give_one_event_digest(play: Play, tmp_path: Path) -> None:
    fast, first, second = play("fast", "fast"), play("lockstep", "first"), play("lockstep", "second", record="kpi")
    assert [one.exit_code for one in (fast, first, second)] == [0, 0, 0]
    assert fast.document["event_digest"] == first.document["event_digest"]
    assert first.document["digest"] == second.document["digest"]
    assert first.document["books"]["messages"] == {
        "started": 3, "stopped": 3, "open": 0, "lost": 0, "doubled": 0, "misordered": 0,
    }  # fmt: skip
    with Run(tmp_path / "first") as run:
        assert [car.transaction_id for car in run.sessions()] == [1, 2, 3]
        frames = list(run.frames())
    assert {frame.verdict for frame in frames} == {"ok"}
    calls = [frame.action for frame in frames if frame.kind == "call"]
    assert calls[:4] == ["BootNotification", *["StatusNotification"] * 3]
    asked = [action for action in calls if action not in ("MeterValues", "Heartbeat", "BootNotification")]
    assert asked[3:8] == [
        "StatusNotification", "Authorize", "StartTransaction", "StatusNotification", "StatusNotification",
    ]  # fmt: skip
    stored = rows(tmp_path / "first" / "csms.sqlite", "SELECT meter_stop_wh - meter_start_wh, status FROM transactions")
    registered = [round(car.energy_registered_kwh * 1000.0) for car in sessions(tmp_path / "first")]
    assert [status for _, status in stored] == ["stopped"] * 3
    assert all(abs(wh - said) <= 1 for (wh, _), said in zip(sorted(stored), sorted(registered), strict=True))
    assert rows(tmp_path / "first" / "csms.sqlite", "SELECT * FROM violations") == []


def test_two_sockets_in_lockstep_give_the_event_digest_of_fast_pace(play: Play, scenario: Path, tmp_path: Path) -> None:
    station = find_station("two-outlet").read_text(encoding="utf-8").replace("per_cabinet", "per_evse")
    (tmp_path / "pair.yaml").write_text(station, encoding="utf-8")
    scenario.write_text(scenario.read_text(encoding="utf-8").replace("two-outlet", "pair.yaml"), encoding="utf-8")
    fast, first, second = play("fast", "fast"), play("lockstep", "first"), play("lockstep", "second")
    assert fast.document["event_digest"] == first.document["event_digest"]
    assert first.document["digest"] == second.document["digest"]
    with Run(tmp_path / "first") as run:
        assert {frame.link for frame in run.frames()} == {"A01-1", "A01-2"}


def sessions(folder: Path) -> list[Any]:
    with Run(folder) as run:
        return list(run.sessions())


@pytest.mark.parametrize("pace", ["fast", "lockstep", "3000x"])
def test_a_recording_repeats(play: Play, tmp_path: Path, pace: str, capsys: pytest.CaptureFixture[str]) -> None:
    played = play(pace, record="kpi")
    assert replay(tmp_path / "run", None, as_json=True) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["digest"] == played.document["digest"]
    assert again["event_digest"] == played.document["event_digest"]


@pytest.mark.clause("10.2.5")
def test_a_cut_wire_loses_the_connection_and_nothing_else(
    scenario: Path, play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline = """timeline:
  - {after_s: 600, inject: link.cut, target: "link[A01]", as: cut}
  - {after_s: 5000, clear: cut}
expect:
  - {id: lost_once, count: {event: wire.lost, equals: 1}, face: wire}
"""
    scenario.write_text(scenario.read_text(encoding="utf-8").replace("expect:\n", timeline), encoding="utf-8")
    played = play("lockstep")
    assert played.exit_code == 0, played.document
    with Run(tmp_path / "run") as run:
        lost = [event.t_s for event in run.events(kind="wire.lost")]
        found = [event.t_s for event in run.events(kind="wire.connected")]
        states = run.states("link[A01].state")
        stops = [frame.t_s for frame in run.frames() if frame.action == "StopTransaction" and frame.direction == "out"]
        silent = [frame for frame in run.frames() if 600.0 < frame.t_s < 5000.0]
    assert lost[0] == 600.0
    assert 5000.0 < found[1] <= 5010.3
    assert silent == []
    assert len(stops) == 3
    assert [states.label(int(code)) for code in states.code] == ["down", "up", "down", "up"]
    assert replay(tmp_path / "run", None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == played.document["digest"]


def test_what_is_billed_but_not_taken_names_the_cut_wire(scenario: Path, play: Play, tmp_path: Path) -> None:
    timeline = """timeline:
  - {after_s: 600, inject: link.cut, target: "link[A01]", as: spade}
expect:
"""
    scenario.write_text(scenario.read_text(encoding="utf-8").replace("expect:\n", timeline), encoding="utf-8")
    played = play("lockstep")
    assert played.document["verdict"] == "fail"
    assert played.document["reason"].endswith("ended, but the CSMS has not taken their end; behind it: spade")
    owed = played.document["books"]["undelivered"]
    running = [car for car in sessions(tmp_path / "run") if car.started_s is not None and car.stopped_s is not None]
    assert owed == [car.id for car in running if car.stopped_s > 600.0] != []
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    for car in running:
        said = f"{car.id} (pile A01, connector {car.connector}): {car.cost_cny:.2f} CNY; behind it: Link cut (link A01,"
        assert (said in page) is (car.id in owed)
    assert "原因：通信链路中断（链路 A01，“spade”），自 08:10:00" in page


def test_a_replay_of_other_commands_is_told_apart(play: Play, tmp_path: Path) -> None:
    play("lockstep", record="kpi")
    refused = '"status\\":\\"Invalid\\"'
    with closing(sqlite3.connect(tmp_path / "run" / "run.sqlite")) as database:
        changed = database.execute(
            "UPDATE commands SET args = replace(args, ?, ?) WHERE args LIKE '%idTagInfo%'",
            ('"status\\":\\"Accepted\\"', refused),
        )
        assert changed.rowcount > 0
        database.commit()
    assert replay(tmp_path / "run", None, as_json=False) == 1


def test_real_pace_measures_its_lateness(play: Play) -> None:
    played = play("20000x", record="kpi")
    assert "error" not in played.document
    assert played.document["lateness_ms"]["max"] >= played.document["lateness_ms"]["p50"] >= 0.0


def test_a_csms_that_is_not_there_is_an_error_that_names_it(play: Play, tmp_path: Path) -> None:
    played = play("lockstep", csms="ws://127.0.0.1:9", patience_s=0.2)
    assert played.exit_code == 3
    assert "127.0.0.1:9" in played.document["error"]
    assert (tmp_path / "run" / "junit.xml").exists()


def mute(_connection: Connection, _data: bytes) -> None:
    pass


def babble(connection: Connection, _data: bytes) -> None:
    connection.send(b'{"this": "is no OCPP"}')


def refuse(connection: Connection, data: bytes) -> None:
    number = json.loads(data)[1]
    connection.send(json.dumps([4, number, "InternalError", "no", {}]).encode())


def hang_up(connection: Connection, _data: bytes) -> None:
    connection.abort()


@pytest.mark.parametrize("behave", [mute, babble, refuse, hang_up])
def test_a_csms_that_is_of_no_use_fails_the_run_in_good_time(play: Play, behave: Behave, tmp_path: Path) -> None:
    with counterpart(behave) as url:
        played = play("lockstep", csms=url, patience_s=0.2)
    assert played.document["verdict"] == "fail", played.document
    assert played.document["simulated_s"] == 3 * 3600.0
    assert {car.outcome for car in sessions(tmp_path / "run")} == {"failed"}


def test_a_csms_that_dies_leaves_ends_undelivered(play: Play, tmp_path: Path) -> None:
    heard = [0]

    def die(connection: Connection, data: bytes) -> None:
        kind, number, action, *_ = json.loads(data)
        heard[0] += action == "StartTransaction"
        if heard[0] > 1 or kind != 2:
            connection.abort()
            return
        answers = {
            "BootNotification": {"status": "Accepted", "currentTime": "2022-06-14T06:00:00Z", "interval": 300},
            "Heartbeat": {"currentTime": "2022-06-14T06:00:00Z"},
            "Authorize": {"idTagInfo": {"status": "Accepted"}},
            "StartTransaction": {"transactionId": 7, "idTagInfo": {"status": "Accepted"}},
        }
        connection.send(json.dumps([3, number, answers.get(action, {})]).encode())

    with counterpart(die) as url:
        played = play("lockstep", csms=url, patience_s=0.2)
    assert played.exit_code == 1
    assert "has not taken their end" in played.document["reason"]
    left = rows(tmp_path / "run" / "state" / "queue.sqlite", "SELECT kind FROM messages WHERE kind <> 'MeterValues'")
    assert ("StopTransaction",) in left


def test_what_waits_is_delivered_by_the_next_run_with_the_same_state(play: Play, tmp_path: Path) -> None:
    with counterpart(lambda connection, data: (mute if heard_start(data) else welcome)(connection, data)) as url:
        first = play("lockstep", "first", csms=url, patience_s=0.2, state=tmp_path / "state")
    assert first.exit_code == 1
    second = play("lockstep", "second", state=tmp_path / "state")
    assert second.exit_code == 0, second.document
    assert rows(tmp_path / "state" / "queue.sqlite", "SELECT count(*) FROM messages") == [(0,)]
    stored = rows(tmp_path / "second" / "csms.sqlite", "SELECT status, count(*) FROM transactions GROUP BY status")
    assert dict(stored)["stopped"] >= 3
    assert replay(tmp_path / "second", None, as_json=False) == 0


def heard_start(data: bytes) -> bool:
    return b'"StartTransaction"' in data


def welcome(connection: Connection, data: bytes) -> None:
    kind, number, action, *_ = json.loads(data)
    if kind != 2:
        return
    answers: dict[str, Any] = {
        "BootNotification": {"status": "Accepted", "currentTime": "2022-06-14T06:00:00Z", "interval": 300},
        "Heartbeat": {"currentTime": "2022-06-14T06:00:00Z"},
        "Authorize": {"idTagInfo": {"status": "Accepted"}},
    }
    connection.send(json.dumps([3, number, answers.get(action, {})]).encode())


def test_what_the_csms_asks_for_happens(play: Play, tmp_path: Path) -> None:
    """RemoteStop, ChangeAvailability, RemoteStart before the car is plugged in, Reset: each is accepted and acts."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "StartTransaction 1": ("RemoteStopTransaction", {"transactionId": 1}),
        "StopTransaction 1": ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}),
        "StartTransaction 2": ("Reset", {"type": "Soft"}),
        "Heartbeat 18": ("RemoteStartTransaction", {"connectorId": 1, "idTag": "REMOTE"}),
    }
    counted: dict[str, int] = {}
    answers: dict[str, str] = {}
    tags: list[str] = []

    def ask(connection: Connection, data: bytes) -> None:
        kind, number, *rest = json.loads(data)
        if kind != 2:
            answers[number] = rest[0]["status"]
            return
        action, payload = rest
        counted[action] = counted.get(action, 0) + 1
        said: dict[str, Any] = {
            "BootNotification": {"status": "Accepted", "currentTime": "2022-06-14T06:00:00Z", "interval": 300},
            "Heartbeat": {"currentTime": "2022-06-14T06:00:00Z"},
            "Authorize": {"idTagInfo": {"status": "Accepted"}},
            "StartTransaction": {"transactionId": counted[action], "idTagInfo": {"status": "Accepted"}},
        }
        if action == "StartTransaction":
            tags.append(payload["idTag"])
        connection.send(json.dumps([3, number, said.get(action, {})]).encode())
        wanted = asked.get(f"{action} {counted[action]}")
        if wanted is not None:
            connection.send(json.dumps([2, wanted[0], *wanted]).encode())

    with counterpart(ask) as url:
        play("lockstep", csms=url)
    assert set(answers) == {"RemoteStopTransaction", "ChangeAvailability", "Reset", "RemoteStartTransaction"}
    assert set(answers.values()) == {"Accepted"}
    assert tags == ["TAG-V000001", "REMOTE"]
    cars = sessions(tmp_path / "run")
    assert cars[0].stop_reason == "remote"
    assert cars[0].stopped_s == cars[0].started_s
    assert [car.outcome for car in cars] == ["charged", "waiting", "failed"]
    assert cars[2].stop_reason == "reset_soft"
    assert counted["BootNotification"] == 2
    with Run(tmp_path / "run") as run:
        reached = {(event.subject, event.data["state"]) for event in run.events(kind="evse.state")}
        reasons = [json.loads(frame.body)[3]["reason"] for frame in run.frames()
                   if frame.action == "StopTransaction" and frame.kind == "call"]  # fmt: skip
    assert ("pile[A01].connector[2]", "unavailable") in reached
    assert reasons[:2] == ["Remote", "SoftReset"]


def test_in_real_pace_the_csms_sets_the_clock(scenario: Path, tmp_path: Path) -> None:
    text = scenario.read_text(encoding="utf-8").replace("duration_h: 3", "duration_h: 0.0005")
    scenario.write_text(text, encoding="utf-8")
    bench = Bench(Plan(loaded=load_scenario(scenario), pace=read_pace("real"), seed=3, out=tmp_path / "run",
                       state=tmp_path / "state"))  # fmt: skip
    bench.run()
    assert bench.endpoint is not None
    (link,) = bench.endpoint.links
    shown = datetime.fromisoformat(link.engine.stamp(bench.kernel.now))
    assert abs((shown - datetime.now(UTC)).total_seconds()) < 30.0
    with Run(tmp_path / "run") as run:
        (turn,) = run.events(kind="wire.clock_set")
    assert turn.data["offset_s"] > 1e8
    assert replay(tmp_path / "run", None, as_json=False) == 0


def test_a_call_that_comes_with_the_connection_is_answered(play: Play, tmp_path: Path) -> None:
    with counterpart(welcome, lambda connection: connection.send(b'[2,"early","ClearCache",{}]')) as url:
        play("lockstep", csms=url, patience_s=0.2)
    with Run(tmp_path / "run") as run:
        seen = [(frame.direction, frame.kind) for frame in run.frames() if frame.message_id == "early"]
    assert seen == [("in", "call"), ("out", "result")]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_csms_killed_again_and_again_loses_and_doubles_nothing(play: Play, tmp_path: Path) -> None:
    port, database = free_port(), tmp_path / "csms.sqlite"
    running: list[CsmsProcess] = [spawn(database, port=port)]
    is_over = threading.Event()

    def kill() -> None:
        for pause_s in (0.15, 0.02, 0.07):
            if is_over.wait(pause_s):
                return
            running[0].kill()
            running[0] = spawn(database, port=port)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        played = play("20000x", csms=f"ws://127.0.0.1:{port}")
    finally:
        is_over.set()
        thread.join()
        running[0].terminate()
    assert played.document["books"]["messages"]["doubled"] == 0
    with Run(tmp_path / "run") as run:
        told = {car.transaction_id for car in run.sessions()} - {None}
    stored = rows(database, "SELECT id, count(*) FROM transactions GROUP BY charge_point, connector, started_at")
    assert all(count == 1 for _, count in stored)
    assert told <= {number for number, _ in stored}


def test_a_station_killed_leaves_a_recording_that_opens_and_a_queue_that_is_delivered(
    scenario: Path, tmp_path: Path
) -> None:
    out, state = tmp_path / "run", tmp_path / "state"
    command = [sys.executable, "-m", "voltyard", "run", str(scenario), "--pace", "600x", "--out", str(out)]
    command += ["--state", str(state)]
    with spawn(tmp_path / "csms.sqlite") as csms:
        with subprocess.Popen([*command, "--csms", csms.ocpp_url], stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 30.0
            while time.monotonic() < deadline:
                time.sleep(0.05)
                if rows_or_none(state / "queue.sqlite", "SELECT 1 FROM transactions WHERE transaction_id > 0"):
                    break
            time.sleep(0.7)
            process.kill()
        with Run(out) as run:
            assert any(event.kind == "session.started" for event in run.events())
        owed = rows(state / "queue.sqlite", "SELECT session FROM transactions WHERE is_stopped = 0")
        assert owed
        again = [*command[:5], "--pace", "lockstep", "--seed", "9", "--state", str(state)]
        ended = subprocess.run(
            [*again, "--out", str(tmp_path / "again"), "--csms", csms.ocpp_url], capture_output=True, check=False
        )
    assert ended.returncode == 0, ended.stderr
    stored = rows(tmp_path / "csms.sqlite", "SELECT reason, count(*) FROM transactions GROUP BY reason")
    assert dict(stored).get("PowerLoss") == len(owed)
    assert None not in dict(stored)


def rows_or_none(path: Path, query: str) -> list[Any]:
    try:
        return rows(path, query) if path.exists() else []
    except sqlite3.Error:
        return []


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path, scenario: Path) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))

    command = [sys.executable, "-m", "voltyard", "run", str(scenario), "--out", str(tmp_path / "run")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=small_files)
    assert ended.returncode == 3, ended.stderr
    assert "run.sqlite" in ended.stderr and "full" in ended.stderr
    assert "Traceback" not in ended.stderr
    with Run(tmp_path / "run") as run:
        assert run.meta["scenario"] == "three-cars"


def test_sigterm_aborts_with_everything_kept(scenario: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voltyard", "run", str(scenario), "--pace", "60x", "--out", str(tmp_path / "run")]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30.0
        while not rows_or_none(tmp_path / "run" / "run.sqlite", "SELECT 1 FROM frames LIMIT 1"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        said, _ = process.communicate(timeout=20.0)
    assert process.returncode == 4
    assert json.loads(said)["verdict"] == "aborted"
    assert (tmp_path / "run" / "report.html").exists()


@pytest.mark.clause("9.4.1", "10.1")
def test_a_failed_pile_shows_as_faulted_on_all_its_connectors(
    scenario: Path, play: Play, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timeline = """timeline:
  - {after_s: 900, inject: pile.failed, target: "pile[A01]", with: {duration_s: 3000}}
expect:
  - {id: locked_out, count: {event: evse.recovered, equals: 2}}
"""
    head, _, _ = scenario.read_text(encoding="utf-8").partition("expect:\n")
    scenario.write_text(head + timeline, encoding="utf-8")
    fast, played = play("fast", "fast"), play("lockstep")
    assert played.exit_code == 0, played.document
    assert fast.document["event_digest"] == played.document["event_digest"]
    with Run(tmp_path / "run") as run:
        outcomes = [(car.outcome, car.stop_reason) for car in run.sessions()]
        calls = [frame for frame in run.frames() if frame.direction == "out" and frame.kind == "call"]
    sent = [(frame.t_s, frame.action, json.loads(frame.body)[3]) for frame in calls]
    assert outcomes == [("failed", "pile_failed"), ("failed", "pile_failed"), ("charged", "target_reached")]
    told = [(t, body["connectorId"], body["status"], body["errorCode"])
            for t, action, body in sent if action == "StatusNotification" and 900.0 <= t <= 5_000.0]  # fmt: skip
    assert told == [
        (900.0, 1, "Faulted", "InternalError"), (900.0, 2, "Faulted", "InternalError"),
        (3_900.0, 1, "Available", "NoError"), (3_900.0, 2, "Available", "NoError"),
    ]  # fmt: skip
    stops = [(t, body["reason"]) for t, action, body in sent if action == "StopTransaction"]
    assert stops[:2] == [(900.0, "Other"), (900.0, "Other")]
    assert replay(tmp_path / "run", None, as_json=True) == 0
