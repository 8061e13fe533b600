"""`voltyard physics` as a process: one document, or a message with exit 2."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import fields

import pytest

from bench_api.physics import MODELS

GIVEN = {"servers": 4, "offered_erl": 3.0, "sessions_per_day": 200, "sessions": 2_000, "waiting_places": 0}


def physics(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "voltyard", "physics", *words], capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip


def test_queue_prints_one_document() -> None:
    done = physics("queue", "--params", json.dumps(GIVEN), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"sessions", "wait_mean_s", "wait_se_s", "turned_away", "turned_away_se", "reneged",
                          "reneged_se"}  # fmt: skip
    assert 0.1 < found["turned_away"] < 0.3


def test_pile_derating_prints_one_document() -> None:
    given = {"ambient_c": 60, "step_s": 600, "cabinet": {"derating": "module_20kw", "inlet_cutoff_c": 90}}
    done = physics("pile-derating", "--params", json.dumps(given), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"columns", "rows"}
    assert found["columns"] == ["t_s", "cabinet_temp_c", "derating_pct", "power_kw", "loss_kw",
                                "cabinet_airflow_needed_m3_h"]  # fmt: skip
    assert [row[0] for row in found["rows"]] == [600.0 * number for number in range(13)]
    assert found["rows"][0][1:4] == [60.0, 87.5, 105.0]
    _, temp_c, pct, power_kw, loss_kw, airflow_m3_h = found["rows"][-1]
    assert pct == pytest.approx(100.0 - 2.5 * (temp_c - 55.0), abs=1.25) and power_kw == pytest.approx(1.2 * pct)
    assert temp_c == pytest.approx(60.0 + 1e3 * loss_kw / 445.0, abs=0.01)
    assert airflow_m3_h == pytest.approx(loss_kw / 6.316 * 1_312.0, rel=1e-3)


DRY = {"heat": {"kind": "dry", "alarm_c": 280, "trip_c": 290}, "ambient_c": 40, "hours": 0.5, "step_s": 600,
       "load": [{"at_min": 0, "share": 0.7}, {"at_min": 0.001, "share": 1.3}]}  # fmt: skip


def test_transformer_prints_one_document() -> None:
    done = physics("transformer", "--params", json.dumps(DRY), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"columns", "rows", "events"} and found["events"] == []
    assert found["columns"] == ["t_s", "load_share", "hot_spot_c", "pt100_c", "ageing_rate", "loss_of_life_h"]
    assert [row[0] for row in found["rows"]] == [0.0, 600.0, 1_200.0, 1_800.0]
    assert [row[2] for row in found["rows"]] == pytest.approx([110.6, 144.5, 168.8, 186.2], rel=0.005)
    events, gap, *table = physics("transformer", "--params", json.dumps(DRY)).stdout.splitlines()
    assert events.split() == ["events", "none"] and gap == "", "the summary comes first"
    assert table[0].split() == found["columns"] and table[1].split()[:3] == ["0", "0.7", "110.6"]
    assert len({len(line) for line in table}) == 1, "every column is as wide as its longest word"


def test_transformer_trips_cools_and_is_reset_and_eased_it_does_not_trip() -> None:
    given = DRY | {"heat": {"kind": "dry", "reset": {"after_min": 10}}, "hours": 3}
    told = [
        event[1]
        for event in json.loads(physics("transformer", "--params", json.dumps(given), "--json").stdout)["events"]
    ]
    assert told[:4] == ["alarm.raised", "transformer.tripped", "alarm.cleared", "transformer.reset"]
    eased = given | {"heat": {"kind": "dry", "load_control": {}}}
    found = json.loads(physics("transformer", "--params", json.dumps(eased), "--json").stdout)
    assert {event[1] for event in found["events"]} == {"transformer.limited"}
    assert max(row[3] for row in found["rows"]) < 170.0 and min(row[1] for row in found["rows"][1:]) < 1.3
    oil = DRY | {"heat": {"kind": "oil", "paper": "upgraded"}}
    found = json.loads(physics("transformer", "--params", json.dumps(oil), "--json").stdout)
    assert found["columns"][3] == "top_oil_c" and found["rows"][0][3] == pytest.approx(75.33, rel=0.005)


def test_connector_prints_one_document() -> None:
    done = physics("connector", "--params", '{"current_a": 250, "factor": 2, "connector": {"ladder": "off"}}', "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"columns", "rows", "reached_s", "settled_c", "alarms"}
    assert found["columns"] == ["t_s", "current_a", "temp_c"]
    assert found["reached_s"]["90"] == pytest.approx(1_399.0, rel=0.005)
    assert found["settled_c"] == pytest.approx(104.8, rel=0.005)


def test_pack_charge_says_how_it_ended_and_shows_its_last_row() -> None:
    given = {"c_rate": 6, "ambient_c": 45, "cooling_w_m2k": 1}
    found = json.loads(physics("pack-charge", "--params", json.dumps(given), "--json").stdout)
    assert set(found) == {"columns", "rows", "ended"} and found["ended"] == "cell_overtemperature"
    assert found["rows"][-1][4] == pytest.approx(60.0, abs=1e-6)
    assert physics("pack-charge").stdout.splitlines()[0].split() == ["ended", "full"]


def test_names_of_shipped_things_stand_for_mappings() -> None:
    given = {"current_a": 500, "connector": "cooled_500"}
    found = json.loads(physics("connector", "--params", json.dumps(given), "--json").stdout)
    assert found["settled_c"] == pytest.approx(35.0 + 60e-6 * 500.0**2 * 2.0, abs=5e-3)
    given = {"ambient_c": 20, "model": "dc_60_1", "duration_s": 60}
    found = json.loads(physics("pile-derating", "--params", json.dumps(given), "--json").stdout)
    assert found["rows"][0][2:5] == pytest.approx([100.0, 60.0, 0.69 + 0.03 * 60.0])


def test_the_models_can_be_explored() -> None:
    listed = physics("--list").stdout
    assert all(name in listed for name in MODELS.names())
    assert physics().stdout == listed
    for name, model in MODELS.items():
        done = physics(name, "--help")
        assert done.returncode == 0, done.stderr
        table = {line.split()[0]: line for line in done.stdout.splitlines() if line}
        assert all(one.name in table for one in fields(model.parameters))
        example = shlex.split(done.stdout.rpartition("Example: voltyard physics ")[2])
        assert example[0] == name and json.loads(example[2]) == model.example
    table = {
        line.split()[0]: line.split()[1:] for line in physics("pile-derating", "--help").stdout.splitlines() if line
    }
    assert table["cabinet.fan_w_k"][:6] == ["W/K", "420.0", "from", "0", "to", "50000"]
    assert "dc_120_1," in table["Shipped"]
    assert "load[].at_min" in physics("transformer", "--help").stdout


@pytest.mark.parametrize("name", MODELS.names())
def test_the_example_of_the_help_runs(name: str) -> None:
    model = MODELS.get(name)
    given = {**model.example, **({"sessions": 2_000} if name == "queue" else {})}
    assert physics(name, "--params", json.dumps(given)).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["que", "--params", "{}"], "unknown model 'que'; did you mean 'queue'?"),
        (["queue", "--params", "{"], "not JSON"),
        (["queue", "--params", "{servers: 4}"], "not JSON"),
        (
            ["queue", "--params", json.dumps(GIVEN | {"offered_erl": 4.0, "waiting_places": None})],
            "the line has no end",
        ),
        (
            ["queue", "--params", '{"servers": 4, "offered_erl": 3, "session_per_day": 9}'],
            "did you mean sessions_per_day",
        ),
        (["queue", "--params", json.dumps(GIVEN | {"servers": 0})], "servers: 0 is out of range; at least 1"),
        (["queue", "--params", '{"servers": NaN}'], "servers"),
        (["queue", "--params", "@nowhere.json"], "nowhere.json"),
        (["transformer", "--params", json.dumps(DRY | {"heat": {"kind": "wet"}})], "heat.kind: wet is not known here"),
        (["transformer", "--params", json.dumps(DRY | {"load": []})], "load: this list of 0 is too short"),
        (
            ["transformer", "--params", json.dumps(DRY | {"load": [{"at_min": 1, "share": 1}]})],
            "load[0].at_min: 1 min; 0: the load it begins with",
        ),
        (
            ["transformer", "--params", json.dumps(DRY | {"load": [{"at_min": 0, "share": 1}] * 2})],
            "load[1].at_min: 0 min; more than 0 min",
        ),
        (
            ["transformer", "--params", json.dumps(DRY | {"hours": 9_000, "step_s": 1})],
            "step_s: 1 s gives 32400001 rows; at least",
        ),
        (["pile-derating", "--params", "{}"], "ambient_c: missing; give it: Air around the cabinet (C)"),
        (["pile-derating", "--params", '{"ambient_c": 30, "efficiency": 1.01}'], "efficiency: 1.01 is out of range"),
        (["pile-derating", "--params", '{"ambient_c": 30, "step_s": 0.001}'], "step_s: 0.001 s gives 7200001 rows"),
        (
            ["pile-derating", "--params", '{"ambient_c": 30, "cabinet": {"derating": [[50, 60], [60, 70]]}}'],
            "cabinet.derating[1]: 70 % at 60 C, after 60 %: it rises with heat; at most 60 %",
        ),
        (["pack-charge", "--params", '{"c_rate": 0.06, "step_s": 0.1}'], "step_s: 0.1 s gives"),
        (["pack-charge", "--params", '{"c_rate": 0.05}'], "c_rate: 0.05 is out of range; more than 0.05"),
        (["pack-charge", "--params", '{"voltage_max_v": 3.2}'], "voltage_max_v: 3.2 V is not above the open-circuit"),
        (["pile-derating", "--params", '{"ambient_c": 30, "model": "dc_60"}'], "did you mean dc_60_1?"),
        (
            ["connector", "--params", '{"current_a": 9, "step_s": 0.1, "duration_s": 1e6}'],
            "at least 10.1 s: 100000 rows",
        ),
        (["connector", "--params", '{"current_a": 9, "connector": "cooled_50"}'], "did you mean cooled_500?"),
        (["que", "--help"], "unknown model 'que'; did you mean 'queue'?"),
        (["connector"], "current_a: missing"),
        (["connector", "--params", "{}"], "current_a: missing; give it: Constant current"),
        (
            ["connector", "--params", '{"current_a": 250, "connector": {"resistance_uohm": -60}}'],
            "connector.resistance_uohm: -60 is out of range; more than 0",
        ),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str) -> None:
    done = physics(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
