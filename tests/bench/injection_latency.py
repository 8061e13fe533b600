"""How late faults of a timeline act in real pace: each one's lateness, read from the recording of its run."""

from __future__ import annotations

import argparse
import json
import platform
import random
import tempfile
from bisect import bisect_right
from math import inf
from pathlib import Path

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.loader import load_scenario
from sim.reading import Run

GOAL_MS = 5.0
FAULTS = (
    ("pile.fan_failed", "pile[{pile}].cabinet"),
    ("pile.insulation_low", "pile[{pile}].connector[1]"),
    ("grid.limit_ordered", "control"),
    ("weather.shifted", "weather"),
)


def latenesses_ms(count: int, lasts_s: float) -> list[float]:
    """How late each of `count` injections acted, in ms: twenty piles by day, each wire up, everything recorded."""
    dice = random.Random(6)
    times_s = sorted(round(dice.uniform(1.0, lasts_s - 2.0), 3) for _ in range(count))
    timeline = []
    for number, time_s in enumerate(times_s):
        name, target = FAULTS[number % len(FAULTS)]
        where = target.format(pile=f"A{dice.randint(1, 10):02d}")
        timeline.append({"after_s": time_s, "inject": name, "target": where, "with": {"duration_s": 1.0}})
    scenario = {
        "scenario": 1, "title": {"en": "Injections", "zh": "注入"}, "station": "public", "start": "2022-07-13T12:00",
        "duration_h": lasts_s / 3_600.0, "seed": 6, "timeline": timeline,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        (out / "injections.yaml").write_text(json.dumps(scenario), encoding="utf-8")
        loaded = load_scenario(out / "injections.yaml")
        played = Bench(Plan(loaded=loaded, pace=read_pace("real"), seed=6, out=out / "run", state=out / "state")).run()
        assert "error" not in played.document, played.document["error"]
        with Run(out / "run") as run:
            steps = [(row.t_s, row.late_ms) for row in run.lateness()]
            acted = [event.t_s for event in run.events() if event.kind == "fault.active"]
    assert len(acted) == count, f"{len(acted)} of {count} injections acted"
    return sorted(_late_ms(steps, t_s) for t_s in acted)


def _late_ms(steps: list[tuple[float, float]], t_s: float) -> float:
    """Of what acted at `t_s`: the step that took it began with the last row at or before that, so late."""
    begun_s, late_ms = steps[bisect_right(steps, (t_s, inf)) - 1]
    return max(0.0, late_ms - 1e3 * (t_s - begun_s))


def main() -> None:
    """Print median, 99th percentile and worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600, help="injections")
    parser.add_argument("--seconds", type=float, default=120.0, help="of real pace in which they are spread")
    given = parser.parse_args()
    found = latenesses_ms(given.count, given.seconds)
    p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(0.99 * len(found)))]
    print(f"machine: {platform.machine()}, Python {platform.python_version()}")
    print(f"{len(found)} injections in {given.seconds:g} s of real pace: p50 {p50:.2f} ms, p99 {p99:.2f} ms late"
          f" (goal {GOAL_MS:g}), worst {found[-1]:.2f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
