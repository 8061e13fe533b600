"""Single values of a file from people, changed after it was read; the outcome is checked like any other file.

A key path is that of messages, `piles[0].evses[1].reaches`, where an entry may also be named by its `id` or `as`:
`piles[A01].model`. Nothing is evaluated: values are YAML scalars.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import TypeAlias

from sim.errors import FileProblem, FileProblems
from sim.events import Scalar
from sim.files import Misfit, did_you_mean
from sim.yaml_nodes import MAX_DEPTH, Node, key_path, parse_nodes

__all__ = ["Changes", "changed", "is_key_path", "read_values"]

Changes: TypeAlias = Sequence[tuple[str, Scalar]]
"""Key paths with their new values."""

_PATH = re.compile(r"[^.\[\]\s]+(\[[^\[\]]+\]|\.[^.\[\]\s]+)*")
_STEP = re.compile(r"\[([^\[\]]+)\]|[^.\[\]]+")
_LONGEST = 1_000
_POSITION = re.compile(r"[0-9]{1,9}")


def is_key_path(text: str) -> bool:
    """Whether this has the form of a key path, of at most 1,000 characters and no deeper than a file may be."""
    return len(text) <= _LONGEST and _PATH.fullmatch(text) is not None and len(_STEP.findall(text)) < MAX_DEPTH


def read_values(text: str) -> tuple[Scalar, ...]:
    """The values of `100,200` or `"a, b",c`, each as it would be in a file; ValueError says what is wrong."""
    try:
        entries = parse_nodes(f"[{text}]", "").value
    except FileProblems as refused:
        raise ValueError(refused.problems[0].what) from None
    except UnicodeEncodeError:
        raise ValueError("not UTF-8 text") from None
    if not isinstance(entries, list) or any(isinstance(entry.value, dict | list) for entry in entries):
        raise ValueError("not a single value")
    if not entries:
        raise ValueError("no value is given")
    return tuple(entry.value for entry in entries)


def changed(root: Node, changes: Changes, file: str) -> Node:
    """The tree with these values in place of its own; `root` stays as it is.

    Each path is as `is_key_path` says. Mappings that are missing on the way are made, so that a wrong key is told by
    the reader, who knows the right ones.

    Raises:
        FileProblems: a path leads through a single value, to no entry of a list, or where another change goes too.
    """
    taken: dict[tuple[str | int, ...], str] = {}
    for path, value in changes:
        try:
            steps = _steps(root, path)
            if steps in taken:
                raise Misfit(path, f"{taken[steps]} is the same place", "each place once")
        except Misfit as wrong:
            raise FileProblems([FileProblem(file, root.line_of(path), path, wrong.what, wrong.right)]) from None
        taken[steps] = path
        root = _placed(root, steps, value, root.line)
    return root


def _steps(root: Node, path: str) -> tuple[str | int, ...]:
    """The steps of a path, with the entries of lists by position."""
    steps: tuple[str | int, ...] = ()
    node: Node | None = root
    for match in _STEP.finditer(path):
        value, here = node.value if node is not None else None, key_path(steps)
        if isinstance(value, list):
            steps = (*steps, _position(value, match[1], path, here))
        elif match[1] is not None:
            raise Misfit(path, f"{here} is no list", "keys, parted by dots")
        elif value is None or isinstance(value, dict):
            steps = (*steps, match[0])
        else:
            raise Misfit(path, f"{here} is a single value", f"{here} alone")
        node = node.child(steps[-1]) if node is not None else None
    return steps


def _position(entries: list[Node], name: str | None, path: str, here: str) -> int:
    names = [_name(entry) for entry in entries]
    if name is None:
        raise Misfit(path, f"{here} is a list", f"name one of its entries: {here}[{names[0] or 0 if names else 0}]")
    if name in names:
        return names.index(name)
    if _POSITION.fullmatch(name) and int(name) < len(entries):
        return int(name)
    known = [text for text in names if text] or [str(at) for at in range(len(entries))]
    raise Misfit(path, f"{here} has no entry {name}", did_you_mean(name, known))


def _name(entry: Node) -> str:
    named = entry.child("id") or entry.child("as")
    return str(named.value) if named is not None else ""


def _placed(node: Node | None, steps: tuple[str | int, ...], value: Scalar, line: int) -> Node:
    """A copy of the tree down to the value; an anchor's other places keep what they share."""
    if not steps:
        return Node(line, value)
    if node is None:
        node = Node(line)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        entries = list(node.value)
        entries[step] = _placed(entries[step], rest, value, line)
        return dataclasses.replace(node, value=entries)
    inner = _placed(node.child(step), rest, value, node.key_lines.get(step, node.line))
    return dataclasses.replace(node, value={**(node.value or {}), step: inner})
