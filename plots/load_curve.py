"""The load curve: what the station takes from the grid and what carries it, under its limits, over local time.

Where a recording has more points than a picture can show, exact means of short intervals are drawn, so that the area
stays the energy; the marked peak is always that of the recording.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.commanded import commanded_limits
from plots.registry import figure
from plots.strips import ROW_IN, draw_hatching, draw_strips, in_force, short
from plots.style import INK, LIMIT, MUTED, PALETTE, axes_in, drawable, new_figure, time_axis, title
from sim.reading import Floats, Run, Series

__all__ = ["load_curve"]

POINTS = 1440
LANES = 8
MOST_FEEDERS = 6
HOUSE = "#b8c2cc"
MAIN_IN, FEEDER_IN, GAP_IN, ABOVE_IN, BELOW_IN = 3.2, 0.42, 0.26, 1.0, 0.66
DASHES = {
    "contract": (0, (6, 3)),
    "transformer": (0, (3, 1.5, 1, 1.5)),
    "site": (0, (1, 1.5)),
    "commanded": (0, (5, 1.5)),
}
WORDS = {
    "en": {
        "title": "Load curve", "note": "Power from the grid, and what reaches the vehicles at each connector",
        "note_feeders": "Power from the grid, and what each feeder carries", "feeder": "Feeder {id}",
        "tariff": "; above: tariff period with its price in CNY/kWh", "faults": ", and faults (hatched)",
        "grid": "Grid import", "house": "Lights, offices", "contract": "Contract {value:,.4g} kW",
        "transformer": "Transformer {value:,.4g} kW, of the load behind it",
        "site": "Limit of all piles {value:.4g} kW", "commanded": "Limits commanded (connectors: {n})",
        "peak": "Grid peak {value:,.1f} kW", "power": "Power (kW)",
        "carries": "Feeder {id}: peak {peak:,.0f} kW, limit {limit:,.0f} kW",
        "more": "{n} more feeders are not shown", "none": "No power was recorded (needs the level `all`)",
    },
    "zh": {
        "title": "负荷曲线", "note": "电网取电功率，以及各充电枪送达车辆的功率",
        "note_feeders": "电网取电功率，以及各馈线的功率", "feeder": "馈线 {id}",
        "tariff": "；上方为电价时段与单价（元/kWh）", "faults": "及故障（斜线）",
        "grid": "电网取电", "house": "照明与办公", "contract": "合同容量 {value:,.4g} kW",
        "transformer": "变压器 {value:,.4g} kW（指其后的负荷）",
        "site": "全部充电桩输出限值 {value:.4g} kW", "commanded": "外部限功率（{n} 把枪）",
        "peak": "电网峰值 {value:,.1f} kW", "power": "功率 (kW)",
        "carries": "馈线 {id}：峰值 {peak:,.0f} kW，限值 {limit:,.0f} kW",
        "more": "另有 {n} 条馈线未显示", "none": "未记录功率（记录级别低于 all）",
    },
}  # fmt: skip


@figure("load_curve")
def load_curve(run: Run, lang: str = "en") -> Figure:
    """Stacked connector powers under the grid import, its limits and peak (kW); each feeder under its own limit below.

    Limits that were commanded from outside are one line: their sum over the connectors that had one.

    Where there are many connectors, what the feeders carry is stacked instead.
    """
    words, end_s, shown = WORDS[lang], run.duration_s, in_force(run, lang)
    names = run.signal_names("pile[*].connector[*].power_kw", kind="segment")
    feeders = run.signal_names("grid.feeder[*].power_kw", kind="segment")
    has_many = len(names) > LANES and 0 < len(feeders) <= LANES
    limited = [name for name in feeders if run.signal_names(_limit_of(name))]
    below_in = BELOW_IN + (FEEDER_IN + GAP_IN) * len(limited[:MOST_FEEDERS])
    strips_in = ROW_IN * shown.rows
    sheet_in = ABOVE_IN + strips_in + MAIN_IN + below_in
    sheet = new_figure(11.0, sheet_in)
    axes = axes_in(sheet, 0.07, below_in / sheet_in, 0.91, MAIN_IN / sheet_in)
    top_axes = axes
    if shown.rows:
        top_axes = axes_in(sheet, 0.07, (below_in + MAIN_IN) / sheet_in, 0.91, strips_in / sheet_in)
        draw_strips(top_axes, shown, lang, end_s)
    title(top_axes, words["title"], _note(words, has_many, bool(shown.stretches), bool(shown.faults)))
    grid = run.series("grid.power_kw") if run.signal_names("grid.power_kw", kind="segment") else None
    if not names and grid is None:
        axes.text(0.5, 0.5, words["none"], transform=axes.transAxes, ha="center", va="center")
    stacked = _with_house(run, feeders) if has_many else names[:LANES]
    _stack(axes, run, stacked, words, end_s)
    peak = grid.maximum() if grid is not None else None
    is_early = peak is not None and peak[0] < 0.35 * end_s
    top = max(
        _limits(axes, run, words, end_s, has_many, is_early), _commanded(axes, run, words, end_s),
        peak[1] if peak else 0.0, 1.0,
    )  # fmt: skip
    if grid is not None and peak is not None:
        _import(axes, grid, peak, top, run, words, end_s)
    low = min(0.0, axes.dataLim.y0 if np.isfinite(axes.dataLim.y0) else 0.0)
    axes.set_ylim(low * 1.1, top * 1.18)
    axes.set_ylabel(words["power"], fontsize=10.5)
    draw_hatching(axes, shown, end_s)
    lowest = _feeders(sheet, run, limited, words, end_s, has_many=has_many) or axes
    if lowest is not axes:
        axes.set_xlim(0.0, max(end_s, 1.0))
        axes.set_xticks([])
    time_axis(lowest, run, lang, end_s)
    if axes.get_legend_handles_labels()[0]:
        top_axes.legend(*axes.get_legend_handles_labels(), loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=5,
                        frameon=False, fontsize=10, handlelength=1.4, columnspacing=1.4, borderaxespad=0.2)  # fmt: skip
    return sheet


def _note(words: dict[str, str], has_many: bool, has_tariff: bool, has_faults: bool) -> str:
    note = words["note_feeders" if has_many else "note"]
    return note + (words["tariff"] if has_tariff else "") + (words["faults"] if has_faults and has_tariff else "")


def _limit_of(power: str) -> str:
    return f"{power.removesuffix('.power_kw')}.limit_kw"


def _with_house(run: Run, feeders: list[str]) -> list[str]:
    """The feeders and the house's own load: together the load of the transformer."""
    return feeders + run.signal_names("grid.house_kw", kind="segment")


