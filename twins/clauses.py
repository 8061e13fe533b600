"""The clauses of the operations standard, by number; what speaks of one says `clause="9.4.1"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sim.files import key, read_yaml
from twins.station_file import LocalText

__all__ = ["Clause", "clause_of", "clauses"]

_FILE = Path(__file__).parent / "data" / "clauses.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One clause, in our own words."""

    id: str = field(metadata=key("Its number.", pattern=r"^\d+(\.\d+)*$"))
    title: LocalText = field(metadata=key("What it is about."))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    clauses: tuple[Clause, ...] = field(metadata=key("The clauses.", count=(1, 1_000)))


@cache
def clauses() -> Mapping[str, Clause]:
    """Every clause by its number, in the standard's order."""
    return {clause.id: clause for clause in read_yaml(_FILE, _Table).value.clauses}


def clause_of(number: str) -> Clause | None:
    """The clause that a number belongs to: the longest listed one that it is, or lies below; None if none is."""
    parts = number.split(".")
    for length in range(len(parts), 0, -1):
        found = clauses().get(".".join(parts[:length]))
        if found is not None:
            return found
    return None
