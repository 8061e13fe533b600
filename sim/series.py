"""Recorded signals as arrays: the closed forms of a run's segments, evaluated, integrated and searched exactly.

Every segment is `v(t) = a + b*dt + c*exp(-dt/tau)` with `dt = t - t0`, until the next begins (architecture, section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import fsum

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Floats", "Series", "StateSeries"]

Floats = NDArray[np.float64]


def _swing(dt: Floats, tau: Floats) -> Floats:
    """`exp(-dt/tau)`; a `tau` of infinity never decays."""
    return np.exp(-dt / tau)


@dataclass(frozen=True, slots=True)
class StateSeries:
    """An enumerated signal: `code[i]` holds from `t[i]` until the next row, the last one until `t_end`."""

    name: str
    t: Floats
    code: NDArray[np.int64]
    labels: tuple[str, ...]
    t_end: float

    def label(self, code: int) -> str:
        """The word behind a code, or the code itself when the recording names no words."""
        return self.labels[code] if 0 <= code < len(self.labels) else str(code)


@dataclass(frozen=True)
class Series:
    """One recorded signal. Segment `i` holds from `t0[i]` until `t0[i + 1]`, the last one until `t_end` (seconds)."""

    name: str
    unit: str
    t0: Floats
    a: Floats
    b: Floats
    c: Floats
    tau: Floats
    t_end: float

    def __len__(self) -> int:
        """The number of segments."""
        return len(self.t0)

    @cached_property
    def ends(self) -> Floats:
        """Where each segment ends."""
        return np.append(self.t0[1:], self.t_end) if len(self.t0) else self.t0

    def at(self, times: ArrayLike) -> Floats:
        """The values at `times` (seconds); NaN before the first segment and after `t_end`."""
        t = np.asarray(times, dtype=np.float64)
        if not len(self):
            return np.full(t.shape, np.nan)
        i = np.maximum(np.searchsorted(self.t0, t, side="right") - 1, 0)
        inside = (t >= self.t0[0]) & (t <= self.t_end)
        return np.where(inside, self._value(i, np.where(inside, t - self.t0[i], 0.0)), np.nan)

    def value_at_starts_and_ends(self) -> tuple[Floats, Floats]:
        """`(times, values)`, two of each a segment: its start and its end, so that steps stay steps."""
        every = np.arange(len(self))
        times, values = np.empty(2 * len(self)), np.empty(2 * len(self))
        times[0::2], times[1::2] = self.t0, self.ends
        values[0::2] = self.a + self.c
        values[1::2] = self._value(every, self.ends - self.t0)
        return times, values

    def integral(self, t0: float, t1: float) -> float:
        """The exact integral from `t0` to `t1` in unit-seconds; outside the recorded time nothing is added."""
        if t1 < t0:
            return -self.integral(t1, t0)
        low = np.maximum(self.t0, t0)
        high = np.minimum(self.ends, t1)
        some = high > low
        return fsum(self._area(np.flatnonzero(some), (low - self.t0)[some], (high - self.t0)[some]))

    def means(self, edges: Floats) -> Floats:
        """The exact mean within each of `len(edges) - 1` ascending intervals, so that binning keeps the energy.

        0 where an interval has no length.
        """
        widths = np.diff(edges)
        if not len(self):
            return np.zeros(len(widths))
        every = np.arange(len(self))
        before = np.concatenate(([0.0], np.cumsum(self._area(every, np.zeros(len(self)), self.ends - self.t0))))
        clipped = np.clip(edges, self.t0[0], self.t_end)
        i = np.maximum(np.searchsorted(self.t0, clipped, side="right") - 1, 0)
        upto = before[i] + self._area(i, np.zeros(len(edges)), clipped - self.t0[i])
        means: Floats = np.divide(np.diff(upto), widths, out=np.zeros(len(widths)), where=widths > 0.0)
        return means

    def polyline(self, step_s: float) -> tuple[Floats, Floats]:
        """`(times, values)` for drawing: starts and ends, and points at most `step_s` apart where it curves."""
        times: list[Floats] = []
        values: list[Floats] = []
        for i, (start, end) in enumerate(zip(self.t0, self.ends, strict=True)):
            curved = self.c[i] != 0.0 and np.isfinite(self.tau[i])
            n = 1 + max(1, int(np.ceil((end - start) / step_s))) if curved else 2
            t = np.linspace(start, end, n)
            times.append(t)
            values.append(self._value(np.full(n, i), t - start))
        return (np.concatenate(times), np.concatenate(values)) if times else (np.empty(0), np.empty(0))

    def maximum(self) -> tuple[float, float] | None:
        """`(time, value)` of the highest value, turning points within a segment too; None for an empty recording."""
        if not len(self):
            return None
        times, values = self.value_at_starts_and_ends()
        turns = (self.c * self.b > 0.0) & np.isfinite(self.tau)
        i = np.flatnonzero(turns)
        if len(i):
            dt = -self.tau[i] * np.log(self.b[i] * self.tau[i] / self.c[i])
            within = (dt > 0.0) & (dt < (self.ends - self.t0)[i])
            times = np.concatenate((times, (self.t0[i] + dt)[within]))
            values = np.concatenate((values, self._value(i[within], dt[within])))
        best = int(np.argmax(values))
        return float(times[best]), float(values[best])

    def _value(self, i: NDArray[np.int64], dt: Floats) -> Floats:
        value: Floats = self.a[i] + self.b[i] * dt + self.c[i] * _swing(dt, self.tau[i])
        return value

    def _area(self, i: NDArray[np.int64], low: Floats, high: Floats) -> Floats:
        """The integral of segments `i` between the ages `low` and `high`."""
        span = high - low
        tau = self.tau[i]
        endless = np.isinf(tau)
        finite = np.where(endless, 1.0, tau)
        decayed = np.where(endless, span, -finite * _swing(low, finite) * np.expm1(-span / finite))
        area: Floats = span * (self.a[i] + 0.5 * self.b[i] * (low + high)) + self.c[i] * decayed
        return area
