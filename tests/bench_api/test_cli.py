"""The command line as a person meets it: codes, messages without traceback, the CSMS that ends in order."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2

from twins.station_file import find_station


def voltyard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "voltyard", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_comes_on_standard_output() -> None:
    shown = voltyard("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "csms" in shown.stdout


def test_an_unknown_command_is_bad_usage() -> None:
    shown = voltyard("chrage")
    assert shown.returncode == 2
    assert "chrage" in shown.stderr and "Traceback" not in shown.stderr


def test_a_taken_port_is_named_and_is_the_benchs_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shown = voltyard("csms", "--port", str(port), "--api-port", "0")
    assert shown.returncode == 3
    assert str(port) in shown.stderr and "Traceback" not in shown.stderr


def test_beyond_loopback_a_token_is_required(tmp_path: Path) -> None:
    shown = voltyard("csms", "--host", "0.0.0.0", "--port", "0", "--api-port", "0")
    assert shown.returncode == 2
    assert "token" in shown.stderr
    (tmp_path / "empty").write_text("\n")
    shown = voltyard("csms", "--token-file", tmp_path / "empty")
    assert shown.returncode == 2
    assert "is empty" in shown.stderr


def test_the_csms_serves_and_ends_in_order_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "voltyard", "csms", "--port", "0", "--api-port", "0", "--db", tmp_path / "db"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        api = line.rsplit("REST ", 1)[1].strip()
        assert httpx2.get(f"{api}/health", trust_env=False).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert "Traceback" not in process.stderr.read()


def test_check_names_file_line_and_key_and_what_would_be_right(tmp_path: Path) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(text, encoding="utf-8")
    bad.write_text(text.replace("rating_kva", "rating_kav"), encoding="utf-8")
    assert voltyard("check", good).returncode == 0
    shown = voltyard("check", good, bad)
    assert shown.returncode == 2
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "rating_kva" in row)
    assert f"bad.yaml:{line}: " in shown.stderr
    assert "rating_kva" in shown.stderr and "Traceback" not in shown.stderr
    assert voltyard("check", tmp_path / "none.yaml").returncode == 2


def test_schema_and_lists_are_json_on_standard_output_alone() -> None:
    shape = voltyard("schema", "station")
    assert "piles" in json.loads(shape.stdout)["properties"]
    shown = voltyard("list", "faults", "--json")
    rows = {row["name"]: row for row in json.loads(shown.stdout)}
    assert shown.stderr == ""
    assert rows["bms.mute"]["hits"] == "Bms"
    assert rows["pile.contactor_stuck"]["parameters"][0]["choices"] == ["closed", "open"]
    assert "two-outlet" in voltyard("list", "stations").stdout


def test_export_refuses_what_is_no_run(tmp_path: Path) -> None:
    shown = voltyard("export", tmp_path, "--to", "csv")
    assert shown.returncode == 2
    assert str(tmp_path) in shown.stderr and "Traceback" not in shown.stderr
