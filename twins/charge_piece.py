"""One piece of a charge: how rate, power, charge and temperature run until something changes, in closed forms.

Three points of the piece, its beginning, middle and end, are worked out with the pack's equations, the state at the
later ones predicted from the earlier; a decay (or, where it bends the other way, a nearly straight line) goes through
them. A piece is made shorter until its middle agrees. Within one, what binds does not change: the limit, what the
battery asks for, or its highest voltage.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import NamedTuple

__all__ = ["Piece", "Point", "Shape", "shape_of"]

STRAIGHT = 0.998
"""Ratio of the second half's change to the first's above which a decay is as good as a line."""


class Point(NamedTuple):
    """An instant of a charge: C-rate, terminal power in kW, heat in kW, and what binds (LIMIT, DEMAND, VOLTAGE)."""

    rate: float
    power_kw: float
    heat_kw: float
    binds: int


class Shape(NamedTuple):
    """`a + c exp(-dt / tau)`."""

    a: float
    c: float
    tau: float


class Lead(NamedTuple):
    """What a quantity with one time constant follows: `start + slope dt`."""

    start: float
    slope: float

    def form(self, at_first: float, tau_s: float) -> tuple[float, float, float, float]:
        """The follower's form `a + b dt + c exp(-dt / tau)`."""
        a = self.start - self.slope * tau_s
        return a, self.slope, at_first - a, tau_s

    def after(self, at_first: float, dt: float, tau_s: float) -> float:
        """The follower after `dt`."""
        a = self.start - self.slope * tau_s
        return a + self.slope * dt + (at_first - a) * exp(-dt / tau_s)


class Piece(NamedTuple):
    """What holds for `length_s`: `power` in kW, `rate` in C, heat that runs straight by `heat_kw_s` a second.

    `lead` is where the slow polarisation tends to; `top_kw` the highest power.
    """

    length_s: float
    power: Shape
    rate: Shape
    heat_kw: float
    heat_kw_s: float
    lead: Lead
    top_kw: float


def shape_of(first: float, middle: float, last: float, length_s: float) -> Shape:
    """Through three points at equal distances; exact at both ends, in the middle where it is a decay."""
    change = last - first
    if abs(change) <= 1e-12 * abs(first) and abs(middle - first) <= 1e-12 * abs(first):
        return Shape(first, 0.0, inf)
    half = middle - first
    ratio = (change - half) / half if half != 0.0 else inf
    if not 0.0 < ratio < STRAIGHT:
        ratio = STRAIGHT
    elif ratio < 1e-6:
        ratio = 1e-6
    c = -change / (1.0 - ratio * ratio)
    return Shape(first - c, c, -0.5 * length_s / log(ratio))


def value(shape: Shape, dt: float) -> float:
    """At `dt` after its beginning."""
    return shape.a + (shape.c * exp(-dt / shape.tau) if shape.c != 0.0 else 0.0)


def area(shape: Shape, dt: float) -> float:
    """Its integral over the first `dt`."""
    return shape.a * dt + (shape.c * shape.tau * (1.0 - exp(-dt / shape.tau)) if shape.c != 0.0 else 0.0)
