"""`voltyard serve` as a process: up, listed, ended in order; refusals; a queue that outlives it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from pymodbus.client import ModbusTcpClient

from bench_api.cli import main
from bench_api.running import replay
from hil.ocpp.csms.process import spawn
from sim.reading import Run
from twins.station_file import find_station

SCENARIO = """\
scenario: 1
title: {{en: Kept up, zh: 常开}}
station: mine.yaml
start: 2022-06-14T08:00
duration_h: 1
seed: 3
demand: {{replay: {cars}}}
"""
Refused = Callable[..., tuple[object, str]]
COLUMNS = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"


@pytest.fixture
def kept_up(tmp_path: Path) -> Path:
    (tmp_path / "cars.csv").write_text(COLUMNS + "0,,1,60,20,80,120\n")
    text = find_station("two-outlet").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(re.sub(r"port: \d+", "port: 0", text), encoding="utf-8")
    path = tmp_path / "kept-up.yaml"
    path.write_text(SCENARIO.format(cars="cars.csv"), encoding="utf-8")
    return path


class Up:
    """A served station: where its REST face is, and what the process says on standard error."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            self.said.append(line)
            if "is up" in line:
                break
        rows = [line.split() for line in self.said if " rest " in line]
        assert rows, "".join(self.said)
        self.client = httpx2.Client(base_url=rows[0][0], timeout=20.0)
        self._rest = threading.Thread(target=self.said.extend, args=(process.stderr,))
        self._rest.start()

    def get(self, path: str, **params: Any) -> Any:
        response = self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def wait_for(self, kind: str) -> dict[str, Any]:
        """The first event of this kind."""
        for _ in range(20_000):
            if found := self.get("events", kind=kind)["events"]:
                return dict(found[0])
        raise AssertionError(f"no {kind}: {''.join(self.said)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal, which as from a terminal all its processes get; its exit code."""
        self.client.close()
        os.killpg(self.process.pid, number)
        code = self.process.wait(30.0)
        self._rest.join()
        return code


@contextmanager
def serving(scenario: Path, *options: str, token: str | None = None) -> Iterator[Up]:
    command = [sys.executable, "-m", "voltyard", "serve", str(scenario), "--port", "0", *options]
    environment = os.environ | ({"VOLTYARD_TOKEN": token} if token else {})
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)
    up = None
    try:
        up = Up(process)
        yield up
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if up is not None:
            up._rest.join()
            up.client.close()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_listed_lives_and_ends_in_order(
    kept_up: Path, tmp_path: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(kept_up, "--pace", "60x", "--out", str(tmp_path / "run")) as up:
        ocpp, *units, rest = (line.split() for line in up.said if re.match(r"\w+://", line))
        assert ocpp[1:] == ["ocpp", "A01", "pile[A01]"] and ocpp[0].endswith("/A01")
        assert [unit[1:5] for unit in units] == [
            ["modbus-tcp", f"meters.{number}", "unit", f"{number}"] for number in (1, 2)
        ]
        assert ":0" not in units[0][0], "the port that it has"
        shown = {(row["protocol"], row["url"], row["unit"]) for row in up.get("endpoints")}
        assert shown == {("ocpp", ocpp[0], None), ("modbus-tcp", units[0][0], 1), ("modbus-tcp", units[0][0], 2),
                         ("rest", rest[0], None)}  # fmt: skip
        up.wait_for("wire.transaction")
        health = up.get("health")
        assert health["charge_points"] == {"connected": 1, "all": 1}
        assert health["messages"]["started"] == 1
        cut = {"fault": "link.cut", "target": "link[A01]"}
        assert up.client.post("faults/active", json=cut).status_code == 201
        up.wait_for("wire.lost")
        assert up.get("station")["charge_points"] == {"A01": "down"}
        assert up.end(number) == 0
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert (document["verdict"], document["pace"]) == ("pass", "60x")
    assert "ocpp[A01]: the CSMS is lost\n" in "".join(up.said)
    assert "PASS" in "".join(up.said) and (tmp_path / "run" / "report.html").exists()
    with Run(tmp_path / "run") as run:
        (car,) = run.sessions()
        assert (car.outcome, car.transaction_id) == ("charging", 1)
        assert [row.verb for row in run.commands() if row.source == "rest"] == ["fault.inject"]
    assert replay(tmp_path / "run", None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == document["digest"]


def test_a_restart_with_the_same_state_delivers_what_waited(kept_up: Path, tmp_path: Path) -> None:
    (tmp_path / "cars.csv").write_text(COLUMNS + "0,320,1,60,20,80,120\n")
    with spawn() as csms:
        options = ("--state", str(tmp_path / "state"), "--pace", "60x", "--csms", csms.ocpp_url)

        def statuses() -> list[str]:
            return [row["status"] for row in httpx2.get(f"{csms.api_url}/api/v1/transactions").json()]

        with serving(kept_up, *options, "--out", str(tmp_path / "one")) as up:
            up.wait_for("wire.transaction")
            assert up.client.post("faults/active", json={"fault": "link.cut", "target": "link[A01]"}).status_code == 201
            up.wait_for("session.ended")
            assert up.end() == 0
        assert statuses() == ["open"], "its end waits in the queue"
        (tmp_path / "cars.csv").write_text(COLUMNS)
        with serving(kept_up, *options, "--out", str(tmp_path / "two")) as up:
            up.wait_for("wire.booted")
            assert any(statuses() == ["stopped"] for _ in range(5_000))
            assert up.end() == 0


def test_a_csms_that_is_not_there_is_waited_for(kept_up: Path, tmp_path: Path) -> None:
    with serving(kept_up, "--pace", "60x", "--csms", "ws://127.0.0.1:9", "--out", str(tmp_path / "run")) as up:
        up.wait_for("wire.refused")
        health = up.get("health")
        assert health["charge_points"] == {"connected": 0, "all": 1}
        assert (health["status"], health["reasons"]) == ("degraded", ["without their CSMS: 1 of 1 charge points"])
        assert up.end() == 0
    document = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert (document["verdict"], document["reason"]) == ("fail", "CSMS of A01 never reached")
    assert replay(tmp_path / "run", None, as_json=True) == 0


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str]]:
    """Exit code and words of a command that is refused."""

    def asked(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr(sys, "argv", ["voltyard", "serve", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return asked


def test_a_port_that_is_taken_is_named(kept_up: Path, tmp_path: Path, refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(str(kept_up), "--port", str(port), "--out", str(tmp_path / "run"))
    assert (code, len(said.splitlines())) == (3, 1)
    assert f"127.0.0.1:{port}" in said
    assert not (tmp_path / "run").exists(), "no run has begun"


def test_a_modbus_port_that_is_taken_is_named(kept_up: Path, tmp_path: Path, refused: Refused) -> None:
    mine = tmp_path / "mine.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mine.write_text(mine.read_text(encoding="utf-8").replace("port: 0", f"port: {port}"), encoding="utf-8")
        code, said = refused(str(kept_up), "--port", "0", "--out", str(tmp_path / "run"))
    assert (code, len(said.splitlines())) == (3, 1)
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert not (tmp_path / "run").exists(), "no run has begun"


def test_tls_files_that_cannot_be_used_are_told_before_anything_begins(
    kept_up: Path, tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, out = tmp_path / "mine.yaml", tmp_path / "run"
    tls = "port: 0\n    transport: tls\n    tls: {certificate: site.pem, key: site.key}"
    mine.write_text(mine.read_text(encoding="utf-8").replace("port: 0", tls), encoding="utf-8")
    (tmp_path / "site.pem").write_text("nothing of this kind")
    (tmp_path / "site.key").write_text("nothing of this kind")
    code, said = refused(str(kept_up), "--port", "0", "--out", str(out))
    assert code == 2 and re.search(r"mine\.yaml:\d+: endpoints\[1\]\.tls\.certificate: .*site\.pem", said)
    monkeypatch.setattr(sys, "argv", ["voltyard", "run", str(kept_up), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and "endpoints[1].tls.certificate" in capsys.readouterr().err
    assert not out.exists()


def test_two_stations_of_one_file_live_beside_each_other_on_free_ports(
    kept_up: Path, tmp_path: Path, refused: Refused
) -> None:
    mine = tmp_path / "mine.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        mine.write_text(mine.read_text(encoding="utf-8").replace("port: 0", f"port: {port}"), encoding="utf-8")
        _, said = refused(str(kept_up), "--port", "0", "--out", str(tmp_path / "first"))
        assert f"cannot listen on 127.0.0.1:{port}" in said and said.endswith("--free-ports takes any\n")
        with serving(kept_up, "--free-ports", "--out", str(tmp_path / "second")) as up:
            urls = {row["url"] for row in up.get("endpoints") if row["protocol"] == "modbus-tcp"}
            assert urls and not urls & {f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:0"}
            host, _, number = urls.pop().removeprefix("tcp://").rpartition(":")
            socket.create_connection((host, int(number)), timeout=5.0).close()
            up.process.send_signal(signal.SIGTERM)
            assert up.process.wait(timeout=30.0) == 0


def test_a_map_that_does_not_fit_is_told_before_anything_begins(
    kept_up: Path, tmp_path: Path, refused: Refused
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(mine.read_text(encoding="utf-8").replace("map: sdm630", "map: sdm63O"), encoding="utf-8")
    code, said = refused(str(kept_up), "--port", "0", "--out", str(tmp_path / "run"))
    assert code == 2 and "mine.yaml:" in said and "sdm63O" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "a token is required"),
        (["--host", "::"], "a token is required"),
        (["--port", "65536"], "--port 65536"),
        (["--pace", "fast"], "--pace fast"),
        (["--pace", "lockstep"], "--pace lockstep"),
        (["--csms", "http://x"], "ws://"),
        (["--record", "some"], "--record"),
        (["--token-file", "no-such-file"], "--token-file"),
    ],
)
def test_bad_usage_is_one_line(kept_up: Path, arguments: list[str], said: str, refused: Refused) -> None:
    code, told = refused(str(kept_up), *arguments)
    assert (code, len(told.splitlines())) == (2, 1)
    assert said in told


@pytest.mark.parametrize(
    ("faces", "pace", "said"),
    [
        ("modbus,can", "real", "--faces modbus,can: 'can' is none; modbus or rest"),
        ("rest", "fast", "--faces rest needs sockets"),
    ],
)
def test_faces_that_a_run_cannot_show_are_told(
    kept_up: Path, faces: str, pace: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["voltyard", "run", str(kept_up), "--pace", pace, "--faces", faces, "--out", str(kept_up.parent / "run")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and said in capsys.readouterr().err


def test_a_run_shows_the_faces_that_it_is_told_to(kept_up: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voltyard", "run", str(kept_up), "--pace", "real", "--faces", "modbus,rest",
               "--out", str(tmp_path / "run")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        wires: dict[str, str] = {}
        while "rest" not in wires:
            line = process.stderr.readline()
            assert line, "it ended before its faces were up"
            url, *words = line.split()
            wires |= {word: url for word in words if word in ("modbus-tcp", "rest")}
        with httpx2.Client(base_url=wires["rest"], timeout=20.0) as client:
            assert client.get("health").json()["scenario"] == "kept-up"
        address = urlsplit(wires["modbus-tcp"])
        with ModbusTcpClient(str(address.hostname), port=address.port or 0) as master:
            answer = master.read_input_registers(0x46, count=2, device_id=2)
            assert master.convert_from_registers(answer.registers, master.DATATYPE.FLOAT32) == 50.0
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        assert process.wait(timeout=30.0) == 4, "a person has ended it"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_beyond_loopback_the_token_opens(kept_up: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("open sesame\n")
    options = ("--host", "0.0.0.0", "--token-file", str(secret), "--out", str(tmp_path / "run"))
    with serving(kept_up, *options) as up:
        modbus = [line.split()[0] for line in up.said if " modbus-tcp " in line]
        assert modbus and all(one.startswith("tcp://127.0.0.1:") for one in modbus), "which knows no token"
        url = str(up.client.base_url).replace("0.0.0.0", "127.0.0.1") + "health"
        for header, status in ((None, 401), ("Bearer wrong", 401), ("Bearer open sesame", 200)):
            headers = {"Authorization": header} if header else {}
            assert httpx2.get(url, headers=headers).status_code == status
        assert up.end() == 0
    assert "sesame" not in "".join(up.said)
    with Run(tmp_path / "run") as run:
        assert not any("sesame" in str(value) for value in run.meta.values())


def test_a_folder_that_has_a_run_keeps_it(kept_up: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for _ in range(2):
        with serving(kept_up, "--pace", "60x", "--out", str(out)) as up:
            up.wait_for("wire.booted")
            assert up.end() == 0
    assert f"the earlier run there is kept in {out / 'earlier-1'}" in "".join(up.said)
    for folder in (out, out / "earlier-1"):
        assert json.loads((folder / "verdict.json").read_text())["verdict"] == "pass"
        with Run(folder) as run:
            assert run.meta["is_endless"] == "true"
    assert (out / "state" / "queue.sqlite").exists() and not (out / "earlier-1" / "state").exists()


def test_a_real_device_has_no_faults_of_twins_and_its_absence_is_told(kept_up: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "slots.yaml").write_text(
        "slots: 1\nstation: mine.yaml\nthings:\n  - at: 'pile[A01].connector[2]'\n    behind: hardware\n"
        f"    armed: true\n    max_kw: 60\n    driver: {{kind: ocpp, port: {port}, charge_point: X01}}\n",
        encoding="utf-8",
    )
    at = "pile[A01].connector[2]"
    with serving(kept_up, "--slots", str(tmp_path / "slots.yaml"), "--out", str(tmp_path / "run")) as up:
        stuck = {"fault": "pile.contactor_stuck", "target": at, "parameters": {"position": "open"}}
        told = up.client.post("faults/active", json=stuck)
        assert told.status_code == 422 and f"a real device stands at {at}" in told.json()["detail"]
        asked = up.client.post("commands", json={"verb": "evse.limit", "target": at, "args": {"limit_kw": 5}})
        assert asked.status_code == 409 and asked.json()["detail"] == "the device has not joined"
        assert f"{at}: the device has not joined" in up.get("health")["reasons"]
        assert up.end() == 0
