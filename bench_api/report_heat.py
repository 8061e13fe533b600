"""What heat and cold did to the station, and what the day's air was: a table of the report, sentences of its lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench_api.report_alarms import bar
from bench_api.report_words import Said, clock, joined, number, place, sentence, span
from sim.reading import Run

__all__ = ["air", "derating_table", "heat", "waited"]

AIR = "weather.air_temp_c"
MOST_TIMES = 4
HELD_BACK = ("connector_derated", "coolant_hot", "connector_overtemperature")


@dataclass(slots=True)
class Derating:
    """A stretch in which one pile gave less than its rating; `share` is the lowest that was told."""

    pile: str
    begin_s: float
    share: float
    until_s: float | None = None


def derating_table(run: Run) -> list[dict[str, Any]]:
    """One row a pile that derated: when, how often and how long, the lowest share of its rating, its hottest."""
    rows: list[dict[str, Any]] = []
    by_pile: dict[str, list[Derating]] = {}
    for one in _deratings(run):
        by_pile.setdefault(one.pile, []).append(one)
    for pile, times in by_pile.items():
        spans_s = [_until(run, one) - one.begin_s for one in times]
        said = [f"{_minute(run, one.begin_s)}–{_minute(run, _until(run, one))}" for one in times]
        more = len(said) - MOST_TIMES
        hottest = _highest(run, f"{pile}.cabinet_temp_c")
        rows.append({
            "pile": place(pile), "name": pile, "times": said[:MOST_TIMES],
            "more": sentence("times_more", n=more) if more > 0 else None,
            "count": str(len(times)), "span": span(sum(spans_s)), "share": f"{100.0 * _lowest(run, pile, times):.0f}",
            "hottest": f"{hottest[1]:.1f}" if hottest else "", "at": _minute(run, hottest[0]) if hottest else "",
            "bars": [bar(run, one.begin_s, _until(run, one)) for one in times],
        })  # fmt: skip
    return sorted(rows, key=lambda row: (int(row["share"]), str(row["name"])))


def air(run: Run) -> Said | None:
    """Between which temperatures the air was, and when it was hottest; None where none is recorded."""
    hottest = _highest(run, AIR)
    if hottest is None:
        return None
    lowest_c = float(run.series(AIR).value_at_starts_and_ends()[1].min())
    if hottest[1] - lowest_c < 0.05:
        return sentence("lead.air_still", air=f"{lowest_c:.1f}")
    at = run.local(hottest[0])
    key = "lead.air" if at is None else "lead.air_at"
    return sentence(key, low=f"{lowest_c:.1f}", high=f"{hottest[1]:.1f}", at=_minute(run, hottest[0]))


def heat(run: Run) -> Said | None:
    """What the heat did to piles, connectors and transformer; None where it did nothing."""
    parts: list[Said] = []
    table = derating_table(run)
    if table:
        worst = table[0]
        key = "lead.derated_one" if len(table) == 1 else "lead.derated"
        parts.append(sentence(key, n=number(len(table)), where=worst["pile"], share=worst["share"]))
    contacts = Counter(
        event.subject for event in run.events(kind="alarm.raised") if event.data.get("alarm") in HELD_BACK
    )
    if contacts:
        ((worst_one, times),) = contacts.most_common(1)
        key = "lead.contact" if len(contacts) == 1 else "lead.contacts"
        parts.append(sentence(key, n=number(len(contacts)), where=place(worst_one), times=number(times)))
    lowered = [event for event in run.events(kind="transformer.limited") if event.data.get("by") == "heat"]
    if lowered:
        limit_kw = min(float(event.data["limit_kw"]) for event in lowered)
        begin, end = (_minute(run, event.t_s) for event in (lowered[0], lowered[-1]))
        parts.append(sentence("lead.lowered", begin=begin, end=end, limit=number(round(limit_kw))))
    if trips := sum(1 for _ in run.events(kind="transformer.tripped")):
        parts.append(sentence("lead.trip" if trips == 1 else "lead.trips", n=number(trips)))
    return sentence("lead.heat", text=joined(parts, "; ", "；")) if parts else None


def waited(run: Run) -> Said | None:
    """How many batteries could not charge at once for their temperature; None where all could."""
    cars = sum(1 for _ in run.events(kind="bms.waiting"))
    return sentence("lead.battery" if cars == 1 else "lead.batteries", n=number(cars)) if cars else None


def _deratings(run: Run) -> Iterator[Derating]:
    open_: dict[str, Derating] = {}
    for event in run.events(kind="pile.derat*"):
        if event.kind == "pile.derated":
            share = float(event.data.get("share", 1.0))
            if (one := open_.get(event.subject)) is None:
                one = open_[event.subject] = Derating(event.subject, event.t_s, share)
                yield one
            one.share = min(one.share, share)
        elif event.kind == "pile.derating_ended" and event.subject in open_:
            open_.pop(event.subject).until_s = event.t_s


def _minute(run: Run, t_s: float) -> str:
    """The time of day without its seconds."""
    said = clock(run, t_s)
    return said.rpartition(":")[0] if said.count(":") == 2 else said


def _until(run: Run, one: Derating) -> float:
    return run.duration_s if one.until_s is None else one.until_s


def _lowest(run: Run, pile: str, times: list[Derating]) -> float:
    """The lowest share, by the signal where it is recorded: events tell it by tenths."""
    name = f"{pile}.derating"
    if run.signal_names(name, kind="segment"):
        return float(run.series(name).a.min())
    return min(one.share for one in times)


def _highest(run: Run, name: str) -> tuple[float, float] | None:
    return run.series(name).maximum() if run.signal_names(name, kind="segment") else None
