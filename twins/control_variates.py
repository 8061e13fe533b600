"""Control variates of queueing experiments: what chance made of the arrivals, measured on systems with a known mean.

The same vehicles go through an endless number of servers (the number present is Poisson) and, where the line has no
end, through one server of the whole speed (Pollaczek-Khinchine). Batch means are regressed on how far these were off.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import exp, lgamma, log

import numpy as np

from sim.series import Floats

__all__ = ["BATCHES", "Batches", "Controls"]

BATCHES = 100


class Batches:
    """Vehicles in a row, parted into `BATCHES` of one size (the first ones larger by one), after the warm-up."""

    def __init__(self, sessions: int, warm_up: int) -> None:
        """`sessions` are counted, `warm_up` come before."""
        self.sessions = sessions
        self.warm_up = warm_up

    def of(self, index: int) -> int | None:
        """The batch of the vehicle that came `index`-th, from 0; None where it is not counted."""
        seen = index - self.warm_up
        return seen * BATCHES // self.sessions if 0 <= seen < self.sessions else None


class Controls:
    """Three quantities at each arrival: how many would be present, how many too many, how long one would wait."""

    def __init__(
        self, servers: int, offered_erl: float, gap_s: float, cv: float, batches: Batches, *, has_endless_line: bool
    ) -> None:
        """`gap_s` is the mean time between arrivals, `cv` of the service; the third quantity needs an endless line."""
        self._servers = servers
        self._batches = batches
        self._has_wait = has_endless_line and servers > 1
        self._departures: list[float] = []
        self._wait_s = 0.0
        self._last_s = 0.0
        self._last_length_s = 0.0
        self._index = 0
        self._sums = np.zeros((BATCHES, 3))
        self._counts = np.zeros(BATCHES)
        load = offered_erl / servers
        wait_s = 0.0
        if self._has_wait:
            mean_s = load * gap_s
            wait_s = load * mean_s * (1.0 + cv**2) / (2.0 * (1.0 - load))
        self._means = np.array([offered_erl, _poisson_excess(offered_erl, servers - 1), wait_s])

    def arrival(self, t_s: float, length_s: float) -> None:
        """A vehicle comes at `t_s` and would be served for `length_s`."""
        departures = self._departures
        while departures and departures[0] <= t_s:
            heappop(departures)
        present = len(departures)
        heappush(departures, t_s + length_s)
        self._wait_s = max(0.0, self._wait_s + self._last_length_s / self._servers - (t_s - self._last_s))
        self._last_s, self._last_length_s = t_s, length_s
        batch = self._batches.of(self._index)
        self._index += 1
        if batch is not None:
            row = self._sums[batch]
            row[0] += present
            row[1] += max(0, present - self._servers + 1)
            row[2] += self._wait_s
            self._counts[batch] += 1.0

    def adjusted(self, values: Floats) -> tuple[float, float]:
        """(mean, its standard error) of batch means, less what the controls say chance has added."""
        if not np.any(values):
            return 0.0, 0.0
        used = 3 if self._has_wait else 2
        off = self._sums[:, :used] / self._counts[:, None] - self._means[:used]
        terms = np.column_stack((np.ones(BATCHES), off))
        solved, *_ = np.linalg.lstsq(terms, values, rcond=None)
        residuals = values - terms @ solved
        spread = float(np.sum(residuals**2)) / (BATCHES - used - 1)
        weight = float(np.linalg.inv(terms.T @ terms)[0, 0])
        return float(solved[0]), float(np.sqrt(spread * weight))


def _poisson_excess(mean: float, level: int) -> float:
    """The mean of what a Poisson number exceeds `level` by, 0 where it does not."""
    upto = sum((level - n) * exp(n * log(mean) - mean - lgamma(n + 1.0)) for n in range(level + 1))
    return mean - level + upto
