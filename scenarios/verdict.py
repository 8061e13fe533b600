"""The verdict of a run, its exit code, and its JUnit form for CI."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from scenarios.judgement import Judgement

__all__ = ["EXIT_CODES", "VERDICTS", "judgement_row", "junit", "overall", "said_value"]

VERDICTS = ("pass", "fail", "error", "inconclusive", "aborted")
EXIT_CODES = {"pass": 0, "fail": 1, "error": 3, "inconclusive": 4, "aborted": 4}

_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def overall(
    judgements: Sequence[Judgement],
    *,
    has_wrong_books: bool,
    is_error: bool,
    is_aborted: bool,
    never_met: int,
    is_unsteady: bool = False,
) -> str:
    """One word for the run: error, aborted, fail, inconclusive or pass, the first that holds.

    Inconclusive: the station was not steady before anything was done, a fault never met its target, or there are
    expectations and none could be judged. Without expectations the books judge.
    """
    if is_error:
        return "error"
    if is_aborted:
        return "aborted"
    if is_unsteady and not has_wrong_books:
        return "inconclusive"
    if has_wrong_books or any(one.verdict == "fail" for one in judgements):
        return "fail"
    if never_met or (judgements and all(one.verdict == "not_judged" for one in judgements)):
        return "inconclusive"
    return "pass"


def judgement_row(one: Judgement) -> dict[str, Any]:
    """The entry of `expectations` in verdict.json."""
    return {
        "id": one.id,
        "title": {"en": one.title.en, "zh": one.title.zh} if one.title is not None else None,
        "clause": one.clause, "verdict": one.verdict, "t_s": one.t_s, "bound": one.bound, "observed": one.observed,
        "unit": one.unit, "evidence": [*one.evidence, *one.notes],
    }  # fmt: skip


def junit(
    document: Mapping[str, Any],
    books: Mapping[str, str],
    wire: Mapping[str, str] | None = None,
    at: Callable[[float], str] = lambda t_s: f"{t_s:g} s",
) -> str:
    """The document of verdict.json as JUnit: a case an expectation, a case a book, and a case a side of the wire.

    `books` and `wire` are the findings by name, empty where in order; `at` says a time (s) as people do.
    """
    cases = [_case(document, row["id"], *_outcome(row, at)) for row in document["expectations"]]
    for kind, findings in (("book", books), ("wire", wire or {})):
        cases += [
            _case(document, f"{kind}.{name}", "failure" if found else "", found) for name, found in findings.items()
        ]
    if document["verdict"] in ("error", "aborted"):
        cases.append(_case(document, "run", "error", str(document.get("error") or document["verdict"])))
    counts = {word: sum(f"<{word} " in case for case in cases) for word in ("failure", "error", "skipped")}
    name, wall_s = _quoted(document["scenario"]), document["wall_s"]
    numbers = f'tests="{len(cases)}" failures="{counts["failure"]}" errors="{counts["error"]}"'
    head = f'<testsuite name={name} {numbers} skipped="{counts["skipped"]}" time="{wall_s:.3f}">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", head, *cases, "</testsuite>",
                      "</testsuites>", ""])  # fmt: skip


def _outcome(row: Mapping[str, Any], at: Callable[[float], str]) -> tuple[str, str]:
    """The element of an expectation's case, and what it says; numbers of events mean nothing outside the report."""
    element = {"fail": "failure", "not_judged": "skipped"}.get(row["verdict"], "")
    title = row["title"]["en"] if row["title"] else row["id"]
    notes = [note for note in row["evidence"] if isinstance(note, str)]
    if element == "skipped":
        return element, f"{title}: not judged, {'; '.join(notes) or 'nothing to judge'}"
    within = "within " if row["unit"] == "s" and isinstance(row["bound"], int | float) else ""
    said = f"{title}: expected {within}{said_value(row['bound'], row['unit'])}"
    said += f", observed {said_value(row['observed'], row['unit'])}"
    said += f" at {at(row['t_s'])}" if row["t_s"] is not None else ""
    said += f" (clause {row['clause']})" if row["clause"] else ""
    return element, "; ".join([said, *notes])


def said_value(value: Any, unit: str) -> str:
    """A bound or an observation with its unit; `nothing` where there is none."""
    if value is None:
        return "nothing"
    figure = f"{value:.10g}" if isinstance(value, int | float) else str(value)
    return figure if unit in ("", "1") else f"{figure} {unit}"


def _case(document: Mapping[str, Any], name: str, element: str, message: str) -> str:
    head = f"<testcase classname={_quoted(document['scenario'])} name={_quoted(name)}"
    return f"{head}><{element} message={_quoted(message)}/></testcase>" if element else f"{head}/>"


def _quoted(value: object) -> str:
    return quoteattr(_UNPRINTABLE.sub("?", str(value)))
