"""The figures by name. Nothing heavy is imported before one is drawn."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.reading import Run

__all__ = ["FigureOf", "draw", "figure", "figure_names"]


class FigureOf(Protocol):
    """Draws a recording in a language, `en` or `zh`."""

    def __call__(self, run: Run, lang: str = "en") -> Figure:
        """The figure, made outside pyplot."""


_MODULES = ("load_curve", "session_gantt", "waiting")
_FIGURES: dict[str, FigureOf] = {}


def figure(name: str) -> Callable[[FigureOf], FigureOf]:
    """Register a figure under `name`; raises `DuplicateName` when another has it."""

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
        return styled

    return register


def figure_names() -> list[str]:
    """Every figure, sorted. Loads matplotlib."""
    for module in _MODULES:
        import_module(f"plots.{module}")
    return sorted(_FIGURES)


def draw(name: str, run: Run, lang: str = "en") -> Figure:
    """The figure `name` of a recording; raises `UsageError` for an unknown name or language."""
    from sim.reading import UsageError

    if name not in figure_names():
        raise UsageError(f"unknown figure '{name}'; known: {', '.join(figure_names())}")
    if lang not in ("en", "zh"):
        raise UsageError(f"unknown language '{lang}'; known: en, zh")
    return _FIGURES[name](run, lang)
