"""Recorded rows of sums, written from the rows of their parts, many at a time.

Between two breakpoints of its parts a sum of exponentials is no single segment. Its row has the true value at both ends
and the true integral, in the form `a + b*dt + c*exp(-dt/h)`: a reader of the recording re-integrates the same energy.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from sim.series import Floats
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["SumRecord"]

_E1 = exp(-1.0)
_STRAIGHT = 1e-12


class SumRecord:
    """Writes the rows of sums window by window. Their leaves must be buffering rows."""

    def __init__(self, sums: Sequence[Sum], now: SimTime) -> None:
        """The first window begins now."""
        self._sums = sums
        self._begin = now
        self._before: dict[int, Floats] = {}
        for one in sums:
            self._begin_tunings(one, now)
            for leaf in one.leaves():
                self._before[id(leaf)] = np.array([(leaf.t0, leaf.a, leaf.b, leaf.c, leaf.tau)])

    def write(self, now: SimTime) -> list[tuple[Sum, Floats]]:
        """(sum, its rows) of the window that ends now; call before the leaves' buffers are emptied."""
        begin, end = self._begin, now
        if end <= begin:
            return []
        made: dict[int, Floats] = {}
        written = [(one, self._rows(one, made, begin, end)) for one in self._sums]
        for identity, rows in made.items():
            if identity in self._before:
                self._before[identity] = rows[-1:]
        self._begin = now
        return written

    def _begin_tunings(self, one: Sum, now: SimTime) -> None:
        if one.tunings is None:
            one.tunings = array("d", (now, one.scale, one.offset))
        for part in one.parts:
            if isinstance(part, Sum):
                self._begin_tunings(part, now)

    def _rows(self, quantity: Signal | Sum, made: dict[int, Floats], begin: float, end: float) -> Floats:
        found = made.get(id(quantity))
        if found is None:
            if isinstance(quantity, Sum):
                parts = [self._rows(part, made, begin, end) for part in quantity.parts]
                assert quantity.tunings is not None
                tunings = np.frombuffer(quantity.tunings.tobytes()).reshape(-1, 3)
                found = sum_rows(parts, tunings, begin, end)
                del quantity.tunings[:-3]
            else:
                assert quantity.rows is not None
                fresh = np.frombuffer(quantity.rows.tobytes()).reshape(-1, 5)
                found = np.concatenate((self._before[id(quantity)], fresh))
            made[id(quantity)] = found
        return found


def sum_rows(parts: Sequence[Floats], tunings: Floats, begin: float, end: float) -> Floats:
    """Rows (n, 5) of `offset + scale * sum(parts)` from `begin` to `end`.

    `parts` are rows (n, 5), `tunings` rows (t, scale, offset); the first of each at or before `begin`.
    """
    inner = [rows[:, 0] for rows in parts]
    cuts = np.unique(np.concatenate([*inner, tunings[:, 0], np.array([begin])]))
    starts = cuts[(cuts >= begin) & (cuts < end)]
    lengths = np.append(starts[1:], end) - starts
    at_start, at_end, area = np.zeros(len(starts)), np.zeros(len(starts)), np.zeros(len(starts))
    for rows in parts:
        first, last, integral = _over(rows, starts, lengths)
        at_start += first
        at_end += last
        area += integral
    tuned = tunings[np.maximum(np.searchsorted(tunings[:, 0], starts, side="right") - 1, 0)]
    scale, offset = tuned[:, 1], tuned[:, 2]
    at_start, at_end, area = offset + scale * at_start, offset + scale * at_end, offset * lengths + scale * area
    return _fitted(starts, lengths, at_start, at_end, area)


def _over(rows: Floats, starts: Floats, lengths: Floats) -> tuple[Floats, Floats, Floats]:
    """(value at start, value at end, integral) over intervals that no breakpoint of the rows divides."""
    found = rows[np.maximum(np.searchsorted(rows[:, 0], starts, side="right") - 1, 0)]
    age = starts - found[:, 0]
    a, b, c, tau = found[:, 1], found[:, 2], found[:, 3], found[:, 4]
    at_start, at_end = a + b * age, a + b * (age + lengths)
    area = lengths * (a + b * (age + 0.5 * lengths))
    decaying = c != 0.0
    if decaying.any():
        tau = np.where(decaying, tau, 1.0)
        swing = np.where(decaying, c * np.exp(-age / tau), 0.0)
        fallen = np.expm1(-lengths / tau)
        at_start, at_end = at_start + swing, at_end + swing * (1.0 + fallen)
        area = area - swing * tau * fallen
    return at_start, at_end, area


def _fitted(starts: Floats, lengths: Floats, at_start: Floats, at_end: Floats, area: Floats) -> NDArray[np.float64]:
    bulge = area / lengths - 0.5 * (at_start + at_end)
    c = bulge / ((1.0 - _E1) - 0.5 * (1.0 + _E1))
    is_straight = np.abs(bulge) <= _STRAIGHT * (np.abs(at_start) + np.abs(at_end))
    c[is_straight] = 0.0
    b = (at_end - at_start + c * (1.0 - _E1)) / lengths
    tau = np.where(is_straight, np.inf, lengths)
    return np.column_stack((starts, at_start - c, b, c, tau))
