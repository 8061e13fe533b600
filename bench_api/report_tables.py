"""Tables of a report: what each pile did, and where the money came from."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from sim.reading import Run

__all__ = ["bill_sums", "pile_table"]


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


def bill_sums(run: Run) -> dict[str, Any]:
    """What all bills amount to by kind in CNY, and how many there are; empty where no bill was issued."""
    sums: defaultdict[str, float] = defaultdict(float)
    count = 0
    for event in run.events(kind="bill.issued"):
        count += 1
        for name in ("energy_cny", "service_cny", "occupancy_cny", "total_cny"):
            sums[name] += float(event.data.get(name) or 0.0)
    return {"count": count, **{name: f"{value:,.2f}" for name, value in sums.items()}} if count else {}


def _pile_of(subject: str) -> str:
    return subject.removeprefix("pile[").partition("]")[0]
