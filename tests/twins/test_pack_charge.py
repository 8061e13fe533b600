"""Physics sheet, section 1: the pack's own code beside the reference charges of single cells."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import twins
from twins.pack_charge import CELL_AH, PackChargeParameters, charge_cell

REFERENCE = Path(twins.__file__).parent / "data" / "pack" / "pybamm_cases.csv"


@cache
def cases() -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["case_id"], []).append(row)
    return found


def column(case: str, name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in cases()[case]])


def charged(case: str) -> dict[str, np.ndarray]:
    first = cases()[case][0]
    chemistry = "nmc" if case.startswith("N") else "lfp"
    cooling_w_m2k = float(first["h_W_m2K"] or 1e4)  # those without a figure keep their temperature
    given = PackChargeParameters(
        chemistry=chemistry, c_rate=float(first["current_A"]) / CELL_AH[chemistry],
        ambient_c=float(first["ambient_C"]), cooling_w_m2k=cooling_w_m2k,
        soc_start_pct=100.0 * float(first["soc"]), voltage_max_v=column(case, "voltage_V").max(), step_s=10.0,
    )  # fmt: skip
    charge = charge_cell(given)
    return dict(zip(charge.columns, np.array(charge.rows).T, strict=True))


@pytest.mark.parametrize("case", ["N01", "N03", "N05", "N06", "N08", "L01", "L02"])
def test_section_1_a_cell_beside_its_reference_charge(case: str) -> None:
    ours, t_s = charged(case), column(case, "t_s")
    is_both = t_s <= ours["t_s"][-1]
    volts = np.interp(t_s[is_both], ours["t_s"], ours["voltage_v"]) - column(case, "voltage_V")[is_both]
    kelvins = np.interp(t_s[is_both], ours["t_s"], ours["temp_c"]) - column(case, "temp_C")[is_both]
    at_80_s = np.interp(80.0, ours["soc_pct"], ours["t_s"])
    reference_s = np.interp(0.8, column(case, "soc"), t_s)
    assert 1_000.0 * np.sqrt(np.mean(volts**2)) <= 60.0
    assert np.abs(kelvins).max() <= 4.0
    assert at_80_s == pytest.approx(reference_s, rel=0.12)
    assert ours["t_s"][-1] == pytest.approx(t_s[-1], rel=0.14)  # the last minutes trickle; no goal of the sheet


def test_constant_current_then_constant_voltage() -> None:
    ours = charged("N06")
    holds = ours["voltage_v"] >= 4.2 - 1e-4
    first = int(np.argmax(holds))
    assert np.ptp(ours["current_a"][:first]) < 2e-3 * ours["current_a"][0]
    assert np.ptp(ours["voltage_v"][first:]) < 0.005
    assert np.diff(ours["current_a"][first:]).max() < 0.015, "where the fitted resistance falls it rises a little"
    assert ours["current_a"][-1] == ours["current_a"].min()
    assert ours["current_a"][-1] == pytest.approx(4.967 / 20.0, rel=0.1)


def test_a_cell_charges_slower_in_the_cold_and_warms_itself() -> None:
    def charge(ambient_c: float) -> dict[str, np.ndarray]:
        found = charge_cell(PackChargeParameters(ambient_c=ambient_c, c_rate=1.0, step_s=30.0))
        return dict(zip(found.columns, np.array(found.rows).T, strict=True))

    cold, warm = charge(0.0), charge(25.0)
    assert cold["t_s"][-1] > 1.1 * warm["t_s"][-1]
    assert cold["temp_c"].max() > 3.0
    assert cold["voltage_v"][10] > warm["voltage_v"][10] + 0.05
