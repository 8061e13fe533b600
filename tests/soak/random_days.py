"""`make soak`: hours at small stations with faults that a seed draws; no run may crash or leave its books open.

Prints one line a finding, with the seed and the file that show it again, and exits 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from scenarios.catalogue import StationCatalogue
from scenarios.loader import load_scenario
from sim.errors import VoltyardError
from sim.events import Scalar
from sim.faults import FAULTS
from sim.parameters import Parameter
from twins.station_file import find_station, read_station

__all__ = ["play", "write_scenario"]

SITE = Path(__file__).parents[1] / "faults" / "site.yaml"
STATIONS = "two-outlet", "community", str(SITE)
WIRES = "link.", "ocpp."
ACTIONS = "*", "MeterValues", "StartTransaction", "StopTransaction", "StatusNotification", "Heartbeat"
LONGEST_FAULT_S = 7_200.0


def write_scenario(seed: int, folder: Path, *, has_wire: bool = False) -> Path:
    """The scenario file of a seed; with a wire, half of the faults are the wire's."""
    dice = random.Random(seed)
    station = dice.choice(STATIONS)
    path = SITE if station == str(SITE) else find_station(station)
    catalogue = StationCatalogue(read_station(path).value)
    targets = {name: list(catalogue.targets(name)) for name in FAULTS.names()}
    names = [name for name, found in targets.items() if found]
    of_wire = [name for name in names if name.startswith(WIRES)]
    duration_h = dice.uniform(2.0, 6.0)
    timeline = []
    for number in range(dice.randint(3, 8)):
        name = dice.choice(of_wire if has_wire and dice.random() < 0.5 else names)
        timeline += _fault(dice, number, name, dice.choice(targets[name]), 3_600.0 * duration_h)
    begins = datetime(2022, 1, 1) + timedelta(minutes=dice.randrange(525_000))
    scenario = {
        "scenario": 1, "title": {"en": f"Random faults {seed}", "zh": f"随机故障 {seed}"}, "station": station,
        "start": begins.isoformat(timespec="minutes"), "duration_h": round(duration_h, 3), "seed": seed,
        "demand": {"sessions_per_day": dice.choice([0, 20, 60, 200])}, "timeline": timeline,
    }  # fmt: skip
    written = folder / f"random-{seed}.yaml"
    written.write_text(json.dumps(scenario, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")  # JSON is YAML
    return written


def _fault(dice: random.Random, number: int, name: str, target: str, until_s: float) -> list[dict[str, Any]]:
    """It begins at any time, and ends by itself, by a deed that may come early or late, or never."""
    begins_s = round(dice.uniform(0.0, 0.9 * until_s), 1)
    values: dict[str, Scalar] = {}
    for parameter in FAULTS.get(name).parameters:
        if parameter.is_required or dice.random() < 0.6:
            values[parameter.name] = _drawn(dice, parameter)
    entries: list[dict[str, Any]] = [
        {"after_s": begins_s, "inject": name, "target": target, "as": f"f{number}", "with": values}
    ]
    if dice.random() < 0.4:
        entries.append({"after_s": round(dice.uniform(begins_s + 0.1, until_s), 1), "clear": f"f{number}"})
    return entries


def _drawn(dice: random.Random, parameter: Parameter) -> Scalar:
    if parameter.choices:
        return dice.choice(parameter.choices)
    if parameter.type == "bool":
        return dice.random() < 0.5
    if parameter.type == "str":
        return dice.choice(ACTIONS)
    low, high = parameter.low or 0.0, 1e6 if parameter.high is None else parameter.high
    if parameter.name == "duration_s":
        high = min(high, LONGEST_FAULT_S)
    if dice.random() < 0.1:
        value = dice.choice([low, high])
    elif low > 0.0 and high / low > 100.0:
        value = math.exp(dice.uniform(math.log(low), math.log(high)))
    else:
        value = dice.uniform(low, high)
    return round(value) if parameter.type == "int" else min(max(round(value, 3), low), high)


def play(path: Path, out: Path, pace: str = "fast") -> tuple[str, list[str]]:
    """The verdict of a scenario file played to its end, and what is wrong with the run."""
    try:
        loaded = load_scenario(path)
    except VoltyardError as error:
        return "refused", [str(error)]
    seed = loaded.document.value.seed
    plan = Plan(loaded=loaded, pace=read_pace(pace), seed=seed, out=out, state=out / "state", record="kpi")
    outcome = Bench(plan).run()
    document = outcome.document
    wrong = [str(document["error"])] if "error" in document else []
    if document["verdict"] in ("error", "aborted"):
        wrong.append(f"verdict {document['verdict']}")
    wrong += document["books"].get("unexplained", [])
    for name, found in outcome.findings.items():
        if found and "behind it: " not in found:
            wrong.append(f"book {name}: {found}")
    return document["verdict"], wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Play seeds and say what went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=200, help="how many in fast pace")
    parser.add_argument("--wired", type=int, default=10, help="how many in lockstep, with faults of the wire")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="random-days-"))
    verdicts: Counter[str] = Counter()
    failures = 0
    for pace, count in (("fast", given.days), ("lockstep", given.wired)):
        for seed in range(given.first, given.first + count):
            path = write_scenario(seed, folder, has_wire=pace == "lockstep")
            verdict, wrong = play(path, folder / f"{pace}-{seed}", pace)
            verdicts[f"{pace} {verdict}"] += 1
            failures += bool(wrong)
            for finding in wrong:
                print(f"seed {seed}, voltyard run {path} --pace {pace}: {finding}", flush=True)
    print(f"{given.days + given.wired} runs, {failures} wrong: {dict(sorted(verdicts.items()))}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
