"""What is known of the queueing experiments without our code: stationary laws, stated figures, a recursion of waits."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from math import exp, inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from sim.series import Floats
from sim.streams import Streams
from twins.queueing import QueueParameters

DAY_S = 86_400.0
STATED_MIN = {12.5: 0.162, 16.0: 2.641, 18.0: 12.42}  # M/G/20, cv 0.6, 400 a day: the issue's, of 10^8 sessions


def shares(servers: int, load: float, room: int, theta: float = 0.0) -> list[float]:
    """Stationary shares of M/M/c with so much room; in line each gives up at the rate of theta services."""
    weights = [0.0]
    for n in range(1, servers + room + 1):
        weights.append(weights[-1] + log(load) - log(min(n, servers) + max(0, n - servers) * theta))
    top = max(weights)
    found = [exp(weight - top) for weight in weights]
    total = sum(found)
    return [one / total for one in found]


def theory(parameters: QueueParameters, figure: str) -> float:
    """What theory says of a figure of `QueueResult` (waits in s, shares of arrivals)."""
    servers, load, room = parameters.servers, parameters.offered_erl, parameters.waiting_places
    gap_s, patience_s = DAY_S / parameters.sessions_per_day, parameters.patience_mean_s
    if parameters.cv != 1.0 and room != 0:
        assert (servers, parameters.cv, parameters.sessions_per_day, figure) == (20, 0.6, 400.0, "wait_mean_s")
        assert parameters.is_endless
        return 60.0 * STATED_MIN[load]
    state = shares(servers, load, 2_000 if room is None else room, load * gap_s / patience_s if patience_s else 0.0)
    in_line = sum(max(0, n - servers) * share for n, share in enumerate(state))
    away = 0.0 if room is None else state[-1]
    if figure == "turned_away":
        return away
    if figure == "reneged":
        return in_line / patience_s * gap_s if patience_s else 0.0
    return in_line * gap_s / (1.0 - away)


def drawn(parameters: QueueParameters, count: int) -> tuple[Floats, Floats, Floats]:
    """(arrival, service, patience) in s of the first vehicles, from the streams that the experiment draws from."""
    streams, cv = Streams(parameters.seed), parameters.cv
    times = np.cumsum(streams["queue.arrivals"].exponential(DAY_S / parameters.sessions_per_day, count))
    if cv == 1.0:
        lengths = streams["queue.service"].exponential(parameters.service_mean_s, count)
    else:
        spread = log(1.0 + cv**2)
        lengths = streams["queue.service"].lognormal(log(parameters.service_mean_s) - spread / 2.0, sqrt(spread), count)
    if parameters.patience_mean_s is None:
        return times, lengths, np.full(count, inf)
    return times, lengths, streams["queue.patience"].exponential(parameters.patience_mean_s, count)


def recursion(parameters: QueueParameters, count: int) -> tuple[list[float], list[str]]:
    """(wait in s, outcome) of the first vehicles, first come first served, without a clock or a process.

    Kiefer and Wolfowitz, 1955, kept as the moments at which the bays are free of all who came before; who is turned
    away or gives up takes none of them. The line is known by the moments at which it is left.
    """
    free = [0.0] * parameters.servers
    line: list[float] = []
    room = inf if parameters.waiting_places is None else parameters.waiting_places
    waits, outcomes = list[float](), list[str]()
    for t, length, patience in zip(*(column.tolist() for column in drawn(parameters, count)), strict=True):
        while line and line[0] <= t:
            heappop(line)
        begins = max(free[0], t)
        wait, outcome = begins - t, "charged"
        if wait > 0.0 and len(line) >= room:
            wait, outcome = 0.0, "turned_away"
        elif wait > patience:
            wait, outcome = patience, "reneged"
        else:
            heapreplace(free, begins + length)
        if wait > 0.0:
            heappush(line, t + wait)
        waits.append(wait)
        outcomes.append(outcome)
    return waits, outcomes


def batched(values: ArrayLike, batches: int = 100) -> tuple[float, float]:
    """(mean, its standard error) from the means of batches in a row, nothing else made use of."""
    means = np.array([part.mean() for part in np.array_split(np.asarray(values), batches)])
    return float(means.mean()), float(means.std(ddof=1)) / sqrt(batches)
