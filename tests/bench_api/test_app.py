"""The REST face on a real socket, over a station that lives at sixty times real pace; without a face to a platform."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from kept_up import alone_day, ask, keep_up
from pymodbus.client import ModbusTcpClient

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report import write_report
from bench_api.running import replay
from scenarios.loader import load_scenario
from sim.errors import PlanStorm
from sim.reading import Run

CONNECTOR = "pile[A01].connector[1]"


@pytest.fixture
def station(tmp_path: Path) -> Path:
    """The two-outlet site without its face to a platform, in a scenario with three cars that stay."""
    return alone_day(tmp_path)


def until_it_is_so(look: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if look():
            return
    raise AssertionError("it never came to be so")


def charging(client: httpx2.Client) -> bool:
    return bool(ask(client, 200, "GET", f"signals/{CONNECTOR}.state")["value"] == "charging")


def test_a_station_in_its_readings(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        until_it_is_so(lambda: charging(client))
        plan = ask(client, 200, "GET", "station")
        (pile,) = plan["piles"]
        assert [evse["path"] for evse in pile["evses"]] == [CONNECTOR, "pile[A01].connector[2]"]
        assert pile["evses"][0]["state"] == "charging" and pile["evses"][0]["reaches"] == ["B01"]
        assert {bay["id"]: bay["state"] for bay in plan["bays"]}["B01"] == "occupied"
        assert (plan["name"]["zh"], plan["grid"]["meter"]) == ("双枪站", "grid.meter[M1]")
        every = ask(client, 200, "GET", "signals", params={"with_values": True})
        kinds = {row["name"]: (row["unit"], row["kind"]) for row in every["signals"]}
        assert kinds["grid.power_kw"] == ("kW", "segment")
        assert kinds[f"{CONNECTOR}.state"] == ("", "state")
        assert every["values"].keys() == kinds.keys()
        values = every["values"]
        outlets_kw = sum(values[f"{evse['path']}.power_kw"] for evse in pile["evses"])
        assert outlets_kw == pytest.approx(values["pile[A01].power_kw"], rel=1e-9), "all of one instant"
        named = ask(client, 200, "GET", "signals", params={"glob": "pile[A01].*.power_kw"})
        assert [row["name"] for row in named["signals"]] == [f"{evse['path']}.power_kw" for evse in pile["evses"]]
        assert named["values"] is None
        times = [ask(client, 200, "GET", "signals/grid.power_kw")["t_s"] for _ in range(20)]
        assert times == sorted(set(times)), "each of its own present, not of the last event"
        assert "did you mean 'grid.power_kw'" in ask(client, 404, "GET", "signals/grid.powr_kw")["detail"]
        health = ask(client, 200, "GET", "health")
        assert health["reasons"] == []
        assert (health["status"], health["pace"], health["cars"]) == ("ok", "60x", 2)
        assert health["t_s"] > times[-1] and health["time"].endswith("+02:00")
        (row,) = ask(client, 200, "GET", "endpoints")
        assert (row["protocol"], row["url"]) == ("rest", str(client.base_url).rstrip("/"))

    assert keep_up(station, act).document["verdict"] == "pass"


def test_a_command_has_acted_when_it_is_answered_and_the_run_replays(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(client: httpx2.Client) -> None:
        until_it_is_so(lambda: charging(client))
        catalogue = {row["name"]: row for row in ask(client, 200, "GET", "commands")}
        assert catalogue["evse.limit"]["target"] == "pile[ID].connector[N]"
        asked = {"verb": "evse.limit", "target": CONNECTOR, "args": {"limit_kw": 7.5}}
        done = ask(client, 200, "POST", "commands", json=asked)
        assert done["outcome"] == "done"
        assert ask(client, 200, "GET", f"signals/{CONNECTOR}.power_kw")["value"] == pytest.approx(7.5)
        refused = ask(client, 409, "POST", "commands", json={"verb": "evse.start", "target": CONNECTOR})
        assert refused["outcome"] == "refused" and "it is charging" in refused["detail"]
        assert refused["seq"] > done["seq"]
        said = ask(client, 200, "GET", "events", params={"kind": ["command.done", "command.refused"]})["events"]
        assert [(one["cause"], one["data"]["source"], one["data"]["actor"]) for one in said] == [
            (done["seq"], "rest", "127.0.0.1"),
            (refused["seq"], "rest", "127.0.0.1"),
        ]
        cut = {"fault": "bms.mute", "target": f"{CONNECTOR}.vehicle.bms", "id": "quiet"}
        assert ask(client, 201, "POST", "faults/active", json=cut)["state"] == "active"
        until_it_is_so(lambda: not charging(client))
        ask(client, 200, "POST", "reset")

    outcome = keep_up(station, act)
    folder = station.parent / "run"
    with Run(folder) as run:
        assert [(row.verb, row.source) for row in run.commands()] == [
            ("evse.limit", "rest"), ("evse.start", "rest"), ("fault.inject", "rest"), ("fault.clear_all", "rest"),
        ]  # fmt: skip
    page = write_report(folder).read_text(encoding="utf-8")
    assert f"<pre>voltyard replay {folder}</pre>" in page
    rows = [re.sub(r"<[^>]+>", "|", row) for row in page.split("<tr>") if "<td>rest</td>" in row]
    assert len(rows) == 4 and "evse.limit" in rows[0] and "127.0.0.1" in rows[0] and "done" in rows[0]
    assert "refused" in rows[1] and "it is charging" in rows[1]
    assert replay(folder, None, as_json=True) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["digest"], again["verdict"]) == (outcome.document["digest"], "pass")


def test_a_limit_written_by_modbus_is_read_by_rest_and_the_run_replays(station: Path) -> None:
    port = 'endpoints: [{kind: modbus, id: piles, devices: [{unit: 1, map: dc_pile, shows: "pile[A01]"}]}]\n'
    alone = station.parent / "alone.yaml"
    alone.write_text(alone.read_text(encoding="utf-8") + port, encoding="utf-8")

    def act(client: httpx2.Client) -> None:
        until_it_is_so(lambda: charging(client))
        urls = {row["protocol"]: row["url"] for row in ask(client, 200, "GET", "endpoints")}
        address = urlsplit(urls["modbus-tcp"])
        with ModbusTcpClient(str(address.hostname), port=address.port or 0) as master:
            assert not master.write_register(1020, 75, device_id=1).isError()
            assert master.read_holding_registers(1020, count=1, device_id=1).registers == [75]
        assert ask(client, 200, "GET", f"signals/{CONNECTOR}.power_kw")["value"] == pytest.approx(7.5)
        limit = {"verb": "evse.limit", "target": CONNECTOR, "args": {"limit_kw": 5.0}}
        ask(client, 200, "POST", "commands", json=limit)
        assert ask(client, 200, "GET", f"signals/{CONNECTOR}.power_kw")["value"] == pytest.approx(5.0)
        ask(client, 200, "POST", "commands", json=limit | {"args": {}})
        power = ask(client, 200, "GET", f"signals/{CONNECTOR}.power_kw")["value"]
        assert power == pytest.approx(7.5), "each face lifts its own"

    keep_up(station, act)
    with Run(station.parent / "run") as run:
        assert [(row.source, row.verb) for row in run.commands()] == [
            ("modbus", "evse.limit"), ("rest", "evse.limit"), ("rest", "evse.limit"),
        ]  # fmt: skip
    assert replay(station.parent / "run", None, as_json=False) == 0


def test_faults_come_and_go(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        known = {row["name"]: row for row in ask(client, 200, "GET", "faults")}
        assert known["bms.mute"]["target"] == "bay[ID].vehicle.bms"
        until_it_is_so(lambda: ask(client, 200, "GET", "health")["cars"] == 2)
        stuck = {"fault": "pile.contactor_stuck", "target": CONNECTOR, "parameters": {"position": "open"}}
        first = ask(client, 201, "POST", "faults/active", json=stuck)
        second = ask(client, 201, "POST", "faults/active", json=stuck | {"id": "mine"})
        assert (first["state"], second["id"], second["parameters"]["position"]) == ("active", "mine", "open")
        assert [one["id"] for one in ask(client, 200, "GET", "faults/active")] == [first["id"], "mine"]
        for key in ("with", "args"):
            told = ask(client, 422, "POST", "faults/active", json=stuck | {key: {}})["detail"]
            assert told.startswith(f"body.{key}:") and told.endswith("the body has fault, target, id, parameters")
        assert "already active" in ask(client, 409, "POST", "faults/active", json=stuck | {"id": "mine"})["detail"]
        ask(client, 200, "DELETE", f"faults/active/{first['id'].replace('#', '%23')}")
        ask(client, 404, "DELETE", "faults/active/nobody")
        ask(client, 200, "DELETE", "faults/active/mine")
        ask(client, 404, "DELETE", "faults/active/mine")
        assert ask(client, 201, "POST", "faults/active", json=stuck | {"id": "mine"})["id"] == "mine"
        ask(client, 200, "POST", "reset")
        assert ask(client, 200, "GET", "faults/active") == []
        guest = {"fault": "bms.mute", "target": "bay[B01].vehicle.bms", "id": "later"}
        until_it_is_so(lambda: ask(client, 200, "GET", "station")["bays"][0]["state"] == "free")
        assert ask(client, 201, "POST", "faults/active", json=guest)["state"] == "armed"
        assert ask(client, 200, "GET", "health")["faults"] == {"armed": 1, "active": 0}

    document = keep_up(station, act, pace="2000x").document
    assert "error" not in document


def test_events_are_numbered_and_paged(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        until_it_is_so(lambda: charging(client))
        seen: list[int] = []
        after = 0
        while True:
            page = ask(client, 200, "GET", "events", params={"after": after, "limit": 3})
            assert page["is_complete"] and page["oldest"] == 0
            if not page["events"]:
                break
            seen += [one["seq"] for one in page["events"]]
            after = page["next"]
        assert seen == sorted(set(seen)) and len(seen) > 5
        starts = ask(client, 200, "GET", "events", params={"kind": "session.started"})["events"]
        told = ask(client, 200, "GET", "events", params={"kind": ["session.*", "vehicle.arrived"], "limit": 10_000})
        assert {one["kind"] for one in told["events"]} == {"session.started", "vehicle.arrived"}
        assert ask(client, 200, "GET", "events", params={"kind": "wire.*"})["events"] == []
        wrong = ask(client, 422, "GET", "events", params={"kind": "alarm.raise"})
        assert wrong["detail"] == "no event is of kind 'alarm.raise'; did you mean 'alarm.raised'?"
        assert "alarm.raised" in ask(client, 422, "GET", "events", params={"kind": "xyz.*"})["detail"]
        assert starts[0]["subject"].startswith("pile[A01]") and starts[0]["time"].startswith("2022-06-14T08:0")

    keep_up(station, act)


NEVER = {"verb": "evse.limit", "target": CONNECTOR}
WRONG = [
    ("GET", "nothing", None, 404),
    ("DELETE", "health", None, 405),
    ("GET", "events?after=-1", None, 422),
    ("GET", "events?after=99999999999999999999", None, 422),
    ("GET", "events?limit=nan", None, 422),
    ("GET", "events?limit=0", None, 422),
    ("GET", "signals?glob=" + "*" * 300, None, 422),
    ("GET", "signals/" + "x" * 5000, None, 404),
    ("GET", "signals/%00%ff", None, 404),
    ("POST", "commands", {}, 422),
    ("POST", "commands", [], 422),
    ("POST", "commands", NEVER | {"verb": "evse.limits"}, 404),
    ("POST", "commands", NEVER | {"target": "pile[Z09]"}, 404),
    ("POST", "commands", NEVER | {"target": "pile[A01]"}, 422),
    ("POST", "commands", NEVER | {"args": {"limit_mw": 1}}, 422),
    ("POST", "commands", NEVER | {"args": {"limit_kw": "much"}}, 422),
    ("POST", "commands", NEVER | {"args": {"limit_kw": [1]}}, 422),
    ("POST", "commands", NEVER | {"args": {"x": {"y": 1}}}, 422),
    ("POST", "commands", NEVER | {"args": {f"a{n}": n for n in range(51)}}, 422),
    ("POST", "commands", NEVER | {"more": 1}, 422),
    ("POST", "commands", NEVER | {"args": {"limit_kw": "x" * 201}}, 422),
    ("POST", "faults/active", {"fault": "bms.mut", "target": "x"}, 404),
    ("POST", "faults/active", {"fault": "bms.mute", "target": "bay[Z1].vehicle.bms"}, 422),
    ("POST", "faults/active", {"fault": "bms.mute", "target": "pile[A01]"}, 422),
    ("POST", "faults/active", {"fault": "grid.outage", "target": "grid.feed", "parameters": {"x": 1}}, 422),
    ("POST", "faults/active", {"fault": "grid.outage", "target": "grid.feed", "id": "a b"}, 422),
]
BODIES = [b"{", b"\xff", b'{"verb": NaN}', b'{"verb": Infinity}', b'{"verb": 1e400}', b'{"verb": "\\ud800"}',
          b"[" * 5000, b'{"args":' + b"[" * 900 + b"]" * 900 + b"}", b"null", b'"x"']  # fmt: skip


def test_hostile_requests_are_refused_with_a_reason_and_nothing_has_happened(station: Path) -> None:
    def act(client: httpx2.Client) -> None:
        for method, path, body, status in WRONG:
            ask(client, status, method, path, **({"json": body} if body is not None else {}))
        kind = {"Content-Type": "application/json"}
        for path in ("commands", "faults/active"):
            for content in BODIES:
                ask(client, 422, "POST", path, content=content, headers=kind)
            ask(client, 413, "POST", path, content=b" " * 300_000, headers=kind)
            ask(client, 413, "POST", path, content=iter([b" " * 100_000] * 4), headers=kind)
            told = ask(client, 422, "POST", path, content=json.dumps(NEVER), headers={"Content-Type": "text/plain"})
            assert told["detail"].endswith("Content-Type: application/json")
        for header, value in (("Host", "evil.example"), ("Origin", "http://evil.example"), ("Origin", "null")):
            ask(client, 403, "GET", "health", headers={header: value})
        ask(client, 200, "GET", "health", headers={"Host": "localhost:1", "Origin": "http://localhost:1"})
        document = ask(client, 200, "GET", "openapi.json")
        assert {"/api/v1/commands", "/api/v1/faults/active/{identity}"} < document["paths"].keys()

    keep_up(station, act)
    with Run(station.parent / "run") as run:
        assert list(run.commands()) == []


def test_a_fault_of_ours_behind_the_face_ends_the_run_as_an_error_with_its_recording(station: Path) -> None:
    def spoil(bench: Bench) -> None:
        def storm() -> None:
            raise PlanStorm("pile[A01] was planned without end")

        bench.kernel.subscribe(lambda event: storm() if event.data.get("verb") == "fault.inject" else None)

    def act(client: httpx2.Client) -> None:
        until_it_is_so(lambda: charging(client))
        outage = {"fault": "grid.outage", "target": "grid.feed"}
        ask(client, 500, "POST", "faults/active", json=outage)

    document = keep_up(station, act, spoil=spoil).document
    assert (document["verdict"], document["error"]) == ("error", "pile[A01] was planned without end")
    with Run(station.parent / "run") as run:
        assert any(event.kind == "session.started" for event in run.events())
        assert [row.verb for row in run.commands()] == ["fault.inject"]


def test_demand_without_an_end_comes_day_after_day_and_replays(
    tmp_path: Path, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = scenario.read_text(encoding="utf-8").replace("demand: {replay: cars.csv}", "demand: {sessions_per_day: 20}")
    scenario.write_text(re.sub(r"expect:.*", "", text, flags=re.S), encoding="utf-8")

    def stop_after_days(now: float, _until: float) -> None:
        if now > 2.5 * 86_400.0:
            bench.stop()

    bench = Bench(Plan(loaded=load_scenario(scenario), pace=read_pace("fast"), seed=3, out=tmp_path / "run",
                       state=tmp_path / "state", is_endless=True), stop_after_days)  # fmt: skip
    days: list[float] = []
    bench.kernel.subscribe(lambda event: days.append(event.t // 86_400.0), "vehicle.arrived")
    document = bench.run().document
    assert document["verdict"] == "pass", "it was ended in order, not aborted"
    assert set(days) == {0.0, 1.0, 2.0}
    assert replay(tmp_path / "run", None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == document["digest"]
