"""Limits from outside, read from events and drawn in the load curve."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from math import inf
from pathlib import Path

import numpy as np
import pytest

from plots import draw
from plots.commanded import commanded_limits
from plots.style import to_svg
from sim.reading import Run

ONE, TWO = "pile[A].connector[1]", "pile[A].connector[2]"
SVG = "{http://www.w3.org/2000/svg}text"


def flat(t: float, kw: float) -> tuple[float, ...]:
    return (t, kw, 0.0, 0.0, inf)


@pytest.fixture
def limited(write: Callable[..., Path]) -> Path:
    said = [
        (3_600.0, ONE, {"by": "ocpp", "limit_kw": 30.0}), (7_200.0, TWO, {"by": "rest", "limit_kw": 20.0}),
        (7_200.0, ONE, {"by": "modbus", "limit_kw": 10.0}), (9_000.0, ONE, {"by": "ocpp"}),
        (9_900.0, TWO, {"by": "rest"}), (10_800.0, ONE, {"by": "modbus"}),
        (12_000.0, TWO, {"by": "ocpp", "limit_kw": 0.0}),
    ]  # fmt: skip
    signals = {"grid.power_kw": [flat(0, 60)], f"{ONE}.power_kw": [flat(0, 30)], f"{TWO}.power_kw": [flat(0, 30)]}
    return write(signals, events=[(t, "evse.limited", who, data) for t, who, data in said])


def test_the_lowest_limit_of_each_connector_counts_while_it_has_one(limited: Path) -> None:
    with Run(limited) as run:
        found = commanded_limits(run)
    assert found is not None and found.connectors == 2
    assert found.times_s.tolist() == [3_600.0, 7_200.0, 9_000.0, 9_900.0, 10_800.0, 12_000.0]
    np.testing.assert_array_equal(found.sum_kw, [30.0, 30.0, 30.0, 10.0, np.nan, 0.0])


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "Limits commanded (connectors: 2)"), ("zh", "外部限功率（2 把枪）")]
)
def test_the_load_curve_has_their_line_where_there_are_any(limited: Path, lang: str, words: str) -> None:
    with Run(limited) as run:
        svg = to_svg(draw("load_curve", run, lang))
    assert words in ["".join(element.itertext()) for element in ET.fromstring(svg).iter(SVG)]


def test_a_run_without_has_none(day: Path) -> None:
    with Run(day) as run:
        assert commanded_limits(run) is None
        assert "Limits commanded" not in to_svg(draw("load_curve", run))
