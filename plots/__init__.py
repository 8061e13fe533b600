"""Figures of recordings, one module a family. Reads recordings through sim.reading alone."""

from plots.registry import draw, figure, figure_names, figures_of

__all__ = ["draw", "figure", "figure_names", "figures_of"]
