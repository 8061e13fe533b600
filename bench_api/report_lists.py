"""The long tables of a report: events, vehicles, frames; cut to what a person reads. Evidence is never left out."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from bench_api.report_words import Said, clock, data, place, said
from sim.reading import EventRow, Run

__all__ = ["MOST_EVENTS", "MOST_SESSIONS", "event_rows", "frame_rows", "session_rows"]

MOST_EVENTS, MOST_SESSIONS, MOST_FRAMES, MOST_BODY = 300, 500, 100, 2000
TROUBLE = (
    "fault.", "alarm.", "staff.", "bms.", "pile.derated", "pile.derating_ended", "pile.reset", "evse.recovered",
    "transformer.", "grid.", "connector.pulled", "session.refused", "command.refused", "wire.lost", "wire.refused",
    "weather.", "platform.call_error", "platform.no_answer", "platform.remote_stop", "platform.start_refused",
    "platform.change_availability",
)  # fmt: skip
WEIGHTY = ("session.", "vehicle.turned_away", "vehicle.reneged")
AS_IT_SHOULD = "target_reached"


def event_rows(run: Run, evidence: set[int]) -> tuple[list[dict[str, Any]], int]:
    """Evidence whole; of the rest the weightier kinds first, each kind from the end of the run where room is short.

    Returns the rows and how many events there are in all.
    """
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
    names = run.meta_json("fault_titles", {})
    return [_event(run, event, event.seq in evidence, names) for event in chosen], total


def _weight(event: EventRow) -> int:
    return 0 if event.kind.startswith(TROUBLE) else 1 if event.kind.startswith(WEIGHTY) else 2


def _event(run: Run, event: EventRow, is_evidence: bool, names: dict[str, Said]) -> dict[str, Any]:
    return {
        "seq": event.seq, "time": clock(run, event.t_s), "kind": event.kind, "subject": place(event.subject),
        "cause": event.cause, "clause": event.clause, "is_evidence": is_evidence, "data": data(event.data, names),
    }  # fmt: skip


def session_rows(run: Run) -> tuple[list[dict[str, Any]], int]:
    """The first vehicles of the run, and how many there are in all."""
    rows: list[dict[str, Any]] = []
    cars = 0
    for car in run.sessions():
        cars += 1
        if cars > MOST_SESSIONS:
            continue
        has_charged = car.started_s is not None
        true, registered = (car.energy_true_kwh, car.energy_registered_kwh) if has_charged else (None, None)
        gap = registered - true if true is not None and registered is not None else None
        times = (car.arrived_s, car.plugged_s, car.started_s, car.stopped_s, car.left_s)
        rows.append({
            "id": car.id, "outcome": said(car.outcome), "reason": _reason(car.stop_reason),
            "lane": f"{car.pile}-{car.connector}" if car.pile and car.plugged_s is not None else "",
            "times": [clock(run, t) for t in times],
            "soc": " → ".join(f"{soc:.0f}" for soc in (car.soc_in_pct, car.soc_out_pct) if soc is not None),
            "true": _fixed(true, 3), "registered": _fixed(registered, 3), "gap": _fixed(gap, 3, "+"),
            "cost": _fixed(car.cost_cny if has_charged and car.stopped_s is not None else None, 2),
            "power": _fixed(car.power_max_kw if has_charged else None, 1),
        })  # fmt: skip
    return rows, cars


def _reason(stop_reason: str | None) -> Said | None:
    return said(stop_reason) if stop_reason and stop_reason != AS_IT_SHOULD else None


def _fixed(value: float | None, places: int, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.{places}f}"


def frame_rows(run: Run, wanted: set[int]) -> list[dict[str, Any]]:
    """The frames of these numbers, each cut to a length that a page holds."""
    if not wanted:
        return []
    chosen = islice((frame for frame in run.frames() if frame.seq in wanted), MOST_FRAMES)
    return [
        {"seq": frame.seq, "time": clock(run, frame.t_s), "link": frame.link, "direction": frame.direction,
         "kind": frame.kind, "action": frame.action, "verdict": frame.verdict,
         "body": frame.body[:MOST_BODY] + ("…" if len(frame.body) > MOST_BODY else "")}
        for frame in chosen
    ]  # fmt: skip
