"""What the heat did: the air, the transformer, and the cabinets and connectors that came nearest to their levels.

Levels, at which something is done about heat, are those that the run kept (`heat_levels` of its meta). A panel is
hatched while a fault lay on what stands in it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.in_force import FaultWindow
from plots.registry import figure
from plots.strips import ROW_IN, draw_hatching, draw_strips, in_force, short
from plots.style import INK, LIMIT, MUTED, PALETTE, axes_in, drawable, new_figure, time_axis, title
from sim.reading import Run, Series

__all__ = ["temperatures"]

POINTS = 720
DAY_S = 86400.0
DAY, LONGER = "%H:%M", "%m-%d %H:%M"
MOST = 4
AIR = "weather.air_temp_c"
PANEL_IN, GAP_IN, ABOVE_IN, BELOW_IN = 1.55, 0.56, 1.0, 0.66
DASHES = {"alarm": (0, (1, 1.5)), "derate": (0, (3, 1.5, 1, 1.5)), "stop": (0, (6, 3)), "trip": (0, (6, 3))}
WORDS = {
    "en": {
        "title": "Temperatures", "note": "In °C; with each line its highest value and when that was; red: from there on"
        " something is done", "faults": "; hatched: a fault", "none": "No temperatures were recorded (needs the level"
        " `all`)",
        "air": "Air", "pt100_c": "Pt100", "hot_spot_c": "Hot spot", "top_oil_c": "Top oil",
        "winding_c": "Winding", "transformer": "Transformer {id}", "only_air": "Air", "cabinets": "Cabinets",
        "connectors": "Contacts of the connectors", "some": "{what}: the {n} of {all} that came nearest to their"
        " levels", "alarm": "Alarm {c:g} °C", "derate": "Gives less from {c:g} °C", "stop": "Stops at {c:g} °C",
        "trip": "Trips at {c:g} °C", "by": "{text} ({what})",
    },
    "zh": {
        "title": "温度", "note": "单位 °C；图例为各曲线最高值及其时刻；红线：达到即采取措施",
        "faults": "；斜线：故障期间",
        "none": "未记录温度（记录级别低于 all）",
        "air": "气温", "pt100_c": "Pt100", "hot_spot_c": "热点", "top_oil_c": "顶层油温",
        "winding_c": "绕组",
        "transformer": "变压器 {id}", "only_air": "气温", "cabinets": "机柜", "connectors": "充电枪触头",
        "some": "{what}：{all} 个中最接近限值的 {n} 个", "alarm": "告警 {c:g} °C", "derate": "{c:g} °C 起降功率",
        "stop": "{c:g} °C 停止", "trip": "{c:g} °C 跳闸", "by": "{text}（{what}）",
    },
}  # fmt: skip


class Panel(NamedTuple):
    """One panel: its heading, (signal, label) of its lines, and the end of the paths of the faults that lie on it."""

    heading: str
    lines: list[tuple[str, str]]
    struck: str


@figure(
    "temperatures",
    needs=("grid.transformer[*].hot_spot_c", "pile[*].cabinet_temp_c", "pile[*].connector[*].contact_temp_c"),
)
def temperatures(run: Run, lang: str = "en") -> Figure:
    """Panels of the transformer, the hottest cabinets and the hottest contacts, with the air in each (C)."""
    words, end_s = WORDS[lang], run.duration_s
    panels = _panels(run, words)
    shown = in_force(run, lang, lambda one: any(_strikes(one, panel) for panel in panels))._replace(stretches=[])
    strips_in = ROW_IN * shown.rows
    sheet_in = ABOVE_IN + strips_in + (PANEL_IN + GAP_IN) * max(len(panels), 1) + BELOW_IN
    sheet = new_figure(11.0, sheet_in)
    top_in = sheet_in - ABOVE_IN - strips_in
    strips = axes_in(sheet, 0.07, top_in / sheet_in, 0.91, max(strips_in, 1e-3) / sheet_in)
    strips.axis("off")
    if shown.rows:
        draw_strips(strips, shown, lang, end_s)
    title(strips, words["title"], words["note"] + (words["faults"] if shown.faults else ""))
    axes = strips
    for i, panel in enumerate(panels or [Panel("", [], "")]):
        bottom_in = top_in - (PANEL_IN + GAP_IN) * (i + 1)
        axes = axes_in(sheet, 0.07, bottom_in / sheet_in, 0.91, PANEL_IN / sheet_in)
        struck = [one for one in shown.faults if _strikes(one[0], panel)]
        _draw(axes, run, panel, words, end_s)
        draw_hatching(axes, shown._replace(faults=struck), end_s)
        axes.set_xlim(0.0, max(end_s, 1.0))
        axes.set_xticks([])
    if not panels:
        axes.text(0.5, 0.5, words["none"], transform=axes.transAxes, ha="center", va="center", color=MUTED)
    time_axis(axes, run, lang, end_s)
    return sheet


def _strikes(window: FaultWindow, panel: Panel) -> bool:
    return panel.struck != "" and panel.struck in f"{window.subject}."


def _panels(run: Run, words: dict[str, str]) -> list[Panel]:
    panels: list[Panel] = []
    hot_spots = run.signal_names("grid.transformer[*].hot_spot_c", kind="segment")
    for name in hot_spots[:1]:
        path = name.removesuffix(".hot_spot_c")
        of = [one for one in ("hot_spot_c", "pt100_c", "winding_c", "top_oil_c")
              if (one != "hot_spot_c" or not run.signal_names(f"{path}.winding_c"))  # in oil it is the winding's
              and run.signal_names(f"{path}.{one}", kind="segment")]  # fmt: skip
        lines = [(f"{path}.{one}", words[one]) for one in of]
        panels.append(Panel(words["transformer"].format(id=short(path)), lines, f"{path}."))
    if not panels and run.signal_names(AIR, kind="segment"):
        panels.append(Panel(words["only_air"], [], ""))
    for kind, glob, struck in (
        ("cabinets", "pile[*].cabinet_temp_c", "].cabinet."),
        ("connectors", "pile[*].connector[*].contact_temp_c", "].contact."),
    ):
        every = run.signal_names(glob, kind="segment")
        nearest = sorted(every, key=lambda name: -_nearness_k(run, name))[:MOST]
        if nearest:
            heading = words[kind]
            if len(every) > len(nearest):
                heading = words["some"].format(what=heading, n=len(nearest), all=len(every))
            panels.append(Panel(heading, [(name, short(name)) for name in sorted(nearest)], struck))
    return panels


def _levels(run: Run, name: str) -> dict[str, float]:
    """What is done at which level of a signal (C)."""
    levels = run.meta_json("heat_levels", {})
    found = levels.get(name) if isinstance(levels, dict) else None
    return {what: float(c) for what, c in (found or {}).items() if what in DASHES}


def _nearness_k(run: Run, name: str) -> float:
    """How far its highest value is over the first of its levels; over 0 C where it has none."""
    highest = run.series(name).maximum()
    return (highest[1] if highest else 0.0) - min(_levels(run, name).values(), default=0.0)


def _draw(axes: Axes, run: Run, panel: Panel, words: dict[str, str], end_s: float) -> None:
    low, high = np.inf, -np.inf
    if run.signal_names(AIR, kind="segment"):
        low, high = _line(axes, run, run.series(AIR), (words["air"], MUTED, 0.9), end_s)
    levels: list[tuple[float, str, str]] = []
    for i, (name, label) in enumerate(panel.lines):
        colour = INK if name.endswith(("pt100_c", "top_oil_c")) else PALETTE[i]
        coldest, hottest = _line(axes, run, run.series(name), (label, colour, 1.3), end_s)
        low, high = min(low, coldest), max(high, hottest)
        by = label if name.startswith("grid.") else ""
        levels += [(c, what, by) for what, c in _levels(run, name).items()]
    for place, (c, what, by) in enumerate(sorted(set(levels))):
        text = words[what].format(c=c)
        text = words["by"].format(text=text, what=by) if by else text
        axes.axhline(c, color=LIMIT, linewidth=1.1, linestyle=DASHES[what], zorder=4)
        axes.annotate(text, (0.0, c), (4 + 130 * place, 1), textcoords="offset points", color=LIMIT,
                      fontsize=9.5, va="bottom", zorder=7,
                      bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75})  # fmt: skip
        low, high = min(low, c), max(high, c)
    if np.isfinite(high):
        axes.set_ylim(low - 0.05 * (high - low) - 1.0, high + 0.16 * (high - low) + 1.0)
    axes.annotate(drawable(panel.heading), (0, 1), (0, 30), "axes fraction", "offset points", fontsize=11.5, va="top")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=MOST + 1, frameon=False, fontsize=9.5,
                    handlelength=1.3, columnspacing=1.3, borderaxespad=0.0, borderpad=0.2)  # fmt: skip


def _line(axes: Axes, run: Run, series: Series, look: tuple[str, str, float], end_s: float) -> tuple[float, float]:
    """Draw one temperature, its peak told and marked as it was; returns its lowest and highest value, if it has any."""
    if not len(series):
        return np.inf, -np.inf
    label, colour, width = look
    times = np.linspace(0.0, end_s, POINTS + 1)
    values = series.at(times)
    t, highest = series.maximum() or (0.0, float("nan"))
    clock = run.local(t)
    said = f"{label} {highest:.1f} °C" + (f", {clock:{DAY if end_s <= DAY_S else LONGER}}" if clock else "")
    axes.plot(times, values, color=colour, linewidth=width, label=drawable(said))
    axes.plot([t], [highest], "o", color=colour, markersize=4.5, markeredgecolor="white", markeredgewidth=0.9, zorder=6)
    return float(np.min(values, initial=highest, where=np.isfinite(values))), highest
