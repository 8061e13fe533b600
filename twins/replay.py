"""Replayed demand: vehicles as they came, from a file or from the recorded site."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from sim.errors import FileProblem, FileProblems
from sim.files import did_you_mean
from sim.yaml_nodes import read_text
from twins.drivers import Arrival, Habits
from twins.pack import PackConfig
from twins.vehicle import VehicleModel

__all__ = ["ReplayRow", "desl_rows", "read_replay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """One vehicle of a replayed day; `stay_s` None: it leaves when its target is reached."""

    arrival_s: float
    stay_s: float | None
    connector: int
    capacity_kwh: float
    soc_in_pct: float
    soc_target_pct: float
    power_max_kw: float

    def arrival(self) -> Arrival:
        """The row as a vehicle on its way, its battery as the recorded site's were.

        Recorded capacities are 0.95 of what the terminals took: so much charge makes that energy of it again.
        """
        pack = PackConfig(capacity_ah=_RECORDED_AH_KWH * self.capacity_kwh)
        model = VehicleModel(
            name="recorded", capacity_kwh=self.capacity_kwh, dc_max_kw=self.power_max_kw,
            ac_max_kw=min(self.power_max_kw, 100.0), chemistry="nmc", acceptance="site_2022",
            pack=pack,
        )  # fmt: skip
        return Arrival(self.arrival_s, model, self.soc_in_pct, self.soc_target_pct, Habits(stay_s=self.stay_s))


_RECORDED_AH_KWH = 0.98 * 1_000.0 / 350.4
_DESL = Path(__file__).parent / "data" / "desl" / "sessions_calibration.csv"
_BOUNDS: dict[str, tuple[float, float, str]] = {
    "arrival_s": (0, 1e9, "seconds from the start, 0 or more"),
    "stay_s": (0, 1e9, "seconds, more than 0, or empty: until the target is reached"),
    "connector": (1, 1e6, "a whole number from 1, in the station's order"),
    "capacity_kwh": (1, 1_000, "1 to 1000 kWh"),
    "soc_in_pct": (0, 100, "0 to 100 %"),
    "soc_target_pct": (0, 100, "0 to 100 %, more than soc_in_pct"),
    "power_max_kw": (0.1, 2_000, "0.1 to 2000 kW"),
}


def read_replay(path: Path) -> tuple[ReplayRow, ...]:
    """The vehicles of a replay file, in file order; FileProblems with every finding, by line and column name."""
    file, problems, rows = str(path), list[FileProblem](), list[ReplayRow]()
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if columns is None:
                columns = [cell.strip() for cell in cells]
                _check_header(file, line, columns)
            elif len(cells) != len(columns):
                what = f"{len(cells)} cells, but the header has {len(columns)}"
                problems.append(FileProblem(file, line, "", what, "one cell a column"))
            else:
                before = len(problems)
                values = {
                    name: _number(file, line, name, cell, problems) for name, cell in zip(columns, cells, strict=True)
                }
                if len(problems) == before:
                    rows.append(_row(file, line, values, problems))
    except csv.Error as error:
        problems.append(FileProblem(file, reader.line_num, "", f"not CSV ({error})", "cells parted by commas"))
    if columns is None and not problems:
        problems.append(FileProblem(file, 0, "", "the file is empty", f"a header: {','.join(_BOUNDS)}"))
    if problems:
        raise FileProblems(problems)
    return tuple(rows)


@cache
def desl_rows() -> tuple[ReplayRow, ...]:
    """The recorded sessions, by arrival, in seconds since midnight of the first local day; stays are left open.

    Clock changes are not undone: seconds count along the local clock. Sessions whose charge did not rise are left out.
    """
    with _DESL.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    arrivals = [datetime.fromisoformat(record["Arrival"]) for record in records]
    midnight = min(arrivals).replace(hour=0, minute=0, second=0)
    rows = [
        ReplayRow(
            arrival_s=(arrival - midnight).total_seconds(),
            stay_s=None,
            connector={"CCS1": 1, "CCS2": 2}[record["CCS"]],
            capacity_kwh=min(max(float(record["Energy capacity (Wh)"]) / 1000, 8.0), 120.0),
            soc_in_pct=float(record["SOC arrival"]),
            soc_target_pct=float(record["SOC departure"]),
            power_max_kw=float(record["Preq_max (W)"]) / 1000,
        )
        for arrival, record in zip(arrivals, records, strict=True)
        if float(record["SOC departure"]) > float(record["SOC arrival"])
    ]
    return tuple(sorted(rows, key=lambda row: (row.arrival_s, row.connector)))


def _check_header(file: str, line: int, columns: list[str]) -> None:
    found = [
        FileProblem(file, line, name, "unknown column", did_you_mean(name, _BOUNDS))
        for name in columns
        if name not in _BOUNDS
    ]
    found += [
        FileProblem(file, line, name, "column missing", bound[2])
        for name, bound in _BOUNDS.items()
        if name not in columns
    ]
    found += [
        FileProblem(file, line, name, "column given twice", "each column once")
        for name in _BOUNDS
        if columns.count(name) > 1
    ]
    if found:
        raise FileProblems(found)


def _number(file: str, line: int, name: str, cell: str, problems: list[FileProblem]) -> float | None:
    low, high, right = _BOUNDS[name]
    text = cell.strip()
    if name == "stay_s" and not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if "_" in text or not math.isfinite(value):
        problems.append(FileProblem(file, line, name, f"{text!r} is not a number" if text else "empty", right))
    elif not low <= value <= high or (name == "stay_s" and value == 0):
        problems.append(FileProblem(file, line, name, f"{text} is out of range", right))
    elif name == "connector" and value != int(value):
        problems.append(FileProblem(file, line, name, f"{text} is not whole", right))
    return value


def _row(file: str, line: int, values: dict[str, float | None], problems: list[FileProblem]) -> ReplayRow:
    stay_s = values["stay_s"]
    known = {name: value for name, value in values.items() if value is not None}
    if known["soc_target_pct"] <= known["soc_in_pct"]:
        what = f"{known['soc_target_pct']:g} % is not above soc_in_pct, {known['soc_in_pct']:g} %"
        problems.append(FileProblem(file, line, "soc_target_pct", what, _BOUNDS["soc_target_pct"][2]))
    return ReplayRow(
        arrival_s=known["arrival_s"],
        stay_s=stay_s,
        connector=int(known["connector"]),
        capacity_kwh=known["capacity_kwh"],
        soc_in_pct=known["soc_in_pct"],
        soc_target_pct=known["soc_target_pct"],
        power_max_kw=known["power_max_kw"],
    )
