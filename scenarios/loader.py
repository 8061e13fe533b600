"""Scenario files read and checked against the station they name; and the check of any file that people write."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scenarios.brief import briefed
from scenarios.checks import Catalogue, judging_problems, time_problems
from scenarios.deed_checks import deed_problems
from scenarios.frame_checks import frame_problems
from scenarios.parameter_schema import with_uses
from scenarios.resolving import included, settled
from scenarios.schema import Scenario
from sim.changes import Changes, changed
from sim.clock import Clock
from sim.errors import FileProblem, FileProblems, UsageError
from sim.files import Document, did_you_mean, json_schema, read_yaml
from sim.shipped import find_shipped, shipped_names
from sim.yaml_nodes import Node, parse_nodes, read_text
from twins.replay import ReplayRow, read_replay
from twins.slot_file import SlotFile, check_slots
from twins.station_file import StationFile, find_station, read_station, station_names

__all__ = [
    "STATION_PREFIX",
    "LoadedScenario",
    "check_files",
    "check_scenario",
    "find_scenario",
    "json_schema_of",
    "load_scenario",
    "sabotaged",
    "scenario_names",
]

STATION_PREFIX = "station."
"""Changes of keys that begin so are of the station file, the others of the scenario."""

_LIBRARY = Path(__file__).parent / "library"
_SHAPES: dict[str, type[Any]] = {"station": StationFile, "scenario": Scenario, "slots": SlotFile}


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario with all that it names; `vehicles` are those of its replay file, None where demand is drawn."""

    document: Document[Scenario]
    station: Document[StationFile]
    vehicles: tuple[ReplayRow, ...] | None
    clock: Clock
    changes: Changes = ()
    is_sabotaged: bool = False


def scenario_names() -> tuple[str, ...]:
    """The shipped scenarios, by name, sorted."""
    return shipped_names(_LIBRARY)


def find_scenario(name_or_path: str) -> Path:
    """The file of a shipped scenario's name, or the path itself when it looks like one; else UsageError."""
    return find_shipped("scenario", _LIBRARY, name_or_path)


def load_scenario(
    path: Path,
    catalogue: Callable[[StationFile], Catalogue] | None = None,
    *,
    changes: Changes = (),
    is_sabotaged: bool = False,
    is_brief: bool = False,
) -> LoadedScenario:
    """A scenario file with its station and its vehicles, all checked; FileProblems with every finding.

    `catalogue` says what may be named at a station; without one, the station as it stands in the twins. `changes` are
    made before anything is checked, those of `station.` in the station file; one may name a parameter. With
    `is_sabotaged` it is the run that must fail, with `is_brief` the variant of five minutes.
    """
    document, of_station = _read(path, changes, is_sabotaged=is_sabotaged, is_brief=is_brief)
    station = _station(document, of_station)
    vehicles, problems = _vehicles(document, station)
    clock = Clock(document.value.begins, station.value.station.timezone)
    loaded = LoadedScenario(document, station, vehicles, clock, changes, is_sabotaged)
    if catalogue is None:
        from scenarios.catalogue import StationCatalogue

        catalogue = StationCatalogue
    known = catalogue(station.value)
    problems += [*time_problems(document, clock), *deed_problems(document, known), *judging_problems(document, known)]
    problems += frame_problems(document, known)
    if problems:
        raise FileProblems(problems)
    return loaded


def check_scenario(path: Path) -> LoadedScenario:
    """As `load_scenario`, its sabotage and its brief variant loaded too."""
    loaded = load_scenario(path)
    if loaded.document.value.brief is not None:
        load_scenario(path, is_brief=True)
    if loaded.document.value.sabotage is not None:
        sabotaged(loaded)
    return loaded


def check_files(paths: Sequence[Path]) -> list[FileProblem]:
    """Every finding in these station, scenario, slot and replay files; which is which they say themselves."""
    problems: list[FileProblem] = []
    for path in paths:
        try:
            _check(path)
        except FileProblems as found:
            problems += found.problems
    return list(dict.fromkeys(problems))


