"""The yard's own code against queueing theory: vehicle by vehicle, and within three standard errors of closed forms."""

from __future__ import annotations

from typing import Any

import pytest
from queue_theory import recursion, shares, theory

from twins.queueing import QueueParameters, QueueResult, run_queue
from twins.visits import Session

SESSIONS = 15_000
BY_CODE = [
    {"servers": 5, "offered_erl": 4.5},
    {"servers": 20, "offered_erl": 18.0, "cv": 0.6},
    {"servers": 3, "offered_erl": 2.5, "waiting_places": 0, "cv": 1.5},
    {"servers": 8, "offered_erl": 7.5, "waiting_places": 4},
    {"servers": 10, "offered_erl": 9.0, "patience_mean_s": 1_800.0},
    {"servers": 4, "offered_erl": 6.0, "patience_mean_s": 5_000.0, "waiting_places": 3, "cv": 0.6},
]


def given(sessions: int = SESSIONS, **words: Any) -> QueueParameters:
    return QueueParameters(sessions_per_day=400.0, sessions=sessions, seed=5, **words)


def assert_as_theory(parameters: QueueParameters, *figures: str) -> QueueResult:
    found = run_queue(parameters)
    for figure in figures:
        se = getattr(found, "wait_se_s" if figure == "wait_mean_s" else f"{figure}_se")
        assert se > 0.0
        assert abs(getattr(found, figure) - theory(parameters, figure)) <= 3.0 * se, figure
    return found


@pytest.mark.parametrize("words", BY_CODE)
def test_every_vehicle_waits_as_the_recursion_says(words: dict[str, Any]) -> None:
    """The same streams through Kiefer and Wolfowitz's recursion: what differs from theory then is chance in them."""
    parameters = given(2_000, **words)
    ended: list[Session] = []
    run_queue(parameters, told=ended.append)
    last = parameters.warm_up + parameters.sessions
    waits, outcomes = recursion(parameters, last)
    by_number = sorted((one for one in ended if int(one.id[1:]) <= last), key=lambda one: one.id)
    assert len(by_number) >= parameters.sessions
    for session in by_number:
        number = int(session.id[1:]) - 1
        until_s = session.left_s if session.outcome == "reneged" else session.bay_s
        assert session.outcome == outcomes[number]
        waited_s = 0.0 if until_s is None else until_s - session.arrived_s
        assert waited_s == pytest.approx(waits[number], rel=0.0, abs=1e-7)
    assert set(outcomes) == {one.outcome for one in by_number}
    assert max(waits) > 60.0 or parameters.waiting_places == 0


def test_the_oracle_is_erlangs() -> None:
    """Published values: B(10, 10 Erl), and C by its relation to B."""
    blocked = shares(10, 10.0, 0)[-1]
    assert blocked == pytest.approx(0.2146, abs=5e-5)
    blocked = shares(20, 16.0, 0)[-1]
    delayed = blocked / (1.0 - 16.0 / 20.0 * (1.0 - blocked))
    parameters = given(servers=20, offered_erl=16.0)
    assert theory(parameters, "wait_mean_s") == pytest.approx(delayed * parameters.service_mean_s / (20 - 16.0))


@pytest.mark.parametrize(("servers", "load"), [(5, 3.0), (20, 16.0), (20, 25.0)])
def test_erlang_b(servers: int, load: float) -> None:
    found = assert_as_theory(given(servers=servers, offered_erl=load, waiting_places=0), "turned_away")
    assert (found.wait_mean_s, found.reneged) == (0.0, 0.0)


@pytest.mark.parametrize("cv", [1.0, 0.6])
def test_without_a_line_only_the_mean_of_the_service_counts(cv: float) -> None:
    assert_as_theory(given(servers=10, offered_erl=8.0, waiting_places=0, cv=cv), "turned_away")


@pytest.mark.parametrize(("servers", "load"), [(5, 3.5), (20, 16.0)])
def test_erlang_c(servers: int, load: float) -> None:
    found = assert_as_theory(given(servers=servers, offered_erl=load), "wait_mean_s")
    assert (found.turned_away, found.reneged) == (0.0, 0.0)


def test_a_finite_room() -> None:
    assert_as_theory(given(servers=8, offered_erl=7.5, waiting_places=4), "turned_away", "wait_mean_s")


def test_erlang_a() -> None:
    assert_as_theory(given(servers=10, offered_erl=9.0, patience_mean_s=1_800.0), "reneged", "wait_mean_s")


@pytest.mark.parametrize("load", [12.5, 16.0])
def test_a_lognormal_service_waits_as_simulated_elsewhere(load: float) -> None:
    assert_as_theory(given(servers=20, offered_erl=load, cv=0.6), "wait_mean_s")


def test_the_same_seed_is_the_same_experiment() -> None:
    assert run_queue(given(1_000, servers=3, offered_erl=2.0)) == run_queue(given(1_000, servers=3, offered_erl=2.0))
