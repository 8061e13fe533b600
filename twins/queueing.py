"""Queueing experiments: the station's own yard and visits, with stated service times in place of the charge.

Homogeneous Poisson arrivals, exponential or lognormal service, a finite or endless line, exponential patience: systems
that theory knows (Erlang B, C, A, M/M/c/K, M/G/c), so that the yard's code can be held against it. What chance makes of
the arrivals is taken out by quantities of the same vehicles whose mean is known (`twins.control_variates`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, log, sqrt
from typing import Any

import numpy as np
import simpy

from sim.clock import Clock
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.series import Floats
from sim.units import SimTime
from twins.bay import Bay, BayConfig, PlaceConfig, SensorConfig
from twins.control_variates import BATCHES, Batches, Controls
from twins.drivers import Arrival, Habits
from twins.vehicle import VehicleModel
from twins.visits import Session, Visits
from twins.yard import Yard, YardConfig

__all__ = ["QueueParameters", "QueueResult", "run_queue"]

_DAY_S = 86_400.0
_CHUNK = 10_000
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

    def __post_init__(self) -> None:
        """Refuse a line that grows for ever."""
        if self.is_endless and self.offered_erl >= self.servers:
            right = f"less than servers, {self.servers}; or waiting_places, or patience_mean_s"
            raise Misfit("offered_erl", f"{self.offered_erl:g} Erl: the line has no end", right)

    @property
    def is_endless(self) -> bool:
        """Whether all come in and wait for ever."""
        return self.waiting_places is None and self.patience_mean_s is None

    @property
    def warm_up(self) -> int:
        """How many come before those that are counted."""
        return int(self.sessions * _WARM_UP_SHARE)

    @property
    def service_mean_s(self) -> float:
        """Mean of the service time."""
        return self.offered_erl * _DAY_S / self.sessions_per_day


@dataclass(frozen=True, slots=True)
class QueueResult:
    """Shares are of arrivals; `wait_mean_s` is over those admitted, who gave up included; se are standard errors.

    2 % of the sessions come before as warm-up; means and errors are of 100 batches of vehicles in a row, from which
    the control variates have taken chance.
    """

    sessions: int
    wait_mean_s: float
    wait_se_s: float
    turned_away: float
    turned_away_se: float
    reneged: float
    reneged_se: float


def run_queue(parameters: QueueParameters, told: Callable[[Session], None] | None = None) -> QueueResult:
    """Run one experiment; `told` hears of each session as it ends. Some 20 microseconds a session."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), parameters.seed)
    bays = []
    for number in range(parameters.servers):
        config = BayConfig(id=f"B{number + 1}", kind="fast", place=PlaceConfig(x_m=0.0, y_m=0.0))
        bay: Bay[_AlwaysReady] = Bay(kernel, config, number, SensorConfig())
        bay.evses.append((_AlwaysReady(), "", 1))
        bays.append(bay)
    places = inf if parameters.waiting_places is None else parameters.waiting_places
    visits = Visits(kernel, Yard(kernel, YardConfig(), bays, places), _StatedStay(kernel))
    batches = Batches(parameters.sessions, parameters.warm_up)
    controls = Controls(
        parameters.servers, parameters.offered_erl, _DAY_S / parameters.sessions_per_day, parameters.cv, batches,
        has_endless_line=parameters.is_endless,
    )  # fmt: skip
    tally = _Tally(batches)
    visits.on_over = tally.over
    if told is not None:
        visits.on_session = told
    visits.expect(_arrivals(kernel, parameters, controls))
    while not tally.is_full:
        kernel.advance(max(SimTime(kernel.now + _DAY_S), kernel.next_time()))
    return tally.result(controls)


class _AlwaysReady:
    is_ready = True


class _StatedStay:
    """A stay of the length that the vehicle came with."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def at(self, bay: Bay[Any], session: Session, arrival: Arrival) -> Generator[simpy.Event, Any, bool]:
        bay.occupy(session.id)
        yield self._kernel.timeout(arrival.habits.stay_s or 0.0)
        session.outcome = "charged"
        bay.free(session.id)
        return True


class _Tally:
    """Counts by batches of vehicles in the order of their arrival; nothing is kept a session."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._left = batches.sessions
        self._sums = np.zeros((BATCHES, 4))  # a batch: arrivals, waits in s, turned away, reneged
        self.is_full = False

    def over(self, session: Session) -> None:
        batch = self._batches.of(int(session.id[1:]) - 1)
        if batch is None:
            return
        self._left -= 1
        self.is_full = self._left <= 0
        row = self._sums[batch]
        row[0] += 1.0
        if session.outcome == "turned_away":
            row[2] += 1.0
        elif session.outcome == "reneged":
            row[3] += 1.0
            row[1] += (session.left_s or 0.0) - session.arrived_s
        else:
            row[1] += (session.bay_s or 0.0) - session.arrived_s

    def result(self, controls: Controls) -> QueueResult:
        arrivals, waits, turned_away, reneged = self._sums.T
        wait_s, wait_se_s = controls.adjusted(_ratios(waits, arrivals - turned_away))
        away, away_se = controls.adjusted(_ratios(turned_away, arrivals))
        gave_up, gave_up_se = controls.adjusted(_ratios(reneged, arrivals))
        return QueueResult(int(arrivals.sum()), wait_s, wait_se_s, away, away_se, gave_up, gave_up_se)


def _ratios(tops: Floats, bottoms: Floats) -> Floats:
    """One value a batch whose mean is the ratio of the sums: the mean of the batches' own ratios would be biased."""
    if not np.any(tops):
        return tops
    ratio = tops.sum() / bottoms.sum()
    values: Floats = ratio + (tops - ratio * bottoms) / bottoms.mean()
    return values


def _arrivals(kernel: Kernel, parameters: QueueParameters, controls: Controls) -> Iterator[tuple[Arrival, int | None]]:
    gaps, service = kernel.streams["queue.arrivals"], kernel.streams["queue.service"]
    patience = kernel.streams["queue.patience"]
    gap_s, mean_s, cv = _DAY_S / parameters.sessions_per_day, parameters.service_mean_s, parameters.cv
    variance = log(1.0 + cv**2)
    t_s = 0.0
    while True:
        times = (t_s + np.cumsum(gaps.exponential(gap_s, _CHUNK))).tolist()
        t_s = times[-1]
        if cv == 1.0:
            lengths = service.exponential(mean_s, _CHUNK).tolist()
        else:
            lengths = service.lognormal(log(mean_s) - 0.5 * variance, sqrt(variance), _CHUNK).tolist()
        waits = [inf] * _CHUNK
        if parameters.patience_mean_s is not None:
            waits = patience.exponential(parameters.patience_mean_s, _CHUNK).tolist()
        for t, length_s, patience_s in zip(times, lengths, waits, strict=True):
            controls.arrival(t, length_s)
            yield Arrival(t, _MODEL, 0.0, 100.0, Habits("fast", patience_s, stay_s=length_s)), None
