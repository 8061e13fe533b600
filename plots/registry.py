"""The figures by name. Nothing heavy is imported before one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.reading import Run

__all__ = ["FigureOf", "draw", "figure", "figure_names", "figures_of"]


class FigureOf(Protocol):
    """Draws a recording in a language, `en` or `zh`."""

    def __call__(self, run: Run, lang: str = "en") -> Figure:
        """The figure, made outside pyplot."""


_MODULES = ("load_curve", "session_gantt", "temperatures", "waiting")
_FIGURES: dict[str, FigureOf] = {}
_NEEDS: dict[str, tuple[str, ...]] = {}


def figure(name: str, needs: tuple[str, ...] = ()) -> Callable[[FigureOf], FigureOf]:
    """Register a figure under `name`; raises `DuplicateName` when another has it.

    One that `needs` signals (globs) has something to show only where one of them is recorded.
    """

    def register(draws: FigureOf) -> FigureOf:
        @wraps(draws)
        def styled(run: Run, lang: str = "en") -> Figure:
            from plots.style import look

            with look():
                return draws(run, lang)

        if name in _FIGURES:
            from sim.reading import DuplicateName

            raise DuplicateName(f"figure '{name}' is registered twice")
        _FIGURES[name] = styled
        _NEEDS[name] = needs
        return styled

    return register


def figure_names() -> list[str]:
    """Every figure, sorted. Loads matplotlib."""
    for module in _MODULES:
        import_module(f"plots.{module}")
    return sorted(_FIGURES)


def figures_of(run: Run) -> list[str]:
    """The figures that have something to show of this recording, sorted."""
    return [
        name
        for name in figure_names()
        if not _NEEDS[name] or any(run.signal_names(glob, kind="segment") for glob in _NEEDS[name])
    ]


def draw(name: str, run: Run, lang: str = "en") -> Figure:
    """The figure `name` of a recording; raises `UsageError` for an unknown name or language."""
    from sim.reading import UsageError

    if name not in figure_names():
        raise UsageError(f"unknown figure '{name}'; known: {', '.join(figure_names())}")
    if lang not in ("en", "zh"):
        raise UsageError(f"unknown language '{lang}'; known: en, zh")
    return _FIGURES[name](run, lang)
