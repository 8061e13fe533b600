"""Register maps by name: those that are shipped, and those of a user's folder; what must go together in one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from hil.modbus.map_file import Block, MapFile, PlacedPoint
from hil.modbus.map_points import CoilPoint, Point, RegisterPoint, WriteConfig
from hil.modbus.unit import Table
from sim.deeds import DEEDS
from sim.errors import FileProblem, FileProblems, UsageError
from sim.files import Document, did_you_mean, read_yaml
from sim.yaml_nodes import read_text

__all__ = ["map_names", "map_path", "maps_of", "read_map", "shipped_map"]

_SHIPPED = Path(__file__).parent / "maps"
_LAST_ADDRESS = 65_535
_HEX_ADDRESS = re.compile(r"\bat:\s*0x")


def map_names() -> tuple[str, ...]:
    """The shipped maps, by name, sorted."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def map_path(name: str) -> Path:
    """The file of a shipped map."""
    return _SHIPPED / f"{name}.yaml"


@cache
def shipped_map(name: str) -> MapFile:
    """The shipped map of that name, one of `map_names`."""
    return read_map(map_path(name)).value


def maps_of(folder: Path) -> Mapping[str, MapFile]:
    """The maps of a user's folder, by name; FileProblems with every finding, names that are taken among them."""
    if not folder.is_dir():
        raise FileProblems([FileProblem(str(folder), 0, "", "no such folder", "a folder with maps, *.yaml")])
    found: dict[str, Document[MapFile]] = {}
    problems: list[FileProblem] = []
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            document = read_map(path)
        except FileProblems as refused:
            problems += refused.problems
            continue
        name = document.value.name
        if name in found:
            problems.append(document.problem("name", f"{name} is {found[name].path.name} already", "a name of its own"))
        found[name] = document
    if problems:
        raise FileProblems(problems)
    return {name: document.value for name, document in found.items()}


def read_map(path: Path) -> Document[MapFile]:
    """A map file, checked in itself and against the deeds that there are; FileProblems with every finding."""
    import_module("twins.station")  # its deeds
    document = read_yaml(path, MapFile)
    placed = list(document.value.placed())
    problems = [
        *_names(document, placed),
        *_places(document, placed),
        *_deeds(document),
        *_repeats(document),
        *_scales(placed, document),
    ]
    if path.resolve().parent != _SHIPPED.resolve() and document.value.name in map_names():
        problems.append(document.problem("name", f"{document.value.name} is shipped", "a name of its own"))
    if problems:
        raise FileProblems(list(dict.fromkeys(problems)))
    return document


def _scales(placed: list[PlacedPoint], document: Document[MapFile]) -> Iterator[FileProblem]:
    """Scale factors that are no constant of the map."""
    constants = {one.name for one in placed if isinstance(one.point, RegisterPoint) and one.point.constant is not None}
    for one in placed:
        if isinstance(one.point, RegisterPoint) and one.point.scale_by not in (constants | {""}):
            what = f"{one.point.scale_by} is no constant of this map"
            yield document.problem(f"{one.key}.scale_by", what, did_you_mean(one.point.scale_by, constants))


def _names(document: Document[MapFile], placed: list[PlacedPoint]) -> Iterator[FileProblem]:
    first: dict[tuple[Table, str], PlacedPoint] = {}
    for one in placed:
        other = first.setdefault((one.table, one.name), one)
        if other is not one:
            what = f"{one.name} is {other.key} too (line {document.root.line_of(other.key)})"
            yield document.problem(f"{one.key}.name", what, f"a name of its own among {one.table}")


