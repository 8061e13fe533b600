"""The validation page's functions on small input: books, figures and segments hold, and every picture is drawn."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import availability_table as table
import heat_car
import heat_connector
import heat_pack
import heat_pile
import heat_transformer
import hot_afternoon
import pytest
import queue_table
import site_replay
import site_section
import site_steps
import validation
from PIL import Image

from plots.style import look
from twins.derating import STEP_K


def test_a_few_failures_of_the_availability_table() -> None:
    for system in table.SYSTEMS[3:]:
        count, share = table.measured(system, 400)
        assert 250 < count < 550
        assert abs(share - (table.theory(system) or share)) < 0.04
    assert table.theory(table.SYSTEMS[0]) == pytest.approx(800.0 / 804.0)


@pytest.mark.parametrize("words", queue_table.distinct(), ids=str)
def test_a_few_sessions_of_the_queue_table(words: dict[str, Any]) -> None:
    measured = queue_table.experiment(queue_table.parameters_of(words, 2_000, 1))
    assert measured.result.sessions == 2_000
    assert measured.farthest_s < 1e-7
    for figure, (plain, _) in measured.plain.items():
        ours, se = queue_table.found(measured.result, figure)
        assert (ours > 0.0) is (se > 0.0) is (plain > 0.0), figure


def test_a_few_weeks_of_the_site() -> None:
    run = site_replay.replayed(120)
    assert len(run.charges) == 120
    assert abs(run.residual_rel) < 1e-9
    checked = site_steps.against_reference(run)
    assert checked["charges"][0] == 120
    for what, most in (("end of charge, s", 3.0), ("energy, %", 0.1), ("SOC at the twin's end, points", 0.05)):
        assert checked[what][1] <= most, what


def test_the_section_of_the_site_and_its_figure(tmp_path: Path) -> None:
    with look():
        lines = site_section.section(tmp_path, 12)
    assert [line for line in lines if line.startswith("| ratio of mean powers | 0.765 |")], "of all recorded ones"
    assert "| charges | 12 | 12 |  |" in lines
    assert shown(lines, tmp_path) == ["site-months.png"]


def test_the_winter_lowers_the_recorded_peaks() -> None:
    assert site_section.winter_ratio(site_replay.recorded()) == pytest.approx(0.59, abs=0.005)


def shown(lines: list[str], images: Path) -> list[str]:
    """The images that these lines show; each is there, and a readable picture of the page's width."""
    names = re.findall(r"!\[.+?\]\(images/(.+?)\)", "\n".join(lines))
    for name in names:
        with Image.open(images / name) as image:
            assert image.format == "PNG" and image.width == 1_584 and len(image.getcolors() or ()) > 10
        assert (images / name).stat().st_size < 100_000
    assert sorted(names) == sorted(path.name for path in images.iterdir())
    return names


def test_heat_of_a_battery(tmp_path: Path) -> None:
    with look():
        lines = heat_pack.section(tmp_path, ("N06", "L02"))
        (picture,) = (path.read_bytes() for path in tmp_path.iterdir())
        heat_pack.section(tmp_path, ("N06", "L02"))
    assert shown(lines, tmp_path) == ["heat-battery.png"]
    assert [line for line in lines if line.startswith("| L02, LFP 1 C at 25 °C |") and line.endswith("| yes |")]
    assert (tmp_path / "heat-battery.png").read_bytes() == picture, "the same bytes"


def test_heat_of_a_car(tmp_path: Path) -> None:
    with look():
        lines = heat_car.section(tmp_path, ("its own map",))
    assert shown(lines, tmp_path) == ["heat-car.png"]
    (row,) = (line for line in lines if line.startswith("| its own map |"))
    assert "**" not in row


def test_heat_of_a_pile(tmp_path: Path) -> None:
    with look():
        lines = heat_pile.section(tmp_path, 1.0)
    assert shown(lines, tmp_path) == ["heat-pile.png", "heat-derating.png"]
    assert len([line for line in lines if line.startswith("| ")]) == 6 + 5
    dusty = hot_afternoon.afternoon(2.0, 90.0)
    assert dusty.twin.share.min() < 0.85
    assert dusty.worst["temperature, K"] < STEP_K


def test_heat_of_a_connector(tmp_path: Path) -> None:
    with look():
        lines = heat_connector.section(tmp_path, 0.5)
    assert shown(lines, tmp_path) == ["heat-connector.png"]
    assert [line for line in lines if line.startswith("| worn | 104.8 | 104.8 | 1399 | 1399 |")]


def test_heat_of_a_transformer(tmp_path: Path) -> None:
    with look():
        lines = heat_transformer.section(tmp_path, 0.5)
    assert shown(lines, tmp_path) == ["heat-transformer.png"]
    (row,) = (line for line in lines if line.startswith("| Busy evening, in oil |"))
    assert max(float(cell) for cell in row.split("|")[2:4]) < 0.5, "it lags the air as the sheet says"
    assert "| dry | 1 | 40 | 165.00 | 165 | 9.362 | 9.36 |" in lines
    assert any(re.fullmatch(r"From the \d+ marked points the twin is 0\.0\d % away at most .+", line) for line in lines)


def test_only_what_was_measured_anew_changes_on_the_page() -> None:
    page = (validation.ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    stand = validation.standing(page)
    assert list(stand) == list(validation.TITLES)
    assert validation.page(page, {}) == page
    anew = validation.page(page, {"heat": ["Warm.", "", "### Pile"]})
    assert {name for name, text in validation.standing(anew).items() if text != stand[name]} == {"heat"}
    assert f"## Heat\n\nMeasured on {date.today()}" in anew and "Warm.\n\n### Pile\n\n## Queues" in anew
    alone = validation.page("", {"queues": ["None."]})
    assert list(validation.standing(alone)) == ["queues"]


def test_overlap_counts_the_other_outlet_alone() -> None:
    def stay(outlet: int, begin: float, end: float) -> object:
        return site_replay.Charge(outlet, begin, end, 10.0, 50.0, 6, end - begin)

    assert site_section.overlaps([stay(1, 0, 100), stay(2, 50, 150), stay(1, 100, 120)]) == [0.5, 0.7, 1.0]
