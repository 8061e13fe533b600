"""`make bench`: what is measured, against which baseline of the same run, and what is left out.

Every figure is the median of five; ratios compare with a baseline timed in between, so that a busy machine moves both.
"""

from __future__ import annotations

import platform
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import simpy

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.queue import TransactionQueue
from scenarios.loader import find_scenario, load_scenario
from sim.clock import Clock
from sim.kernel import Kernel, Rank, Twin
from sim.units import SimTime
from twins.station_file import find_station

ROUNDS = 5
METER_VALUES = 5_000


def median_rate(work: Callable[[], int]) -> float:
    """Median units of work a CPU-second."""
    rates = []
    for _ in range(ROUNDS):
        start = time.process_time()
        done = work()
        rates.append(done / (time.process_time() - start))
    return statistics.median(rates)


class _Ticker(Twin):
    rank = Rank.PILE

    def __init__(self, number: int) -> None:
        self.path = f"ticker[{number}]"
        self.period_s = 1.0 + number * 0.001

    def plan(self, now: SimTime) -> SimTime:
        return SimTime(now + self.period_s)


def planned_wake_ups() -> int:
    """40 twins, each woken about once a simulated second for 5,000 s, through touch, rank and re-arming."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 1)
    for number in range(40):
        kernel.touch(_Ticker(number))
    kernel.advance(SimTime(5_000.0))
    return kernel.plans


def bare_timeouts() -> int:
    """The same wake-ups as plain SimPy processes that wait: the baseline."""
    env = simpy.Environment()
    count = 0

    def story(period_s: float) -> Generator[simpy.Event, Any, None]:
        nonlocal count
        while True:
            count += 1
            yield env.timeout(period_s)

    for number in range(40):
        env.process(story(1.0 + number * 0.001))
    env.run(until=5_000.0)
    return count


def day(pace: str) -> float:
    """Wall seconds of the demo's day, a charge point an EVSE, the CSMS's start and end included, no report."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        pair = find_station("two-outlet").read_text(encoding="utf-8").replace("per_cabinet", "per_evse")
        (out / "pair.yaml").write_text(pair, encoding="utf-8")
        played_there = find_scenario("two-outlet-day").read_text(encoding="utf-8")
        (out / "day.yaml").write_text(
            played_there.replace("station: two-outlet", "station: pair.yaml"), encoding="utf-8"
        )
        loaded = load_scenario(out / "day.yaml")
        start = time.perf_counter()
        played = Bench(Plan(loaded=loaded, pace=read_pace(pace), seed=7, out=out, state=out / "state")).run()
        wall_s = time.perf_counter() - start
    assert played.document["verdict"] == "pass", played.document
    return wall_s


def station_days(days: int, record: str, *, has_heat: bool = False) -> tuple[float, float]:
    """(CPU ms a station-day, growth of the resident set in MB) of `quiet-day` on twenty piles, so many days long.

    As it is shipped, with the heat of packs, piles, connectors and transformer, or with none of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        text = find_scenario("quiet-day").read_text(encoding="utf-8")
        text = text.partition("expect:")[0].replace("duration_h: 24", f"duration_h: {24 * days}")
        if not has_heat:
            station = find_station("public").read_text(encoding="utf-8")
            station = re.sub(r"^heat: .*$", "heat: {packs: false}", station, flags=re.MULTILINE)
            station = re.sub(r"^    heat:\n(?:      .*\n)+", "", station, flags=re.MULTILINE)
            station = station.replace("rating_kva: 800", "rating_kva: 1200")  # what it may carry with its fans
            (out / "lean.yaml").write_text(station, encoding="utf-8")
            text = text.replace("station: public", "station: lean.yaml")
        (out / "days.yaml").write_text(text, encoding="utf-8")
        loaded = load_scenario(out / "days.yaml")
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=11, out=out, state=out / "state", record=record)
        played = Bench(plan).run().document
        spent_s = time.process_time() - start
    assert played["verdict"] == "pass", played
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024.0
    return 1e3 * spent_s / days, grown_mb


def twenty_piles_in_lockstep() -> float:
    """Wall seconds of `quiet-day`, twenty charge points against the embedded CSMS, recording all, no report."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        loaded = load_scenario(find_scenario("quiet-day"))
        start = time.perf_counter()
        played = Bench(Plan(loaded=loaded, pace=read_pace("lockstep"), seed=11, out=out, state=out / "state")).run()
        wall_s = time.perf_counter() - start
    assert played.document["verdict"] == "pass", played.document
    return wall_s