def _places(document: Document[MapFile], placed: list[PlacedPoint]) -> Iterator[FileProblem]:
    last: dict[Table, PlacedPoint] = {}
    form = "#06x" if _HEX_ADDRESS.search(read_text(document.path)) else "d"
    for one in sorted(placed, key=lambda one: (one.table, one.first)):
        before = last.get(one.table)
        if one.end - 1 > _LAST_ADDRESS:
            yield document.problem(f"{one.key}.at", f"{one.name} ends at {one.end - 1}", f"up to {_LAST_ADDRESS}")
        if before is not None and before.end > one.first:
            line = document.root.line_of(before.key)
            taken = f"{before.name}, {before.first:{form}} to {before.end - 1:{form}}"
            what = f"{one.name} at {one.first:{form}} lies in {taken} (line {line})"
            yield document.problem(f"{one.key}.at", what, f"{before.end:{form}} or further on")
        if before is None or one.end > before.end:
            last[one.table] = one


def _repeats(document: Document[MapFile]) -> Iterator[FileProblem]:
    for at, block in enumerate(document.value.repeat):
        if block.count == 1 or "{n}" in block.of:
            continue
        if block.of:
            yield document.problem(
                f"repeat[{at}].of", f"{block.of} is the same each time", '{n} in it: "connector[{n}]"'
            )
        elif _reads(block):
            what = f"missing: its points read the same {block.count} times"
            yield document.problem(f"repeat[{at}].of", what, 'a path with {n} in it: "connector[{n}]"')


def _reads(block: Block) -> bool:
    points: tuple[Point, ...] = (*block.input, *block.holding, *block.coil, *block.discrete)
    return any(list(point.quantities) for point in points)


def _deeds(document: Document[MapFile]) -> Iterator[FileProblem]:
    for path, _, points in document.value.areas:
        for at, point in enumerate(points):
            if point.write is None:
                continue
            here = f"{path}[{at}].write"
            bits = 16 * point.size if isinstance(point, RegisterPoint) else 1
            for word in point.write.codes:
                if int(word, 0) >> bits:
                    yield document.problem(f"{here}.codes.{word}", "does not fit", f"at most {(1 << bits) - 1:#x}")
            yield from _calls(document, here, point.write)
            if isinstance(point, CoilPoint) and point.write.do:
                yield from _switches(document, here, point.write)


def _switches(document: Document[MapFile], here: str, write: WriteConfig) -> Iterator[FileProblem]:
    taken = {one.name: one.type for one in DEEDS.get(write.do).parameters} if write.do in DEEDS.names() else {}
    if taken.get(write.argument, "bool") in ("int", "float"):
        what = f"a coil is on or off, and {write.argument} of {write.do} is a number"
        yield document.problem(f"{here}.with", what, "`codes`, with the deed for 0 and for 1")


def _calls(document: Document[MapFile], here: str, write: WriteConfig) -> Iterator[FileProblem]:
    for inner, call in write.calls:
        try:
            spec = DEEDS.get(call.do)
        except UsageError:
            right = did_you_mean(call.do, DEEDS.names())
            yield document.problem(f"{here}{inner}.do", f"no deed is called {call.do}", right)
            continue
        known = {one.name: one for one in spec.parameters}
        for name, value in call.args.items():
            wrong = known[name].problem(value) if name in known else f"{call.do} takes no {name}"
            if wrong:
                what, _, right = wrong.partition("; ")
                yield document.problem(f"{here}{inner}.args.{name}", what, right or did_you_mean(name, known))
        if inner:
            lacking = [one.name for one in spec.parameters if one.is_required and one.name not in call.args]
            if lacking:
                yield document.problem(
                    f"{here}{inner}.do", f"{call.do} needs {', '.join(lacking)}", "give it in `args`"
                )
        elif write.argument not in known:
            right = did_you_mean(write.argument, known)
            yield document.problem(f"{here}.with", f"{call.do} takes no {write.argument}", right)
        elif known[write.argument].choices or known[write.argument].type == "str":
            what = f"{write.argument} of {call.do} is a {'word' if known[write.argument].choices else 'text'}"
            yield document.problem(f"{here}.with", what, "`codes`, with the deed for each value")
