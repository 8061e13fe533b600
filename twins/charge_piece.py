"""One piece of a charge: how rate, power, charge and temperature run until something changes, in closed forms.

Three points of the piece, its beginning, middle and end, are worked out with the pack's equations, the state at the
later ones predicted from the earlier; a decay (or, where it bends the other way, a nearly straight line) goes through
them. A piece is made shorter until its middle agrees. Within one, what binds does not change: the limit, what the
battery asks for, or its highest voltage. Points, shapes and leads are bare tuples: thousands are made a simulated day.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, log
from typing import NamedTuple

__all__ = [
    "Lead",
    "Piece",
    "Point",
    "Shape",
    "area",
    "falls_to_zero",
    "fitted",
    "follower",
    "reach",
    "shape_of",
    "value",
]

STRAIGHT = 0.998
"""Ratio of the second half's change to the first's above which a decay is as good as a line."""

Point = tuple[float, float, float, int, float]
"""An instant of a charge: C-rate, terminal power and heat in kW, what binds (LIMIT, DEMAND, VOLTAGE, CURRENT), and the
volts a cell that the slow polarisation tends to for each C."""

Shape = tuple[float, float, float]
"""(a, c, tau) of `a + c exp(-dt / tau)`."""

Lead = tuple[float, float]
"""(start, slope a second) of the line that a quantity with one time constant follows."""


class Piece(NamedTuple):
    """What holds for `length_s`: `power` in kW, `rate` in C, heat that runs straight by `heat_kw_s` a second.

    `lead` is where the slow polarisation tends to; `temp_c` the temperature's form `a + b dt + c exp(-dt / tau)`;
    `top_kw` the highest power.
    """

    length_s: float
    power: Shape
    rate: Shape
    heat_kw: float
    heat_kw_s: float
    lead: Lead
    temp_c: tuple[float, float, float, float]
    top_kw: float


def shape_of(first: float, middle: float, last: float, length_s: float) -> Shape:
    """Through three points at equal distances; exact at both ends, in the middle where it is a decay."""
    return fitted(first, middle, last, length_s)[0]


def begins(rate: float, falls: float) -> Shape:
    """A rate that begins to fall by this share a second, or to rise where that is below 0."""
    if abs(falls) < 1e-9:
        return rate, 0.0, inf
    return (0.0, rate, 1.0 / falls) if falls > 0.0 else (2.0 * rate, -rate, -1.0 / falls)


def fitted(first: float, middle: float, last: float, length_s: float) -> tuple[Shape, float, float]:
    """(`shape_of` these points, how far the middle lies above it, its integral)."""
    change, half = last - first, middle - first
    if abs(change) <= 1e-12 * abs(first) and abs(half) <= 1e-12 * abs(first):
        return (first, 0.0, inf), 0.0, first * length_s
    ratio = (change - half) / half if half != 0.0 else inf
    if not 0.0 < ratio < STRAIGHT:
        ratio = STRAIGHT
    elif ratio < 1e-6:
        ratio = 1e-6
    c = -change / (1.0 - ratio * ratio)
    tau_s = -0.5 * length_s / log(ratio)
    a = first - c
    return (a, c, tau_s), middle - a - c * ratio, a * length_s - change * tau_s


def value(shape: Shape, dt: float) -> float:
    """At `dt` after its beginning."""
    a, c, tau = shape
    return a + c * exp(-dt / tau) if c != 0.0 else a


def area(shape: Shape, dt: float) -> float:
    """Its integral over the first `dt`."""
    a, c, tau = shape
    return a * dt + c * tau * (1.0 - exp(-dt / tau)) if c != 0.0 else a * dt


def reach(shape: Shape, risen: float, near: float | None = None) -> float:
    """When its integral comes to `risen`, to a millionth; inf where it never does. It begins above 0.

    `near` is about when, if that is known.
    """
    a, c, tau = shape
    if c == 0.0:
        return risen / a
    if a == 0.0:
        left = 1.0 - risen / (c * tau)
        return -tau * log(left) if left > 0.0 else inf
    dt = risen / (a + c) if near is None else near
    for _ in range(20):
        fallen = exp(-dt / tau)
        rate = a + c * fallen
        if rate <= 1e-9 * (a + c):
            return inf
        step = (risen - a * dt - c * tau * (1.0 - fallen)) / rate
        dt += step
        if abs(step) <= 1e-6 * dt:
            break
    return dt


def follower(lead: Lead, at_first: float, tau_s: float) -> tuple[float, float, float, float]:
    """The form `a + b dt + c exp(-dt / tau)` of what follows this line from `at_first` on."""
    start, slope = lead
    a = start - slope * tau_s
    return a, slope, at_first - a, tau_s


def falls_to_zero(of: Callable[[float], float], end: float) -> float:
    """Where a function that begins above 0 has come to it, or `end`: regula falsi, an end that stays held less dear."""
    at_high = of(end)
    if at_high >= 0.0:
        return end
    low, high, at_low, before = 0.0, end, of(0.0), 0.0
    for _ in range(8):
        if at_low <= 0.0:
            break
        dt = low + (high - low) * at_low / (at_low - at_high)
        at = of(dt)
        if abs(at) < 1e-5:
            return dt
        if at > 0.0:
            low, at_low = dt, at
            at_high *= 0.5 if before > 0.0 else 1.0
        else:
            high, at_high = dt, at
            at_low *= 0.5 if before < 0.0 else 1.0
        before = at
    return high
