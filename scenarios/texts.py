"""Scenarios that come as text from somewhere else: checked like any file, but they may name no other file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from scenarios.loader import STATION_PREFIX, load_scenario
from sim.errors import FileProblem, FileProblems
from sim.files import did_you_mean
from sim.yaml_nodes import Node, parse_nodes
from twins.station_file import station_names

__all__ = ["TEXT_NAME", "problems_of_text"]

TEXT_NAME: Final = "scenario.yaml"
"""What such a text is called in messages, and in the folder where it is run."""

_FILES: Final = {"include": "what it would include, written out", "demand.replay": "demand.sessions_per_day"}
_STEP: Final = re.compile(r"[^.\[\]\s]+")


def problems_of_text(text: str) -> list[FileProblem]:
    """Every finding in a scenario's text; the station is one that is shipped, and no file is read for it.

    Of its brief variant only the shape is looked at: that may name a file, and no text is played so.
    """
    try:
        if problems := _named_files(parse_nodes(text, TEXT_NAME)):
            return problems
        with tempfile.TemporaryDirectory(prefix="voltyard-") as folder:
            path = Path(folder) / TEXT_NAME
            path.write_text(text, encoding="utf-8")
            loaded = load_scenario(path)
            if loaded.document.value.sabotage is not None:
                load_scenario(path, is_sabotaged=True)
    except FileProblems as refused:
        return [_at_home(one) for one in refused.problems]
    return []


def _named_files(root: Node) -> list[FileProblem]:
    """What the text names that is no part of it: read nothing before this is empty."""
    problems = []
    for key, right in _FILES.items():
        if _at(root, key) is not None:
            problems.append(FileProblem(TEXT_NAME, root.line_of(key), key, "a text may name no file", right))
    station = _at(root, "station")
    if station is not None and not (
        isinstance(station, str) and station in station_names()
    ):  # a parameter in its place could name any file
        right = did_you_mean(str(station)[:100] if isinstance(station, str) else "", station_names())
        problems.append(FileProblem(TEXT_NAME, root.line_of("station"), "station", "no such station is shipped", right))
    return [*problems, *_named_in_sabotage(root)]


def _named_in_sabotage(root: Node) -> Iterator[FileProblem]:
    """As above, of the values that the run which must fail has instead; `demand[replay]` is `demand.replay` too."""
    changes = _at(root, "sabotage.set")
    for name, node in changes.items() if isinstance(changes, dict) else ():
        key = ".".join(_STEP.findall(name))
        what, right = "", ""
        if key == "station" or key.split(".")[0] in _FILES or key in _FILES:
            what, right = "a text may name no file", "another key"
        elif f"{key}.".startswith(STATION_PREFIX) and isinstance(node.value, str):
            what, right = "of a station's words some name files", "a number, or true or false"
        if what:
            yield FileProblem(TEXT_NAME, node.line, f"sabotage.set.{name[:100]}", what, right)


def _at(root: Node, key: str) -> Any:
    node: Node | None = root
    for step in key.split("."):
        node = node.child(step) if node is not None else None
    return node.value if node is not None else None


def _at_home(problem: FileProblem) -> FileProblem:
    return FileProblem(TEXT_NAME, problem.line, problem.key, problem.what, problem.right)
