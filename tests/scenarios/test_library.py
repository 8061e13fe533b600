"""Golden runs: every shipped scenario, with its seed, gives the events and figures that are written down here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.loader import LoadedScenario, find_scenario, load_scenario, scenario_names
from twins.clauses import clause_of

GOLDEN = Path(__file__).parent / "golden"
FAMILIES = {"fault", "fire", "high-temperature", "peak-load", "network", "billing", "security", "background"}
UNJUDGED = {"open-day"}
"""To plug into, and judged by its books alone: there is nothing that a sabotage could make fail."""

ON_SOCKETS = {
    "fault": "emergency-stop", "fire": "gas-at-bay", "high-temperature": "hot-day", "peak-load": "demand-response",
    "network": "link-cut", "billing": "abnormal-transactions", "security": "hostile-frames",
    "background": "two-outlet-day",
}  # fmt: skip
"""One of each family, whose brief variant is played against the embedded CSMS."""


def played(loaded: LoadedScenario, folder: Path, pace: str = "fast") -> dict[str, Any]:
    """The verdict of a run."""
    value = loaded.document.value
    plan = Plan(loaded=loaded, pace=read_pace(pace), seed=value.seed, out=folder / "run", state=folder / "state",
                manner=value.platform or "plain")  # fmt: skip
    return Bench(plan).run().document


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_runs_as_it_always_did(name: str, tmp_path: Path) -> None:
    ran = played(load_scenario(find_scenario(name)), tmp_path)
    found = {key: ran[key] for key in ("verdict", "event_digest")}
    found["kpis"] = {key: round(value, 3) for key, value in ran["kpis"].items() if value is not None}
    found["expectations"] = {row["id"]: row["verdict"] for row in ran["expectations"]}
    path = GOLDEN / f"{name}.json"
    assert path.exists(), f"no golden run of {name}: write {path.name} with {json.dumps(found)}"
    assert found == json.loads(path.read_text(encoding="utf-8"))


def test_every_golden_run_has_its_scenario() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(scenario_names())


@pytest.mark.parametrize("name", [name for name in scenario_names() if name not in UNJUDGED])
def test_a_sabotage_fails_what_it_names_and_nothing_else(name: str, tmp_path: Path) -> None:
    named = load_scenario(find_scenario(name)).document.value.sabotage
    assert named is not None, f"{name} has no sabotage"
    ran = played(load_scenario(find_scenario(name), is_sabotaged=True), tmp_path)
    failed = {row["id"] for row in ran["expectations"] if row["verdict"] == "fail"}
    assert (ran["verdict"], failed) == ("fail", set(named.fails))


@pytest.mark.parametrize("name", scenario_names())
def test_a_brief_variant_passes_within_five_minutes(name: str, tmp_path: Path) -> None:
    loaded = load_scenario(find_scenario(name), is_brief=True)
    assert loaded.document.value.duration_s <= 300
    ran = played(loaded, tmp_path)
    assert ran["verdict"] == "pass", ran
    assert not ran.get("notes"), "an entry of the timeline never acted"


@pytest.mark.parametrize("family", sorted(ON_SOCKETS))
def test_one_of_each_family_passes_on_sockets(family: str, tmp_path: Path) -> None:
    loaded = load_scenario(find_scenario(ON_SOCKETS[family]), is_brief=True)
    assert loaded.document.value.family == family
    ran = played(loaded, tmp_path, "lockstep")
    assert ran["verdict"] == "pass", ran
    assert all(row["verdict"] != "not_judged" for row in ran["expectations"])


def test_the_library_is_whole() -> None:
    scenarios = {name: load_scenario(find_scenario(name)).document.value for name in scenario_names()}
    assert len(scenarios) >= 20
    assert {one.family for one in scenarios.values()} == FAMILIES
    for name, one in scenarios.items():
        assert one.title.zh and one.description is not None and one.description.zh, name
        assert one.brief is not None, name
        for expected in one.expect:
            assert expected.title is not None and expected.title.zh, f"{name}: {expected.id}"
            assert not expected.clause or clause_of(expected.clause) is not None, f"{name}: {expected.clause}"
