"""The command line as a person meets it: codes, messages without traceback, the CSMS that ends in order."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import httpx2
import pytest

from bench_api.cli import main
from hil.ocpp.csms.process import spawn
from scenarios.loader import find_scenario
from scenarios.slots import find_slots
from twins.station_file import find_station


def voltyard(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line in this process: most of a second is spared a call."""
    words, out, err, before = [str(word) for word in arguments], StringIO(), StringIO(), sys.argv
    sys.argv = ["voltyard", *words]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv = before
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command line as a shell starts it, with nothing registered that other tests made up."""
    command = [sys.executable, "-m", "voltyard", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_comes_on_standard_output() -> None:
    shown = process("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "csms" in shown.stdout


def test_an_unknown_command_is_bad_usage() -> None:
    shown = process("chrage")
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


def test_faults_are_listed_with_what_it_takes_to_write_one() -> None:
    shown = process("list", "faults").stdout
    assert "    target pile[ID].cabinet (a station with `heat: {piles: true}`)\n" in shown
    assert "    factor: 1 to 100; left out: 5.0\n" in shown
    assert "    duration_s: 0.1 to 600 s; left out: until it is cleared\n" in shown
    assert "    position: closed or open; left out: closed\n" in shown
    rows = json.loads(process("list", "faults", "--json").stdout)
    assert [row["name"] for row in rows if not row["target"][0].islower()] == [], "these show a class and no path"


def test_a_shipped_station_is_printed_to_begin_with(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(voltyard("list", "stations", "--show", "public").stdout, encoding="utf-8")
    assert mine.read_text(encoding="utf-8") == find_station("public").read_text(encoding="utf-8")
    assert voltyard("check", mine).returncode == 0


@pytest.mark.parametrize(
    ("listing", "name", "find"), [("scenarios", "hot-day", find_scenario), ("slots", "foreign-charger", find_slots)]
)
def test_scenarios_and_slots_are_printed_too(listing: str, name: str, find: Callable[[str], Path]) -> None:
    assert voltyard("list", listing, "--show", name).stdout == find(name).read_text(encoding="utf-8")


def test_models_are_listed_with_their_figures() -> None:
    assert "DC 120 kW; outlets: 2, each up to 120 kW and 250 A" in voltyard("list", "piles").stdout
    assert "60 kWh LFP, 400 V, up to 110 kW DC and 7 kW AC" in voltyard("list", "vehicles").stdout


def test_export_refuses_what_is_no_run(tmp_path: Path) -> None:
    shown = voltyard("export", tmp_path, "--to", "csv")
    assert shown.returncode == 2
    assert str(tmp_path) in shown.stderr and "Traceback" not in shown.stderr


def test_probe_says_what_came_back(tmp_path: Path) -> None:
    with spawn(tmp_path / "db") as peer:
        shown = voltyard("probe", "--csms", peer.ocpp_url, "--json")
    said = json.loads(shown.stdout)
    assert (shown.returncode, said["subprotocol"], said["conforming"]) == (0, "ocpp1.6", True)
    assert [row["action"] for row in said["answers"]] == ["BootNotification", "Heartbeat", "Authorize"]
    shown = voltyard("probe", "--csms", "ws://127.0.0.1:9")
    assert shown.returncode == 3
    assert "127.0.0.1:9" in shown.stderr and "Traceback" not in shown.stderr


def test_run_prints_one_document_and_writes_its_folder(tmp_path: Path) -> None:
    out, junit = tmp_path / "run", tmp_path / "ci" / "junit.xml"
    shown = voltyard("run", "two-outlet-day", "--json", "--out", out, "--junit", junit)
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert document == json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    assert {"run.sqlite", "verdict.json", "junit.xml", "report.html", "plots"} <= {path.name for path in out.iterdir()}
    assert junit.read_text(encoding="utf-8") == (out / "junit.xml").read_text(encoding="utf-8")
    assert set(document) == {
        "schema", "voltyard", "verdict", "scenario", "station", "seed", "pace", "digest", "event_digest",
        "simulated_s", "wall_s", "cpu_s", "run_dir", "books", "kpis", "lateness_ms", "unsolicited", "expectations",
    }  # fmt: skip
    assert voltyard("replay", out).returncode == 0
    assert voltyard("report", out / "run.sqlite").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "two-outlet-dya"], "two-outlet-day"),
        (["run", "two-outlet-day", "--pace", "0x"], "60x"),
        (["run", "two-outlet-day", "--pace", "fast", "--csms", "ws://127.0.0.1:1"], "lockstep"),
        (["run", "two-outlet-day", "--csms", "http://127.0.0.1:1"], "ws://"),
        (["run", "two-outlet-day", "--record", "some"], "kpi, events, all"),
        (["run", "two-outlet-day", "--seed", "-1"], "0 to"),
        (["run", "two-outlet-day", "--out", "/dev/null/x"], "give another"),
        (["replay", "nowhere"], "no recorded run"),
        (["list", "endpoints", "two-outlte"], "two-outlet"),
        (["list", "stations", "--show", "pubic"], "did you mean public?"),
        (["list", "maps", "--show", "sdm360"], "did you mean sdm630?"),
        (["list", "scenarios", "--show", "hot-dya"], "no scenario 'hot-dya' is shipped; did you mean hot-day?"),
        (["list", "slots", "--show", "foreign"], "no slot 'foreign' is shipped; "),
        (["list", "faults", "--show", "public"], "list stations --show"),
    ],
)
def test_a_persons_mistake_is_told_in_a_line(arguments: list[str], word: str) -> None:
    shown = voltyard(*arguments)
    assert shown.returncode == 2
    assert word in shown.stderr and "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    "what", ["scenarios", "faults", "twins", "stations", "piles", "vehicles", "maps", "endpoints", "expectations"]
)
def test_lists_for_people_and_programs(what: str) -> None:
    rows = json.loads(voltyard("list", what, "--json").stdout)
    assert rows
    shown = voltyard("list", what).stdout
    assert all(row.get("name", row.get("id")) in shown for row in rows)


def test_a_station_without_a_wire_has_no_lockstep(tmp_path: Path) -> None:
    whole = find_station("two-outlet").read_text(encoding="utf-8")
    (tmp_path / "bare.yaml").write_text(whole[: whole.index("endpoints:")], encoding="utf-8")
    scenario = tmp_path / "day.yaml"
    text = find_scenario("two-outlet-day").read_text(encoding="utf-8")
    scenario.write_text(text.replace("station: two-outlet", "station: bare.yaml"), encoding="utf-8")
    assert voltyard("run", scenario, "--out", tmp_path / "fast").returncode == 0
    shown = voltyard("run", scenario, "--pace", "lockstep", "--out", tmp_path / "lockstep")
    assert shown.returncode == 2
    assert "bare.yaml" in shown.stderr and "endpoint" in shown.stderr


def test_what_ci_takes_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    page, out = tmp_path / "page" / "summary.md", tmp_path / "run"
    for _ in range(2):
        told = voltyard("run", "two-outlet-day", "--pace", "lockstep", "--out", out, "--summary", page)
        assert told.returncode == 0, told.stderr
    text = page.read_text(encoding="utf-8")
    assert text.count("two-outlet-day: pass") == 2, "a page that others write to as well is added to"
    assert "voltyard run two-outlet-day --pace lockstep --seed 7" in text and f"<{out / 'report.html'}>" in text
    told = voltyard("export", out, "--to", "text", "--wire", "--action", "StopTransaction", "--kind", "call")
    assert told.returncode == 0, told.stderr
    lines = Path(told.stdout.strip()).read_text(encoding="utf-8").splitlines()
    assert lines and all("-> call   StopTransaction  [2," in line for line in lines)
    told = voltyard("export", out, "--to", "csv", "--action", "StopTransaction")
    assert (told.returncode, "--wire" in told.stderr) == (2, True)
    assert json.loads(voltyard("provision", "two-outlet", "--format", "json").stdout)["charge_points"][0]["id"] == "A01"
