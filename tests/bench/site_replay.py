"""The real site's sessions of 2022, as recorded and as the twin plays them."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.books import energy_book
from twins.charging import PLUG_S
from twins.platform import LocalPlatform
from twins.replay import ReplayRow, desl_rows
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "twins" / "data" / "desl"


@dataclass(frozen=True)
class Charge:
    """One session as recorded or as replayed; times in s, energy in kWh, power in kW."""

    outlet: int
    arrived_s: float
    left_s: float
    energy_kwh: float
    peak_kw: float
    month: int
    stay_s: float

    @property
    def mean_kw(self) -> float:
        return self.energy_kwh * SECONDS_PER_HOUR / self.stay_s


@dataclass(frozen=True)
class Replayed:
    station: Station
    rows: tuple[ReplayRow, ...]
    sessions: list[Session]
    charges: list[Charge]
    residual_rel: float
    cpu_s: float
    plans: int


def recorded() -> list[Charge]:
    """The sessions as the site recorded them."""
    (path,) = RECORDED.glob("*.csv")
    charges = []
    with path.open(encoding="utf-8", newline="") as file:
        for record in csv.DictReader(file):
            arrived, left = (datetime.fromisoformat(record[name]) for name in ("Arrival", "Departure"))
            base = datetime(2022, 1, 1)
            charges.append(
                Charge(
                    int(record["CCS"][-1]), (arrived - base).total_seconds(), (left - base).total_seconds(),
                    float(record["Energy (Wh)"]) / 1000.0, float(record["Pmax (W)"]) / 1000.0, arrived.month,
                    float(record["Stay (min)"]) * 60.0,
                )
            )  # fmt: skip
    return [charge for charge in charges if charge.stay_s > 0.0]


def replayed(count: int | None = None) -> Replayed:
    """The first `count` sessions (all, if None) through the shipped station, stay left open."""
    rows = desl_rows()[:count]
    file = read_station(find_station("two-outlet")).value
    (path,) = RECORDED.glob("*.csv")
    with path.open(encoding="utf-8", newline="") as table:
        first = min(datetime.fromisoformat(record["Arrival"]) for record in csv.DictReader(table))
    kernel = Kernel(Clock(first.replace(hour=0, minute=0, second=0), file.station.timezone), 1)
    station = Station(kernel, file, LocalPlatform(kernel))
    sessions: list[Session] = []
    station.visits.on_session = sessions.append
    station.replay(rows)
    began = time.process_time()
    end = SimTime(rows[-1].arrival_s + 86_400.0)
    kernel.advance(end)
    kernel.jump(end)
    cpu_s = time.process_time() - began
    sessions.sort(key=lambda one: one.id)
    charges = [
        Charge(one.connector, one.plugged_s - PLUG_S, one.left_s, one.energy_true_kwh, one.power_max_kw,
               kernel.clock.local(SimTime(one.arrived_s)).month, one.left_s - one.plugged_s + PLUG_S)
        for one in sessions
        if one.left_s is not None and one.plugged_s is not None and one.started_s is not None
    ]  # fmt: skip
    return Replayed(station, rows, sessions, charges, energy_book(station, end).residual_rel, cpu_s, kernel.plans)
