"""What a report says, gathered from a run: the verdict, its evidence, the books, the day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bench_api.report_asked import asked_rows
from bench_api.report_heat import derating_table
from bench_api.report_lead import lead
from bench_api.report_lists import event_rows, frame_rows, session_rows
from bench_api.report_tables import (
    device_lines,
    gap_table,
    issued_bills,
    pile_table,
    register_table,
    step_table,
    tariff_table,
    trouble_table,
    undelivered_bills,
    wire_table,
)
from bench_api.report_words import (
    Said,
    amount,
    bound,
    clock,
    joined,
    note,
    notes,
    number,
    records_events,
    said,
    sentence,
    span,
)
from sim.reading import Run
from sim.rows import from_json
from twins.clauses import clause_of
from twins.kpis import MEANINGS

__all__ = ["VERDICTS", "gather"]

VERDICTS = ("pass", "fail", "error", "inconclusive", "aborted")
FACTS = ("tested", "run_at", "scenario", "station", "seed", "pace", "level", "simulated_s", "wall_s", "cpu_s",
         "voltyard", "digest", "event_digest")  # fmt: skip
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def gather(run: Run, verdict: dict[str, Any] | None) -> dict[str, Any]:
    """Everything the page shows. `verdict` is the run's `verdict.json`, None for a run that never came to one."""
    known = verdict or {}
    expectations = [_expectation(run, row) for row in known.get("expectations") or _recorded(run)]
    ids = {row["id"] for row in expectations}
    for row in expectations:
        row["title"] = _look(row, ids)
    framed = {seq for row in expectations for seq in row["frames"]}
    events, total = event_rows(run, {seq for row in expectations for seq in row["events"]})
    frames = frame_rows(run, framed)
    shown = {"event": {row["seq"] for row in events}, "frame": {row["seq"] for row in frames}}
    for row in expectations:
        row["links"] = [(kind, seq) for kind, seqs in (("event", row["events"]), ("frame", row["frames"]))
                        for seq in seqs if seq in shown[kind]]  # fmt: skip
    sessions, cars = session_rows(run)
    asked, asked_total = asked_rows(run)
    books = known.get("books") or {}
    word = known.get("verdict") if known.get("verdict") in VERDICTS else "unfinished"
    return {
        "verdict": word, "lead": lead(run, known | {"verdict": word}),
        "reason": _reason(known), "remarks": [note(str(line)) for line in known.get("notes") or []],
        "title": _title(run, known), "facts": _what_was_run(run, known),
        "command": _command(run, known, is_asked=bool(asked)),
        "versions": _pairs(run.meta_json("versions")),
        "expectations": expectations, "kpis": _kpis(run, known), "books": books, "tariff": tariff_table(run, books),
        "unexplained": [note(str(line)) for line in books.get("unexplained") or []],
        "undelivered": undelivered_bills(run, books.get("undelivered") or []),
        "explained": [note(_explained(one)) for one in books.get("explained") or []], "issued": issued_bills(run),
        "devices": device_lines(books.get("devices") or []), "gaps": gap_table(books.get("gaps") or []),
        "registers": register_table(books.get("registers") or []),
        "steps": step_table(run, books.get("register_steps") or []),
        "piles": pile_table(run), "troubles": trouble_table(run), "deratings": derating_table(run),
        "events": events, "events_total": total, "has_events": records_events(run),
        "asked": asked, "asked_total": asked_total,
        "wire": wire_table(run, known.get("wire") or {}),
        "sessions": sessions, "cars": cars, "frames": frames, "lateness": known.get("lateness_ms") or {},
        "weather": run.meta_json("weather_note"), "sources": _listed(run.meta_json("data_sources")),
    }  # fmt: skip


def _explained(book: dict[str, Any]) -> str:
    """What faults have put on an outlet's meter."""
    return f"meter of {book['place']}: {book['kwh']:+.3f} kWh beside its error, by {', '.join(book['faults'])}"


def _reason(known: dict[str, Any]) -> Said:
    """What the run failed by; an error is one sentence, whatever stands in it."""
    if known.get("error"):
        return note(str(known["error"]))
    return joined(notes(str(known.get("reason") or "")), "; ", "；")


def _fact(run: Run, known: dict[str, Any], key: str) -> Any:
    value = known.get(key)
    return run.meta.get(key) if value is None else value


def _title(run: Run, known: dict[str, Any]) -> Any:
    """The scenario's title in its languages, else its name."""
    return run.meta_json("title") or run.meta_json("scenario_title") or _fact(run, known, "scenario") or "Voltyard"


def _what_was_run(run: Run, known: dict[str, Any]) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = []
    for key in FACTS:
        value = _fact(run, known, key)
        if value not in (None, ""):
            facts.append((key, _as_said(key, value)))
    if run.start is not None:
        facts.insert(3, ("start", f"{run.start:%Y-%m-%d %H:%M} ({run.start.tzinfo})"))
    return facts


def _as_said(key: str, value: Any) -> Any:
    if key.endswith("_s"):
        return span(float(value))
    return said(str(value)) if key == "tested" else str(value).replace("T", " ") if key == "run_at" else str(value)


