"""The load curve: what the station takes from the grid and what each connector gives, over local time.

Where a recording has more points than a picture can show, exact means of short intervals are drawn, so that the area
stays the energy; the marked peak is always that of the recording.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plots.registry import figure
from plots.style import INK, LIMIT, PALETTE, axes_in, drawable, new_figure, time_axis, title
from sim.reading import Floats, Run, Series

__all__ = ["load_curve"]

POINTS = 1440
LANES = 8
WORDS = {
    "en": {
        "title": "Load curve", "note": "Power from the grid, and what reaches the vehicles at each connector",
        "note_feeders": "Power from the grid, and what each feeder carries to its piles", "feeder": "Feeder {id}",
        "grid": "Grid import", "limit": "Limit of all piles {value:.4g} kW",
        "peak": "Grid peak {value:.1f} kW", "power": "Power (kW)",
        "none": "No power was recorded (needs the level `all`)",
    },
    "zh": {
        "title": "负荷曲线", "note": "电网取电功率，以及各充电枪送达车辆的功率",
        "note_feeders": "电网取电功率，以及各馈线送往充电桩的功率", "feeder": "馈线 {id}",
        "grid": "电网取电", "limit": "全部充电桩输出限值 {value:.4g} kW",
        "peak": "电网峰值 {value:.1f} kW", "power": "功率 (kW)", "none": "未记录功率（记录级别低于 all）",
    },
}  # fmt: skip


@figure("load_curve")
def load_curve(run: Run, lang: str = "en") -> Figure:
    """Stacked connector powers under the line of the grid import, with the site's limit and the peak; in kW.

    Where there are many connectors, what the feeders carry is stacked instead.
    """
    words = WORDS[lang]
    sheet = new_figure(11.0, 4.9)
    axes = axes_in(sheet, 0.07, 0.14, 0.91, 0.66)
    end_s = run.duration_s
    names = run.signal_names("pile[*].connector[*].power_kw", kind="segment")
    feeders = run.signal_names("grid.feeder[*].power_kw", kind="segment")
    has_many = len(names) > LANES and 0 < len(feeders) <= LANES
    title(axes, words["title"], words["note_feeders" if has_many else "note"])
    grid = run.series("grid.power_kw") if run.signal_names("grid.power_kw", kind="segment") else None
    if not names and grid is None:
        axes.text(0.5, 0.5, words["none"], transform=axes.transAxes, ha="center", va="center")
    _stack(axes, run, feeders if has_many else names[:LANES], words, end_s)
    peak = grid.maximum() if grid is not None else None
    top = max(_limit(axes, run, words, end_s), peak[1] if peak else 0.0, 1.0)
    if grid is not None and peak is not None:
        _import(axes, grid, peak, top, run, words, end_s)
    low = min(0.0, axes.dataLim.y0 if np.isfinite(axes.dataLim.y0) else 0.0)
    axes.set_ylim(low * 1.1, top * 1.18)
    axes.set_ylabel(words["power"], fontsize=10.5)
    time_axis(axes, run, lang, end_s)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=10,
                    handlelength=1.4, columnspacing=1.4, borderaxespad=0.2)  # fmt: skip
    return sheet


def _stack(axes: Axes, run: Run, names: list[str], words: dict[str, str], end_s: float) -> None:
    """One band a connector or feeder, feeding upwards and giving back (V2G) downwards."""
    if not names:
        return
    edges = np.linspace(0.0, end_s, POINTS // 2 + 1)
    bands: list[tuple[str, Floats]] = []
    for name in names:
        path = name.removesuffix(".power_kw")
        label = words["feeder"].format(id=_short(path)) if path.startswith("grid.") else _short(path)
        bands.append((label, run.series(name).means(edges)))
    above = below = np.zeros(POINTS // 2)
    for i, (label, power) in enumerate(bands):
        up, down = above + np.maximum(power, 0.0), below + np.minimum(power, 0.0)
        axes.stairs(up, edges, baseline=above, fill=True, color=PALETTE[i], alpha=0.62, linewidth=0,
                    label=drawable(label))  # fmt: skip
        if (down < 0.0).any():
            axes.stairs(down, edges, baseline=below, fill=True, color=PALETTE[i], alpha=0.62, linewidth=0)
        above, below = up, down


def _short(path: str) -> str:
    """`pile[A01].connector[1]` as `A01-1`, as drivers read it off the cabinet."""
    inner = [part.partition("]")[0] for part in path.split("[")[1:]]
    return "-".join(inner) or path


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
    # Above everything drawn, so that the words hide no other peak.
    axes.annotate(text, (t, value), (t, top * 1.06), fontsize=10.5, ha="right" if late else "left", zorder=6,
                  arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.7, "shrinkB": 3.0})  # fmt: skip


def _limit(axes: Axes, run: Run, words: dict[str, str], end_s: float) -> float:
    """Draw the site's limit; returns its highest value, 0 where none is recorded."""
    if run.signal_names("control.site_limit_kw", kind="segment"):
        limit = run.series("control.site_limit_kw")
        times, values = limit.polyline(end_s / POINTS)
    else:
        said = run.meta_json("site_limit_kw")
        if not isinstance(said, int | float):
            return 0.0
        times, values = np.array([0.0, end_s]), np.array([said, said], dtype=np.float64)
    if not len(values):
        return 0.0
    axes.plot(times, values, color=LIMIT, linewidth=1.4, linestyle=(0, (6, 3)))
    axes.annotate(words["limit"].format(value=values[0]), (0.0, values[0]), (4, -5), textcoords="offset points",
                  color=LIMIT, fontsize=10.5, va="top", zorder=7,
                  bbox={"boxstyle": "square,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.75})  # fmt: skip
    return float(values.max())
