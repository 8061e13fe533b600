"""What was in force while a run went on: the tariff's periods and the faults, read from the recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sim.reading import Run

__all__ = ["FaultWindow", "Stretch", "fault_windows", "tariff_stretches"]

MOST_DAYS = 15


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time at one price (CNY/kWh, energy and service together); `rank` counts the prices from the lowest, 0."""

    name: str
    begin_s: float
    end_s: float
    price_cny: float
    rank: int


@dataclass(slots=True)
class FaultWindow:
    """One fault's life in seconds since the start; None where it did not come to that. `titles` are by language."""

    id: str
    name: str
    subject: str
    clause: str
    titles: Mapping[str, str]
    armed_s: float
    active_s: float | None = None
    cleared_s: float | None = None


def tariff_stretches(run: Run) -> list[Stretch]:
    """The tariff on the run's calendar, in order; empty where none is recorded, or for more than fifteen days.

    Periods follow the civil clock: on days when clocks are set, one has an hour less or more.
    """
    levels, start, end_s = run.meta_json("tariff"), run.start, run.duration_s
    if not isinstance(levels, list) or start is None or end_s > MOST_DAYS * 86400.0:
        return []
    prices = sorted({_price(level) for level in levels})
    found: list[Stretch] = []
    day = start.date()
    while _seconds(start, datetime.combine(day, time(), start.tzinfo)) < end_s:
        for level in levels:
            begin_s, until_s = (_moment(start, day, int(level[key])) for key in ("begin_min", "end_min"))
            begin_s, until_s = max(begin_s, 0.0), min(until_s, end_s)
            if begin_s >= until_s:
                continue
            if found and found[-1].name == level["name"] and found[-1].end_s == begin_s:
                begin_s = found.pop().begin_s
            price_cny = _price(level)
            found.append(Stretch(str(level["name"]), begin_s, until_s, price_cny, prices.index(price_cny)))
        day += timedelta(days=1)
    return found


def fault_windows(run: Run) -> list[FaultWindow]:
    """Every fault of the run, in the order of arming."""
    titles = run.meta_json("fault_titles", {})
    found: list[FaultWindow] = []
    alive: dict[str, FaultWindow] = {}
    for event in run.events(kind="fault.*"):
        name = str(event.data.get("fault", ""))
        identity = str(event.data.get("id", f"{name} {event.subject}"))
        window = alive.get(identity)
        if window is None:
            of = titles.get(name) if isinstance(titles, dict) else None
            window = FaultWindow(identity, name, event.subject, event.clause, of or {"en": name, "zh": name}, event.t_s)
            alive[identity] = window
            found.append(window)
        if event.kind == "fault.active":
            window.active_s = event.t_s
        elif event.kind == "fault.cleared":
            window.cleared_s = event.t_s
            del alive[identity]
    return found


def _price(level: Mapping[str, Any]) -> float:
    return float(level["energy_cny_kwh"]) + float(level["service_cny_kwh"])


def _moment(start: datetime, day: Any, minute: int) -> float:
    whole, rest = divmod(minute, 1440)
    wall = datetime.combine(day + timedelta(days=whole), time(rest // 60, rest % 60), start.tzinfo)
    return _seconds(start, wall)


def _seconds(start: datetime, wall: datetime) -> float:
    return (wall.astimezone(UTC) - start.astimezone(UTC)).total_seconds()
