"""Queues: the yard's own code beside theory, and the real charging curve beside Erlang B; for docs/validation.md."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from queue_theory import DAY_S, batched, recursion, shares, theory

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime
from twins.arrivals import ArrivalsConfig
from twins.drivers import DriversConfig
from twins.platform import LocalPlatform
from twins.queueing import QueueParameters, QueueResult, run_queue
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session
from twins.weather import WeatherConfig

PER_DAY = 400.0
# (what, parameters, which figure)
SYSTEMS: list[tuple[str, dict[str, Any], str]] = [
    ("Erlang B, 20 bays, 16 Erl", {"servers": 20, "offered_erl": 16.0, "waiting_places": 0}, "turned_away"),
    ("Erlang B, 20 bays, 25 Erl", {"servers": 20, "offered_erl": 25.0, "waiting_places": 0}, "turned_away"),
    ("Erlang B, lognormal service", {"servers": 20, "offered_erl": 16.0, "waiting_places": 0, "cv": 0.6},
     "turned_away"),
    ("Erlang C, 5 bays, 3.5 Erl", {"servers": 5, "offered_erl": 3.5}, "wait_mean_s"),
    ("Erlang C, 20 bays, 16 Erl", {"servers": 20, "offered_erl": 16.0}, "wait_mean_s"),
    ("Erlang A, 10 bays, 9 Erl, patience 30 min", {"servers": 10, "offered_erl": 9.0, "patience_mean_s": 1_800.0},
     "reneged"),
    ("Erlang A, the same: wait", {"servers": 10, "offered_erl": 9.0, "patience_mean_s": 1_800.0}, "wait_mean_s"),
    ("8 bays, 4 waiting places, 7.5 Erl", {"servers": 8, "offered_erl": 7.5, "waiting_places": 4}, "turned_away"),
    ("the same: wait", {"servers": 8, "offered_erl": 7.5, "waiting_places": 4}, "wait_mean_s"),
    ("M/G/20, cv 0.6, 12.5 Erl", {"servers": 20, "offered_erl": 12.5, "cv": 0.6}, "wait_mean_s"),
    ("M/G/20, cv 0.6, 16 Erl", {"servers": 20, "offered_erl": 16.0, "cv": 0.6}, "wait_mean_s"),
    ("M/G/20, cv 0.6, 18 Erl", {"servers": 20, "offered_erl": 18.0, "cv": 0.6}, "wait_mean_s"),
]  # fmt: skip


def parameters_of(words: dict[str, Any], sessions: int, seed: int) -> QueueParameters:
    return QueueParameters(sessions_per_day=PER_DAY, sessions=sessions, seed=seed, **words)


def distinct() -> list[dict[str, Any]]:
    """The parameters of all systems, each once."""
    return list({str(words): words for _, words, _ in SYSTEMS}.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """One experiment: its result, each figure's plain (mean, standard error), the wait farthest from the recursion."""

    result: QueueResult
    plain: dict[str, tuple[float, float]]
    farthest_s: float
    cpu_s: float


def scaled(figure: str) -> tuple[str, float]:
    """(what the page calls a figure, by what it is multiplied there)."""
    return ("wait, min", 1 / 60.0) if figure == "wait_mean_s" else (f"{figure.replace('_', ' ')}, %", 100.0)


def found(result: QueueResult, figure: str) -> tuple[float, float]:
    """(a figure of the result, its standard error)."""
    return getattr(result, figure), getattr(result, "wait_se_s" if figure == "wait_mean_s" else f"{figure}_se")


def experiment(parameters: QueueParameters) -> Measured:
    """Run it, and hold every single wait against the recursion over the same streams."""
    last = parameters.warm_up + parameters.sessions
    waits, outcomes = np.zeros(last), [""] * last

    def told(session: Session) -> None:
        number = int(session.id[1:]) - 1
        if number < last:
            until_s = session.left_s if session.outcome == "reneged" else session.bay_s
            waits[number] = 0.0 if until_s is None else until_s - session.arrived_s
            outcomes[number] = session.outcome

    began = time.process_time()
    result = run_queue(parameters, told)
    cpu_s = time.process_time() - began
    expected_waits, expected_outcomes = recursion(parameters, last)
    assert outcomes == expected_outcomes, "an outcome is not that of the recursion"
    ends = np.array(outcomes[parameters.warm_up :])
    plain = {
        "wait_mean_s": batched(waits[parameters.warm_up :][ends != "turned_away"]),
        "turned_away": batched(ends == "turned_away"),
        "reneged": batched(ends == "reneged"),
    }
    return Measured(result, plain, float(np.abs(waits - np.array(expected_waits)).max()), cpu_s)


