"""Figures of recordings: what they say, that they are the same twice, and that odd recordings do not break them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from plots import draw, figure, figure_names, figures_of
from plots.session_gantt import session_gantt
from plots.style import drawable, to_png, to_svg
from sim.reading import DuplicateName, Run, UsageError

EVERY = [(name, lang) for name in ("load_curve", "session_gantt", "temperatures") for lang in ("en", "zh")]
SVG = "{http://www.w3.org/2000/svg}"


def svg_of(folder: Path, name: str, lang: str = "en") -> str:
    with Run(folder) as run:
        return to_svg(draw(name, run, lang))


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_figures_are_known_by_name(day: Path) -> None:
    assert figure_names() == ["load_curve", "session_gantt", "temperatures", "waiting"]
    with Run(day) as run:
        with pytest.raises(
            UsageError, match="unknown figure 'pie'; known: load_curve, session_gantt, temperatures, waiting"
        ):
            draw("pie", run)
        assert figures_of(run) == ["load_curve", "session_gantt", "waiting"], "no temperature is recorded"
        with pytest.raises(UsageError, match="unknown language 'fr'"):
            draw("load_curve", run, "fr")


def test_a_name_is_given_once() -> None:
    figure_names()
    with pytest.raises(DuplicateName, match="'load_curve' is registered twice"):
        figure("load_curve")(session_gantt)


@pytest.mark.parametrize(("name", "lang"), EVERY)
def test_the_same_recording_gives_the_same_bytes(day: Path, name: str, lang: str) -> None:
    svg = svg_of(day, name, lang)
    assert svg == svg_of(day, name, lang)
    assert "<dc:date>" not in svg
    assert len(svg) < 200_000


@pytest.mark.parametrize(("name", "lang"), EVERY)
def test_every_letter_can_be_drawn(day: Path, name: str, lang: str) -> None:
    with Run(day) as run:
        assert to_png(draw(name, run, lang)).startswith(b"\x89PNG")
    assert not any("?" in text for text in texts(svg_of(day, name, lang)))


def test_the_load_curve_marks_the_true_peak_and_the_limit(day: Path) -> None:
    said = texts(svg_of(day, "load_curve"))
    assert "Grid peak 127.0 kW, 10:00" in said
    assert "Limit of all piles 172.5 kW" in said, "what the connectors give is stacked, and that is its limit"
    assert {"A&<1>-1", "A&<1>-2", "Grid import", "Local time (Asia/Shanghai)", "Power (kW)"} <= set(said)
    assert {"负荷曲线", "电网取电", "电网峰值 127.0 kW, 10:00"} <= set(texts(svg_of(day, "load_curve", "zh")))


def test_a_limit_may_stand_in_meta(write: Callable[..., Path]) -> None:
    folder = write({"grid.power_kw": [(0.0, 5.0, 0.0, 0.0, inf)]}, site_limit_kw="80")
    assert "Limit of all piles 80 kW" in texts(svg_of(folder, "load_curve"))


def flat(value: float) -> list[tuple[float, ...]]:
    return [(0.0, value, 0.0, 0.0, inf)]


def test_many_connectors_are_drawn_by_feeder(write: Callable[..., Path]) -> None:
    powers = {f"pile[A{n:02}].connector[1].power_kw": flat(7.0) for n in range(20)}
    feeders = {f"grid.feeder[F{n}].power_kw": flat(70.0) for n in (1, 2)}
    said = texts(svg_of(write(powers | feeders | {"control.site_limit_kw": flat(200.0)}), "load_curve"))
    assert {"Feeder F1", "Feeder F2"} <= set(said)
    assert "A06-1" not in said
    assert not any("all piles" in text for text in said), "a limit of outputs says nothing beside inputs"


def test_each_feeder_stands_under_its_own_limit(write: Callable[..., Path]) -> None:
    signals = {f"grid.feeder[F{n}].power_kw": flat(10.0 * n) for n in range(1, 9)}
    signals |= {f"grid.feeder[F{n}].limit_kw": flat(100.0) for n in range(1, 9)}
    folder = write(signals | {"grid.power_kw": flat(400.0)})
    said = texts(svg_of(folder, "load_curve"))
    assert "Feeder F2: peak 20 kW, limit 100 kW" in said
    assert "Feeder F6: peak 60 kW, limit 100 kW; 2 more feeders are not shown" in said
    assert "馈线 F2：峰值 20 kW，限值 100 kW" in texts(svg_of(folder, "load_curve", "zh"))


LEVELS = [
    {"name": "valley", "begin_min": 0, "end_min": 360, "energy_cny_kwh": 0.4, "service_cny_kwh": 0.35},
    {"name": "peak", "begin_min": 360, "end_min": 1335, "energy_cny_kwh": 1.1, "service_cny_kwh": 0.5},
    {"name": "valley", "begin_min": 1335, "end_min": 1440, "energy_cny_kwh": 0.4, "service_cny_kwh": 0.35},
]
TITLES = {"transformer.derated": {"en": "Transformer derated", "zh": "变压器降容"}}


@pytest.fixture
def limited(write: Callable[..., Path]) -> Path:
    """A day with a contract, a transformer that may carry half for an hour, and two prices."""
    fault = {"fault": "transformer.derated", "id": "weak"}
    return write(
        {
            "grid.power_kw": flat(300.0), "grid.contract_limit_kw": flat(500.0),
            "grid.transformer[T1].limit_kw": [(0.0, 400.0, 0, 0, inf), (36000.0, 200.0, 0, 0, inf),
                                              (39600.0, 400.0, 0, 0, inf)],
        },
        events=[(36000.0, kind, "grid.transformer[T1]", fault) for kind in ("fault.armed", "fault.active")]
        + [(39600.0, "fault.cleared", "grid.transformer[T1]", fault)],
        tariff=json.dumps(LEVELS), fault_titles=json.dumps(TITLES),
    )  # fmt: skip


def test_limits_tariff_and_faults_are_drawn_and_named(limited: Path) -> None:
    said = texts(svg_of(limited, "load_curve"))
    assert {"Contract 500 kW", "Transformer 400 kW, of the load behind it", "Transformer derated T1"} <= set(said)
    assert said.count("valley 0.75") == 1 and "peak 1.60" in said and "valley" in said
    chinese = texts(svg_of(limited, "load_curve", "zh"))
    assert {"合同容量 500 kW", "变压器降容 T1", "谷 0.75", "峰 1.60"} <= set(chinese)
    assert "<pattern" in svg_of(limited, "load_curve"), "faults are hatched"


def test_the_transformers_limit_is_a_step_where_it_is_derated(limited: Path) -> None:
    with Run(limited) as run:
        sheet = draw("load_curve", run)
    lines = [line for axes in sheet.axes for line in axes.lines if 200.0 in line.get_ydata()]
    (line,) = lines
    assert list(zip(line.get_xdata(), line.get_ydata(), strict=True)) == [
        (0.0, 400.0), (36000.0, 400.0), (36000.0, 200.0), (39600.0, 200.0), (39600.0, 400.0), (86400.0, 400.0),
    ]  # fmt: skip


def test_the_waiting_line_is_drawn_and_said(write: Callable[..., Path]) -> None:
    steps = [(0.0, 0.0, 0.0, 0.0, inf), (600.0, 1.0, 0.0, 0.0, inf), (900.0, 2.0, 0.0, 0.0, inf),
             (1_200.0, 0.0, 0.0, 0.0, inf)]  # fmt: skip
    said = texts(svg_of(write({"yard.waiting": steps}), "waiting"))
    assert "Vehicles in the line" in said
    assert any(line.startswith("2 of ") for line in said)


def test_nobody_waited(write: Callable[..., Path]) -> None:
    folder = write({"yard.waiting": [(0.0, 0.0, 0.0, 0.0, inf)]})
    assert "No car had to wait" in texts(svg_of(folder, "waiting"))


def test_the_gantt_counts_and_marks(day: Path) -> None:
    said = texts(svg_of(day, "session_gantt"))
    assert "4 cars: 1 charged, 1 turned away or gone, 1 failed, 1 still there" in said
    assert {"42", "A&<1>-1", "A&<1>-2", "Turned away", "Failed", "Waiting"} <= set(said)
    assert "Gave up waiting" not in said


def test_a_lane_for_each_connector_up_to_a_page(write: Callable[..., Path]) -> None:
    rows = [
        (f"S{n}", "V", "B", f"P{n:03}", 1, 0.0, 1.0, 2.0, 3.0, 4.0, *[None] * 6, "charged", "", n) for n in range(70)
    ]
    said = texts(svg_of(write({}, rows), "session_gantt"))
    assert {"P000-1", "P059-1", "10 more connectors are not shown"} <= set(said)
    assert "P060-1" not in said


@pytest.mark.parametrize(("name", "lang"), EVERY)
@pytest.mark.parametrize("meta", [{}, {"start": ""}, {"simulated_s": "0"}, {"simulated_s": "3000000"}])
def test_an_empty_recording_still_gives_a_picture(
    write: Callable[..., Path], name: str, lang: str, meta: dict[str, str]
) -> None:
    assert texts(svg_of(write(**meta), name, lang))


def test_local_hours_follow_the_clock_change(write: Callable[..., Path]) -> None:
    folder = write(start="2022-10-30T00:00:00", timezone="Europe/Zurich", simulated_s="21600")
    hours = [text for text in texts(svg_of(folder, "load_curve")) if text.endswith((":00", ":30"))]
    assert (hours[0], hours[-1]) == ("00:00", "05:00")


def test_what_the_font_lacks_is_shown_as_such() -> None:
    assert drawable("桩 A01 ✓") == "桩 A01 ✓"
    assert drawable("桩\U0001f697") == "桩?"
