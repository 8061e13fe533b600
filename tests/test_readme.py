"""What the README shows a newcomer is so: its scenario is in order and passes, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.checking import check_files
from bench_api.listings import LISTINGS, shipped_text
from bench_api.paces import read_pace
from scenarios.loader import load_scenario
from twins.station_file import find_station, read_station

ROOT = Path(__file__).resolve().parents[1]


def blocks(name: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.S)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_its_scenario_passes(name: str, tmp_path: Path) -> None:
    block, *_ = blocks(name)
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


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_its_models_and_heat_stand_in_a_station_file(name: str, tmp_path: Path) -> None:
    _, block, *_ = blocks(name)
    station = re.sub(r"^heat: .*$", "", find_station("public").read_text(encoding="utf-8"), flags=re.M)
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"{station}\n{block}".replace("model: van_70_lfp", "model: our_bus"), encoding="utf-8")
    found = read_station(mine).value
    assert "ours_160" in found.known_piles()
    assert (found.heat.packs, found.heat.piles, found.heat.connectors) == (True, True, False)
    assert "--set station=mine.yaml,bigger.yaml" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_its_meters_stand_behind_a_port(name: str, tmp_path: Path) -> None:
    *_, block = blocks(name)
    mine = tmp_path / "mine.yaml"
    mine.write_text(find_station("public").read_text(encoding="utf-8") + block, encoding="utf-8")
    (tmp_path / "maps").mkdir()
    own = shipped_text("maps", "sdm630").replace("name: sdm630", "name: our_meter")
    (tmp_path / "maps" / "our_meter.yaml").write_text(own, encoding="utf-8")
    assert check_files([mine, tmp_path / "maps" / "our_meter.yaml"]) == []
    rows = {row["id"]: row for row in LISTINGS["endpoints"](str(mine))}
    assert rows["meters.2"]["signals"]["power_total"] == "grid.feeder[F1].meter.power_kw"


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_it_names_every_list(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\|", "|")
    (listed,) = re.findall(r"`voltyard list ([a-z]+\|[a-z|]+)`", text)
    assert sorted(listed.split("|")) == sorted(LISTINGS)
