"""Scenario files broken at random: each is refused with file, line and key, or runs for a minute.

`python tests/bench/bad_files.py [NUMBER] [SEED]` prints figures, and keeps a file that crashed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from scenarios.judge import Judge
from scenarios.loader import find_scenario, load_scenario, scenario_names
from scenarios.runner import ScenarioRun
from sim.errors import FileProblem, FileProblems
from sim.kernel import Kernel
from sim.units import SimTime
from sim.yaml_nodes import key_path, parse_nodes
from twins.platform import LocalPlatform

__all__ = ["Tally", "broken_files", "tried"]

PLAYED_S = 60.0
_ENDLESS = "open-day"
_TITLE = {"en": "A", "zh": "甲"}
_MORE: dict[str, Any] = {
    "timeline": [
        {"when": {"any": [{"event": "grid.outage"}, {"signal": "grid.power_kw", "above": 1, "for_s": 3}]}, "times": 2,
         "inject": "pile.failed", "target": {"random": "pile[*]"}, "as": "q"},
        {"after_s": 5, "sequence": [
            {"clear": "all"},
            {"after_s": {"between": [1, 2]}, "do": "control.limit", "target": "control",
             "with": {"limit_kw": {"parameter": "p"}}}]},
        {"after_s": 9, "every_s": 10, "inject": "grid.sag", "target": "grid.feed", "with": {"duration_s": 4}},
        {"after_s": 20, "group": [
            {"inject": "demand.surge", "target": "demand", "as": "s"}, {"clear": "s", "after_s": 1}]},
    ],
    "steady": {"settle_s": 1, "hold": [{"id": "h", "signal": "grid.power_kw", "below": 9e9}]},
    "restore": [{"clear": "all"}],
    "parameters": {"p": {"title": _TITLE, "default": 5, "low": 0, "high": 9}},
    "expect": [
        {"id": "x", "after": {"event": "grid.outage"}, "within_s": 9, "event": "alarm.raised"},
        {"id": "y", "order": [{"event": "session.started"}, {"event": "session.ended"}]},
        {"id": "z", "followed_by": {"event": "session.started", "within_s": 9, "by": {"event": "session.ended"},
                                    "same": "session"}},
        {"id": "w", "equals": {"books": "money.bills_cny", "to": "money.meters_cny", "tolerance": 1}},
    ],
    "sabotage": {"title": _TITLE, "fails": ["x"], "drop": ["q"], "set": {"seed": 4}},
}  # fmt: skip
_TOGETHER = (("timeline", "parameters", "expect", "sabotage"), ("steady",), ("restore",))
_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e300, 10**39, 0.5, "", "x", "雪" * 50, "\u2603\u0301", [], {}, [[[]]], {"a": {"b": [1]}},
    {"parameter": "p"}, {"parameter": []}, {"between": [1, 2]}, {"between": [2, 1]}, {"one_of": ["a"]}, ["all"],
    "14:05", {"event": "x"}, {"every": "pile[*]"}, {"first": "*"}, {"random": "[", "count": 9}, "pile[A01]", "all",
)  # fmt: skip
_LETTERS = "{}[]:,\"'#&*!|>-?%@`~ \t\nа雪\u2028"


@dataclass
class Tally:
    """What came of the files."""

    files: int = 0
    refused: int = 0
    ran: int = 0
    faulty: Counter[str] = field(default_factory=Counter)


def broken_files(seed: int) -> Iterator[str]:
    """Texts without end: shipped scenarios with keys dropped, doubled or renamed, values changed, letters torn out."""
    rng = Random(seed)
    texts = [find_scenario(name).read_text(encoding="utf-8") for name in scenario_names() if name != _ENDLESS]
    trees = [parse_nodes(text, "shipped").plain() for text in texts]
    while True:
        if rng.random() < 0.2:
            yield _torn(rng.choice(texts), rng)
            continue
        tree = _copy(rng.choice(trees))
        for names in _TOGETHER:
            if rng.random() < 0.5:
                tree |= {name: _copy(_MORE[name]) for name in names}
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _mutate(tree, rng)
        yield json.dumps(tree, ensure_ascii=False, indent=1)


def tried(text: str, folder: Path, *, is_sabotaged: bool = False) -> str:
    """What comes of one text: refused, ran, or what is faulty about how it was taken; raises what crashed."""
    path = folder / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        loaded = load_scenario(path, is_sabotaged=is_sabotaged)
    except FileProblems as refused:
        faults = [_faulty(problem, path, text, is_sabotaged=is_sabotaged) for problem in refused.problems]
        return next((fault for fault in faults if fault), "refused")
    kernel = Kernel(loaded.clock, loaded.document.value.seed)
    run = ScenarioRun(kernel, loaded, LocalPlatform(kernel))
    judge = Judge(kernel, loaded.document.value, loaded.clock, has_wire=False)
    run.arm()
    kernel.advance(SimTime(min(PLAYED_S, run.duration_s)))
    run.restore()
    kernel.advance(SimTime(kernel.now))
    judge.finish(kernel.now)
    return "ran"


def _faulty(problem: FileProblem, path: Path, text: str, *, is_sabotaged: bool) -> str:
    """What a refusal lacks: a file that is there, a line of it, a key that is there or whose parent is."""
    if not Path(problem.file).is_file():
        return f"no such file: {problem.file}"
    if Path(problem.file) != path:
        return "" if problem.line > 0 else f"no line: {problem}"
    if not 1 <= problem.line <= len(text.split("\n")):
        return f"no such line: {problem}"
    if not problem.what:
        return f"says nothing: {problem}"
    try:
        there = {key_path(steps) for steps in _paths(parse_nodes(text, path.name).plain())} | {""}
    except FileProblems:
        return ""
    above = problem.key[: max(problem.key.rfind("."), problem.key.rfind("["), 0)]
    return "" if is_sabotaged or problem.key in there or above in there else f"no such key: {problem}"


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from _paths(inner, (*path, step))


def _mutate(tree: Any, rng: Random) -> None:
    paths = list(_paths(tree))
    if not paths:
        return
    *above, last = rng.choice(paths)
    place = tree
    for step in above:
        place = place[step]
    way = rng.random()
    if way < 0.25:
        del place[last]
    elif way < 0.7:
        place[last] = _copy(rng.choice(_VALUES))
    elif way < 0.75 and isinstance(place[last], int | float):
        place[last] = place[last] * rng.choice((-1, 0, 0.5, 2, 10))
    elif way < 0.8:
        donor = tree
        for step in rng.choice(paths):
            donor = donor[step] if not isinstance(donor, str) else donor
        place[last] = _copy(donor)
    elif way < 0.85:
        for _ in range(rng.choice((3, 45))):
            place[last] = [place[last]]
    elif isinstance(place, dict):
        place[str(rng.choice(_VALUES))[:60]] = place.pop(last)
    else:
        place.append(_copy(place[last]))


def _torn(text: str, rng: Random) -> str:
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text)) if text else 0
        text = text[:at] + rng.choice(("", *_LETTERS)) + text[at + rng.choice((0, 1, 1, 9)) :]
    return text


def main(number: int, seed: int) -> int:
    """Break so many files and print what came of it."""
    began, tally = time.perf_counter(), Tally()
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for vehicles in find_scenario(_ENDLESS).parent.glob("*.csv"):
            shutil.copy(vehicles, folder)
        for text in broken_files(seed):
            tally.files += 1
            is_sabotaged = rng.random() < 0.2 and '"sabotage"' in text and '"title"' in text
            try:
                found = tried(text, folder, is_sabotaged=is_sabotaged)
            except Exception as error:
                found = f"{type(error).__name__}: {traceback.format_exc(limit=-3)}"
            if found == "refused":
                tally.refused += 1
            elif found == "ran":
                tally.ran += 1
            else:
                kept = Path(tempfile.gettempdir()) / f"bad-file-{seed}-{tally.files}.yaml"
                kept.write_text(text, encoding="utf-8")
                tally.faulty[found.replace(scratch, "")[:600]] += 1
                print(f"{kept}: {found[:600]}", flush=True)
            if tally.files == number:
                break
    print(f"{tally.files} files: {tally.refused} refused with file, line and key, {tally.ran} ran for {PLAYED_S:g} s, "
          f"{tally.faulty.total()} otherwise; {time.perf_counter() - began:.0f} s")  # fmt: skip
    return 1 if tally.faulty else 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in (*sys.argv[1:], *("10000", "1")[len(sys.argv) - 1 :]))))
