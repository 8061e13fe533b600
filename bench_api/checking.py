"""Files that people write, checked for what they are: scenarios, stations and slots with their maps, maps, vehicles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from bench_api.ports import still_ports, still_station
from hil.modbus.family_quantities import misread
from hil.modbus.map_checks import map_names, map_path, read_map
from hil.modbus.map_file import MapFile
from hil.slots import map_problems
from scenarios import loader
from scenarios.slots import find_slots, slot_file_names
from sim.errors import FileProblem, FileProblems
from sim.files import Document, json_schema
from sim.yaml_nodes import parse_nodes, read_text
from twins.replay import read_replay
from twins.slot_file import SlotFile, check_slots
from twins.station_file import StationFile, find_station, read_station, station_names

__all__ = ["check_files", "json_schema_of"]


def check_files(paths: Sequence[Path]) -> list[FileProblem]:
    """Every finding in these files, or in the shipped ones of these names; which is which they say themselves."""
    problems: list[FileProblem] = []
    for path in (one for named in paths for one in _files(named)):
        try:
            _check(path)
        except FileProblems as found:
            problems += found.problems
    return list(dict.fromkeys(problems))


def json_schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of `station`, `scenario` or `map` files; UsageError for another word."""
    return json_schema(MapFile) if kind == "map" else loader.json_schema_of(kind)


def _files(named: Path) -> list[Path]:
    """The file itself, or every shipped scenario, slot file, station and map of this name."""
    name = str(named)
    if named.suffix or named.exists():
        return [named]
    shipped: list[tuple[Collection[str], Callable[[str], Path]]] = [
        (loader.scenario_names(), loader.find_scenario), (slot_file_names(), find_slots),
        (station_names(), find_station), (map_names(), map_path),
    ]  # fmt: skip
    return [find(name) for names, find in shipped if name in names] or [named]


def _check(path: Path) -> None:
    if path.suffix == ".csv":
        read_replay(path)
        return
    keys = parse_nodes(read_text(path), str(path)).key_lines
    if "scenario" in keys:
        still_ports(loader.check_scenario(path).station)
    elif "voltyard" in keys:
        still_ports(read_station(path))
    elif "map" in keys:
        if problems := list(misread(read_map(path))):
            raise FileProblems(problems)
    elif "slots" in keys:
        _check_maps(*check_slots(path))
    else:
        right = "begin with `scenario: 1`, `voltyard: 1`, `slots: 1` or `map: 1`; a replay file ends in .csv"
        raise FileProblems([FileProblem(str(path), 1, "", "no scenario, station, slots or map", right)])


def _check_maps(slots: Document[SlotFile], station: Document[StationFile]) -> None:
    if problems := map_problems(slots, still_station(station)):
        raise FileProblems(problems)
