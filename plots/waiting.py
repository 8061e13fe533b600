"""The waiting line over the day, and who drove on: how many wait, when, and for how long."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from plots.registry import figure
from plots.style import INK, LIMIT, MUTED, PALETTE, axes_in, new_figure, time_axis, title
from sim.reading import Run

__all__ = ["waiting"]

STEPS = 1440
WORDS = {
    "en": {
        "title": "Waiting line", "line": "Vehicles in the line", "turned_away": "Turned away",
        "reneged": "Gave up waiting",
        "waits": "{n} of {all} cars had to wait; waits of those served: median {p50}, 95 % within {p95}, mean {mean}",
        "nobody": "No car had to wait", "none": "No waiting line was recorded (needs the level `all`)",
        "count": "Vehicles", "s": "s", "min": "min",
    },
    "zh": {
        "title": "排队情况", "line": "排队车辆数", "turned_away": "满位离开", "reneged": "放弃等待",
        "waits": "{all} 辆车中有 {n} 辆需要等待；已服务车辆的等待时间：中位数 {p50}，95% 不超过 {p95}，平均 {mean}",
        "nobody": "无车辆需要等待", "none": "未记录排队情况（记录级别低于 all）",
        "count": "车辆数", "s": "秒", "min": "分钟",
    },
}  # fmt: skip


@figure("waiting")
def waiting(run: Run, lang: str = "en") -> Figure:
    """The number in the line as a step curve, those who left without a bay as marks above it."""
    words = WORDS[lang]
    sheet = new_figure(11.0, 3.3)
    axes = axes_in(sheet, 0.07, 0.2, 0.91, 0.5)
    title(axes, words["title"], _said(run, words))
    end_s = run.duration_s
    top = 1.0
    if run.signal_names("yard.waiting", kind="segment"):
        line = run.series("yard.waiting")
        times, values = line.value_at_starts_and_ends()
        axes.fill_between(times, values, step=None, color=PALETTE[1], alpha=0.45, linewidth=0, label=words["line"])
        axes.plot(times, values, color=INK, linewidth=0.9)
        top = max(top, float(values.max()))
    else:
        axes.text(0.5, 0.5, words["none"], transform=axes.transAxes, ha="center", va="center", color=MUTED)
    _gone(axes, run, words, top)
    axes.set_ylim(0.0, top * 1.45)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_ylabel(words["count"], fontsize=10.5)
    time_axis(axes, run, lang, end_s)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=10,
                    handlelength=1.4, columnspacing=1.4, borderaxespad=0.2)  # fmt: skip
    return sheet


def _gone(axes: Axes, run: Run, words: dict[str, str], top: float) -> None:
    for outcome, mark, colour, height in (("turned_away", "v", LIMIT, 1.3), ("reneged", "X", LIMIT, 1.15)):
        times = [one.left_s if one.left_s is not None else one.arrived_s for one in run.sessions()
                 if one.outcome == outcome]  # fmt: skip
        if times:
            axes.plot(times, np.full(len(times), top * height), mark, color=colour, markersize=5.5,
                      markeredgecolor="white", markeredgewidth=0.6, label=words[outcome])  # fmt: skip


def _said(run: Run, words: dict[str, str]) -> str:
    kpis = {kpi.name: kpi.value for kpi in run.kpis()}
    waited = _waited(run)
    if not waited:
        return words["nobody"]
    times = {name: _time(kpis.get(f"wait_{name}_s"), words) for name in ("p50", "p95", "mean")}
    return words["waits"].format(n=waited, all=int(kpis.get("arrivals") or 0), **times)


def _waited(run: Run) -> int:
    if not run.signal_names("yard.waiting", kind="segment"):
        return 0
    steps = run.series("yard.waiting").a
    return int(np.maximum(np.diff(steps, prepend=0.0), 0.0).sum())


def _time(value: float | None, words: dict[str, str]) -> str:
    if value is None:
        return "-"
    return f"{value:.0f} {words['s']}" if value < 100.0 else f"{value / 60.0:.1f} {words['min']}"
