"""The table of clauses: complete in its references, and read from those who speak."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_api.clause_table import clause_table
from sim.faults import FAULTS
from twins import station as _station  # its faults
from twins.clauses import clause_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_clause_that_is_named_is_listed() -> None:
    assert _station is not None
    unknown = [name for name, spec in FAULTS.items() if spec.clause and clause_of(spec.clause) is None]
    assert unknown == []


def test_rows_name_those_that_speak_of_them() -> None:
    rows = {row["id"]: row for row in clause_table()}
    assert "pile.contactor_stuck" in rows["9.4.1"]["faults"]
    assert {"contactor", "evse"} <= set(rows["9.4.1"]["twins"])
    tests = rows["9.4.1"]["tests"]
    assert "tests/twins/test_station.py::test_a_welded_contactor_locks_the_outlet_out_until_it_is_mended" in tests
    for row in rows.values():
        for test in row["tests"]:
            path, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "listed"), [("9.4.1", "9.4.1"), ("9.7.3", "9.7"), ("8.4.2.5", "8.4.2"), ("99", "")])
def test_a_number_belongs_to_the_longest_that_is_listed(number: str, listed: str) -> None:
    found = clause_of(number)
    assert (found.id if found else "") == listed
