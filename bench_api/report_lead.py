"""The first paragraph of a report: what the day was, in a few sentences made of measured figures alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from bench_api.report_heat import air, heat, waited
from bench_api.report_words import (
    Said,
    amount,
    joined,
    note,
    notes,
    number,
    place,
    records_events,
    said,
    sentence,
    span,
)
from plots.in_force import FaultWindow, fault_windows
from sim.reading import Run

__all__ = ["lead"]

OUTCOMES = ("charged", "failed", "reneged", "turned_away", "petrol")
MOST_NAMED = 3
_INSTANT_S = 1e-3
_UNIT = re.compile(r"(?<=\d) (?=(?:s|min|h|kWh?|CNY|%|°C)(?![a-z]))|(?<=\d h) (?=\d)")
"""The space between a number and its unit, where no line is to break."""


def lead(run: Run, verdict: dict[str, Any]) -> list[Said]:
    """The sentences; `verdict` is the run's `verdict.json`, empty for a run that never came to one."""
    kpis = {kpi.name: kpi.value for kpi in run.kpis() if kpi.value is not None} | (verdict.get("kpis") or {})
    found = [_who_came(run), _what_they_took(kpis, verdict), _peak(run, kpis), air(run), heat(run), waited(run),
             _what_failed(run), *_judged(verdict)]  # fmt: skip
    return [{lang: _UNIT.sub("\u00a0", text) for lang, text in one.items()} for one in found if one is not None]


def _who_came(run: Run) -> Said:
    outcomes = Counter(car.outcome for car in run.sessions())
    whole = sum(outcomes.values())
    name = run.meta_json("station_name")
    station = name if isinstance(name, dict) else said(run.meta.get("station") or "the_station")
    if not whole:
        return sentence("lead.nobody", station=station, when=_when(run))
    still_there = whole - sum(outcomes[one] for one in OUTCOMES)
    parts = [sentence(f"lead.{one}", n=number(outcomes[one])) for one in OUTCOMES if outcomes[one] or one == "charged"]
    if still_there:
        parts.append(sentence("lead.still_there", n=number(still_there)))
    key = "lead.came_one" if whole == 1 else "lead.came"
    return sentence(key, n=number(whole), station=station, when=_when(run), parts=joined(parts))


def _when(run: Run) -> Said:
    begin, end = run.local(0.0), run.local(run.duration_s)
    if begin is None or end is None:
        return sentence("lead.within", span=span(run.duration_s))
    day = {"en": f"{begin.day} {begin:%B} {begin.year}", "zh": f"{begin.year}年{begin.month}月{begin.day}日"}
    is_midnight = f"{end:%H%M%S}" == "000000"
    days = (end.date() - begin.date()).days - is_midnight
    if days > 0:
        last = run.local(run.duration_s - 1.0) or end
        until = {"en": f"{last.day} {last:%B} {last.year}", "zh": f"{last.year}年{last.month}月{last.day}日"}
        return sentence("lead.days", day=day, until=until)
    if f"{begin:%H%M%S}" == "000000" and is_midnight:
        return sentence("lead.day", day=day)
    return sentence("lead.hours", day=day, begin=f"{begin:%H:%M}", end="24:00" if is_midnight else f"{end:%H:%M}")


def _what_they_took(kpis: dict[str, Any], verdict: dict[str, Any]) -> Said | None:
    energy_kwh = kpis.get("energy_kwh")
    if energy_kwh is None:
        return None
    money = (verdict.get("books") or {}).get("money") or {}
    parts = [sentence("lead.energy", energy=_figure(energy_kwh, "kWh"))]
    if isinstance(money.get("bills_cny"), int | float):
        parts = [joined([*parts, sentence("lead.billed", money=f"{money['bills_cny']:,.2f}")])]
    mean_s, most_s = kpis.get("wait_mean_s"), kpis.get("wait_p95_s")
    if mean_s is not None and most_s is not None:
        key = "lead.waited" if mean_s > 0.0 else "lead.no_wait"
        parts.append(sentence(key, mean=_figure(mean_s, "s"), most=_figure(most_s, "s")))
    return sentence("lead.sentence", text=joined(parts, "; ", "；"))


