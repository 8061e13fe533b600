"""Alarms as a report tells them: each with its end, the same one in the same places as one row that says how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench_api.report_words import Said, clock, place, said, sentence, span
from sim.reading import EventRow, Run

__all__ = ["alarm_rows", "bar", "places"]

WARNINGS = frozenset({
    "connector_hot", "connector_derated", "coolant_hot", "transformer_overtemperature", "env_sensor_broken",
    "device_silent", "device_nonsense", "device_fault", "device_over_limit",
})  # fmt: skip
"""They end with their `alarm.cleared` alone; what locks an outlet out ends when that serves again."""

MOMENTARY = frozenset({
    "bms_timeout", "cell_overtemperature", "cell_temperature_spread", "cell_self_heating", "cell_overvoltage",
})  # fmt: skip
"""They end a charge, and nothing lasts."""

ENDS = {"transformer.tripped": "transformer.reset"}
SAID = ("bms.warned", "bms.waiting")
"""What a battery says once, whichever bay it stands in."""
KINDS = {"transformer.tripped": "trouble.trip", "bms.warned": "trouble.battery", "bms.waiting": "trouble.battery"}


@dataclass(slots=True)
class Trouble:
    """One alarm, trip or warning: when it began and, where that is known, ended, in s."""

    event: EventRow
    name: str
    until_s: float | None = None
    lasts: bool = False


@dataclass(slots=True)
class Group:
    """The same trouble in the same places, each time that it came."""

    where: list[str]
    times: list[Trouble] = field(default_factory=list)


def alarm_rows(run: Run) -> list[dict[str, Any]]:
    """One row for each alarm and trip, by the places where it came at one instant, and for what batteries warn of."""
    instants: dict[tuple[float, str, str], list[Trouble]] = {}
    for trouble in _paired(run):
        instants.setdefault((trouble.event.t_s, trouble.event.kind, trouble.name), []).append(trouble)
    groups: dict[tuple[str, str, tuple[str, ...]], Group] = {}
    for (_, kind, name), troubles in instants.items():
        where = [trouble.event.subject for trouble in troubles]
        group = groups.setdefault((kind, name, () if kind in SAID else tuple(where)), Group(where))
        group.times.append(_longest(troubles))
        group.where += [one for one in where if one not in group.where]
    return [_row(run, kind, name, group) for (kind, name, _), group in groups.items()]


def _paired(run: Run) -> list[Trouble]:
    found: list[Trouble] = []
    open_: dict[tuple[str, str], Trouble] = {}
    for event in run.events():
        kind, subject = event.kind, event.subject
        if kind == "alarm.raised" or kind in ENDS or kind in SAID:
            trouble = Trouble(event, str(event.data.get("alarm") or event.data.get("limit") or kind))
            trouble.lasts = trouble.name in WARNINGS or kind in ENDS
            found.append(trouble)
            if trouble.name not in MOMENTARY and kind not in SAID:
                open_[subject, trouble.name] = trouble
        elif kind == "alarm.cleared":
            _end(open_, event, [str(event.data.get("alarm"))])
        elif kind == "evse.recovered":
            _end(open_, event, [name for at, name in open_ if at == subject and name not in WARNINGS])
        elif kind in ENDS.values():
            _end(open_, event, list(ENDS))
    return found


def _end(open_: dict[tuple[str, str], Trouble], event: EventRow, names: list[str]) -> None:
    for name in names:
        if (trouble := open_.pop((event.subject, name), None)) is not None:
            trouble.until_s, trouble.lasts = event.t_s, True


def _longest(troubles: list[Trouble]) -> Trouble:
    """Of those at one instant in several places the one that ended last, or has not."""
    return max(troubles, key=lambda one: (one.lasts and one.until_s is None, one.until_s or 0.0))


def _row(run: Run, kind: str, name: str, group: Group) -> dict[str, Any]:
    times, last = group.times, group.times[-1]
    lasting = [one for one in times if one.lasts]
    spans_s = [(one.until_s if one.until_s is not None else run.duration_s) - one.event.t_s for one in lasting]
    return {
        "t_s": times[0].event.t_s, "kind": KINDS.get(kind, kind), "title": said(name), "name": name,
        "subject": places(group.where), "clause": times[0].event.clause, "time": clock(run, times[0].event.t_s),
        "end": clock(run, last.until_s) if last.lasts else "", "lasts": last.lasts,
        "span": _how_long(len(times), spans_s), "bars": list(_bars(run, times)),
    }  # fmt: skip


def _how_long(times: int, spans_s: list[float]) -> Said | None:
    if times == 1:
        return span(spans_s[0]) if spans_s else None
    if not spans_s:
        return sentence("times_only", n=times)
    return sentence("times_in_all", n=times, span=span(sum(spans_s)))


def _bars(run: Run, times: list[Trouble]) -> Iterator[dict[str, float]]:
    for one in times:
        until_s = one.until_s if one.until_s is not None else run.duration_s if one.lasts else one.event.t_s
        yield bar(run, one.event.t_s, until_s)


def bar(run: Run, begin_s: float, end_s: float) -> dict[str, float]:
    """Where something lies along the run, in % of its width; never too short to be seen."""
    whole_s = max(run.duration_s, 1e-9)
    width = max(0.6, 100.0 * (end_s - begin_s) / whole_s)
    return {"left": min(100.0 * begin_s / whole_s, 99.4), "width": width}


def places(where: list[str]) -> Said:
    """The first of these paths, and how many more there are."""
    first = place(where[0])
    return first if len(where) == 1 else sentence("places", where=first, more=len(where) - 1)
