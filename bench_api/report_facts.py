"""What a report says, gathered from a run: the verdict, its evidence, the books, the day.

Long tables are cut to what a person reads, and say how much was left out. Evidence is never left out.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from bench_api.report_tables import bill_sums, pile_table
from sim.reading import EventRow, FrameRow, Run
from sim.rows import from_json

__all__ = ["MOST_EVENTS", "MOST_SESSIONS", "VERDICTS", "gather"]

VERDICTS = ("pass", "fail", "error", "inconclusive", "aborted")
MOST_EVENTS, MOST_SESSIONS, MOST_FAULTS, MOST_FRAMES, MOST_BODY = 300, 500, 200, 100, 2000
FACTS = ("tested", "run_at", "scenario", "station", "seed", "pace", "level", "simulated_s", "wall_s", "cpu_s",
         "voltyard", "digest", "event_digest")  # fmt: skip
TROUBLE = ("fault.", "alarm.")
WEIGHTY = ("session.", "vehicle.turned_away", "vehicle.reneged", "command.refused", "run.")


def gather(run: Run, verdict: dict[str, Any] | None) -> dict[str, Any]:
    """Everything the page shows. `verdict` is the run's `verdict.json`, None for a run that never came to one."""
    said = verdict or {}
    expectations = [_expectation(run, row) for row in said.get("expectations") or _recorded(run)]
    evidence = {seq for row in expectations for seq in row["events"]}
    framed = {seq for row in expectations for seq in row["frames"]}
    events, total = _events(run, evidence)
    frames = list(islice((frame for frame in run.frames() if frame.seq in framed), MOST_FRAMES)) if framed else []
    shown = {"event": {row["seq"] for row in events}, "frame": {frame.seq for frame in frames}}
    for row in expectations:
        row["links"] = [(kind, seq) for kind, seqs in (("event", row["events"]), ("frame", row["frames"]))
                        for seq in seqs if seq in shown[kind]]  # fmt: skip
    sessions, cars = _sessions(run)
    return {
        "verdict": said.get("verdict") if said.get("verdict") in VERDICTS else "unfinished",
        "reason": said.get("error") or said.get("reason") or "",
        "title": _title(run, said),
        "facts": _what_was_run(run, said), "command": _command(run, said),
        "versions": _pairs(run.meta_json("versions")),
        "expectations": expectations, "kpis": _kpis(run, said), "books": said.get("books") or {},
        "piles": pile_table(run), "bills": bill_sums(run),
        "events": events, "events_total": total, "troubles": _troubles(run), "sessions": sessions, "cars": cars,
        "frames": [_frame(run, frame) for frame in frames], "lateness": said.get("lateness_ms") or {},
        "weather": run.meta_json("weather_note"), "sources": _listed(run.meta_json("data_sources")),
    }  # fmt: skip


def _fact(run: Run, said: dict[str, Any], key: str) -> Any:
    value = said.get(key)
    return run.meta.get(key) if value is None else value


def _title(run: Run, said: dict[str, Any]) -> Any:
    """The scenario's title in its languages, else its name."""
    return run.meta_json("title") or run.meta_json("scenario_title") or _fact(run, said, "scenario") or "Voltyard"


def _what_was_run(run: Run, said: dict[str, Any]) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    for key in FACTS:
        value = _fact(run, said, key)
        if value not in (None, ""):
            facts.append((key, _duration(float(value)) if key.endswith("_s") else str(value)))
    if run.start is not None:
        facts.insert(3, ("start", f"{run.start:%Y-%m-%d %H:%M} ({run.start.tzinfo})"))
    return facts


