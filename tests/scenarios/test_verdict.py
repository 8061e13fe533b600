"""One word for a run, and the JUnit that CI reads."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from scenarios.judgement import Judgement
from scenarios.verdict import EXIT_CODES, VERDICTS, judgement_row, junit, overall


def judgement(verdict: str, name: str = "e") -> Judgement:
    return Judgement(id=name, title=None, clause="", verdict=verdict, t_s=1.0, bound="below 3 <&>", observed=4.0,
                     unit="kW", notes=("a \x00 note",))  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "given", "word"),
    [
        ([], {}, "pass"),
        (["pass", "not_judged"], {}, "pass"),
        (["not_judged"], {}, "inconclusive"),
        (["pass"], {"never_met": 1}, "inconclusive"),
        (["pass", "fail"], {"never_met": 1}, "fail"),
        (["pass"], {"has_wrong_books": True}, "fail"),
        (["fail"], {"is_aborted": True}, "aborted"),
        (["fail"], {"is_aborted": True, "is_error": True}, "error"),
    ],
)
def test_the_first_that_holds(verdicts: list[str], given: dict[str, Any], word: str) -> None:
    facts: dict[str, Any] = {"has_wrong_books": False, "is_error": False, "is_aborted": False, "never_met": 0} | given
    assert overall([judgement(verdict) for verdict in verdicts], **facts) == word


def test_every_verdict_has_its_exit_code() -> None:
    assert set(EXIT_CODES) == set(VERDICTS)
    assert EXIT_CODES == {"pass": 0, "fail": 1, "error": 3, "inconclusive": 4, "aborted": 4}


def test_junit_counts_and_survives_strange_characters() -> None:
    rows = [judgement_row(judgement(word, word)) for word in ("pass", "fail", "not_judged")]
    document = {"scenario": 'a "day" <1>', "verdict": "error", "error": "disk", "wall_s": 1.5, "expectations": rows}
    suite = ElementTree.fromstring(junit(document, {"energy": "", "messages": "1 lost"})).find("testsuite")
    assert suite is not None
    assert suite.attrib == {"name": 'a "day" <1>', "tests": "6", "failures": "2", "errors": "1", "skipped": "1",
                            "time": "1.500"}  # fmt: skip
    assert [case.get("name") for case in suite.findall("testcase")] == [
        "pass", "fail", "not_judged", "book.energy", "book.messages", "run",
    ]  # fmt: skip


def message(document: dict[str, Any], name: str, **more: Any) -> str | None:
    whole = {"scenario": "day", "verdict": "fail", "wall_s": 1.0} | document
    suite = ElementTree.fromstring(junit(whole, {}, **more)).find("testsuite")
    assert suite is not None
    case = next(case for case in suite.findall("testcase") if case.get("name") == name)
    return case[0].get("message") if len(case) else None


def row(**changed: Any) -> dict[str, Any]:
    return {"id": "limit", "title": {"en": "It stays below", "zh": "不超过"}, "clause": "10.2.1", "verdict": "fail",
            "t_s": 60.0, "bound": "below 3", "observed": 4.25, "unit": "kW", "evidence": [7, 9]} | changed  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "It stays below: expected below 3 kW, observed 4.25 kW at 12:01 (clause 10.2.1)"),
        ({"unit": "", "bound": 3, "observed": 2, "clause": "", "title": None},
         "limit: expected 3, observed 2 at 12:01"),
        ({"unit": "s", "bound": 60.0, "observed": None, "clause": "", "evidence": [5, "1 of 2 not followed in time"]},
         "It stays below: expected within 60 s, observed nothing at 12:01; 1 of 2 not followed in time"),
        ({"verdict": "not_judged", "evidence": ["nothing to judge: the first event did not happen"]},
         "It stays below: not judged, nothing to judge: the first event did not happen"),
        ({"verdict": "not_judged", "evidence": []}, "It stays below: not judged, nothing to judge"),
        ({"verdict": "pass"}, None),
    ],
)  # fmt: skip
def test_junit_says_what_was_expected_and_when_in_words(changed: dict[str, Any], said: str | None) -> None:
    assert message({"expectations": [row(**changed)]}, "limit", at=lambda _t_s: "12:01") == said


def test_a_side_of_the_wire_is_a_case_where_there_is_a_wire() -> None:
    document: dict[str, Any] = {"expectations": []}
    wire = {"link": "CSMS of A01 lost at 02:31, never back", "conformance": ""}
    assert message(document, "wire.link", wire=wire) == wire["link"]
    assert message(document, "wire.conformance", wire=wire) is None
    assert "wire." not in junit({"scenario": "day", "verdict": "pass", "wall_s": 1.0} | document, {"energy": ""})
