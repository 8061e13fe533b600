"""How figures look: one palette that colour-blind readers can tell apart, one font, local time along the axis.

Colours after Okabe and Ito (2008); text stays text in SVG, where the reader's own fonts take over.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager, get_font

from sim.reading import Run

__all__ = [
    "INK", "LIMIT", "MUTED", "PALETTE", "axes_in", "drawable", "look", "new_figure", "time_axis", "title", "to_png",
    "to_svg",
]  # fmt: skip

FONT = "Voltyard Sans"
STACK = "'Voltyard Sans', 'Noto Sans', 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans CJK SC', 'PingFang SC', " \
    "'Microsoft YaHei', sans-serif"  # fmt: skip
INK, MUTED, GRID, PAPER, LIMIT = "#1d2733", "#5b6875", "#e3e8ee", "#ffffff", "#b3261e"
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7a00", "#44546a")
STEPS_S = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400, 28 * 86400)

_RC: Any = {
    "font.family": FONT, "font.size": 11.0, "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": "#b8c2cc",
    "xtick.color": MUTED, "ytick.color": MUTED, "axes.unicode_minus": False, "text.parse_math": False,
    "svg.fonttype": "none", "svg.hashsalt": "voltyard", "hatch.linewidth": 0.7, "path.simplify": False,
}  # fmt: skip


@cache
def _characters() -> frozenset[int]:
    """Load the bundled font once; returns what it can draw."""
    with as_file(files("plots") / "fonts" / "voltyard-sans.otf") as path:
        if FONT not in fontManager.get_font_names():
            fontManager.addfont(path)
        return frozenset(get_font(path).get_charmap())


def drawable(text: str) -> str:
    """`text` with every character that the bundled font lacks shown as `?` (ids from people's files may hold any)."""
    return "".join(letter if ord(letter) in _characters() else "?" for letter in text)


def look() -> AbstractContextManager[None]:
    """Our font, colours and SVG settings while a figure is made or written."""
    _characters()
    return matplotlib.rc_context(_RC)


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure outside pyplot."""
    return Figure(figsize=(width_in, height_in), facecolor=PAPER)


def axes_in(figure: Figure, *box: float) -> Axes:
    """Axes with a light horizontal grid; `box` is (left, bottom, width, height) as shares of the figure."""
    axes = figure.add_axes((box[0], box[1], box[2], box[3]))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, labelsize=10.5)
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    return axes


def title(axes: Axes, text: str, note: str) -> None:
    """A heading and a quieter line beneath it, flush with the axes."""
    axes.annotate(text, (0, 1), (0, 68), "axes fraction", "offset points", fontsize=15, va="top")
    axes.annotate(note, (0, 1), (0, 45), "axes fraction", "offset points", fontsize=10.5, color=MUTED, va="top")


def time_axis(axes: Axes, run: Run, lang: str, end_s: float) -> None:
    """Local time of day along the bottom, at whole local hours; seconds since the start where no start is recorded."""
    axes.set_xlim(0.0, max(end_s, 1.0))
    begin = run.local(0.0)
    unknown = begin is None
    start = begin or datetime(2000, 1, 1, tzinfo=UTC)
    step = next((step for step in STEPS_S if end_s / step <= 13), STEPS_S[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks, words = [], []
    into = (start - midnight).total_seconds()
    wall = midnight + timedelta(seconds=-(-into // step) * step)
    while (t := (wall.astimezone(UTC) - start.astimezone(UTC)).total_seconds()) <= end_s:
        ticks.append(t)
        words.append(_clock(wall, start, step, unknown or end_s <= 86400.0))
        wall += timedelta(seconds=step)
    axes.set_xticks(ticks, words)
    zone = "" if unknown else f" ({start.tzinfo})"
    local = {"en": f"Local time{zone}", "zh": f"当地时间{zone}"}
    since = {"en": "Time since the start (h:min)", "zh": "自开始起的时间（时:分）"}
    axes.set_xlabel(drawable((since if unknown else local)[lang]), fontsize=10.5, labelpad=6)


def _clock(wall: datetime, start: datetime, step: int, short: bool) -> str:
    if short:
        days = (wall.date() - start.date()).days
        return "24:00" if days == 1 and wall.hour == wall.minute == 0 and start.hour == 0 else f"{wall:%H:%M}"
    return f"{wall:%m-%d}" if step >= 86400 else f"{wall:%H:%M}\n{wall:%m-%d}" if wall.hour == 0 else f"{wall:%H:%M}"


def to_svg(figure: Figure) -> str:
    """The figure as SVG: text as text, the same bytes for the same recording."""
    out = BytesIO()
    with look():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue().decode().replace(f"'{FONT}'", STACK)


def to_png(figure: Figure, dpi: float = 144.0) -> bytes:
    """The figure as PNG, drawn with the bundled font."""
    out = BytesIO()
    with look():
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()