def _duration(seconds: float) -> str:
    if seconds < 600.0:
        return f"{seconds:.3g} s"
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours} h {rest // 60:02} min"


def _command(run: Run, said: dict[str, Any]) -> str:
    written = run.meta.get("command")
    if written:
        return written
    scenario, seed, pace = (_fact(run, said, key) for key in ("scenario", "seed", "pace"))
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
    events, frames, words = _evidence(row.get("evidence"))
    t_s = row.get("t_s")
    return {
        "id": row.get("id", ""), "title": row.get("title") or row.get("id", ""), "clause": row.get("clause") or "",
        "verdict": str(row.get("verdict", "")), "time": _clock(run, t_s), "bound": _value(row.get("bound")),
        "observed": _value(row.get("observed")), "unit": row.get("unit") or "", "events": events, "frames": frames,
        "words": words,
    }  # fmt: skip


def _evidence(value: Any) -> tuple[list[int], list[int], str]:
    """Numbers of events and of frames, and what else was said: lists, mappings of `seq`, `event`, `frame`, or text."""
    events: list[int] = []
    frames: list[int] = []
    words: list[str] = []

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
                    words.append(f"{key} {_value(part)}")
        else:
            words.append(str(item))

    take(from_json(value) if isinstance(value, str) else value, events)
    return events, frames, "; ".join(words)


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _kpis(run: Run, said: dict[str, Any]) -> list[tuple[str, str, str]]:
    units = {kpi.name: kpi.unit for kpi in run.kpis()}
    values = said.get("kpis") or {kpi.name: kpi.value for kpi in run.kpis()}
    return [
        (name, _value(value), _unit(name, units.get(name, ""))) for name, value in values.items() if value is not None
    ]


def _unit(name: str, unit: str) -> str:
    if unit == "1":
        return ""
    suffixes = (("_kwh", "kWh"), ("_kw", "kW"), ("_pct", "%"), ("_s", "s"), ("_cny", "CNY"), ("_c", "°C"))
    return unit or next((word for suffix, word in suffixes if name.endswith(suffix)), "")


def _weight(event: EventRow) -> int:
    return 0 if event.kind.startswith(TROUBLE) else 1 if event.kind.startswith(WEIGHTY) else 2


def _events(run: Run, evidence: set[int]) -> tuple[list[dict[str, Any]], int]:
    """Evidence whole; of the rest the weightier kinds first, each kind from the end of the run where room is short."""
    proof: list[EventRow] = []
    kept: tuple[deque[EventRow], ...] = tuple(deque(maxlen=MOST_EVENTS) for _ in range(3))
    total = 0
    for event in run.events():
        total += 1
        (proof if event.seq in evidence else kept[_weight(event)]).append(event)
    chosen = list(proof)
    for group in kept:
        room = MOST_EVENTS - len(chosen)
        if room > 0:
            chosen.extend(islice(reversed(group), room))
    chosen.sort(key=lambda event: event.seq)
    return [_event(run, event, event.seq in evidence) for event in chosen], total


def _event(run: Run, event: EventRow, is_evidence: bool) -> dict[str, Any]:
    return {
        "seq": event.seq, "time": _clock(run, event.t_s), "kind": event.kind, "subject": event.subject,
        "cause": event.cause, "clause": event.clause, "weight": _weight(event), "is_evidence": is_evidence,
        "data": ", ".join(f"{key} {_value(value)}" for key, value in event.data.items()),
    }  # fmt: skip


def _troubles(run: Run) -> list[dict[str, Any]]:
    """Faults from their activation to their clearing and alarms, each placed along the run."""
    whole = max(run.duration_s, 1e-9)
    rows: list[dict[str, Any]] = []
    begun: dict[Any, dict[str, Any]] = {}
    for event in _of_kinds(run, "fault.*", "alarm.*"):
        is_fault = event.kind.startswith("fault.")
        name = str(event.data.get("fault" if is_fault else "alarm", event.kind))
        key = (event.data.get("id", name), event.subject)
        if event.kind.endswith(".cleared"):
            if (open_row := begun.pop(key, None)) is not None:
                open_row.update(
                    end=_clock(run, event.t_s), width=max(0.6, 100.0 * event.t_s / whole - open_row["left"])
                )
            continue
        if (row := begun.pop(key, None)) is not None and event.kind == "fault.active":
            rows.remove(row)
        left = min(100.0 * event.t_s / whole, 99.4)
        stays = event.kind == "fault.active"
        row = {"kind": event.kind, "name": name, "subject": event.subject, "clause": event.clause, "end": "",
               "time": _clock(run, event.t_s), "left": left, "width": 100.0 - left if stays else 0.6}  # fmt: skip
        rows.append(row)
        begun[key] = row
    return rows[:MOST_FAULTS]


def _of_kinds(run: Run, *kinds: str) -> Iterable[EventRow]:
    return sorted((event for kind in kinds for event in run.events(kind=kind)), key=lambda event: event.seq)


def _sessions(run: Run) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    cars = 0
    for car in run.sessions():
        cars += 1
        if cars > MOST_SESSIONS:
            continue
        true, registered = car.energy_true_kwh, car.energy_registered_kwh
        gap = registered - true if true is not None and registered is not None else None
        times = (car.arrived_s, car.plugged_s, car.started_s, car.stopped_s, car.left_s)
        rows.append({
            "id": car.id, "vehicle": car.vehicle or "", "outcome": car.outcome, "reason": car.stop_reason or "",
            "lane": f"{car.pile}-{car.connector}" if car.pile and car.plugged_s is not None else "",
            "times": [_clock(run, t) for t in times],
            "soc": " → ".join(f"{soc:.0f}" for soc in (car.soc_in_pct, car.soc_out_pct) if soc is not None),
            "true": _fixed(true, 3), "registered": _fixed(registered, 3), "gap": _fixed(gap, 3, "+"),
            "cost": _fixed(car.cost_cny, 2), "power": _fixed(car.power_max_kw, 1),
        })  # fmt: skip
    return rows, cars


def _fixed(value: float | None, places: int, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.{places}f}"


def _frame(run: Run, frame: FrameRow) -> dict[str, Any]:
    cut = len(frame.body) > MOST_BODY
    return {"seq": frame.seq, "time": _clock(run, frame.t_s), "link": frame.link, "direction": frame.direction,
            "kind": frame.kind, "action": frame.action, "verdict": frame.verdict,
            "body": frame.body[:MOST_BODY] + ("…" if cut else "")}  # fmt: skip


def _clock(run: Run, t_s: float | None) -> str:
    if not isinstance(t_s, int | float):
        return ""
    wall = run.local(t_s)
    if wall is None:
        return f"{t_s:.1f} s"
    if t_s > 0.0 and t_s == run.duration_s and f"{wall:%H%M%S}" == "000000":
        return "24:00:00"
    return f"{wall:%H:%M:%S}" if run.duration_s <= 86400.0 else f"{wall:%m-%d %H:%M:%S}"
