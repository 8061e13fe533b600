"""Control variates of queueing experiments: what chance made of the arrivals, measured where the mean is known.

The same vehicles with the same service times come to a site where nobody waits: who is there shares the power of so
many bays equally. How many are there has a law that takes from the service its mean alone, and what each still needs
is an independent equilibrium remainder (a symmetric queue: Kelly, Reversibility and Stochastic Networks, 1979, section
3.3). The bays are the station's where its line has no end, and endless otherwise (M/G/oo). Controls see the arrivals
and never what the station made of them, so that a fault of the yard stays in the estimate whole.
"""

from __future__ import annotations

from heapq import heappop, heappush
from math import exp, inf, isinf, lgamma, log, sqrt

import numpy as np

from sim.series import Floats

__all__ = ["BATCHES", "Batches", "Controls", "Sharing", "known_means"]

BATCHES = 100
_FOLDS = 10


class Batches:
    """Vehicles in a row, parted into `BATCHES` of one size (some larger by one), after the warm-up."""

    def __init__(self, sessions: int, warm_up: int) -> None:
        """`sessions` are counted, `warm_up` come before."""
        self.sessions = sessions
        self.warm_up = warm_up

    def of(self, index: int) -> int | None:
        """The batch of the vehicle that came `index`-th, from 0; None where it is not counted."""
        seen = index - self.warm_up
        return seen * BATCHES // self.sessions if 0 <= seen < self.sessions else None

    @property
    def sizes(self) -> Floats:
        """Vehicles in each batch."""
        begins = [-(-batch * self.sessions // BATCHES) for batch in range(BATCHES + 1)]
        return np.diff(np.array(begins, dtype=np.float64))


class Sharing:
    """Vehicles that share the power of `servers` bays: n are served at the speed min(1, servers / n) each."""

    def __init__(self, servers: float) -> None:
        """`servers` is inf where all are served at full speed."""
        self.work_s = 0.0
        self._servers = servers
        self._now_s = 0.0
        self._served_s = 0.0  # what somebody there from the start would have got, and at which reading each is done
        self._done_s: list[float] = []

    @property
    def present(self) -> int:
        """How many are there."""
        return len(self._done_s)

    def advance(self, t_s: float) -> None:
        """Serve until `t_s`; `work_s` is then what all who are there still need."""
        done_s, now_s, served_s = self._done_s, self._now_s, self._served_s
        while done_s:
            present = len(done_s)
            speed = 1.0 if present <= self._servers else self._servers / present
            ends_s = now_s + (done_s[0] - served_s) / speed
            if ends_s > t_s:
                gain_s = (t_s - now_s) * speed
                self.work_s -= gain_s * present
                served_s += gain_s
                break
            self.work_s -= (done_s[0] - served_s) * present
            served_s, now_s = heappop(done_s), ends_s
        else:
            self.work_s = 0.0
        self._now_s, self._served_s = t_s, served_s

    def join(self, length_s: float) -> None:
        """One more comes, who needs `length_s` at full speed."""
        heappush(self._done_s, self._served_s + length_s)
        self.work_s += length_s


def known_means(servers: int, offered_erl: float, mean_s: float, cv: float, shared: float) -> Floats:
    """Who comes to `shared` bays' power finds n vehicles: means, over n >= `servers`, of n + 1 - `servers`, 1 and work.

    `shared` is `servers` or inf; `mean_s` and `cv` are of the service; the work is in s.
    """
    here = np.array([exp(n * log(offered_erl) - lgamma(n + 1.0) - offered_erl) for n in range(servers + 1)])
    below, present = here[:-1], offered_erl
    if not isinf(shared):
        load = offered_erl / servers
        rest = here[-1] / (1.0 - load)
        below = below / (below.sum() + rest)
        present += load / (1.0 - load) * (1.0 - below.sum())
    delayed = 1.0 - below.sum()
    crowd = present - np.arange(servers) @ below
    return np.array([crowd - (servers - 1) * delayed, delayed, crowd * 0.5 * mean_s * (1.0 + cv**2)])


class Controls:
    """Three quantities at each arrival at the shared site: the crowd above the bays, whether there is one, its work."""

    def __init__(
        self, servers: int, offered_erl: float, gap_s: float, cv: float, batches: Batches, *, has_endless_line: bool
    ) -> None:
        """`gap_s` is the mean time between arrivals, `cv` of the service; `has_endless_line` of the station."""
        shared = float(servers) if has_endless_line else inf
        self._servers = servers
        self._batches = batches
        self._sharing = Sharing(shared)
        self._index = 0
        self._sums = [[0.0, 0.0, 0.0] for _ in range(BATCHES)]
        self._means = known_means(servers, offered_erl, offered_erl * gap_s, cv, shared)

    def arrival(self, t_s: float, length_s: float) -> None:
        """A vehicle comes at `t_s` and would be served for `length_s`."""
        sharing = self._sharing
        sharing.advance(t_s)
        above = sharing.present + 1 - self._servers
        if above > 0:
            batch = self._batches.of(self._index)
            if batch is not None:
                row = self._sums[batch]
                row[0] += above
                row[1] += 1.0
                row[2] += sharing.work_s
        self._index += 1
        sharing.join(length_s)

    @property
    def off(self) -> Floats:
        """How far each batch's mean of each quantity is from what is known."""
        off: Floats = np.array(self._sums) / self._batches.sizes[:, None] - self._means
        return off

    def adjusted(self, values: Floats) -> tuple[float, float]:
        """(mean, its standard error) of batch means, less what the controls say chance has added.

        How much that is, is fitted for each tenth of the batches on the others, so that no batch explains itself away.
        """
        if not np.any(values):
            return 0.0, 0.0
        off, every = self.off, np.arange(BATCHES)
        terms = np.column_stack((np.ones(BATCHES), off))
        adjusted = np.empty(BATCHES)
        for tenth in np.split(every, _FOLDS):
            others = np.delete(every, tenth)
            fitted, *_ = np.linalg.lstsq(terms[others], values[others], rcond=None)
            adjusted[tenth] = values[tenth] - off[tenth] @ fitted[1:]
        return float(adjusted.mean()), float(adjusted.std(ddof=1)) / sqrt(BATCHES)
