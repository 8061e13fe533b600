"""The real site's sessions of 2022 through the twin, beside what was recorded; writes docs/validation.md.

`make validation`. Definitions are those of the data's own notes, restated in the page. Nothing here is asserted: a
fast test runs the same functions over a few sessions.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from statistics import fmean, median

import numpy as np
from availability_table import availability_lines
from queue_coverage import coverage_lines
from queue_table import queue_lines

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import ACCEPTANCE_MAPS
from twins.books import energy_book
from twins.charging import DRIVING_WARMTH_K, PLUG_S
from twins.pack import Pack
from twins.platform import LocalPlatform
from twins.replay import ReplayRow, desl_rows
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.visits import Session

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "twins" / "data" / "desl"
STEP_S = 0.1
FULL_C = 1.0 / 50.0
SITE = ACCEPTANCE_MAPS["site_2022"]
MONTHS = {4: "April", 5: "May", 6: "June", 7: "July", 8: "August", 9: "September", 10: "October", 11: "November",
          12: "December"}  # fmt: skip


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


def overlaps(charges: Sequence[Charge]) -> list[float]:
    """For each session the share of its stay during which the other outlet had a session too."""
    shares = []
    ordered = sorted(range(len(charges)), key=lambda index: charges[index].arrived_s)
    longest = max((charge.left_s - charge.arrived_s for charge in charges), default=0.0)
    starts = [charges[index].arrived_s for index in ordered]
    for one in charges:
        low = np.searchsorted(starts, one.arrived_s - longest)
        high = np.searchsorted(starts, one.left_s)
        others = (charges[ordered[position]] for position in range(int(low), int(high)))
        shared_s = sum(
            max(0.0, min(one.left_s, other.left_s) - max(one.arrived_s, other.arrived_s))
            for other in others
            if other.outlet != one.outlet
        )
        shares.append(shared_s / max(one.left_s - one.arrived_s, 1.0))
    return shares


def figures(charges: Sequence[Charge]) -> dict[str, float]:
    """What the page compares."""
    shares = overlaps(charges)
    single = [charge for charge, share in zip(charges, shares, strict=True) if share == 0.0]
    shared = [charge for charge, share in zip(charges, shares, strict=True) if share > 0.5]
    found: dict[str, float] = {"sessions": len(charges), "single": len(single), "overlapped": len(shared)}
    found["energy median, kWh"] = median(charge.energy_kwh for charge in charges)
    found["stay median, min"] = median(charge.stay_s for charge in charges) / 60.0
    if single and shared:
        means = [fmean(charge.mean_kw for charge in group) for group in (single, shared)]
        peaks = [median(charge.peak_kw for charge in group) for group in (single, shared)]
        found |= {
            "mean power single, kW": means[0], "mean power overlapped, kW": means[1],
            "ratio of mean powers": means[1] / means[0], "median peak single, kW": peaks[0],
            "median peak overlapped, kW": peaks[1], "ratio of peaks": peaks[1] / peaks[0],
        }  # fmt: skip
    for month, name in MONTHS.items():
        peaks = [charge.peak_kw for charge in charges if charge.month == month]
        if peaks:
            found[f"median peak {name} ({len(peaks)}), kW"] = median(peaks)
    return found


def _curve(curve: tuple[tuple[float, float], ...], x: np.ndarray) -> np.ndarray:
    knots, values = zip(*curve, strict=True)
    return np.interp(x, knots, values)


def against_reference(run: Replayed) -> dict[str, tuple[float, float]]:
    """Twin against steps of 0.1 s for every charge that reached its target: {what: (99th percentile, worst)}.

    The same equations, another way of solving them. When the other outlet charged is taken from the twin.
    """
    charged = [one for one in run.sessions if one.outcome == "charged" and one.stop_reason == "target_reached"]
    begin = np.array([one.started_s or 0.0 for one in charged])
    twin_s = np.array([one.stopped_s or 0.0 for one in charged]) - begin
    outlet = np.array([one.connector for one in charged])
    meets = (outlet[:, None] != outlet) & (begin[:, None] < begin + twin_s) & (begin < (begin + twin_s)[:, None] + 60.0)
    most = int(meets.sum(axis=1).max(initial=1))
    others = np.argsort(~meets, axis=1, kind="stable")[:, :most]
    is_other = np.take_along_axis(meets, others, axis=1)
    other_begin = np.where(is_other, begin[others] - begin[:, None], np.inf)
    other_end = np.where(is_other, begin[others] + twin_s[others] - begin[:, None], -np.inf)
    by_id = dict(zip((one.id for one in run.sessions), sorted(run.rows, key=lambda row: (row.arrival_s, row.connector)),
                     strict=False))  # fmt: skip
    rows = [by_id[one.id] for one in charged]
    packs = [Pack(row.capacity_kwh, row.power_max_kw, "nmc", config=row.arrival().model.pack) for row in rows]
    air = np.array([run.station.file.weather.monthly_mean_c[_month(run, one) - 1] for one in charged], dtype=float)  # type: ignore[index]
    soc = np.array([row.soc_in_pct for row in rows]) / 100.0
    target = np.array([row.soc_target_pct for row in rows]) / 100.0
    strength = np.array([SITE.strength_kw(row.capacity_kwh, row.power_max_kw) for row in rows])
    cells = _Cells(packs, air + DRIVING_WARMTH_K, air)
    (pile,) = run.station.piles.values()
    own_kw = np.array([row.power_max_kw for row in rows]) * SITE.ceiling
    whole_kw = pile.model.evse_max_kw
    block_kw = np.array(pile.model.blocks)[outlet - 1] / sum(pile.model.blocks)
    block_kw *= pile.model.rated_kw * pile.model.block_yield
    energy, ended, t = np.zeros(len(rows)), np.full(len(rows), np.nan), 0.0
    soc_at_twin = np.full(len(rows), np.nan)
    while np.isnan(ended).any() or np.isnan(soc_at_twin).any():
        is_shared = ((other_begin <= t) & (t < other_end)).any(axis=1)
        limit = np.minimum(own_kw, np.where(is_shared, block_kw, whole_kw))
        wanted = np.minimum(limit, strength * _curve(SITE.rates, cells.temp) * _curve(SITE.shares, soc))
        power, rise, is_full = cells.step(soc, wanted)
        due = np.isnan(soc_at_twin) & (twin_s < t + STEP_S)
        soc_at_twin[due] = (soc + rise * (twin_s - t) / STEP_S)[due]
        share = np.clip((target - soc) / np.maximum(rise, 1e-12), 0.0, 1.0)
        full = np.isnan(ended) & ((share < 1.0) | is_full)
        ended[full] = (t + share * STEP_S * ~is_full)[full]
        energy += np.where(np.isnan(ended) | full, share, 0.0) * power * STEP_S / SECONDS_PER_HOUR
        soc = soc + rise
        t += STEP_S
        if t > 6 * SECONDS_PER_HOUR:
            break
    twin_kwh = np.array([one.energy_true_kwh for one in charged])
    errors = {
        "end of charge, s": np.abs(twin_s - ended),
        "energy, %": 100.0 * np.abs(twin_kwh / energy - 1.0),
        "SOC at the twin's end, points": np.abs(100.0 * soc_at_twin - [one.soc_out_pct for one in charged]),
    }
    found = {name: (float(np.quantile(error, 0.99)), float(error.max())) for name, error in errors.items()}
    return {"charges": (len(charged), len(charged)), **found}


class _Cells:
    """The packs of all charges at once, in steps of `STEP_S`: the equations of the physics sheet, section 1."""

    def __init__(self, packs: Sequence[Pack], temp_c: np.ndarray, air_c: np.ndarray) -> None:
        self.temp, self.air, self.slow_v = temp_c.copy(), air_c, np.zeros(len(packs))
        (self.cell,) = {pack.chemistry for pack in packs}
        self.first = packs[0]
        self.unit_kw = np.array([pack.unit_kw for pack in packs])
        self.heat_capacity = np.array([pack.heat_capacity_j_k for pack in packs])
        self.cooling = np.array([pack.cooling_w_k for pack in packs])

    def step(self, soc: np.ndarray, wanted_kw: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(power at the terminals in kW, rise of charge, whether it is full) of one step that asks for `wanted_kw`."""
        pack, kelvin = self.first, self.temp + 273.15
        cold = 1.0 / kelvin - 1.0 / 298.15
        ohmic_v = pack.ohmic_v * np.exp(pack.ohmic_k * cold)
        inner_v = np.interp(soc, np.linspace(0.0, 1.0, 51), self.cell.ocv_v) + self.slow_v
        inner_v += pack.entropy_v_k * (self.temp - 25.0)
        wanted_v = wanted_kw / self.unit_kw
        rate = 2.0 * wanted_v / (inner_v + np.sqrt(inner_v**2 + 4.0 * ohmic_v * wanted_v))
        held = np.maximum(0.0, (pack.max_v - inner_v) / ohmic_v)
        is_full = (held < rate) & (held < FULL_C)
        rate = np.minimum(rate, held)
        power_kw = rate * (inner_v + rate * ohmic_v) * self.unit_kw
        heat_kw = rate * (rate * ohmic_v + self.slow_v + pack.entropy_v_k * kelvin) * self.unit_kw
        slow_v = np.interp(soc, np.linspace(0.0, 1.0, 11), self.cell.slow_v) * pack.slow_scale
        self.slow_v += STEP_S / self.cell.slow_s * (rate * slow_v * np.exp(pack.slow_k * cold) - self.slow_v)
        given_off_w = self.cooling * np.maximum(0.0, self.temp - pack.coolant_c)
        given_off_w += pack.passive_w_k * (self.temp - self.air)
        self.temp += STEP_S * (1_000.0 * heat_kw - given_off_w) / self.heat_capacity
        return power_kw, rate * STEP_S / SECONDS_PER_HOUR, is_full


