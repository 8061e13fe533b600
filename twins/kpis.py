"""Key figures of a run, gathered as it goes: counts, waits, occupancy. Nothing is kept a session but its wait.

What each means stands in `MEANINGS`, for reports and for readers of this file alike.
"""

from __future__ import annotations

from array import array
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from sim.units import SimTime

if TYPE_CHECKING:
    from twins.station import Station
    from twins.visits import Session

__all__ = ["MEANINGS", "Kpi", "Kpis", "Meaning"]


class Meaning(NamedTuple):
    """What a key figure is called, and its definition, in English and Chinese."""

    title: str
    title_zh: str
    definition: str
    definition_zh: str


MEANINGS = {
    "arrivals": Meaning("Arrivals", "到达车辆", "Vehicles that came to the entrance.", "到达入口的车辆数。"),
    "served": Meaning(
        "Served", "已服务",
        "Vehicles whose charge ended as it should: the target reached, or ended by the driver or the platform.",
        "正常结束充电的车辆数：达到目标电量，或由司机、平台结束。",
    ),
    "failed": Meaning(
        "Failed", "失败",
        "Vehicles that were plugged in and whose charge was broken off, or never began.",
        "已插枪，但充电中断或未能开始的车辆数。",
    ),
    "turned_away": Meaning(
        "Turned away", "满位离开",
        "Vehicles that drove on at once: no bay was free, and the line was full or too long for the driver.",
        "到达后立即离开的车辆数：无空车位，且排队已满或超过司机可接受的长度。",
    ),
    "reneged": Meaning(
        "Gave up waiting", "放弃等待", "Vehicles that waited in line and left before a bay was free.",
        "排队后未等到车位即离开的车辆数。",
    ),
    "wait_mean_s": Meaning(
        "Mean wait", "平均等待",
        "From the entrance to being sent to a bay, on average over all who got one; who need not wait counts as 0.",
        "从到达入口到获派车位的时间，按所有获得车位的车辆平均；无需等待计为 0。",
    ),
    "wait_p50_s": Meaning(
        "Median wait", "等待中位数", "The wait that half of those who got a bay did not exceed.",
        "获得车位的车辆中，半数的等待时间不超过此值。",
    ),
    "wait_p95_s": Meaning(
        "95 % wait at most", "95% 等待不超过",
        "The smallest wait that at least 95 % of those who got a bay did not exceed.",
        "获得车位的车辆中，至少 95% 的等待时间不超过此值（取最小者）。",
    ),
    "utilisation_pct": Meaning(
        "Utilisation", "利用率",
        "Connector time from plugging in to leaving, as a share of the time of all connectors.",
        "各枪从插枪到车辆离开的时间之和，占全部枪总时间的比例。",
    ),
    "availability_pct": Meaning(
        "Availability", "可用率",
        "Connector time that is not locked out by a failure or for want of power, as a share of the time of all"
        " connectors; taken out of service on purpose counts as available.",
        "未因故障或失电而锁定的枪时间，占全部枪总时间的比例；人为停用计为可用。",
    ),
    "energy_kwh": Meaning(
        "Energy delivered", "充电电量", "What truly reached vehicles, charges that still run included; meters may err.",
        "实际送达车辆的电量，含仍在进行的充电；与电能表示值之间有计量误差。",
    ),
    "peak_kw": Meaning(
        "Peak power", "峰值功率",
        "The highest power at the trade meter, the transformer's losses included, taken when an instant is at rest.",
        "关口处的最大功率，含变压器损耗，取各瞬间稳定后的值。",
    ),
}  # fmt: skip
"""Every key figure by its name, in the order in which they are shown."""


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
