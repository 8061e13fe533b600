"""`voltyard physics` as a process: one document, or a message with exit 2."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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


def test_connector_prints_one_document() -> None:
    done = physics("connector", "--params", '{"current_a": 250, "factor": 2, "connector": {"ladder": "off"}}', "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"columns", "rows", "reached_s", "settled_c", "alarms"}
    assert found["columns"] == ["t_s", "current_a", "temp_c"]
    assert found["reached_s"]["90"] == pytest.approx(1_399.0, rel=0.005)
    assert found["settled_c"] == pytest.approx(104.8, rel=0.005)


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
