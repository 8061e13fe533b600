"""A run in Markdown for the page of a CI job: verdict, what failed with its evidence, key figures, how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scenarios.verdict import said_value
from sim.errors import UsageError
from sim.reading import EventRow, Run

__all__ = ["Finding", "findings", "markdown"]

_EVENTS: Final = 3
_MARKS: Final = {"pass": "✅", "fail": "❌", "error": "💥", "inconclusive": "❔", "aborted": "⏹"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks against a pass: an expectation, or the run itself; `evidence` is a line a fact."""

    name: str
    text: str
    evidence: tuple[str, ...] = ()


def findings(document: Mapping[str, Any], folder: Path) -> list[Finding]:
    """What a verdict's document has against a pass; the events it names are read from the recording in `folder`."""
    found = [Finding("run", str(document[key])) for key in ("error", "reason") if document.get(key)]
    rows = [row for row in document["expectations"] if row["verdict"] != "pass"]
    if not rows:
        return found
    events = _events(folder, {number for row in rows for number in row["evidence"] if isinstance(number, int)})
    for row in rows:
        title = row["title"]["en"] if row["title"] else row["id"]
        text = f"{title}: not judged" if row["verdict"] == "not_judged" else (
            f"{title}: expected {said_value(row['bound'], row['unit'])},"
            f" observed {said_value(row['observed'], row['unit'])}"
        )  # fmt: skip
        text += f" at {row['t_s']:.6g} s" if row["t_s"] is not None else ""
        text += f" (clause {row['clause']})" if row["clause"] else ""
        found.append(Finding(row["id"], text, tuple(_evidence(row["evidence"], events))))
    return found


def markdown(document: Mapping[str, Any], folder: Path, command: str, report: Path | None) -> str:
    """The summary of a run; `command` repeats it, `report` is the page with everything."""
    verdict = document["verdict"]
    lines = [f"## {_MARKS[verdict]} {document['scenario']}: {verdict}", ""]
    lines += [f"Station `{document['station']}`, seed {document['seed']}, pace {document['pace']},"
              f" {document['simulated_s'] / 3600:.1f} h simulated in {document['wall_s']:.1f} s.", ""]  # fmt: skip
    judged = [row["verdict"] for row in document["expectations"]]
    if judged:
        lines += [f"{judged.count('pass')} of {len(judged)} expectations passed.", ""]
    for one in findings(document, folder):
        lines.append(f"- **{_plain(one.name)}**: {_plain(one.text)}")
        lines += [f"  - {_plain(line)}" for line in one.evidence]
    books = document["books"].get("messages")
    if books:
        lines += ["", "| " + " | ".join(books) + " |", "|" + "---:|" * len(books),
                  "| " + " | ".join(str(value) for value in books.values()) + " |"]  # fmt: skip
    if report is not None:
        lines += ["", f"Report: [{report.name}](<{report}>)"]
    lines += ["", "Again:", "", "```sh", command, "```", ""]
    return "\n".join(lines)


def _evidence(evidence: list[Any], events: Mapping[int, EventRow]) -> Iterator[str]:
    for one in evidence:
        if isinstance(one, str):
            yield one
    shown = [events[number] for number in evidence if isinstance(number, int) and number in events][:_EVENTS]
    for event in shown:
        data = " ".join(f"{name}={value}" for name, value in event.data.items())
        yield f"#{event.seq} {event.t_s:.6g} s {event.kind} {event.subject} {data}".rstrip()


def _events(folder: Path, numbers: set[int]) -> dict[int, EventRow]:
    """The recorded events of these numbers; none where the recording cannot be read or is without them."""
    if not numbers:
        return {}
    try:
        with Run(folder) as run:
            return {event.seq: event for event in run.events() if event.seq in numbers}
    except UsageError:
        return {}


def _plain(text: str) -> str:
    """On one line, with nothing that Markdown reads as a mark."""
    flat = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in flat)
