"""Which twins, faults, scenarios and tests speak of each clause: read from them, never written by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.faults import FAULTS
from twins.clauses import clause_of, clauses

__all__ = ["clause_table"]

_HOME = Path(__file__).resolve().parent.parent


def clause_table() -> list[dict[str, Any]]:
    """One row a clause: id, titles, and the names of those that speak of it; tests are there in a checkout only."""
    rows: dict[str, dict[str, Any]] = {
        clause.id: {"id": clause.id, "title": clause.title.en, "title_zh": clause.title.zh, "twins": [], "faults": [],
                    "scenarios": [], "tests": []}
        for clause in clauses().values()
    }  # fmt: skip
    for kind, number, name in _mentions():
        clause = clause_of(number)
        if clause is not None and name not in rows[clause.id][kind]:
            rows[clause.id][kind].append(name)
    return list(rows.values())


def _mentions() -> Iterator[tuple[str, str, str]]:
    """(column, clause number, name) of all that names a clause."""
    from scenarios.loader import find_scenario, load_scenario, scenario_names

    for path in sorted((_HOME / "twins").glob("*.py")):
        for number in _said_by(ast.parse(path.read_text(encoding="utf-8"))):
            yield "twins", number, path.stem
    for name, spec in FAULTS.items():
        if spec.clause:
            yield "faults", spec.clause, name
    for name in scenario_names():
        for one in load_scenario(find_scenario(name)).document.value.expect:
            if one.clause:
                yield "scenarios", one.clause, name
    for path in sorted((_HOME / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                for number in _marked(node):
                    yield "tests", number, f"{path.relative_to(_HOME).as_posix()}::{node.name}"


def _said_by(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "clause" and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def _marked(function: ast.FunctionDef) -> Iterator[str]:
    """The numbers of `@pytest.mark.clause("9.4.1")` above a test."""
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Attribute) and mark.func.attr == "clause":
            yield from (str(one.value) for one in mark.args if isinstance(one, ast.Constant))
