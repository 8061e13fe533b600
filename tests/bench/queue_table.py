"""Queues: the yard's own code beside theory, and the real charging curve beside Erlang B; for docs/validation.md."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from math import exp, log

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
DAY_S = 86_400.0
# (what, parameters, which figure): the figures of M/G/20 are those of an independent simulation of 10^8 sessions
SYSTEMS = [
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
STATED_MIN = {12.5: 0.162, 16.0: 2.641, 18.0: 12.42}


def shares(servers: int, load: float, room: int, theta: float) -> list[float]:
    """Stationary shares of M/M/c with so much room; in line each gives up at the rate of theta services."""
    weights = [0.0]
    for n in range(1, servers + room + 1):
        weights.append(weights[-1] + log(load) - log(min(n, servers) + max(0, n - servers) * theta))
    top = max(weights)
    found = [exp(weight - top) for weight in weights]
    return [one / sum(found) for one in found]


def theory(parameters: dict[str, float], figure: str) -> float:
    """What theory says (waits in s, shares of arrivals)."""
    servers, load = int(parameters["servers"]), parameters["offered_erl"]
    if parameters.get("cv", 1.0) != 1.0 and figure == "wait_mean_s":
        return 60.0 * STATED_MIN[load]
    service_s, patience_s = load * DAY_S / PER_DAY, parameters.get("patience_mean_s")
    room = int(parameters["waiting_places"]) if "waiting_places" in parameters else 2_000
    state = shares(servers, load, room, service_s / patience_s if patience_s else 0.0)
    in_line = sum(max(0, n - servers) * share for n, share in enumerate(state))
    if figure == "turned_away":
        return state[-1]
    if figure == "reneged":
        assert patience_s is not None
        return in_line / patience_s * DAY_S / PER_DAY
    return in_line * DAY_S / PER_DAY / (1.0 - state[-1])


def experiment(parameters: dict[str, float], sessions: int) -> QueueResult:
    return run_queue(QueueParameters(sessions_per_day=PER_DAY, sessions=sessions, seed=1, **parameters))  # type: ignore[arg-type]


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
    return count, mean_s / 60.0, away / count, shares(fast, arrivals.sessions_per_day * mean_s / DAY_S, 0, 0.0)[-1]


def queue_lines(sessions: int) -> list[str]:
    """The page's section, measured anew."""
    distinct = list({str(parameters): parameters for _, parameters, _ in SYSTEMS}.values())
    with ProcessPoolExecutor() as workers:
        curve = workers.submit(real_curve, max(200, sessions // 2_000))
        found = dict(
            zip(map(str, distinct), workers.map(experiment, distinct, [sessions] * len(distinct)), strict=True)
        )
        count, stay_min, away, erlang = curve.result()
    lines = [
        "## Queues: ours beside theory", "",
        "`voltyard physics queue`: the station's own yard and visits with stated service times, homogeneous Poisson"
        f" arrivals ({PER_DAY:.0f} a day), unlimited power, {sessions:,} sessions each, seed 1. Waits are over those"
        " admitted; means and standard errors are of 100 batches, with control variates (`twins/control_variates.py`)."
        " Theory: the stationary shares of the birth and death process; for M/G/20 the figures stated in the project's"
        " issue.", "",
        "| system | figure | ours | standard error | theory | difference |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for what, parameters, figure in SYSTEMS:
        result = found[str(parameters)]
        ours, expected = getattr(result, figure), theory(parameters, figure)
        se = getattr(result, "wait_se_s" if figure == "wait_mean_s" else f"{figure}_se")
        scale, unit = (1 / 60.0, "wait, min") if figure == "wait_mean_s" else (100.0, f"{figure.replace('_', ' ')}, %")
        lines.append(f"| {what} | {unit} | {ours * scale:.4g} | {se * scale:.2g} | {expected * scale:.4g} |"
                     f" {100.0 * (ours / expected - 1.0):+.2f} % ({(ours - expected) / se:+.1f} se) |")  # fmt: skip
    return [
        *lines, "",
        "With the real charging curve (the public station's vehicles on its 17 fast bays with equal piles, 500 a day,"
        f" unlimited power, no waiting bays; {count:,} arrivals): mean stay {stay_min:.2f} min, turned away {away:.4f};"
        f" Erlang B of that stay: {erlang:.4f}; difference {away - erlang:+.4f} (goal 0.002).",
    ]  # fmt: skip
