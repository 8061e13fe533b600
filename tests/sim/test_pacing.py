"""Pacing: due times, deadlines and lateness are one line, read three ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.pacing import Pacing
from sim.units import SimTime


def test_a_factor_of_sixty() -> None:
    pacing = Pacing(60.0, origin_s=1000.0, start=SimTime(30.0))
    assert pacing.due(1001.0) == 90.0
    assert pacing.deadline_s(SimTime(90.0)) == 1001.0
    assert pacing.late_ms(SimTime(90.0), 1001.25) == pytest.approx(250.0)
    assert pacing.late_ms(SimTime(90.0), 1000.5) == 0.0


@given(factor=st.floats(0.01, 1e5), origin_s=st.floats(0.0, 1e7), start=st.floats(0.0, 1e8), t_s=st.floats(0.0, 1e8))
def test_deadline_and_due_are_each_others_inverse(factor: float, origin_s: float, start: float, t_s: float) -> None:
    pacing = Pacing(factor, origin_s, SimTime(start))
    t = SimTime(start + t_s)
    assert pacing.due(pacing.deadline_s(t)) == pytest.approx(t, abs=1e-6 * factor + 1e-6, rel=1e-9)