def json_schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of `station`, `scenario` or `slots` files; UsageError for another word."""
    if kind not in _SHAPES:
        raise UsageError(f"no schema {kind!r}; {did_you_mean(kind, _SHAPES)}")
    schema = json_schema(_SHAPES[kind])
    return with_uses(schema) if kind == "scenario" else schema


def _check(path: Path) -> None:
    if path.suffix == ".csv":
        read_replay(path)
        return
    keys = parse_nodes(read_text(path), str(path)).key_lines
    if "scenario" in keys:
        check_scenario(path)
    elif "voltyard" in keys:
        read_station(path)
    elif "slots" in keys:
        check_slots(path)
    else:
        right = "begin with `scenario: 1`, `voltyard: 1` or `slots: 1`; a replay file ends in .csv"
        raise FileProblems([FileProblem(str(path), 1, "", "neither a scenario nor a station nor slots", right)])


def _read(path: Path, changes: Changes, *, is_sabotaged: bool, is_brief: bool) -> tuple[Document[Scenario], Changes]:
    """The file as it is played, its text too, and the changes that are the station file's."""
    of_station: Changes = ()
    is_as_written = True

    def alter(root: Node) -> Node:
        nonlocal of_station, is_as_written
        whole = included(root, path, _LIBRARY)
        if is_brief:
            whole = briefed(whole, path)
        if is_sabotaged and whole.child("sabotage") is None:
            raise UsageError(f"{path}: no sabotage to play; a scenario that has the key `sabotage`")
        whole, of_station = settled(whole, path, changes, is_sabotaged=is_sabotaged)
        is_as_written = whole is root
        return whole

    document = read_yaml(path, Scenario, alter)
    return document if is_as_written else dataclasses.replace(document, text=_written(document.root)), of_station


def _written(root: Node) -> str:
    return json.dumps(root.plain(), ensure_ascii=False, indent=1)


def sabotaged(loaded: LoadedScenario) -> LoadedScenario:
    """The same scenario as the run that must fail."""
    return load_scenario(loaded.document.path, changes=loaded.changes, is_sabotaged=True)


def _station(document: Document[Scenario], changes: Changes) -> Document[StationFile]:
    """The station's name from the library, or a file relative to the scenario's."""
    try:
        path = find_station(document.value.station)
    except UsageError:
        right = f"{did_you_mean(document.value.station, station_names())}; or a path that ends in .yaml"
        what = f"no station is called {document.value.station}"
        raise FileProblems([document.problem("station", what, right)]) from None
    if document.value.station not in station_names():
        path = document.path.parent / path
    return _changed_station(_existing(document, "station", path), changes)


def _changed_station(path: Path, changes: Changes) -> Document[StationFile]:
    """The station file with its changes, written down and read like any other; problems name the lines of the file."""
    if not changes:
        return read_station(path)
    text = read_text(path)
    root = changed(parse_nodes(text, str(path)), changes, str(path))
    with tempfile.TemporaryDirectory(prefix="voltyard-") as folder:
        copy = Path(folder) / path.name
        copy.write_text(json.dumps(root.plain(), ensure_ascii=False), encoding="utf-8")
        try:
            value = read_station(copy).value
        except FileProblems as refused:
            lines = [(one, root.line_of(one.key)) for one in refused.problems]
            raise FileProblems([dataclasses.replace(one, file=str(path), line=at) for one, at in lines]) from None
    return Document(path, _written(root), value, root)


def _existing(document: Document[Any], key: str, path: Path) -> Path:
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        raise FileProblems([document.problem(key, f"no file {path}", "a path relative to this file")])
    return path


def _vehicles(
    document: Document[Scenario], station: Document[StationFile]
) -> tuple[tuple[ReplayRow, ...] | None, list[FileProblem]]:
    demand = document.value.demand
    if demand is None or demand.replay is None:
        return None, []
    path = document.path.parent / demand.replay
    rows = read_replay(_existing(document, "demand.replay", path))
    connectors = sum(len(pile.evses) for pile in station.value.piles)
    beyond = sorted({row.connector for row in rows if row.connector > connectors})
    if not beyond:
        return rows, []
    what = f"{demand.replay} names connector {', '.join(map(str, beyond[:5]))}, but the station has {connectors}"
    return rows, [document.problem("demand.replay", what, f"connectors from 1 to {connectors}")]
