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


def test_pile_derating_prints_one_document() -> None:
    given = {"ambient_c": 60, "step_s": 600, "cabinet": {"derating": "module_20kw", "inlet_cutoff_c": 90}}
    done = physics("pile-derating", "--params", json.dumps(given), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"columns", "rows"}
    assert found["columns"] == ["t_s", "cabinet_temp_c", "derating_pct", "power_kw", "loss_kw", "airflow_m3_h"]
    assert [row[0] for row in found["rows"]] == [600.0 * number for number in range(13)]
    assert found["rows"][0][1:4] == [60.0, 87.5, 105.0]
    _, temp_c, pct, power_kw, loss_kw, airflow_m3_h = found["rows"][-1]
    assert pct == pytest.approx(100.0 - 2.5 * (temp_c - 55.0), abs=1.25) and power_kw == pytest.approx(1.2 * pct)
    assert temp_c == pytest.approx(60.0 + 1e3 * loss_kw / 445.0, abs=0.01)
    assert airflow_m3_h == pytest.approx(loss_kw / 6.316 * 1_312.0, rel=1e-3)


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
        (["pile-derating", "--params", "{}"], "ambient_c: missing; give it: Air around the cabinet (C)"),
        (["pile-derating", "--params", '{"ambient_c": 30, "efficiency": 1.01}'], "efficiency: 1.01 is out of range"),
        (["pile-derating", "--params", '{"ambient_c": 30, "step_s": 0.001}'], "step_s: 7200000 rows; at least 0.072 s"),
        (
            ["pile-derating", "--params", '{"ambient_c": 30, "cabinet": {"derating": [[50, 60], [60, 70]]}}'],
            "cabinet.derating[1]: 70 % at 60 C, after 60 %: it rises with heat; at most 60 %",
        ),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str) -> None:
    done = physics(*words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
