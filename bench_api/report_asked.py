"""What people and masters asked of the station while it ran, and what came of it."""

from __future__ import annotations

from typing import Any, Final

from bench_api.report_words import clock, data, note, place, said
from sim.events import WIRE
from sim.reading import Run

__all__ = ["MOST_ASKED", "asked_rows"]

MOST_ASKED: Final = 200
_RAW: Final = (WIRE, "slot")
"""What platforms and devices say comes in as it was on the wire; frames and events tell of it."""


def asked_rows(run: Run) -> tuple[list[dict[str, Any]], int]:
    """The first commands from outside, and how many there are in all."""
    asked = [command for command in run.commands() if command.source not in _RAW]
    shown = {command.seq for command in asked[:MOST_ASKED]}
    outcomes = {
        event.cause: (event.kind.partition(".")[2], str(event.data.get("reason") or ""))
        for kind in ("command.done", "command.refused")
        for event in run.events(kind=kind)
        if event.cause in shown
    }
    names = run.meta_json("fault_titles", {})
    rows = []
    for command in asked[:MOST_ASKED]:
        outcome, reason = outcomes.get(command.seq, ("", ""))
        rows.append({
            "seq": command.seq, "time": clock(run, command.t_s), "face": command.source, "actor": command.actor,
            "verb": command.verb, "target": place(command.target), "args": data(command.args, names),
            "outcome": said(outcome) if outcome else "", "reason": note(reason) if reason else "",
        })  # fmt: skip
    return rows, len(asked)
