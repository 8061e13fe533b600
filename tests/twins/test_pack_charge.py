"""Physics sheet, section 1: the pack's own code beside the reference charges of single cells."""

from __future__ import annotations

import numpy as np
import pytest
from reference_cells import CASES, GOAL_K, GOAL_MV, GOAL_PCT, compared

from twins.pack_charge import PackChargeParameters, charge_cell


@pytest.mark.parametrize("case", CASES)
def test_section_1_a_cell_beside_its_reference_charge(case: str) -> None:
    one = compared(case)
    assert one.rmse_mv <= GOAL_MV
    assert abs(one.worst_k) <= GOAL_K
    assert abs(one.to_80_pct) <= GOAL_PCT
    assert abs(one.end_pct) <= 14.0  # the last minutes trickle; no goal of the sheet


def test_constant_current_then_constant_voltage() -> None:
    ours = compared("N06").ours
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


def test_the_end_is_where_the_current_has_fallen_whatever_the_step() -> None:
    fine, coarse = (charge_cell(PackChargeParameters(step_s=step_s)) for step_s in (10.0, 3_600.0))
    assert fine.ended == coarse.ended == "full"
    assert coarse.rows[-1] == pytest.approx(fine.rows[-1], rel=1e-9)
    assert fine.rows[-1][1] == pytest.approx(4.967 / 20.0, rel=1e-6)


def test_a_hot_cell_is_ended_by_its_bms() -> None:
    found = charge_cell(PackChargeParameters(c_rate=6.0, ambient_c=45.0, cooling_w_m2k=1.0))
    assert found.ended == "cell_overtemperature" and found.rows[-1][4] == pytest.approx(60.0, abs=1e-6)
