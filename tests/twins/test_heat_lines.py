"""Straight lines for what decays: energy exact at the end of a piece, a body never far off within it."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.signals import Signal
from sim.units import SimTime
from twins.heat_lines import TOLERANCE_K, LossLine, SunLine


class Outlet:
    def __init__(self, power_kw: Signal, wake_at: float) -> None:
        self.power_kw = power_kw
        self.wake_at = SimTime(wake_at)


@given(
    swing_kw=st.floats(-600.0, 600.0).filter(lambda kw: abs(kw) > 0.01),
    settled_kw=st.floats(0.0, 100.0),
    tau_s=st.floats(5.0, 1e5),
    length_s=st.floats(1.0, 2e4),
    w_per_kw=st.floats(5.0, 200.0),
    capacity_j_k=st.floats(5e3, 1e6),
)
def test_a_loss_keeps_its_energy_and_its_body_close(
    swing_kw: float, settled_kw: float, tau_s: float, length_s: float, w_per_kw: float, capacity_j_k: float
) -> None:
    power = Signal("power_kw", "kW")
    power.set(SimTime(0.0), settled_kw, 0.0, swing_kw, tau_s)
    line = LossLine(power, w_per_kw, Outlet(power, length_s), capacity_j_k)
    t, given_j, lines = 0.0, 0.0, 0
    scale_j = w_per_kw * (settled_kw + abs(swing_kw)) * length_s
    while t < length_s:
        until = min(line.follow(SimTime(t)), length_s)
        assert until > t and line.since == t
        for part in range(1, 17):
            dt = (until - t) * part / 16
            is_j = given_j + line.heat_w * dt + 0.5 * line.slope_w_s * dt**2
            off_j = is_j - w_per_kw * power.integral(SimTime(0.0), SimTime(t + dt))
            assert abs(off_j) <= TOLERANCE_K * capacity_j_k + 1e-9 * scale_j
        assert abs(off_j) <= 1e-9 * scale_j
        t, given_j, lines = until, is_j, lines + 1
        if lines > 300:
            return


def test_a_loss_that_stands_or_slopes_is_its_own_line() -> None:
    power = Signal("power_kw", "kW")
    line = LossLine(power, 30.0, None, 150e3)
    assert (line.follow(SimTime(5.0)), line.heat_w, line.is_on) == (inf, 0.0, False)
    power.set(SimTime(10.0), 100.0)
    assert (line.follow(SimTime(10.0)), line.heat_w, line.slope_w_s) == (inf, 3_000.0, 0.0)
    assert line.is_on
    power.set(SimTime(20.0), 100.0, 0.5)
    assert (line.follow(SimTime(40.0)), line.heat_w, line.slope_w_s) == (inf, 3_300.0, 15.0)


def test_no_more_than_600_w_m2_fall_on_walls() -> None:
    sun = Signal("sun_w_m2", "W/m2")
    line = SunLine(sun, 1.2)
    sun.set(SimTime(0.0), 500.0, 0.1)
    assert line.follow(SimTime(0.0)) == pytest.approx(1_000.0)
    assert (line.heat_w, line.slope_w_s) == (pytest.approx(600.0), pytest.approx(0.12))
    line.follow(SimTime(1_000.0))
    assert (line.heat_w, line.slope_w_s) == (720.0, 0.0)
    sun.set(SimTime(3_600.0), 860.0, -0.1)
    assert line.follow(SimTime(3_600.0)) == pytest.approx(6_200.0)
    assert (line.heat_w, line.slope_w_s) == (720.0, 0.0)
    assert line.follow(line.follow(SimTime(3_600.0))) == inf
    assert (line.heat_w, line.slope_w_s) == (pytest.approx(720.0), pytest.approx(-0.12))
