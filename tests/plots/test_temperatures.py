"""The temperatures: whose lines are drawn, from where on something is done, and when what lay on them."""

from __future__ import annotations

import json
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from math import inf
from pathlib import Path
from struct import pack

import pytest

from plots import draw, figures_of
from plots.style import to_svg
from sim.reading import Run

SVG = "{http://www.w3.org/2000/svg}"
TRANSFORMER = "grid.transformer[T1]"


def flat(value: float) -> list[tuple[float, ...]]:
    return [(0.0, value, 0.0, 0.0, inf)]


@pytest.fixture
def hot(write: Callable[..., Path]) -> Path:
    """Six cabinets, the coldest of them nearest to its levels; a transformer whose fans stop; a peak at noon."""
    signals = {"weather.air_temp_c": [(0.0, 25.0, 0, 0, inf), (43200.0, 38.5, 0, 0, inf), (46800.0, 30.0, 0, 0, inf)]}
    signals |= {f"pile[A0{n}].cabinet_temp_c": flat(40.0 + n) for n in range(1, 7)}
    signals |= {f"{TRANSFORMER}.hot_spot_c": flat(120.0), f"{TRANSFORMER}.pt100_c": flat(100.0)}
    levels = {f"pile[A0{n}].cabinet_temp_c": {"derate": 55.0, "stop": 80.0} for n in range(2, 7)}
    levels |= {"pile[A01].cabinet_temp_c": {"derate": 42.0, "stop": 60.0}}
    levels |= {f"{TRANSFORMER}.pt100_c": {"alarm": 140.0, "trip": 155.0}}
    faults = [("transformer.fan_failed", TRANSFORMER), ("vehicle.soaked", "bay[B01]")]
    events = [(36000.0, kind, at, {"fault": name, "id": name}) for name, at in faults
              for kind in ("fault.armed", "fault.active")]  # fmt: skip
    return write(signals, events=events, heat_levels=json.dumps(levels))


def texts(folder: Path, lang: str = "en") -> list[str]:
    with Run(folder) as run:
        svg = to_svg(draw("temperatures", run, lang))
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_those_nearest_to_their_levels_are_drawn_with_their_peaks(hot: Path) -> None:
    said = texts(hot)
    assert "Cabinets: the 4 of 6 that came nearest to their levels" in said
    assert "A01 41.0 °C, 00:00" in said, "13 K below the others, but its own level is lower"
    assert {"A04 44.0 °C, 00:00", "A05 45.0 °C, 00:00", "A06 46.0 °C, 00:00"} <= set(said)
    assert not any(text.startswith(("A02", "A03")) for text in said)
    assert said.count("Air 38.5 °C, 12:00") == 2, "in both panels"


def test_what_was_never_recorded_or_only_for_a_moment_is_no_trouble(write: Callable[..., Path]) -> None:
    air, cabinet = "weather.air_temp_c", "pile[A01].cabinet_temp_c"
    folder = write({air: flat(30.0), cabinet: flat(40.0)})
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        db.execute("UPDATE chunks SET t1_s = 0.01, t0_s = 0.005 WHERE signal_id = 1")
        db.execute("UPDATE chunks SET data = ? WHERE signal_id = 1", (pack("<5d", 0.005, 40.0, 0.0, 0.0, inf),))
        db.commit()
    assert "A01 40.0 °C, 00:00" in texts(folder)
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        db.execute("DELETE FROM chunks")
        db.commit()
    assert not any("°C," in text for text in texts(folder))


def test_levels_are_lines_that_say_what_is_done(hot: Path) -> None:
    english, chinese = texts(hot), texts(hot, "zh")
    assert {"Trips at 155 °C (Pt100)", "Alarm 140 °C (Pt100)", "Gives less from 42 °C", "Gives less from 55 °C",
            "Stops at 60 °C", "Stops at 80 °C"} <= set(english)  # fmt: skip
    assert {"155 °C 跳闸（Pt100）", "告警 140 °C（Pt100）", "42 °C 起降功率", "80 °C 停止", "变压器 T1"} <= set(chinese)
    with Run(hot) as run:
        first, second = [axes for axes in draw("temperatures", run).axes if axes.get_legend()]
    levels = [line.get_ydata()[0] for line in second.lines if line.get_linestyle() != "-" and line.get_marker() != "o"]
    assert levels == [42.0, 55.0, 60.0, 80.0]
    assert first.get_ylim()[1] > 155.0


def test_only_faults_of_what_is_drawn_are_shown_and_hatch_their_panel(hot: Path) -> None:
    said = texts(hot)
    assert any("transformer.fan_failed" in text for text in said)
    assert not any("vehicle.soaked" in text for text in said)
    with Run(hot) as run:
        first, second = [axes for axes in draw("temperatures", run).axes if axes.get_legend()]
    assert [any(patch.get_hatch() for patch in axes.patches) for axes in (first, second)] == [True, False]


def test_it_is_drawn_where_heat_is_recorded(write: Callable[..., Path]) -> None:
    folder = write({"pile[A01].connector[1].contact_temp_c": flat(50.0)})
    with Run(folder) as run:
        assert "temperatures" in figures_of(run)
    said = texts(folder)
    assert {"Contacts of the connectors", "A01-1 50.0 °C, 00:00"} <= set(said)


def test_air_alone_is_no_figure_of_a_report(write: Callable[..., Path]) -> None:
    folder = write({"weather.air_temp_c": flat(20.0)})
    with Run(folder) as run:
        assert "temperatures" not in figures_of(run)
    assert "Air 20.0 °C, 00:00" in texts(folder)


def test_in_oil_the_winding_is_the_hot_spot_and_a_longer_run_tells_the_day(write: Callable[..., Path]) -> None:
    of = {f"{TRANSFORMER}.{name}": flat(60.0 + n) for n, name in enumerate(("top_oil_c", "winding_c", "hot_spot_c"))}
    said = texts(write(of, simulated_s="172800"))
    assert {"Winding 61.0 °C, 07-11 00:00", "Top oil 60.0 °C, 07-11 00:00"} <= set(said)
    assert not any(text.startswith("Hot spot") for text in said)
