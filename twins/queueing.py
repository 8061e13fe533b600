"""Queueing experiments: the station's own yard and visits, with stated service times in place of the charge.

Homogeneous Poisson arrivals, exponential or lognormal service, a finite or endless line, exponential patience: systems
that theory knows (Erlang B, C, A, M/M/c/K, M/G/c), so that the yard's code can be held against it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, log, sqrt
from typing import Any

import numpy as np
import simpy

from sim.clock import Clock
from sim.files import key
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bay import Bay, BayConfig, PlaceConfig, SensorConfig
from twins.drivers import Arrival, Habits
from twins.vehicle import VehicleModel
from twins.visits import Session, Visits
from twins.yard import Yard, YardConfig

__all__ = ["QueueParameters", "QueueResult", "run_queue"]

_DAY_S = 86_400.0
_CHUNK = 10_000
_BATCHES = 40
_WARM_UP_SHARE = 0.02
_MODEL = VehicleModel(name="stated", capacity_kwh=1.0, dc_max_kw=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueParameters:
    """One experiment: servers, their load, the service, the line, the patience."""

    servers: int = field(metadata=key("Charging bays.", low=1, high=10_000))
    offered_erl: float = field(metadata=key("Offered load: arrivals a second times mean service.", above=0, high=1e4))
    sessions_per_day: float = field(metadata=key("Mean arrivals a day.", above=0, high=1e7))
    cv: float = field(
        default=1.0, metadata=key("Of the service time: 1 is exponential, else lognormal.", above=0, high=10)
    )
    waiting_places: int | None = field(default=None, metadata=key("Who may wait; all, if null.", low=0, high=10**6))
    patience_mean_s: float | None = field(
        default=None, metadata=key("Mean of an exponential patience; endless, if null.", unit="s", above=0, high=1e9)
    )
    sessions: int = field(default=100_000, metadata=key("How many are counted.", low=1_000, high=10**8))
    seed: int = field(default=1, metadata=key("Starts the random streams.", low=0, high=2**53))


@dataclass(frozen=True, slots=True)
class QueueResult:
    """Shares are of arrivals; `wait_mean_s` is over those admitted, who gave up included; se are standard errors.

    Errors come from the means of 40 batches in a row, after 2 % of the sessions as warm-up.
    """

    sessions: int
    wait_mean_s: float
    wait_se_s: float
    turned_away: float
    turned_away_se: float
    reneged: float
    reneged_se: float


def run_queue(parameters: QueueParameters) -> QueueResult:
    """Run one experiment; some 20 microseconds a session on a current processor."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), parameters.seed)
    stay = _StatedStay(kernel, parameters)
    bays = []
    for number in range(parameters.servers):
        config = BayConfig(id=f"B{number + 1}", kind="fast", place=PlaceConfig(x_m=0.0, y_m=0.0))
        bay: Bay[_AlwaysReady] = Bay(kernel, config, number, SensorConfig())
        bay.evses.append((_AlwaysReady(), "", 1))
        bays.append(bay)
    places = inf if parameters.waiting_places is None else parameters.waiting_places
    visits = Visits(kernel, Yard(kernel, YardConfig(), bays, places), stay)
    tally = _Tally(parameters.sessions)
    visits.on_over = tally.over
    visits.expect(_arrivals(kernel, parameters))
    while not tally.is_full:
        kernel.advance(SimTime(kernel.now + _DAY_S))
    return tally.result()


class _AlwaysReady:
    is_ready = True


class _StatedStay:
    """A stay of a drawn length."""

    def __init__(self, kernel: Kernel, parameters: QueueParameters) -> None:
        self._kernel = kernel
        self._mean_s = parameters.offered_erl * _DAY_S / parameters.sessions_per_day
        self._cv = parameters.cv
        self._drawn: list[float] = []

    def at(self, bay: Bay[Any], session: Session, arrival: Arrival) -> Generator[simpy.Event, Any, bool]:
        bay.occupy(session.id)
        if not self._drawn:
            self._draw()
        yield self._kernel.timeout(self._drawn.pop())
        session.outcome = "charged"
        bay.free(session.id)
        return True

    def _draw(self) -> None:
        stream = self._kernel.streams["queue.service"]
        if self._cv == 1.0:
            self._drawn = stream.exponential(self._mean_s, _CHUNK).tolist()
            return
        variance = log(1.0 + self._cv**2)
        self._drawn = stream.lognormal(log(self._mean_s) - 0.5 * variance, sqrt(variance), _CHUNK).tolist()


class _Tally:
    """Counts by batches of sessions in the order of their ends; nothing is kept a session."""

    def __init__(self, sessions: int) -> None:
        self._warm_up = int(sessions * _WARM_UP_SHARE)
        self._size = max(1, sessions // _BATCHES)
        self._seen = -self._warm_up
        self._sums = np.zeros((_BATCHES, 4))  # a batch: arrivals, waits in s, turned away, reneged
        self.is_full = False

    def over(self, session: Session) -> None:
        seen = self._seen
        self._seen += 1
        batch = seen // self._size
        if seen < 0 or batch >= _BATCHES:
            self.is_full = batch >= _BATCHES
            return
        row = self._sums[batch]
        row[0] += 1.0
        if session.outcome == "turned_away":
            row[2] += 1.0
        elif session.outcome == "reneged":
            row[3] += 1.0
            row[1] += (session.left_s or 0.0) - session.arrived_s
        else:
            row[1] += (session.bay_s or 0.0) - session.arrived_s

    def result(self) -> QueueResult:
        arrivals, waits, turned_away, reneged = self._sums.T
        admitted = arrivals - turned_away
        wait_s, wait_se_s = _ratio(waits, admitted)
        away, away_se = _ratio(turned_away, arrivals)
        gave_up, gave_up_se = _ratio(reneged, arrivals)
        return QueueResult(int(arrivals.sum()), wait_s, wait_se_s, away, away_se, gave_up, gave_up_se)


def _ratio(of: Any, to: Any) -> tuple[float, float]:
    """(ratio of the sums, its standard error by the spread of the batches)."""
    total = float(to.sum())
    if total == 0.0:
        return 0.0, 0.0
    ratio = float(of.sum()) / total
    residuals = of - ratio * to
    return ratio, float(np.sqrt(np.sum(residuals**2) * _BATCHES / (_BATCHES - 1)) / total)


def _arrivals(kernel: Kernel, parameters: QueueParameters) -> Iterator[tuple[Arrival, int | None]]:
    gaps, patience = kernel.streams["queue.arrivals"], kernel.streams["queue.patience"]
    t_s, gap_s = 0.0, _DAY_S / parameters.sessions_per_day
    while True:
        times = (t_s + np.cumsum(gaps.exponential(gap_s, _CHUNK))).tolist()
        t_s = times[-1]
        if parameters.patience_mean_s is None:
            endless = Habits(wants="fast")
            for t in times:
                yield Arrival(t, _MODEL, 0.0, 100.0, endless), None
        else:
            for t, patience_s in zip(
                times, patience.exponential(parameters.patience_mean_s, _CHUNK).tolist(), strict=True
            ):
                yield Arrival(t, _MODEL, 0.0, 100.0, Habits("fast", patience_s)), None
