"""Key figures of a run, gathered as it goes: counts, waits, occupancy. Nothing is kept a session but its wait.

Definitions. `wait`: from the entrance to being sent to a bay, of those who got one. `utilisation`: connector time from
plug-in to leaving, of all connector time. `availability`: connector time that is not faulted, whatever locks it out (a
failure, no power); taken out of service on purpose counts as available. `served`: charged. Percentiles are the smallest
value that at least that share of the waits does not exceed.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sim.units import SimTime

if TYPE_CHECKING:
    from twins.station import Station
    from twins.visits import Session

__all__ = ["Kpi", "Kpis"]


class Kpi(NamedTuple):
    """One key figure of a run; None where there was nothing to measure."""

    name: str
    value: float | None
    unit: str


class Kpis:
    """Hears of every session's end; `figures(now)` counts those still present as they stand."""

    def __init__(self, station: Station) -> None:
        """Told by `over`."""
        self._station = station
        self._outcomes: Counter[str] = Counter()
        self._waits = array("d")
        self._occupied_s = 0.0

    def over(self, session: Session) -> None:
        """A visit is over."""
        self._outcomes[session.outcome] += 1
        if session.bay_s is not None:
            self._waits.append(session.bay_s - session.arrived_s)
        if session.plugged_s is not None and session.left_s is not None:
            self._occupied_s += session.left_s - session.plugged_s

    def figures(self, now: SimTime) -> list[Kpi]:
        """Every figure at `now`."""
        station = self._station
        present = list(station.visits.present.values())
        outcomes = self._outcomes + Counter(session.outcome for session in present)
        waits = sorted([*self._waits, *(one.bay_s - one.arrived_s for one in present if one.bay_s is not None)])
        occupied_s = self._occupied_s + sum(now - one.plugged_s for one in present if one.plugged_s is not None)
        outlet_s = now * len(station.evses)
        faulted_s = sum(evse.faulted_s(now) for evse in station.evses)
        return [
            Kpi("arrivals", sum(outcomes.values()), "1"),
            Kpi("served", outcomes["charged"], "1"),
            Kpi("failed", outcomes["failed"], "1"),
            Kpi("turned_away", outcomes["turned_away"], "1"),
            Kpi("reneged", outcomes["reneged"], "1"),
            Kpi("wait_mean_s", sum(waits) / len(waits) if waits else None, "s"),
            Kpi("wait_p50_s", _quantile(waits, 0.50), "s"),
            Kpi("wait_p95_s", _quantile(waits, 0.95), "s"),
            Kpi("utilisation_pct", 100.0 * occupied_s / outlet_s if outlet_s else None, "%"),
            Kpi("availability_pct", 100.0 * (1.0 - faulted_s / outlet_s) if outlet_s else None, "%"),
            Kpi("energy_kwh", sum(evse.true_energy_kwh(now) for evse in station.evses), "kWh"),
            Kpi("peak_kw", station.grid.peak_kw, "kW"),
        ]


def _quantile(ordered: list[float], share: float) -> float | None:
    """The smallest value that at least this share does not exceed."""
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
