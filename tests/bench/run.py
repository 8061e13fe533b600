"""`make bench`: what is measured, against which baseline of the same run, and what is left out.

Every figure is the median of five; ratios compare with a baseline timed in between, so that a busy machine moves both.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any

import simpy

from sim.clock import Clock
from sim.kernel import Kernel, Rank, Twin
from sim.units import SimTime

ROUNDS = 5


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


def main() -> None:
    """Print one line a figure."""
    print(f"machine: {platform.machine()}, Python {platform.python_version()}; medians of {ROUNDS}, CPU time")
    ours, bare = median_rate(planned_wake_ups), median_rate(bare_timeouts)
    print(f"kernel: {ours:,.0f} planned wake-ups a CPU-second (goal 250,000)")
    print(f"kernel against bare SimPy timeouts of the same run ({bare:,.0f}/s): {ours / bare:.2f}x")
    print("  measured: touch, rank order, re-arming, heap; excluded: imports, what a plan computes")


if __name__ == "__main__":
    main()