def meter_values_us() -> float:
    """CPU microseconds that the durable queue takes for one MeterValues: appended, read, answered, on a file."""
    with tempfile.TemporaryDirectory() as folder:
        queue = TransactionQueue(Path(folder) / "queue.sqlite")
        begin = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2022-06-14T08:00:00.000Z"}
        queue.append("A01", "StartTransaction", "S1", begin)
        queue.start_answered("A01", "S1", 1)
        value = {"timestamp": "2022-06-14T08:00:00.000Z", "sampledValue": [{"value": "1234"}] * 6}
        start = time.process_time()
        for number in range(METER_VALUES):
            register = number, "2022-06-14T08:00:00.000Z"
            message = queue.append("A01", "MeterValues", "S1", {"connectorId": 1, "meterValue": [value]}, register)
            queue.head("A01")
            queue.done(message or 0)
        spent_s = time.process_time() - start
        queue.close()
    return 1e6 * spent_s / METER_VALUES


def come_back() -> tuple[float, int]:
    """(95th percentile in s, most in any one second) of 1,000 stations after outages of 5, 30, 120 and 600 s."""
    worst_s, most = 0.0, 0
    for outage_s in (5.0, 30.0, 120.0, 600.0):
        waits = sorted(back_after(f"CP{number:04d}", outage_s) for number in range(1000))
        worst_s = max(worst_s, waits[949])
        most = max(most, *(sum(t <= wait < t + 1.0 for wait in waits) for t in waits))
    return worst_s, most


def back_after(identity: str, outage_s: float) -> float:
    """How long after the end of an outage that began at 1,000 s this station tries to connect."""
    clock = Clock(datetime(2022, 6, 14), "Europe/Zurich")
    point = ChargePoint(identity, "m", "v", "1", {}, TransactionQueue(), lambda t: clock.stamp(SimTime(t)),
                        lambda: 0.5, listener=_Nobody())  # fmt: skip
    point.connected(0.0)
    point.lost(1000.0)
    while point.next_connect_at < 1000.0 + outage_s:
        point.refused(point.next_connect_at)
    return point.next_connect_at - 1000.0 - outage_s


class _Nobody:
    def deauthorised(self, connector_id: int, session: str, now: float) -> None:
        raise AssertionError

    def reset(self, kind: str, now: float) -> None:
        raise AssertionError


def main() -> None:
    """Print one line a figure."""
    print(f"machine: {platform.machine()}, Python {platform.python_version()}; medians of {ROUNDS}, CPU time")
    ours, bare = median_rate(planned_wake_ups), median_rate(bare_timeouts)
    print(f"kernel: {ours:,.0f} planned wake-ups a CPU-second (goal 250,000)")
    print(f"kernel against bare SimPy timeouts of the same run ({bare:,.0f}/s): {ours / bare:.2f}x")
    print("  measured: touch, rank order, re-arming, heap; excluded: imports, what a plan computes")
    fast_s, lockstep_s = (statistics.median(day(pace) for _ in range(ROUNDS)) for pace in ("fast", "lockstep"))
    print(f"a day on two sockets in lockstep: {lockstep_s:.2f} s wall (goal 5), {86_400 / lockstep_s:,.0f}x")
    print(f"  measured: start and end of the CSMS, recording all; the same day in fast pace {fast_s:.3f} s; no report")
    for record, has_heat, goal in (("kpi", False, 25), ("all", False, 60), ("kpi", True, 60), ("all", True, 120)):
        bare = median_rate(bare_timeouts)
        day_ms = statistics.median(station_days(7, record, has_heat=has_heat)[0] for _ in range(3))
        wanted, heat = f" (goal {goal} at normal speed)", "all heat" if has_heat else "no heat"
        print(f"a station-day of 20 piles, 400 sessions, {heat}, recording {record}: {day_ms:.1f} ms CPU{wanted},"
              f" {day_ms * bare / 1e3:,.0f} bare SimPy timeouts of the same moment")  # fmt: skip
    print("  measured: process time of seven days / 7 with set-up, books, files; excluded: imports, reading the files")
    week_ms, _ = station_days(7, "kpi")
    year_ms, grown_mb = station_days(365, "kpi")
    print(
        f"a day of a year against a day of a week: {year_ms / week_ms:.2f}x (goal 1.1), {grown_mb:.0f} MB more memory"
    )
    print(f"24 h of twenty piles in lockstep: {twenty_piles_in_lockstep():.1f} s wall (goal 60)")
    queue_us = statistics.median(meter_values_us() for _ in range(ROUNDS))
    print(f"durable queue: {queue_us:.0f} us CPU a MeterValues, on a file")
    back_s, most = come_back()
    print(
        f"1,000 stations after an outage: 95 % back within {back_s:.2f} s (goal 10), at most {most} a second (goal 100)"
    )


if __name__ == "__main__":
    main()
