from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench_api.outcome import Outcome
from sim.reading import Run

SYNTHETIC = "synthetic for the days that shenzhen_2022 does not cover"


@pytest.mark.parametrize(
    ("start", "written", "said"),
    [
        ("2022-06-19", "weather: {series: shenzhen_2022}\n", "recorded (shenzhen_2022)"),
        ("2022-06-14", "weather: {series: shenzhen_2022}\n", SYNTHETIC),
        ("2022-06-14", "weather: {air_temp_c: 30}\n", ""),
    ],
)
def test_a_run_says_where_its_weather_is_from(
    scenario: Path, play: Callable[..., Outcome], tmp_path: Path, start: str, written: str, said: str
) -> None:
    text = scenario.read_text(encoding="utf-8").replace("2022-06-14", start)
    scenario.write_text(text + written, encoding="utf-8")
    assert play("fast").document["verdict"] == "pass"
    with Run(tmp_path / "run") as run:
        note = run.meta_json("weather_note", {})
        events = [event.kind for event in run.events() if event.kind == "weather.synthetic"]
    assert note.get("en", "").startswith(said) and bool(note) == bool(said)
    assert len(events) == (said == SYNTHETIC)