def _stack(axes: Axes, run: Run, names: list[str], words: dict[str, str], end_s: float) -> None:
    """One band a connector or feeder, feeding upwards and giving back (V2G) downwards."""
    if not names:
        return
    edges = np.linspace(0.0, end_s, POINTS // 2 + 1)
    above = below = np.zeros(POINTS // 2)
    for i, name in enumerate(names):
        power, path = run.series(name).means(edges), name.removesuffix(".power_kw")
        label = words["feeder"].format(id=short(path)) if path.startswith("grid.") else short(path) or path
        colour = PALETTE[i % len(PALETTE)]
        if name == "grid.house_kw":
            label, colour = words["house"], HOUSE
        up, down = above + np.maximum(power, 0.0), below + np.minimum(power, 0.0)
        axes.stairs(up, edges, baseline=above, fill=True, color=colour, alpha=0.62, linewidth=0,
                    label=drawable(label))  # fmt: skip
        if (down < 0.0).any():
            axes.stairs(down, edges, baseline=below, fill=True, color=colour, alpha=0.62, linewidth=0)
        above, below = up, down


def _import(
    axes: Axes, grid: Series, peak: tuple[float, float], top: float, run: Run, words: dict[str, str], end_s: float
) -> None:
    """Draw the import and name its peak; `top` is the highest value drawn."""
    if len(grid) * 2 <= POINTS:
        axes.plot(*grid.polyline(end_s / POINTS), color=INK, linewidth=1.3, label=words["grid"])
    else:
        edges = np.linspace(0.0, end_s, POINTS + 1)
        axes.stairs(grid.means(edges), edges, baseline=None, color=INK, linewidth=1.3, label=words["grid"])
    t, value = peak
    clock = run.local(t)
    text = words["peak"].format(value=value) + (f", {clock:%H:%M}" if clock else "")
    axes.plot([t], [value], "o", color=INK, markersize=5.5, markeredgecolor="white", markeredgewidth=1.2, zorder=5)
    late = t > 0.8 * end_s
    axes.annotate(text, (t, value), (t, value + top * 0.08), fontsize=10.5, ha="right" if late else "left", zorder=6,
                  bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
                  arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkB": 3.0})  # fmt: skip


def _limits(axes: Axes, run: Run, words: dict[str, str], end_s: float, has_many: bool, at_end: bool) -> float:
    """Draw the limits as they were at each time; returns the highest value, 0 where none is recorded.

    Their names stand at the begin, or `at_end`, where they hide no peak.
    """
    found: list[tuple[str, Floats, Floats]] = []
    signals = {"contract": "grid.contract_limit_kw", "transformer": "grid.transformer[*].limit_kw"}
    if not has_many:  # the piles' limit is of their output, which is stacked only here
        signals["site"] = "control.site_limit_kw"
    for kind, glob in signals.items():
        for name in run.signal_names(glob, kind="segment"):
            found.append((kind, *run.series(name).polyline(end_s / POINTS)))
    said = run.meta_json("site_limit_kw")
    if isinstance(said, int | float):
        found.append(("site", np.array([0.0, end_s]), np.array([said, said], dtype=np.float64)))
    found = sorted((one for one in found if len(one[2])), key=lambda one: float(one[2][0]))
    for place, (kind, times, values) in enumerate(found):
        axes.plot(times, values, color=LIMIT, linewidth=1.3, linestyle=DASHES[kind], zorder=4)
        is_above = place == len(found) - 1 and place > 0
        where, side = ((end_s, values[-1]), "right") if at_end else ((0.0, values[0]), "left")
        axes.annotate(words[kind].format(value=values[0]), where, (-4 if at_end else 4, 4 if is_above else -5),
                      textcoords="offset points", color=LIMIT, fontsize=10, va="bottom" if is_above else "top",
                      ha=side, zorder=7,
                      bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75})  # fmt: skip
    return max((float(values.max()) for _, _, values in found), default=0.0)


def _commanded(axes: Axes, run: Run, words: dict[str, str], end_s: float) -> float:
    """Draw what platforms and masters allowed the connectors that they limited, while they did; the highest, or 0."""
    limits = commanded_limits(run)
    if limits is None:
        return 0.0
    times, values = np.append(limits.times_s, end_s), np.append(limits.sum_kw, limits.sum_kw[-1])
    axes.step(times, values, where="post", color=LIMIT, linewidth=1.3, linestyle=DASHES["commanded"], zorder=4,
              label=words["commanded"].format(n=limits.connectors))  # fmt: skip
    return float(np.nanmax(values)) if np.isfinite(values).any() else 0.0


def _feeders(
    sheet: Figure, run: Run, names: list[str], words: dict[str, str], end_s: float, *, has_many: bool
) -> Axes | None:
    """One small panel a feeder, from the top down; returns the lowest, None where no feeder's limit is recorded."""
    sheet_in = float(sheet.get_figheight())
    shown = names[:MOST_FEEDERS]
    axes = None
    edges = np.linspace(0.0, end_s, POINTS // 2 + 1)
    for i, name in enumerate(shown):
        bottom_in = BELOW_IN + (FEEDER_IN + GAP_IN) * (len(shown) - 1 - i)
        axes = axes_in(sheet, 0.07, bottom_in / sheet_in, 0.91, FEEDER_IN / sheet_in)
        power, limit = run.series(name), run.series(_limit_of(name))
        (_, peak_kw), limit_kw = power.maximum() or (0.0, 0.0), float(limit.a[0])
        axes.stairs(power.means(edges), edges, fill=True, color=PALETTE[i] if has_many else MUTED, alpha=0.62,
                    linewidth=0)  # fmt: skip
        axes.plot(*limit.polyline(end_s / POINTS), color=LIMIT, linewidth=1.2, zorder=4)
        axes.set_ylim(0.0, max(peak_kw, float(limit.a.max())) * 1.05)
        axes.set_yticks([])
        axes.set_xlim(0.0, max(end_s, 1.0))
        axes.set_xticks([])
        text = words["carries"].format(id=drawable(short(name)), peak=peak_kw, limit=limit_kw)
        if i == len(shown) - 1 and len(names) > len(shown):
            text += "; " + words["more"].format(n=len(names) - len(shown))
        axes.annotate(text, (0.0, limit_kw), (4, 2), textcoords="offset points", fontsize=9.5, va="bottom")
    return axes
