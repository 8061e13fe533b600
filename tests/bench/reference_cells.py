"""Reference charges of single cells, computed with PyBaMM, beside the pack's own code (physics sheet, section 1)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import twins
from twins.pack_charge import CELL_AH, PackChargeParameters, charge_cell

CASES = ("N01", "N03", "N05", "N06", "N08", "L01", "L02")
GOAL_MV, GOAL_K, GOAL_PCT = 60.0, 4.0, 12.0
_REFERENCE = Path(twins.__file__).parent / "data" / "pack" / "pybamm_cases.csv"
_STILL_W_M2K = 1e4  # of those without a figure: they keep their temperature


@dataclass(frozen=True)
class Compared:
    """A charge of ours and the reference, columns by name, and how far apart they are while both charge."""

    chemistry: str
    c_rate: float
    ambient_c: float
    ours: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    rmse_mv: float
    worst_k: float
    to_80_pct: float
    end_pct: float

    @property
    def is_within(self) -> bool:
        """The goals of the physics sheet."""
        return self.rmse_mv <= GOAL_MV and abs(self.worst_k) <= GOAL_K and abs(self.to_80_pct) <= GOAL_PCT


@cache
def _rows() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    with _REFERENCE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["case_id"], []).append(row)
    return found


def reference(case: str) -> dict[str, np.ndarray]:
    """The reference charge, under the names that ours has."""
    names = {"t_s": "t_s", "current_a": "current_A", "voltage_v": "voltage_V", "soc_pct": "soc", "temp_c": "temp_C"}
    found = {name: np.array([float(row[theirs]) for row in _rows()[case]]) for name, theirs in names.items()}
    found["soc_pct"] *= 100.0
    return found


def compared(case: str) -> Compared:
    """Charge the cell as the reference was charged."""
    first, there = _rows()[case][0], reference(case)
    chemistry = "nmc" if case.startswith("N") else "lfp"
    ambient_c = float(first["ambient_C"])
    given = PackChargeParameters(
        chemistry=chemistry, c_rate=there["current_a"][0] / CELL_AH[chemistry], ambient_c=ambient_c,
        cooling_w_m2k=float(first["h_W_m2K"] or _STILL_W_M2K), soc_start_pct=there["soc_pct"][0],
        voltage_max_v=there["voltage_v"].max(), step_s=10.0,
    )  # fmt: skip
    charge = charge_cell(given)
    ours = dict(zip(charge.columns, np.array(charge.rows).T, strict=True))
    t_s = there["t_s"][there["t_s"] <= ours["t_s"][-1]]
    volts, kelvins = (
        np.interp(t_s, ours["t_s"], ours[name]) - there[name][: len(t_s)] for name in ("voltage_v", "temp_c")
    )
    at_80_s, expected_s = (np.interp(80.0, one["soc_pct"], one["t_s"]) for one in (ours, there))
    return Compared(
        chemistry, float(first["c_rate"]), ambient_c, ours, there,
        rmse_mv=1_000.0 * float(np.sqrt(np.mean(volts**2))), worst_k=float(kelvins[np.abs(kelvins).argmax()]),
        to_80_pct=100.0 * float(at_80_s / expected_s - 1.0),
        end_pct=100.0 * float(ours["t_s"][-1] / there["t_s"][-1] - 1.0),
    )  # fmt: skip
