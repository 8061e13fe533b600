"""A scenario file as it is played: what it includes, its parameters' values, and the sabotage put in, before any check.

Nothing is evaluated: a parameter stands in place of one value, an included file's keys in place of missing ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scenarios.brief import KEY
from scenarios.frame_shape import Declarations
from sim.changes import Changes, changed, is_key_path
from sim.errors import FileProblem, FileProblems
from sim.events import Scalar
from sim.files import did_you_mean, read_words
from sim.shipped import shipped_names
from sim.yaml_nodes import Node, key_path, parse_nodes, read_text

__all__ = ["included", "settled"]

_JOINED = ("timeline", "expect")
_MOST_FILES = 20
_USE = "parameter"


def included(root: Node, path: Path, library: Path, above: tuple[Path, ...] = ()) -> Node:
    """The file with those that it includes: their timeline, expectations and parameters first, other keys beneath.

    Raises:
        FileProblems: an included file is not there, not readable, or includes itself.
    """
    named = root.child("include")
    if named is None or not isinstance(root.value, dict) or not isinstance(named.value, list):
        return root
    if any(not isinstance(one.value, str) for one in named.value):
        return root  # told by the reader, who knows the shape
    if len(above) >= _MOST_FILES or path.resolve() in above:
        raise FileProblems([FileProblem(str(path), root.line_of("include"), "include", "it includes itself",
                                        "files that do not lead back here")])  # fmt: skip
    parts: list[Node] = []
    for at, one in enumerate(named.value):
        found = library / f"{one.value}.yaml" if one.value in shipped_names(library) else path.parent / one.value
        if not _is_file(found):
            right = f"a path relative to this file, or {did_you_mean(one.value, shipped_names(library))}"
            raise FileProblems([FileProblem(str(path), one.line, f"include[{at}]", f"no file {found}", right)])
        inner = parse_nodes(read_text(found), str(found))
        if not isinstance(inner.value, dict):
            raise FileProblems([FileProblem(str(found), 1, "", "no mapping of keys", "keys of a scenario")])
        inner = included(inner, found, library, (*above, path.resolve()))
        parts.append(_moved(inner, found, path))
    own = {name: node for name, node in root.value.items() if name != "include"}
    return _merged([*parts, dataclasses.replace(root, value=own)], path)


def settled(root: Node, path: Path, changes: Changes, *, is_sabotaged: bool = False) -> tuple[Node, Changes]:
    """The tree with parameters and changes put in, and the changes that are the station file's.

    `changes` name keys or parameters; with `is_sabotaged` those of the file's sabotage are made too.

    Raises:
        FileProblems: a parameter is declared or set wrongly, is unknown, or a change leads nowhere.
    """
    known = _declared(root, path)
    sabotage = root.child("sabotage") if is_sabotaged else None
    if sabotage is not None:
        of_sabotage = dict(_sabotage_changes(sabotage))
        for name in of_sabotage:
            if not is_key_path(name):
                right = "keys, parted by dots"
                raise FileProblems([_at(root, path, "sabotage.set", f"{name!r} is no key path", right)])
        changes = [*of_sabotage.items(), *changes]
    set_to = {name: value for name, value in changes if name in known.parameters}
    of_station = [(name.removeprefix("station."), value) for name, value in changes if name.startswith("station.")]
    root = changed(root, [one for one in changes if one[0] not in set_to and not one[0].startswith("station.")],
                   str(path))  # fmt: skip
    values: dict[str, Scalar] = {}
    for name, parameter in known.parameters.items():
        values[name] = set_to.get(name, parameter.default)
        if wrong := parameter.problem(values[name]):
            raise FileProblems([_at(root, path, f"parameters.{name}", *wrong)])
    if sabotage is not None:
        root = _sabotaged(root, sabotage)
    problems: list[FileProblem] = []
    if isinstance(root.value, dict):
        inner = {
            name: node if name == "parameters" else _filled(node, (name,), values, root, path, problems)
            for name, node in root.value.items()
        }
        if any(inner[name] is not node for name, node in root.value.items()):
            root = dataclasses.replace(root, value=inner)
    if problems:
        raise FileProblems(problems)
    return root, of_station


def _keys() -> set[str]:
    from scenarios.schema import Scenario

    return {one.name for one in dataclasses.fields(Scenario)}


def _declared(root: Node, path: Path) -> Declarations:
    node = root.child("parameters")
    if node is None:
        return Declarations()
    alone = Node(root.line, {"parameters": node}, {"parameters": root.line_of("parameters")})
    found = read_words("x: 1", path, Declarations, lambda _: alone).value
    for name in found.parameters:
        if not name.isidentifier() or name in _keys():
            right = "a name of letters, digits and _ that is no key of scenario files"
            raise FileProblems([_at(root, path, f"parameters.{name}", f"{name} is no name of a parameter", right)])
    return found


def _filled(
    node: Node, steps: tuple[str | int, ...], values: Mapping[str, Scalar], root: Node, path: Path,
    problems: list[FileProblem],
) -> Node:  # fmt: skip
    """The node with parameters' values in place of their names; itself where there are none."""
    inner: Any
    if isinstance(node.value, dict):
        if set(node.value) == {_USE}:
            name = node.value[_USE].value
            if name in values if isinstance(name, str) else False:
                return Node(node.line, values[name], file=node.file)
            right = did_you_mean(str(name), values)
            problems.append(_at(root, path, key_path((*steps, _USE)), f"no parameter is called {name}", right))
            return node
        inner = {name: _filled(one, (*steps, name), values, root, path, problems) for name, one in node.value.items()}
        is_same = all(inner[name] is one for name, one in node.value.items())
    elif isinstance(node.value, list):
        inner = [_filled(one, (*steps, at), values, root, path, problems) for at, one in enumerate(node.value)]
        is_same = all(new is old for new, old in zip(inner, node.value, strict=True))
    else:
        return node
    return node if is_same else dataclasses.replace(node, value=inner)


