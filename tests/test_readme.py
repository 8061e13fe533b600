"""What the README shows a newcomer is so: its scenario is in order and passes, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.listings import LISTINGS
from bench_api.paces import read_pace
from scenarios.loader import load_scenario

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_its_scenario_passes(name: str, tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.S)
    path = tmp_path / "contactor.yaml"
    path.write_text(block, encoding="utf-8")
    loaded = load_scenario(path)
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=loaded.document.value.seed, out=tmp_path / "run",
                state=tmp_path / "state", record="kpi")  # fmt: skip
    document = Bench(plan).run().document
    assert document["verdict"] == "pass", document["expectations"]


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_it_names_every_station_and_scenario(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for kind in ("stations", "scenarios"):
        assert [row["name"] for row in LISTINGS[kind](None) if f"`{row['name']}`" not in text] == []
