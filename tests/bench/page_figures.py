"""How the figures of docs/validation.md look: ours as a thin line on the reference, which is wide and grey."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from PIL import Image

from plots.style import INK, MUTED, PALETTE, axes_in, new_figure, to_png

OURS, THIRD, OTHER = PALETTE[0], PALETTE[2], PALETTE[5]
UNDER = "#c3ccd5"
_WIDTH_IN = 11.0
_STEPS = (1, 2, 5, 10)
_COLOURS = 64
_UNDER_PT = 4.5
_MARK: Any = {"marker": "o", "linestyle": "none", "markersize": 6.5, "markerfacecolor": "white",
              "markeredgecolor": INK, "markeredgewidth": 1.4}  # fmt: skip
_LEFT_IN, _RIGHT_IN, _HEAD_IN, _TITLE_IN, _FOOT_IN, _STACK_IN = 0.72, 0.12, 0.42, 0.36, 0.5, 0.14


def tiles(
    count: int, columns: int, heights_in: Sequence[float], *, gap_in: float = 0.55
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of `count` tiles, row by row; each has one axes for each of the heights, from the top down."""
    rows = -(-count // columns)
    tile_in = _TITLE_IN + sum(heights_in) + _STACK_IN * (len(heights_in) - 1) + _FOOT_IN
    sheet_in = _HEAD_IN + rows * tile_in
    width_in = (_WIDTH_IN - _LEFT_IN - _RIGHT_IN - gap_in * (columns - 1)) / columns
    sheet = new_figure(_WIDTH_IN, sheet_in)
    found = []
    for number in range(count):
        row, column = divmod(number, columns)
        left_in = _LEFT_IN + column * (width_in + gap_in)
        top_in = sheet_in - _HEAD_IN - row * tile_in - _TITLE_IN
        stack = []
        for height_in in heights_in:
            top_in -= height_in
            stack.append(
                axes_in(sheet, left_in / _WIDTH_IN, top_in / sheet_in, width_in / _WIDTH_IN, height_in / sheet_in)
            )
            top_in -= _STACK_IN
        for axes in stack:
            axes.yaxis.set_major_locator(MaxNLocator(4, steps=_STEPS))
            axes.xaxis.set_major_locator(MaxNLocator(5, steps=_STEPS))
        for axes in stack[:-1]:
            axes.tick_params(labelbottom=False)
        found.append(stack)
    return sheet, found


def heading(axes: Axes, text: str, note: str = "") -> None:
    """Over a tile: what it shows, and beside it, quieter, under which circumstances."""
    name = axes.annotate(text, (0, 1), (0, 8), "axes fraction", "offset points", fontsize=11.5, color=INK)
    width_px = name.get_window_extent(FigureCanvasAgg(axes.figure).get_renderer()).width
    place = (72.0 * width_px / axes.figure.dpi + 7.0, 8)
    axes.annotate(note, (0, 1), place, "axes fraction", "offset points", fontsize=10, color=MUTED)


def label_axes(stacks: Sequence[Sequence[Axes]], columns: int, along: str, *up: str) -> None:
    """Name what runs up at the left edge, and what runs along beneath every tile."""
    for number, stack in enumerate(stacks):
        stack[-1].set_xlabel(along, fontsize=10)
        if number % columns == 0:
            for axes, text in zip(stack, up, strict=True):
                axes.set_ylabel(text, fontsize=10)


def ours_on(axes: Axes, reference: tuple[np.ndarray, np.ndarray], ours: tuple[np.ndarray, np.ndarray],
            colour: str = OURS) -> None:  # fmt: skip
    """Both curves, each as (x, y)."""
    axes.plot(*reference, color=UNDER, linewidth=_UNDER_PT, solid_capstyle="round")
    axes.plot(*ours, color=colour, linewidth=1.5)


def key(sheet: Figure, *entries: tuple[str, str] | Line2D) -> None:
    """At the top, what the lines are: (what, colour) of a thin line, or a line as it is drawn."""
    handles = [one if isinstance(one, Line2D) else Line2D([], [], color=one[1], linewidth=1.8, label=one[0])
               for one in entries]  # fmt: skip
    _, height_in = sheet.get_size_inches()
    place = ((_LEFT_IN - 0.1) / _WIDTH_IN, 1.0 - 0.04 / height_in)
    sheet.legend(handles=handles, loc="upper left", bbox_to_anchor=place,
                 ncols=len(handles), frameon=False, fontsize=10.5, handlelength=1.8, columnspacing=2.0)  # fmt: skip


def under(what: str) -> Line2D:
    """The key of a reference."""
    return Line2D([], [], color=UNDER, linewidth=_UNDER_PT, solid_capstyle="round", label=what)


def mark(axes: Axes, x: float, y: float, text: str = "", place: tuple[float, float] = (8, -4)) -> None:
    """A number that the physics sheet has worked out."""
    axes.plot([x], [y], zorder=5, clip_on=False, **_MARK)
    if text:
        axes.annotate(text, (x, y), place, "data", "offset points", fontsize=10, color=INK)


def marked(what: str) -> Line2D:
    """The key of such numbers."""
    return Line2D([], [], label=what, **_MARK)


def write(sheet: Figure, images: Path, name: str, says: str) -> list[str]:
    """Keep it as `name`.png; the page's lines that show it, `says` being what one who cannot see it is told."""
    images.mkdir(parents=True, exist_ok=True)
    drawn = Image.open(BytesIO(to_png(sheet))).convert("RGB")
    drawn.quantize(_COLOURS, dither=Image.Dither.NONE).save(images / f"{name}.png", optimize=True)
    return [f"![{says}](images/{name}.png)", ""]