def _sabotage_changes(sabotage: Node) -> Iterator[tuple[str, Scalar]]:
    changes = sabotage.child("set")
    if changes is not None and isinstance(changes.value, dict):
        yield from ((name, node.value) for name, node in changes.value.items())


def _sabotaged(root: Node, sabotage: Node) -> Node:
    """Entries dropped and added; the key itself goes, since this is that run."""
    dropped = _words(sabotage.child("drop"))
    timeline, more = root.child("timeline"), sabotage.child("timeline")
    entries = list(timeline.value) if timeline is not None and isinstance(timeline.value, list) else []
    entries = [one for one in (_without(entry, dropped) for entry in entries) if one is not None]
    entries += more.value if more is not None and isinstance(more.value, list) else []
    value = {name: node for name, node in root.value.items() if name not in ("sabotage", "timeline")}
    if (manner := sabotage.child("platform")) is not None:
        value["platform"] = manner
    if entries:
        line = timeline.line if timeline is not None else root.line
        value["timeline"] = Node(line, entries)
    return dataclasses.replace(root, value=value)


def _without(entry: Node, dropped: set[str]) -> Node | None:
    """The entry without members that are dropped; None where it is dropped itself, or nothing is left of it."""
    if not isinstance(entry.value, dict):
        return entry
    if any(node is not None and node.value in dropped for node in map(entry.child, ("as", "clear"))
           if node is None or isinstance(node.value, str)):  # fmt: skip
        return None
    for key in ("group", "sequence"):
        inner = entry.child(key)
        if inner is not None and isinstance(inner.value, list):
            kept = [one for one in (_without(member, dropped) for member in inner.value) if one is not None]
            if not kept:
                return None
            entry = dataclasses.replace(entry, value={**entry.value, key: dataclasses.replace(inner, value=kept)})
    return entry


def _words(node: Node | None) -> set[str]:
    entries = node.value if node is not None and isinstance(node.value, list) else []
    return {one.value for one in entries if isinstance(one.value, str)}


def _merged(parts: list[Node], path: Path) -> Node:
    """One mapping of several, the later over the earlier; lists that are joined, and parameters, one after another."""
    value: dict[str, Node] = {}
    lines: dict[str, int] = {}
    for part in parts:
        for name, node in part.value.items():
            before = value.get(name)
            if before is not None and name in _JOINED and isinstance(before.value, list) and isinstance(
                node.value, list
            ):  # fmt: skip
                node = dataclasses.replace(node, value=[*_entries(before), *_entries(node)], file="")
            elif before is not None and name == "parameters" and isinstance(before.value, dict) and isinstance(
                node.value, dict
            ):  # fmt: skip
                twice = next((one for one in node.value if one in before.value), None)
                if twice is not None:
                    what = f"{twice} is a parameter of an included file too"
                    raise FileProblems([_at(part, path, f"parameters.{twice}", what, "a name of its own")])
                both = {**{k: _marked(n, before.file) for k, n in before.value.items()}, **node.value}
                node = dataclasses.replace(node, value=both, key_lines=before.key_lines | node.key_lines)
            value[name] = node
            lines[name] = part.key_lines.get(name, node.line)
    return Node(parts[-1].line, value, lines)


def _entries(node: Node) -> list[Node]:
    return [_marked(one, node.file) for one in node.value]


def _marked(node: Node, file: str) -> Node:
    return node if node.file or not file else dataclasses.replace(node, file=file)


def _moved(root: Node, path: Path, into: Path) -> Node:
    """An included file's keys but for its brief variant, which tells its own story alone.

    Each is marked with its file, and its paths are as they are seen from the other.
    """
    value = {name: _marked(node, str(path)) for name, node in root.value.items() if name != KEY}
    if path.parent.resolve() != into.parent.resolve():
        station, brief = value.get("station"), value.get("brief")
        if station is not None and str(station.value).endswith((".yaml", ".yml")):
            value["station"] = dataclasses.replace(station, value=str(path.parent.resolve() / str(station.value)))
        value |= _moved_replay(value, path)
        if brief is not None and isinstance(brief.value, dict):
            inner = brief.value | _moved_replay(brief.value, path)
            value["brief"] = dataclasses.replace(brief, value=inner)
    return dataclasses.replace(root, value=value)


def _moved_replay(keys: Mapping[str, Node], path: Path) -> dict[str, Node]:
    """The key `demand`, its replay file as it is seen from elsewhere; nothing where it names none."""
    demand = keys.get("demand")
    replay = demand.child("replay") if demand is not None else None
    if demand is None or replay is None or not isinstance(replay.value, str):
        return {}
    there = dataclasses.replace(replay, value=str(path.parent.resolve() / replay.value))
    return {"demand": dataclasses.replace(demand, value={**demand.value, "replay": there})}


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _at(root: Node, path: Path, key: str, what: str, right: str) -> FileProblem:
    return FileProblem(root.file_of(key) or str(path), root.line_of(key), key, what, right)
