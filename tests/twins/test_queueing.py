"""The yard's own code against queueing theory: within three standard errors of Erlang B, C, A and a finite room."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest

from twins.queueing import QueueParameters, run_queue

SESSIONS = 15_000


def erlang_b(servers: int, load: float) -> float:
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked


def states(servers: int, load: float, room: int, theta: float = 0.0) -> list[float]:
    """Stationary shares of M/M/c with so much room and, in line, a rate of giving up of theta services."""
    weights = [0.0]
    for n in range(1, servers + room + 1):
        weights.append(weights[-1] + log(load) - log(min(n, servers) + max(0, n - servers) * theta))
    top = max(weights)
    shares = [exp(weight - top) for weight in weights]
    return [share / sum(shares) for share in shares]


def run(**parameters: Any) -> Any:
    return run_queue(QueueParameters(sessions_per_day=400.0, sessions=SESSIONS, seed=5, **parameters))


def mean_service_s(load: float) -> float:
    return load * 86_400.0 / 400.0


@pytest.mark.parametrize(("servers", "load"), [(5, 3.0), (20, 16.0), (20, 25.0)])
def test_erlang_b(servers: int, load: float) -> None:
    found = run(servers=servers, offered_erl=load, waiting_places=0)
    assert abs(found.turned_away - erlang_b(servers, load)) <= 3.0 * found.turned_away_se
    assert found.wait_mean_s == 0.0


@pytest.mark.parametrize("cv", [1.0, 0.6])
def test_without_a_line_only_the_mean_of_the_service_counts(cv: float) -> None:
    found = run(servers=10, offered_erl=8.0, waiting_places=0, cv=cv)
    assert abs(found.turned_away - erlang_b(10, 8.0)) <= 3.0 * found.turned_away_se


@pytest.mark.parametrize(("servers", "load"), [(5, 3.5), (20, 16.0)])
def test_erlang_c(servers: int, load: float) -> None:
    blocked = erlang_b(servers, load)
    waits = blocked / (1.0 - load / servers * (1.0 - blocked))
    expected_s = waits * mean_service_s(load) / (servers - load)
    found = run(servers=servers, offered_erl=load)
    assert abs(found.wait_mean_s - expected_s) <= 3.0 * found.wait_se_s
    assert (found.turned_away, found.reneged) == (0.0, 0.0)


def test_a_finite_room() -> None:
    shares = states(8, 7.5, 4)
    found = run(servers=8, offered_erl=7.5, waiting_places=4)
    assert abs(found.turned_away - shares[-1]) <= 3.0 * found.turned_away_se
    in_line = sum(max(0, n - 8) * share for n, share in enumerate(shares))
    expected_s = in_line * 86_400.0 / 400.0 / (1.0 - shares[-1])
    assert abs(found.wait_mean_s - expected_s) <= 3.0 * found.wait_se_s


def test_erlang_a() -> None:
    load, patience_s = 9.0, 1_800.0
    theta = mean_service_s(load) / patience_s
    shares = states(10, load, 300, theta)
    in_line = sum(max(0, n - 10) * share for n, share in enumerate(shares))
    found = run(servers=10, offered_erl=load, patience_mean_s=patience_s)
    given_up = in_line / patience_s * 86_400.0 / 400.0
    assert abs(found.reneged - given_up) <= 3.0 * found.reneged_se
    assert abs(found.wait_mean_s - in_line * 86_400.0 / 400.0) <= 3.0 * found.wait_se_s


def test_a_lognormal_service_waits_as_simulated_elsewhere() -> None:
    """M/G/20, cv 0.6, 400 a day, load 12.5: 0.162 min (the issue's figure)."""
    found = run(servers=20, offered_erl=12.5, cv=0.6)
    assert abs(found.wait_mean_s - 0.162 * 60.0) <= 3.0 * found.wait_se_s


def test_the_same_seed_is_the_same_experiment() -> None:
    assert run(servers=3, offered_erl=2.0) == run(servers=3, offered_erl=2.0)
