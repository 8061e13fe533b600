"""The short tables of a report: what each pile did, what the tariff brought in, what failed and for how long."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from bench_api.report_alarms import alarm_rows, bar
from bench_api.report_words import Said, clock, place, said, sentence, span, words
from plots.in_force import fault_windows
from sim.reading import Run

__all__ = [
    "device_lines", "gap_table", "issued_bills", "pile_table", "register_table", "step_table", "tariff_table",
    "trouble_table", "undelivered_bills", "wire_table",
]  # fmt: skip

MOST_TROUBLES, MOST_UNDELIVERED, MOST_REMARKS = 200, 20, 20


def pile_table(run: Run) -> list[dict[str, str]]:
    """One row a pile: sessions, energy in kWh, share of the time that its connectors were occupied, peak, alarms."""
    sessions: Counter[str] = Counter()
    energy: defaultdict[str, float] = defaultdict(float)
    occupied: defaultdict[str, float] = defaultdict(float)
    peak: defaultdict[str, float] = defaultdict(float)
    connectors: defaultdict[str, set[int]] = defaultdict(set)
    for car in run.sessions():
        if not car.pile or car.plugged_s is None:
            continue
        sessions[car.pile] += 1
        energy[car.pile] += car.energy_true_kwh or 0.0
        occupied[car.pile] += (car.left_s if car.left_s is not None else run.duration_s) - car.plugged_s
        peak[car.pile] = max(peak[car.pile], car.power_max_kw or 0.0)
    for name in run.signal_names("pile[*].connector[*].power_kw"):
        pile, _, rest = name.removeprefix("pile[").partition("].connector[")
        connectors[pile].add(int(rest.partition("]")[0]))
    alarms = Counter(_pile_of(event.subject) for event in run.events(kind="alarm.raised"))
    whole_s = max(run.duration_s, 1e-9)
    return [
        {
            "pile": pile, "connectors": str(len(connectors[pile]) or 1), "sessions": str(sessions[pile]),
            "energy": f"{energy[pile]:,.1f}", "peak": f"{peak[pile]:.1f}", "alarms": str(alarms[pile] or ""),
            "use": f"{100.0 * occupied[pile] / whole_s / (len(connectors[pile]) or 1):.1f}",
        }
        for pile in sorted({*sessions, *connectors})
    ]  # fmt: skip


def tariff_table(run: Run, books: dict[str, Any]) -> dict[str, Any]:
    """Each period with its times, prices (CNY/kWh), energy sold (kWh) and money (CNY); empty where none is known.

    Energy and money are of the charges that have ended, as billed.
    """
    levels = run.meta_json("tariff")
    if not isinstance(levels, list):
        return {}
    sold = {row["name"]: row for row in books.get("periods") or []}
    whole_kwh = sum(row["energy_kwh"] for row in sold.values())
    rows: dict[str, dict[str, Any]] = {}
    for level in levels:
        name = str(level["name"])
        times = f"{_time(level['begin_min'])}–{_time(level['end_min'])}"
        if name in rows:
            rows[name]["times"] += f", {times}"
            continue
        row = sold.get(name, {"energy_kwh": 0.0, "energy_cny": 0.0, "service_cny": 0.0})
        rows[name] = {
            "name": said(f"period.{name}") if f"period.{name}" in words() else {"en": name, "zh": name}, "times": times,
            "energy_price": f"{level['energy_cny_kwh']:.2f}", "service_price": f"{level['service_cny_kwh']:.2f}",
            "kwh": f"{row['energy_kwh']:,.1f}",
            "share": f"{100.0 * row['energy_kwh'] / whole_kwh:.1f}" if whole_kwh else "",
            "energy": f"{row['energy_cny']:,.2f}", "service": f"{row['service_cny']:,.2f}",
            "both": f"{row['energy_cny'] + row['service_cny']:,.2f}",
        }  # fmt: skip
    energy_cny, service_cny = (sum(row[key] for row in sold.values()) for key in ("energy_cny", "service_cny"))
    occupancy_cny = float((books.get("money") or {}).get("occupancy_cny") or 0.0)
    return {
        "rows": list(rows.values()), "is_sold": bool(sold), "kwh": f"{whole_kwh:,.1f}", "energy": f"{energy_cny:,.2f}",
        "service": f"{service_cny:,.2f}", "occupancy": f"{occupancy_cny:,.2f}",
        "all": f"{energy_cny + service_cny + occupancy_cny:,.2f}",
    }  # fmt: skip


def issued_bills(run: Run) -> dict[str, Any]:
    """How many bills are final and what they amount to in CNY; empty where none is.

    With an occupancy fee a bill is final when the car has left, else with the end of its charge.
    """
    totals = [float(event.data.get("total_cny") or 0.0) for event in run.events(kind="bill.issued")]
    return {"count": f"{len(totals):,}", "total": f"{sum(totals):,.2f}"} if totals else {}


def undelivered_bills(run: Run, sessions: list[str]) -> list[Said]:
    """Bills of charges whose end the platform has not taken, each with the cut wire that is behind it, if one is."""
    wanted = set(sessions)
    cuts = {window.subject: window for window in fault_windows(run) if window.subject.startswith("link[")}
    found: list[Said] = []
    for car in run.sessions():
        if car.id not in wanted or len(found) == MOST_UNDELIVERED:
            continue
        links = (f"link[{car.pile}]", f"link[{car.pile}-{car.connector}]")
        window = next((cuts[link] for link in links if link in cuts), None)
        if window is None:
            behind = said("books.no_fault")
        else:
            behind = sentence("books.behind", title=dict(window.titles), where=place(window.subject), id=window.id,
                              since=clock(run, window.active_s))  # fmt: skip
        where, money = place(f"pile[{car.pile}].connector[{car.connector}]"), f"{car.cost_cny or 0.0:,.2f}"
        found.append(sentence("books.undelivered", id=car.id, where=where, money=money, behind=behind))
    if len(sessions) > len(found):
        found.append(sentence("books.more", n=len(sessions) - len(found)))
    return found


def device_lines(books: list[dict[str, Any]]) -> list[Said]:
    """What each device in a slot reported and registered, and where the difference lies."""
    found: list[Said] = []
    for book in books:
        told = {key: f"{float(value):.3f}" for key, value in book.items() if key.endswith("_kwh") and value is not None}
        found.append(sentence("books.device", slot=place(book["slot"]), **told))
        if "twin_kwh" in told:
            gap_kwh = f"{float(book['reported_kwh']) - float(book['twin_kwh']):+.3f}"
            found.append(sentence("books.shadow", slot=place(book["slot"]), twin_kwh=told["twin_kwh"], gap_kwh=gap_kwh))
    return found


def gap_table(gaps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How far each meter or sensor in shadow read from its twin, one row a quantity."""
    return [
        {
            "place": place(gap["slot"]), "quantity": gap["quantity"], "unit": gap["unit"],
            "readings": f"{gap['readings']:,}", "mean": f"{gap['mean']:+.3f}", "largest": f"{gap['largest']:+.3f}",
        }
        for gap in gaps
    ]  # fmt: skip


