"""One contact alone: the worked numbers of the physics sheet, section 3, and the ladder."""

from __future__ import annotations

from math import log

import pytest

from twins.connector import ConnectorConfig, CoolingConfig, LadderConfig
from twins.contact_curve import ContactParameters, run_contact


@pytest.mark.parametrize(("factor", "settled_c", "at_90_s"), [(1, 69.9, None), (2, 104.8, 1_399.0), (5, 209.0, 341.0)])
def test_section_3(factor: float, settled_c: float, at_90_s: float | None) -> None:
    found = run_contact(ContactParameters(current_a=250.0, factor=factor, connector=ConnectorConfig(ladder="off")))
    assert found.settled_c == pytest.approx(settled_c, rel=0.005)
    assert found.reached_s["90"] == (None if at_90_s is None else pytest.approx(at_90_s, rel=0.005))
    assert len(found.rows) == 121 and found.rows[0] == (0.0, 250.0, 35.0)
    assert found.alarms == []


def test_the_ladder_halves_and_stops() -> None:
    found = run_contact(ContactParameters(current_a=250.0, factor=10.0, duration_s=300.0, step_s=10.0))
    hot, derated, stopped = found.alarms
    assert [alarm for _, alarm, _ in found.alarms] == ["connector_hot", "connector_derated",
                                                       "connector_overtemperature"]  # fmt: skip
    assert hot[0] == found.reached_s["80"] == pytest.approx(-900.24 * log(1.0 - 45.0 / 348.75), abs=0.01)
    assert found.reached_s["90"] == stopped[0]
    currents = {t: current_a for t, current_a, _ in found.rows}
    assert (currents[130.0], currents[140.0], currents[280.0]) == (250.0, 125.0, 0.0)
    assert derated[0] < 140.0 < stopped[0] < 280.0


def test_levels_and_kinds_are_free() -> None:
    cooled = ConnectorConfig(
        rated_a=500.0, thermal_resistance_k_w=9.0, cooled=CoolingConfig(), ladder=LadderConfig(warn_c=None)
    )
    found = run_contact(
        ContactParameters(current_a=500.0, connector=cooled, levels_c=(60.0, 66.0), duration_s=3_000.0, ambient_c=35.0)
    )
    assert found.settled_c == pytest.approx(65.0, rel=1e-9)
    assert found.reached_s == {"60": pytest.approx(2.0 * 96.8 * log(6.0), abs=0.01), "66": None}