def _month(run: Replayed, one: Session) -> int:
    return run.station.kernel.clock.local(SimTime(one.plugged_s or 0.0)).month


def page(run: Replayed, twin: dict[str, float], real: dict[str, float], checked: dict[str, tuple[float, float]],
         theory: list[str]) -> str:  # fmt: skip
    """The text of docs/validation.md."""
    lines = [
        "# How near the twin comes", "",
        f"Written by `make validation` on {date.today()}: Python {platform.python_version()}, {os.cpu_count()} cores,"
        f" {run.cpu_s:.1f} s CPU for {len(run.sessions)} sessions"
        f" ({run.plans / len(run.sessions):.0f} plans a session).", "",
        "## The recorded site", "",
        "The sessions of 2022 of the two-outlet site (`twins/data/desl`) come to the station `two-outlet` as they came:"
        " arrival, outlet, pack, charge in and target, requested peak. When a car has what it came for it leaves, so"
        " the stay, the powers and the peaks are outputs. Bounded packs: 8 to 120 kWh.", "",
        "Definitions: mean power is energy over stay (the recorded one in whole minutes);"
        " *single*: no overlap with a stay at the other outlet;"
        " *overlapped*: more than half of the stay overlaps; means are arithmetic, peaks medians.", "",
        "| | recorded | twin |", "| --- | ---: | ---: |",
    ]  # fmt: skip
    lines += [f"| {name} | {_shown(real.get(name))} | {_shown(twin.get(name))} |" for name in _names(real, twin)]
    lines += [
        "", f"Energy book over the whole replay: open by {run.residual_rel:.1e} of the import (limit 1e-9).", "",
        "What this proves, and what not: the acceptance curve, the share of the nameplate, the warmth factor, the"
        " charge that a recorded kWh stands for, the blocks of modules and the minutes before and after charging were"
        " **fitted to these same sessions**. That energy agrees is nearly given, since the recorded pack size follows"
        " from it. The ratio of mean powers of overlapped to single sessions was not fitted by itself and stays above"
        " the recorded one; no fixed sharing rule that was tried (max-min, halves, first come) comes nearer. Air"
        " temperatures are monthly means of the region, not the site's.", "",
        "## Segments against steps", "",
        "The twin plans each charge as a few closed-form segments. The same equations stepped every 0.1 s, for every"
        " charge that reached its target or was full; when the other outlet charged beside it is taken from the twin."
        " A full battery trickles: for the same charge the instant of its end is a matter of tens of seconds.", "",
        "| | 99th percentile | worst | goal |", "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    goals = {"energy, %": "0.1", "SOC at the twin's end, points": "0.05"}
    lines += [
        f"| {name} | {values[0]:.3g} | {values[1]:.3g} | {goals.get(name, '')} |" for name, values in checked.items()
    ]
    return "\n".join([*lines, "", *theory, ""])


def _names(*tables: dict[str, float]) -> list[str]:
    months = [name for table in tables for name in table if name.startswith("median peak ") and "(" in name]
    return list(dict.fromkeys([name for table in tables for name in table if name not in months] + months))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value == int(value) and value > 12 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "validation.md")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="of each queueing experiment")
    chosen = parser.parse_args()
    run = replayed()
    queues = [*queue_lines(chosen.sessions), "", *coverage_lines(20, max(1_000, chosen.sessions // 10))]
    theory = [*queues, "", *availability_lines(max(200, chosen.sessions // 50))]
    text = page(run, figures(run.charges), figures(recorded()), against_reference(run), theory)
    chosen.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
