"""Recorded rows of sums, written from the rows of their parts, many at a time.

Where no more than one part decays, a row is the sum itself. Where several do, the sum is no single segment between two
breakpoints: its row has the true value at both ends and the true integral, in the form `a + b*dt + c*exp(-dt/h)`, so
that a reader of the recording re-integrates the same energy.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import exp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.series import Floats
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["SumRecord"]

_E1 = exp(-1.0)
_STRAIGHT = 1e-12
_TUNING = 3  # numbers of a tuning
_NONE = np.zeros(0)


class SumRecord:
    """Writes the rows of sums window by window. Their leaves must be buffering rows."""

    def __init__(self, sums: Sequence[Sum], now: SimTime) -> None:
        """The first window begins now."""
        self._sums = sums
        self._begin = now
        self._before: dict[int, Floats] = {}
        self._summed: list[Sum] = []
        self._known: dict[int, tuple[int, list[tuple[Signal | Sum, float]], float]] = {}
        self._lasting: dict[int, tuple[float, ...]] = {}
        self._still: set[int] = set()
        self._sources: dict[int, tuple[tuple[Signal, ...], tuple[Sum, ...]]] = {}
        for one in sums:
            self._begin_tunings(one, now)
            for leaf in one.leaves():
                self._before[id(leaf)] = np.array([(leaf.t0, leaf.a, leaf.b, leaf.c, leaf.tau)])

    def write(self, now: SimTime) -> list[tuple[Sum, Floats]]:
        """(sum, its rows) of the window that ends now; call before the leaves' buffers are emptied.

        A sum whose last row simply goes on has none: a recorded row lasts until the next.
        """
        begin, end = self._begin, now
        if end <= begin:
            self._take_in()
            return []
        made: dict[int, Floats] = {}
        self._still.clear()
        written = []
        for one in self._sums:
            rows = self._rows(one, made, begin, end)
            if id(one) not in self._still:
                written.append((one, rows))
        for identity, rows in made.items():
            if identity in self._before:
                self._before[identity] = rows[-1:]
        for one in self._summed:
            assert one.tunings is not None
            del one.tunings[:-_TUNING]
        self._summed.clear()
        self._begin = now
        return written

    def _take_in(self) -> None:
        """Once more written at the same instant: what changed meanwhile is of the window that begins."""
        self._lasting.clear()
        for leaves, _ in self._sources.values():
            for leaf in leaves:
                if leaf.rows:
                    self._before[id(leaf)] = np.array([leaf.rows[-5:]])

    def _begin_tunings(self, one: Sum, now: SimTime) -> None:
        if one.tunings is None:
            one.tunings = array("d", (now, one.scale, one.offset))
        inner = [part for part in one.parts if isinstance(part, Sum)]
        for part in inner:
            self._begin_tunings(part, now)
        within = dict.fromkeys(sum_ for part in inner for sum_ in self._sources[id(part)][1])
        self._sources[id(one)] = tuple(one.leaves()), (one, *within)

    def _parts_of(self, quantity: Sum) -> tuple[list[tuple[Signal | Sum, float]], float]:
        """What its rows follow from, worked out once a structure."""
        known = self._known.get(id(quantity))
        if known is None or known[0] != quantity.structure:
            known = (quantity.structure, *quantity.exact_parts())
            self._known[id(quantity)] = known
        return known[1], known[2]

    def _rows(self, quantity: Signal | Sum, made: dict[int, Floats], begin: float, end: float) -> Floats:
        found = made.get(id(quantity))
        if found is None:
            if isinstance(quantity, Sum):
                found = self._unchanged(quantity, begin)
                if found is None:
                    found = self._sum(quantity, made, begin, end)
                    self._summed.append(quantity)
            else:
                assert quantity.rows is not None
                fresh = np.frombuffer(quantity.rows.tobytes()).reshape(-1, 5)
                found = np.concatenate((self._before[id(quantity)], fresh))
            made[id(quantity)] = found
        return found

    def _unchanged(self, quantity: Sum, begin: float) -> Floats | None:
        """Its last row taken on, where that is the sum itself and nothing in it has changed since."""
        row = self._lasting.get(id(quantity))
        if row is None:
            return None
        leaves, sums = self._sources[id(quantity)]
        for leaf in leaves:
            if leaf.rows:
                return None
        for one in sums:
            if one.tunings is not None and len(one.tunings) > _TUNING:
                return None
        t, a, b, c, tau = row
        age = begin - t
        row = self._lasting[id(quantity)] = begin, a + b * age, b, c * exp(-age / tau), tau
        self._still.add(id(quantity))
        return np.array([row])

    def _sum(self, quantity: Sum, made: dict[int, Floats], begin: float, end: float, cuts: Floats = _NONE) -> Floats:
        """Its rows, with breakpoints at `cuts` too; sums among the parts are cut where the others are."""
        weighted, offset = self._parts_of(quantity)
        rows = [self._rows(part, made, begin, end) for part, _ in weighted]
        every = np.unique(np.concatenate([cuts, *(one[:, 0] for one in rows)]))
        for at, (part, _) in enumerate(weighted):
            if isinstance(part, Sum) and len(rows[at]) < np.count_nonzero((every >= begin) & (every < end)):
                rows[at] = self._sum(part, made, begin, end, every)
        parts = [(one, weight) for one, (_, weight) in zip(rows, weighted, strict=True)]
        assert quantity.tunings is not None
        tunings = np.frombuffer(quantity.tunings.tobytes()).reshape(-1, 3)
        found, is_fitted = sum_rows(parts, offset, tunings, begin, end, cuts)
        # What begins as the window ends is not in its last row.
        last = max(tunings[-1, 0], every[-1] if len(every) else begin)
        is_over = is_fitted or last >= end
        if is_over or any(isinstance(part, Sum) and id(part) not in self._lasting for part, _ in weighted):
            self._lasting.pop(id(quantity), None)
        else:
            self._lasting[id(quantity)] = tuple(found[-1].tolist())
        return found


def sum_rows(
    parts: Sequence[tuple[Floats, float]], inner_offset: float, tunings: Floats, begin: float, end: float,
    further: Floats = _NONE,
) -> tuple[Floats, bool]:  # fmt: skip
    """Rows (n, 5) of `offset + scale * (inner_offset + sum(weight * part))` from `begin` to `end`; is the last fitted?

    `parts` are (rows (n, 5), weight), `tunings` rows (t, scale, offset); the first of each at or before `begin`.
    `further` are times at which a row is to begin beside.
    """
    inner = [further, *(rows[:, 0] for rows, _ in parts)]
    cuts = np.unique(np.concatenate([*inner, tunings[:, 0], np.array([begin])]))
    starts = cuts[(cuts >= begin) & (cuts < end)]
    lengths = np.append(starts[1:], end) - starts
    at_start, at_end, area, slope, swing, decaying = (np.zeros(len(starts)) for _ in range(6))
    tau = np.full(len(starts), np.inf)
    for rows, weight in parts:
        over = _over(rows, starts, lengths)
        at_start += weight * over.at_start
        at_end += weight * over.at_end
        area += weight * over.area
        if over.slope is not None:
            slope += weight * over.slope
        if over.decays is not None:
            decaying[over.decays] += 1.0
            swing[over.decays] += weight * over.swing
            tau[over.decays] = over.tau
    at_start, at_end, area = at_start + inner_offset, at_end + inner_offset, area + inner_offset * lengths
    tuned = tunings[np.maximum(np.searchsorted(tunings[:, 0], starts, side="right") - 1, 0)]
    scale, offset = tuned[:, 1], tuned[:, 2]
    at_start, at_end, area = offset + scale * at_start, offset + scale * at_end, offset * lengths + scale * area
    slope, swing = scale * slope, scale * swing
    fitted = np.column_stack((starts, at_start - swing, slope, swing, tau))
    several = np.flatnonzero(decaying > 1.0)
    if len(several):
        fitted[several] = _fitted(*(of[several] for of in (starts, lengths, at_start, at_end, area)))
    return fitted, bool(decaying[-1] > 1.0)


class _Over(NamedTuple):
    """A part over intervals that none of its breakpoints divides; `decays` are those in which it does."""

    at_start: Floats
    at_end: Floats
    area: Floats
    slope: Floats | None
    decays: NDArray[np.intp] | None
    swing: Floats
    tau: Floats


def _over(rows: Floats, starts: Floats, lengths: Floats) -> _Over:
    which = np.searchsorted(rows[:, 0], starts, side="right") - 1
    np.maximum(which, 0, out=which)
    at_start = rows[which, 1]
    area = at_start * lengths
    at_end = at_start.copy()
    slope, some = None, None
    swing = tau = _NONE
    if rows[:, 2].any():
        slope, age = rows[which, 2], starts - rows[which, 0]
        at_start += slope * age
        at_end += slope * (age + lengths)
        area += slope * lengths * (age + 0.5 * lengths)
    decays = rows[:, 3] != 0.0
    if decays.any():
        some = np.flatnonzero(decays[which])
        found, length = rows[which[some]], lengths[some]
        tau = found[:, 4]
        swing = found[:, 3] * np.exp((found[:, 0] - starts[some]) / tau)
        fallen = np.expm1(-length / tau)
        at_start[some] += swing
        at_end[some] += swing * (1.0 + fallen)
        area[some] -= swing * tau * fallen
    return _Over(at_start, at_end, area, slope, some, swing, tau)


def _fitted(starts: Floats, lengths: Floats, at_start: Floats, at_end: Floats, area: Floats) -> NDArray[np.float64]:
    bulge = area / lengths - 0.5 * (at_start + at_end)
    c = bulge / ((1.0 - _E1) - 0.5 * (1.0 + _E1))
    is_straight = np.abs(bulge) <= _STRAIGHT * (np.abs(at_start) + np.abs(at_end))
    c[is_straight] = 0.0
    b = (at_end - at_start + c * (1.0 - _E1)) / lengths
    tau = np.where(is_straight, np.inf, lengths)
    return np.column_stack((starts, at_start - c, b, c, tau))
