"""The reference of scenario files: its examples load, and it names every key in a table and in an example."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scenarios.choices import Choice, Draw, TimeDraw
from scenarios.conditions import Condition
from scenarios.expectation_shape import Always, Count, Equals, Every, Expectation, FollowedBy
from scenarios.frame_shape import Hold, Sabotage, ScenarioParameter, Steady
from scenarios.loader import check_scenario
from scenarios.schema import Brief, Scenario, ScenarioDemand
from scenarios.timeline_shape import TimelineEntry
from sim.yaml_nodes import parse_nodes

REFERENCE = Path(__file__).parents[2] / "docs" / "scenarios.md"
HEAD: dict[str, Any] = {
    "scenario": 1,
    "title": {"en": "A", "zh": "甲"},
    "station": "two-outlet",
    "start": "2022-06-14T12:00",
    "seed": 7,
    "duration_h": 2,
}
CARS = Path(__file__).parents[2] / "scenarios" / "library" / "lone-charger.csv"
SHAPES: dict[str, tuple[type[Any], ...]] = {
    "A whole file": (Scenario,),
    "Demand": (ScenarioDemand,),
    "Timeline": (TimelineEntry,),
    "Conditions": (Condition,),
    "Choices": (Draw, TimeDraw, Choice),
    "Steady state and the way back": (Steady, Hold),
    "Parameters": (ScenarioParameter,),
    "Sabotage": (Sabotage,),
    "The brief variant": (Brief,),
    "Expectations": (Expectation, Always, Count, Equals, Every, FollowedBy),
}


def sections() -> dict[str, str]:
    """The text below each heading."""
    parts = re.split(r"^## (.+)$", REFERENCE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples(text: str) -> list[dict[str, Any]]:
    found = re.findall(r"^```yaml\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [parse_nodes(one, "scenarios.md").plain() for one in found]


def keys(value: Any) -> Iterator[str]:
    """Every key within, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


EXAMPLES = [(title, at, one) for title, text in sections().items() for at, one in enumerate(examples(text))]


@pytest.mark.parametrize(("title", "at", "example"), EXAMPLES, ids=[f"{title} {at}" for title, at, _ in EXAMPLES])
def test_examples_load(title: str, at: int, example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cars.csv").write_bytes(CARS.read_bytes())
    drill = tmp_path / "drill.yaml"
    drill.write_text(json.dumps(HEAD | example, ensure_ascii=False), encoding="utf-8")
    loaded = check_scenario(drill)
    assert set(example) <= {one.name for one in dataclasses.fields(loaded.document.value)}


@pytest.mark.parametrize("title", SHAPES)
def test_every_key_has_a_line_and_an_example(title: str) -> None:
    text = sections()[title]
    lines = set(re.findall(r"^\| `(\w+)` \| \S", text, flags=re.MULTILINE))
    shown = {name for one in examples(text) for name in keys(one)}
    known = {one.metadata.get("alias", one.name) for shape in SHAPES[title] for one in dataclasses.fields(shape)}
    assert lines == known
    assert known <= shown