def _command(run: Run, known: dict[str, Any], *, is_asked: bool) -> str:
    """How to have it again; what was asked from outside only the recording has."""
    if is_asked:
        return f"voltyard replay {run.path if run.path.name != 'run.sqlite' else run.path.parent}"
    written = run.meta.get("command")
    if written:
        return written
    scenario, seed, pace = (_fact(run, known, key) for key in ("scenario", "seed", "pace"))
    if not scenario:
        return ""
    return (
        f"voltyard run {scenario}"
        + (f" --seed {seed}" if seed is not None else "")
        + (f" --pace {pace}" if pace else "")
    )


def _pairs(value: Any) -> list[tuple[str, str]]:
    return [(str(key), str(item)) for key, item in value.items()] if isinstance(value, dict) else []


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _recorded(run: Run) -> Iterator[dict[str, Any]]:
    for row in run.verdicts():
        title = from_json(row.title) if isinstance(row.title, str) else row.title
        yield {"id": row.id, "title": title, "verdict": row.verdict, "t_s": row.t_s, "evidence": row.evidence}


def _expectation(run: Run, row: dict[str, Any]) -> dict[str, Any]:
    events, frames, notes = _evidence(row.get("evidence"))
    unit, verdict = row.get("unit") or "", str(row.get("verdict", ""))
    return {
        "id": row.get("id", ""), "title": row.get("title") or row.get("id", ""), "clause": row.get("clause") or "",
        "clause_title": _clause_title(str(row.get("clause") or "")),
        "verdict": verdict, "time": clock(run, row.get("t_s")) if verdict == "fail" else "",
        "bound": _bound(row.get("bound"), unit), "observed": _with_unit(_apart(row), unit),
        "events": events, "frames": frames, "notes": [note(line) for line in notes],
    }  # fmt: skip


def _look(row: dict[str, Any], ids: set[str]) -> Any:
    """The title of a row; of the two looks at a steady state, which of them it is."""
    name, _, when = row["id"].rpartition(".")
    if when not in ("before", "after") or not {f"{name}.before", f"{name}.after"} <= ids:
        return row["title"]
    what = row["title"] if isinstance(row["title"], dict) else {"en": name, "zh": name}
    return sentence(f"steady.{when}", what=what)


def _apart(row: dict[str, Any]) -> Any:
    """What was observed, in as many digits as it takes to tell it from its bound: 1,099.997 is below 1,100."""
    observed = row.get("observed")
    if not isinstance(observed, float) or row.get("unit") == "s":
        return observed
    bounds = {float(found) for found in _NUMBER.findall(str(row.get("bound")))}
    digits = next((n for n in range(4, 16) if float(f"{observed:.{n}g}") not in bounds - {observed}), 16)
    return observed if digits <= 4 else f"{observed:,.{digits}g}"


def _clause_title(number: str) -> Said | None:
    clause = clause_of(number) if number else None
    return {"en": clause.title.en, "zh": clause.title.zh} if clause is not None else None


def _bound(value: Any, unit: str) -> Said | None:
    """A bound that is a time is one within which something must follow."""
    is_time = unit == "s" and isinstance(value, int | float)
    return sentence("within", span=span(float(value))) if is_time else _with_unit(value, unit)


def _with_unit(value: Any, unit: str) -> Said | None:
    if value is None:
        return None
    if unit == "s" and isinstance(value, int | float):
        return span(float(value))
    return {lang: f"{text} {unit}".rstrip() for lang, text in bound(value).items()}


def _evidence(value: Any) -> tuple[list[int], list[int], list[str]]:
    """Numbers of events and of frames, and what else was said: lists, mappings of `seq`, `event`, `frame`, or text."""
    events: list[int] = []
    frames: list[int] = []
    notes: list[str] = []

    def take(item: Any, into: list[int]) -> None:
        if isinstance(item, bool) or item is None:
            return
        if isinstance(item, int):
            into.append(item)
        elif isinstance(item, list | tuple):
            for part in item:
                take(part, into)
        elif isinstance(item, dict):
            for key, part in item.items():
                if key in ("seq", "event", "events", "frame", "frames"):
                    take(part, frames if key.startswith("frame") else events)
                elif part not in (None, ""):
                    notes.append(f"{key} {number(part)}")
        else:
            notes.append(str(item))

    take(from_json(value) if isinstance(value, str) else value, events)
    return events, frames, notes


def _kpis(run: Run, known: dict[str, Any]) -> list[dict[str, Any]]:
    """Key figures with what they are called and how they are defined; one that is not ours is called by its name."""
    recorded = {kpi.name: kpi for kpi in run.kpis()}
    values = known.get("kpis") or {name: kpi.value for name, kpi in recorded.items()}
    rows: list[dict[str, Any]] = []
    for name, value in values.items():
        if value is None:
            continue
        unit = recorded[name].unit if name in recorded else _unit(name)
        shown, said_unit = amount(value, unit) if isinstance(value, int | float) else (number(value), said(unit))
        meaning = MEANINGS.get(name)
        rows.append({
            "value": shown, "unit": said_unit,
            "title": {"en": meaning.title, "zh": meaning.title_zh} if meaning else name,
            "definition": {"en": meaning.definition, "zh": meaning.definition_zh} if meaning else None,
        })  # fmt: skip
    return rows


def _unit(name: str) -> str:
    suffixes = (("_kwh", "kWh"), ("_kw", "kW"), ("_pct", "%"), ("_s", "s"), ("_cny", "CNY"), ("_c", "°C"))
    return next((word for suffix, word in suffixes if name.endswith(suffix)), "")
