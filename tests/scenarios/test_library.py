"""Golden runs: every shipped scenario, with its seed, gives the events and figures that are written down here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.loader import find_scenario, load_scenario, scenario_names

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_runs_as_it_always_did(name: str, tmp_path: Path) -> None:
    loaded = load_scenario(find_scenario(name))
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=loaded.document.value.seed, out=tmp_path / "run",
                state=tmp_path / "state")  # fmt: skip
    ran = Bench(plan).run().document
    found = {key: ran[key] for key in ("verdict", "event_digest")}
    found["kpis"] = {key: round(value, 3) for key, value in ran["kpis"].items() if value is not None}
    found["expectations"] = {row["id"]: row["verdict"] for row in ran["expectations"]}
    path = GOLDEN / f"{name}.json"
    assert path.exists(), f"no golden run of {name}: write {path.name} with {json.dumps(found)}"
    assert found == json.loads(path.read_text(encoding="utf-8"))


def test_every_golden_run_has_its_scenario() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(scenario_names())