def register_table(books: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each real meter registered against what truly flowed, in kWh, and for how long it was silent."""
    return [
        {
            "place": place(book["slot"]), "quantity": book["quantity"], "readings": f"{book['readings']:,}",
            "registered": f"{book['registered_kwh']:,.3f}", "true": f"{book['true_kwh']:,.3f}",
            "residual": f"{book['residual_kwh']:+,.3f}", "share": f"{100.0 * book['residual_rel']:+.2f}",
            "silences": f"{book['silences']:,}", "silent": span(book["silent_s"]) if book["silences"] else None,
            "unseen": f"{book['unseen_kwh']:,.3f}" if book["silences"] else "",
        }
        for book in books
    ]  # fmt: skip


def step_table(run: Run, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where registers of devices went on from elsewhere, in kWh, in the order of time."""
    return [
        {
            "place": place(step["slot"]), "quantity": step["quantity"], "time": clock(run, step["at_s"]),
            "from": f"{step['from_kwh']:,.3f}", "to": f"{step['to_kwh']:,.3f}",
            "by": f"{step['to_kwh'] - step['from_kwh']:+,.3f}",
        }
        for step in sorted(steps, key=lambda step: float(step["at_s"]))
    ]  # fmt: skip


def trouble_table(run: Run) -> list[dict[str, Any]]:
    """Faults from their activation to their clearing and alarms, in the order of time, each placed along the run.

    The same alarm in the same places is one row, which says how often it came.
    """
    rows: list[dict[str, Any]] = []
    for window in fault_windows(run):
        is_active = window.active_s is not None
        begin_s = window.armed_s if window.active_s is None else window.active_s
        end_s = run.duration_s if window.cleared_s is None else window.cleared_s
        rows.append({
            "t_s": begin_s, "kind": "fault.active" if is_active else "fault.armed", "title": dict(window.titles),
            "name": window.name, "subject": place(window.subject), "clause": window.clause,
            "time": clock(run, begin_s), "end": clock(run, window.cleared_s), "span": span(end_s - begin_s),
            "lasts": True, "bars": [bar(run, begin_s, end_s)],
        })  # fmt: skip
    return sorted(rows + alarm_rows(run), key=lambda row: float(row["t_s"]))[:MOST_TROUBLES]


def wire_table(run: Run, wire: dict[str, Any]) -> list[dict[str, Any]]:
    """Messages that break OCPP and CALLERRORs, of either side: how often, and the first of each sort."""
    kinds = (("violations", "wire.violation"), ("call_errors", "wire.call_error"))
    return [
        {
            "what": said(word), "sender": said("wire.csms" if row["direction"] == "in" else "wire.station"),
            "action": row["action"], "kind": said(f"wire.{row['kind']}"), "word": row["word"],
            "count": f"{row['count']:,}", "time": clock(run, row["t_s"]), "point": row["charge_point"],
            "sample": row["sample"],
        }
        for key, word in kinds
        for row in (wire.get(key) or [])[:MOST_REMARKS]
    ]  # fmt: skip


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _pile_of(subject: str) -> str:
    return subject.removeprefix("pile[").partition("]")[0]