def real_curve(days: int) -> tuple[int, float, float, float]:
    """(sessions, mean stay in min, share turned away, Erlang B of that stay) on the public station's 17 fast bays.

    Equal piles, for Erlang's servers are; homogeneous arrivals, one temperature, no waiting bays, power without limits.
    The stay is from being sent to the bay until it is free again.
    """
    file = read_station(find_station("public")).value
    bays = tuple(bay for bay in file.bays if bay.kind != "waiting")
    grid = replace(file.grid, contract_limit_kw=None, transformer=replace(file.grid.transformer, rating_kva=50_000.0),
                   feeders=tuple(replace(one, breaker_a=10_000.0) for one in file.grid.feeders))  # fmt: skip
    arrivals = ArrivalsConfig(sessions_per_day=500.0, profile="flat")
    demand = replace(file.demand, arrivals=arrivals, drivers=DriversConfig())
    piles = tuple(replace(pile, model="dc_120_1") if pile.id.startswith("A") else pile for pile in file.piles)
    file = replace(
        file,
        bays=bays,
        grid=grid,
        piles=piles,
        weather=WeatherConfig(air_temp_c=25.0),
        demand=demand,
        control=replace(file.control, site_limit_kw=50_000.0),
    )
    kernel = Kernel(Clock(datetime(2022, 6, 20), file.station.timezone), 1)
    station = Station(kernel, file, LocalPlatform(kernel))
    count, away, stays, stay_s = 0, 0, 0, 0.0

    def over(session: Session) -> None:
        nonlocal count, away, stays, stay_s
        count += 1
        away += session.outcome == "turned_away"
        if session.bay_s is not None and session.left_s is not None:
            stays += 1
            stay_s += session.left_s - session.bay_s

    station.visits.on_over = over
    station.draw_demand(None, days * DAY_S)
    kernel.advance(SimTime(days * DAY_S))
    mean_s = stay_s / stays
    fast = sum(bay.kind == "fast" for bay in bays)
    return count, mean_s / 60.0, away / count, shares(fast, arrivals.sessions_per_day * mean_s / DAY_S, 0)[-1]


def queue_lines(sessions: int) -> list[str]:
    """The page's section, measured anew."""
    systems = distinct()
    with ProcessPoolExecutor() as workers:
        curve = workers.submit(real_curve, max(200, sessions // 2_000))
        ran = workers.map(experiment, [parameters_of(words, sessions, 1) for words in systems])
        measured = dict(zip(map(str, systems), ran, strict=True))
        count, stay_min, away, erlang = curve.result()
    farthest_s = max(one.farthest_s for one in measured.values())
    cpu_s = sum(one.cpu_s for one in measured.values())
    lines = [
        "`voltyard physics queue`: the station's own yard and visits with stated service times, homogeneous Poisson"
        f" arrivals ({PER_DAY:.0f} a day), unlimited power, {sessions:,} sessions each, seed 1; {cpu_s:.0f} s CPU in"
        " all. Waits are over those admitted. Theory: the stationary shares of the birth and death process; for M/G/20"
        " the figures stated in the project's issue, from a simulation of 10^8 sessions.", "",
        f"Every single wait and outcome of the {sessions * len(systems):,} sessions is that of a Kiefer-Wolfowitz"
        " recursion over the same arrivals, services and patiences, which knows no clock and no process"
        f" (`tests/bench/queue_theory.py`; farthest {farthest_s:.0e} s). The yard adds nothing of its own: what is"
        " between the plain mean and theory is chance in the streams.", "",
        "Most of that chance is taken out by control variates: the same vehicles at a site where nobody waits and all"
        " share the power, whose mean numbers are known (`twins/control_variates.py`). Where the line has no end that"
        " site has as many bays as the station. With exponential service its law is then that of Erlang C; what is"
        " measured is how far waiting in the yard's line is from sharing, on the same vehicles. For M/G/20 nothing of"
        " the answer goes in. All standard errors are of 100 batches in a row.", "",
        "| system | figure | plain mean | ours | theory | difference |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for what, words, figure in SYSTEMS:
        one, (name, scale) = measured[str(words)], scaled(figure)
        (ours, se), (plain, plain_se) = found(one.result, figure), one.plain[figure]
        expected = theory(parameters_of(words, sessions, 1), figure)
        lines.append(f"| {what} | {name} | {plain * scale:.4g} ± {plain_se * scale:.2g} |"
                     f" {ours * scale:.4g} ± {se * scale:.2g} | {expected * scale:.4g} |"
                     f" {100.0 * (ours / expected - 1.0):+.2f} % ({(ours - expected) / se:+.1f} se) |")  # fmt: skip
    return [
        *lines, "",
        "With the real charging curve (the public station's vehicles on its 17 fast bays with equal piles, 500 a day,"
        f" unlimited power, no waiting bays; {count:,} arrivals): mean stay {stay_min:.2f} min, turned away {away:.4f};"
        f" Erlang B of that stay: {erlang:.4f}; difference {away - erlang:+.4f} (goal 0.002).",
    ]  # fmt: skip
