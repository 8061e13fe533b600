"""What a sweep runs: settings, which are changes of files, each with the same seeds (common random numbers)."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenarios.loader import STATION_PREFIX, LoadedScenario, load_scenario
from sim.changes import Changes, is_key_path, read_values
from sim.errors import FileProblem, FileProblems, UsageError
from sim.events import Scalar

__all__ = ["MOST_SEEDS", "MOST_SETTINGS", "Setting", "check_settings", "read_changes", "read_seeds", "read_settings"]

MOST_SEEDS = 100_000
MOST_SETTINGS = 1_000

_SEEDS = re.compile(r"([0-9]{1,16})(?:\.\.([0-9]{1,16}))?")
_HIGHEST_SEED = 2**53


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the grid: its number, from 1, and what it changes in the files, in the order given."""

    number: int
    changes: tuple[tuple[str, Scalar], ...] = ()

    def said(self, between: str = " ") -> str:
        """What it changes, as a person would write it, with `between` between changes."""
        return between.join(f"{key}={_shown(value)}" for key, value in self.changes) or "as the files say"


def read_seeds(text: str) -> tuple[int, ...]:
    """The seeds of `1..50`, `1,5,9` or both, ascending; UsageError for another form, repeats, and too many."""
    seeds: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"--seeds {text!r}: {part.strip()!r} is no seed; a range as 1..50, or seeds as 1,5,9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"--seeds {text!r}: {part.strip()} runs backwards; did you mean {last}..{first}?")
        if last > _HIGHEST_SEED:
            raise UsageError(f"--seeds {text!r}: {last} is out of range; 0 to {_HIGHEST_SEED}")
        if len(seeds) + last - first + 1 > MOST_SEEDS:
            raise UsageError(f"--seeds {text!r}: more than {MOST_SEEDS} seeds; fewer")
        seeds += range(first, last + 1)
    seeds.sort()
    for seed, following in itertools.pairwise(seeds):
        if seed == following:
            raise UsageError(f"--seeds {text!r}: {seed} is given twice; each seed once")
    return tuple(seeds)


def read_settings(words: Sequence[str]) -> tuple[Setting, ...]:
    """The grid of `key=value,value` words, the last varying fastest; UsageError for another form, and too many.

    Without words the files as they stand are the one setting.
    """
    axes: dict[str, tuple[Scalar, ...]] = {}
    for word in words:
        key, has_value, text = (part.strip() for part in word.partition("="))
        if not has_value or not is_key_path(key):
            right = "as demand.sessions_per_day=100,200, or station.control.site_limit_kw=400 for the station file"
            raise UsageError(f"--set {word!r}: not of the form key=value; {right}")
        if key in axes:
            raise UsageError(f"--set {word!r}: {key} is given twice; one --set with its values parted by commas")
        if key == "seed":
            raise UsageError(f"--set {word!r}: every setting has the same seeds; give them by --seeds")
        try:
            axes[key] = read_values(text)
        except ValueError as error:
            right = "values as in the file, parted by commas; in quotes where they hold signs of YAML"
            raise UsageError(f"--set {word!r}: {error}; {right}") from None
        shown = [_shown(value) for value in axes[key]]
        if len(set(shown)) < len(shown):
            raise UsageError(f"--set {word!r}: a value is given twice; each once")
    count = math.prod(len(values) for values in axes.values())
    if count > MOST_SETTINGS:
        raise UsageError(f"--set: {count} settings; at most {MOST_SETTINGS}")
    points = itertools.product(*axes.values())
    return tuple(Setting(number, tuple(zip(axes, point, strict=True))) for number, point in enumerate(points, 1))


def read_changes(words: Sequence[str]) -> Changes:
    """The changes of `key=value` words for one run; UsageError for another form, and several values of a key."""
    settings = read_settings(words)
    if len(settings) > 1:
        raise UsageError(f"--set {' '.join(words)!r}: {len(settings)} settings; one value each, or voltyard sweep")
    return settings[0].changes


def check_settings(path: Path, settings: Sequence[Setting]) -> LoadedScenario:
    """The scenario as its files say, once every setting of it was checked.

    Raises:
        FileProblems: the files are not in order as they stand.
        UsageError: findings that a setting brings, each with the words that bring it.
    """
    loaded = load_scenario(path)
    found: dict[FileProblem, str] = {}
    for setting in settings:
        try:
            load_scenario(path, changes=setting.changes)
        except FileProblems as refused:
            for problem in refused.problems:
                words = [f"--set {key}={_shown(value)}" for key, value in _culprits(problem, setting.changes, loaded)]
                found.setdefault(problem, " ".join(words))
    if found:
        raise UsageError("\n".join(f"{words}: {problem}" for problem, words in found.items()))
    return loaded


def _culprits(problem: FileProblem, changes: Changes, loaded: LoadedScenario) -> Iterator[tuple[str, Scalar]]:
    """The changes that touch the key of a problem; all of them where none does."""
    is_scenario = problem.file == str(loaded.document.path)
    near = [
        (key, value)
        for key, value in changes
        if key.startswith(STATION_PREFIX) is not is_scenario
        and _is_within(key if is_scenario else key.removeprefix(STATION_PREFIX), problem.key)
    ]
    return iter(near or changes)


def _is_within(key: str, other: str) -> bool:
    """Whether one key path is the other or lies below it."""
    short, long = sorted((key, other), key=len)
    return bool(short) and long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")


def _shown(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
