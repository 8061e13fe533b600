"""Strips above a figure's axes: the tariff's periods and the faults, and the faults' hatching in the axes below."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.axes import Axes

from plots.in_force import FaultWindow, Stretch, fault_windows, tariff_stretches
from plots.style import INK, LIMIT, MUTED, drawable
from sim.reading import Run

__all__ = ["ROW_IN", "InForce", "draw_hatching", "draw_strips", "in_force", "short"]

ROW_IN = 0.21
WIDTH_PT = 11.0 * 0.91 * 72.0
MOST_LANES = 6
PRICES = ("#e4eef6", "#fbf1d3", "#f6d7b8", "#ebb09d", "#d98c7d")
PERIODS = {
    "en": {"all_day": "all day"},
    "zh": {"sharp": "尖", "peak": "峰", "flat": "平", "valley": "谷", "all_day": "全天"},
}


class InForce(NamedTuple):
    """What the strips show; each fault has its lane, and its label where there is room for one."""

    stretches: list[Stretch]
    faults: list[tuple[FaultWindow, int, str]]
    lanes: int

    @property
    def rows(self) -> int:
        """How many strips there are."""
        return bool(self.stretches) + self.lanes


def in_force(run: Run, lang: str, on: Callable[[FaultWindow], bool] = lambda _: True) -> InForce:
    """Read the recording and give each fault (of those that `on` takes) a lane in which its name hides no other's."""
    end_s = max(run.duration_s, 1.0)
    filled_s: list[float] = []
    faults: list[tuple[FaultWindow, int, str]] = []
    for window in filter(on, fault_windows(run)):
        begin_s, until_s = _span(window, end_s)
        label = drawable(f"{window.titles[lang]} {short(window.subject)}".strip())
        place = _place(label, begin_s, until_s, end_s)
        begin_s, reach_s = min(begin_s, place[0]), max(until_s, place[1])
        lane = next((lane for lane, filled in enumerate(filled_s) if filled <= begin_s), len(filled_s))
        if lane == MOST_LANES:
            faults.append((window, lane - 1, ""))
            continue
        filled_s[lane:] = [reach_s, *filled_s[lane + 1 :]]
        faults.append((window, lane, label))
    return InForce(tariff_stretches(run), faults, len(filled_s))


def draw_strips(axes: Axes, shown: InForce, lang: str, end_s: float) -> None:
    """Fill `axes`, which is `rows` strips high: the faults above, the tariff lowest."""
    axes.set_xlim(0.0, max(end_s, 1.0))
    axes.set_ylim(shown.rows, 0.0)
    axes.axis("off")
    for window, lane, label in shown.faults:
        begin_s, until_s = _span(window, end_s)
        if window.active_s is None or window.active_s > window.armed_s:
            axes.plot([window.armed_s, begin_s if window.active_s is not None else until_s], [lane + 0.5, lane + 0.5],
                      color=LIMIT, linewidth=1.0, linestyle=(0, (1, 2)))  # fmt: skip
        if window.active_s is not None:
            axes.broken_barh([(begin_s, max(until_s - begin_s, end_s / WIDTH_PT))], (lane + 0.12, 0.76),
                             facecolor="#fbe9e7", edgecolor=LIMIT, hatch="////", linewidth=0.7)  # fmt: skip
        axes.text(_place(label, begin_s, until_s, end_s)[0], lane + 0.5, label, va="center", fontsize=9.5, color=INK,
                  bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85})  # fmt: skip
    for stretch in shown.stretches:
        width_s = stretch.end_s - stretch.begin_s
        colour = PRICES[min(stretch.rank, len(PRICES) - 1)]
        axes.broken_barh([(stretch.begin_s, width_s)], (shown.lanes + 0.08, 0.84), facecolor=colour, edgecolor="white",
                         linewidth=1.0)  # fmt: skip
        name = drawable(PERIODS[lang].get(stretch.name, stretch.name))
        texts = (f"{name} {stretch.price_cny:.2f}", name)
        text = next((text for text in texts if _width_pt(text) < width_s / end_s * WIDTH_PT), "")
        axes.text(stretch.begin_s + width_s / 2, shown.lanes + 0.5, text, ha="center", va="center", fontsize=9.5,
                  color=MUTED)  # fmt: skip


def draw_hatching(axes: Axes, shown: InForce, end_s: float) -> None:
    """Hatch the times in which faults were active, over what is drawn."""
    for window, _, _ in shown.faults:
        if window.active_s is None:
            continue
        begin_s, until_s = _span(window, end_s)
        axes.axvspan(begin_s, until_s, facecolor="none", edgecolor=LIMIT, hatch="//", alpha=0.4, linewidth=0, zorder=3)
        for t in (begin_s, until_s):
            axes.axvline(t, color=LIMIT, linewidth=0.6, alpha=0.5, zorder=3)


def short(path: str) -> str:
    """`pile[A01].connector[1]` as `A01-1`, as drivers read it off the cabinet; nothing where a path has no ids."""
    return "-".join(part.partition("]")[0] for part in path.split("[")[1:])


def _span(window: FaultWindow, end_s: float) -> tuple[float, float]:
    begin_s = window.armed_s if window.active_s is None else window.active_s
    return begin_s, end_s if window.cleared_s is None else window.cleared_s


def _place(label: str, begin_s: float, until_s: float, end_s: float) -> tuple[float, float]:
    """Where a fault's label begins and ends: in its bar where it fits, else after it, else before it."""
    gap_s = 5.0 / WIDTH_PT * end_s
    width_s = _width_pt(label) / WIDTH_PT * end_s
    if width_s + 2.0 * gap_s < until_s - begin_s:
        left_s = begin_s + gap_s
    elif until_s + gap_s + width_s <= end_s:
        left_s = until_s + gap_s
    else:
        left_s = begin_s - gap_s - width_s
    return left_s, left_s + width_s


def _width_pt(text: str) -> float:
    return sum(10.0 if ord(letter) > 0x2E80 else 5.4 for letter in text)