def _peak(run: Run, kpis: dict[str, Any]) -> Said | None:
    peak_kw = kpis.get("peak_kw")
    if peak_kw is None:
        return None
    grid = run.series("grid.power_kw").maximum() if run.signal_names("grid.power_kw", kind="segment") else None
    clock = run.local(grid[0]) if grid is not None else None
    key = "lead.peak" if clock is None else "lead.peak_at"
    parts = [sentence(key, peak=amount(peak_kw, "kW")[0], at=f"{clock:%H:%M}" if clock else "")]
    contract = run.signal_names("grid.contract_limit_kw", kind="segment")
    if contract:
        limit_kw = float(run.series(contract[0]).a[0])
        used = sentence("lead.contract", limit=number(limit_kw), share=_percent(peak_kw / limit_kw))
        parts = [joined([*parts, used])]
    for name in run.signal_names("grid.transformer[*].limit_kw", kind="segment"):
        if (share := _highest_share(run, "grid.load_kw", name)) is not None:
            parts.append(sentence("lead.transformer", share=_percent(share)))
    return sentence("lead.sentence", text=joined(parts, "; ", "；"))


def _highest_share(run: Run, load: str, limit: str) -> float | None:
    """The highest share of its limit that a load came to, each instant once it was at rest."""
    if not run.signal_names(load, kind="segment"):
        return None
    series, limits = run.series(load), run.series(limit)
    is_long = np.repeat(series.ends - series.t0 > _INSTANT_S, 2)
    times, values = series.value_at_starts_and_ends()
    within = np.tile([_INSTANT_S / 2.0, -_INSTANT_S / 2.0], len(series))
    allowed = limits.at(times + within)[is_long]
    is_allowed = allowed > 0.0
    shares = values[is_long][is_allowed] / allowed[is_allowed]
    return float(np.nanmax(shares)) if len(shares) else None


def _figure(value: float, unit: str) -> Said:
    """A key figure with its unit, as it stands among the key figures."""
    shown, said_unit = amount(value, unit)
    return {lang: f"{shown} {word}" for lang, word in said_unit.items()}


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f}"


def _what_failed(run: Run) -> Said:
    if not records_events(run):
        return said("lead.unrecorded")
    windows = [window for window in fault_windows(run) if window.active_s is not None]
    alarms = sum(1 for _ in run.events(kind="alarm.raised"))
    told = sentence("lead.alarm" if alarms == 1 else "lead.alarms", n=number(alarms)) if alarms else said("lead.silent")
    if not windows:
        return sentence("lead.no_fault", alarms=told)
    named = [_fault(run, window) for window in windows[:MOST_NAMED]]
    if len(windows) > MOST_NAMED:
        named.append(sentence("lead.more_faults", n=number(len(windows) - MOST_NAMED)))
    key = "lead.fault" if len(windows) == 1 else "lead.faults"
    return sentence(key, n=number(len(windows)), faults=joined(named, "; ", "；"), alarms=told)


def _fault(run: Run, window: FaultWindow) -> Said:
    active_s = window.active_s or 0.0
    cleared_s = run.duration_s if window.cleared_s is None else window.cleared_s
    clock = run.local(active_s)
    at = f"{clock:%H:%M}" if clock else f"{active_s:.0f} s"
    key = "lead.lasted" if window.cleared_s is not None else "lead.lasts"
    lasted = span(cleared_s - active_s)
    return sentence(key, title=dict(window.titles), where=place(window.subject), at=at, span=lasted)


def _judged(verdict: dict[str, Any]) -> list[Said]:
    """What the verdict rests on, and what the wire had to say."""
    reasons = notes(str(verdict.get("reason") or ""))
    told = [line for line in map(note, _wire_said(verdict)) if line not in reasons]
    return [_expected(verdict), *(sentence("lead.sentence", text=line) for line in [*reasons, *told])]


def _wire_said(verdict: dict[str, Any]) -> list[str]:
    return [part for line in (verdict.get("wire") or {}).get("said") or [] for part in str(line).split("; ")]


def _expected(verdict: dict[str, Any]) -> Said:
    word, rows = str(verdict.get("verdict") or "unfinished"), verdict.get("expectations") or []
    failed = [row for row in rows if row.get("verdict") == "fail"]
    if word == "fail" and failed:
        titles = [title if isinstance(title, dict) else said(str(title)) for title in
                  (row.get("title") or row.get("id", "") for row in failed[:MOST_NAMED])]  # fmt: skip
        named = joined([sentence("lead.quoted", text=title) for title in titles])
        return sentence("lead.failed_of", n=number(len(failed)), all=number(len(rows)), titles=named)
    held = sum(row.get("verdict") == "pass" for row in rows)
    if word == "pass" and held:
        if held == len(rows):
            return sentence("lead.held", all=number(len(rows)))
        return sentence("lead.held_of", held=number(held), rest=number(len(rows) - held))
    return said(f"say_{word}")
