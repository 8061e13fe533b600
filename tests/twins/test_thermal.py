"""Warm bodies against worked numbers and against small steps; thresholds act and let go."""

from __future__ import annotations

from datetime import datetime
from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.thermal import Threshold, WarmBody


def build(air_c: float, capacity_j_k: float, conductance_w_k: float) -> tuple[Kernel, Signal, WarmBody]:
    kernel = Kernel(Clock(datetime(2022, 7, 11), "Asia/Shanghai"), 1)
    air = Signal("weather.air_temp_c", "C", air_c)
    return kernel, air, WarmBody(kernel, "body", air, capacity_j_k, conductance_w_k)


def run_to(kernel: Kernel, t: float) -> None:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))


# Physics sheet, section 3: a 250 A contact in air of 35 C, C 96.8 J/K, Rth 9.3 K/W.
@pytest.mark.parametrize(
    ("micro_ohm", "settled_c", "at_90_s"), [(60.0, 69.9, None), (120.0, 104.8, 1_399.0), (300.0, 209.4, 341.0)]
)
def test_contact_of_section_3(micro_ohm: float, settled_c: float, at_90_s: float | None) -> None:
    kernel, _, body = build(35.0, 96.8, 1.0 / 9.3)
    reached: list[float] = []
    body.add(Threshold(90.0, lambda is_on: reached.append(kernel.now)))
    body.warm(kernel.now, 250.0**2 * micro_ohm * 1e-6)
    run_to(kernel, 20_000.0)
    assert body.temp_c.at(SimTime(20_000.0)) == pytest.approx(settled_c, abs=0.1)
    assert reached == ([] if at_90_s is None else [pytest.approx(at_90_s, rel=0.005)])


def test_body_out_of_reach_is_never_planned() -> None:
    kernel, _, body = build(35.0, 96.8, 1.0 / 9.3)
    body.add(Threshold(90.0, lambda is_on: None))
    plans = kernel.plans
    body.warm(kernel.now, 3.75)
    run_to(kernel, 50_000.0)
    assert kernel.plans == plans


def test_threshold_holds_until_five_kelvin_below_for_a_minute() -> None:
    kernel, _, body = build(20.0, 100.0, 1.0)
    turns: list[tuple[float, bool]] = []
    body.add(Threshold(60.0, lambda is_on: turns.append((kernel.now, is_on))))
    body.warm(kernel.now, 50.0)
    run_to(kernel, 1_000.0)
    assert len(turns) == 1
    body.warm(kernel.now, 36.0)  # settles at 56 C: not low enough
    run_to(kernel, 3_000.0)
    assert len(turns) == 1
    body.warm(kernel.now, 30.0)
    run_to(kernel, 5_000.0)
    crossed_s = next(t / 10 for t in range(30_000, 40_000) if 50.0 + 6.0 * exp(30.0 - t / 1_000) <= 55.0)
    assert turns[1][1] is False
    assert turns[1][0] == pytest.approx(crossed_s + 60.0, abs=0.2)


def test_rise_before_the_hold_is_over_starts_it_anew() -> None:
    kernel, _, body = build(20.0, 100.0, 1.0)
    turns: list[bool] = []
    body.add(Threshold(60.0, turns.append))
    body.warm(kernel.now, 50.0)
    run_to(kernel, 1_000.0)
    body.warm(kernel.now, 0.0)
    run_to(kernel, 1_040.0)  # 55 C after about 36 s
    body.warm(kernel.now, 39.0)  # back over 55 C before a minute is over, and below 60 C for ever
    run_to(kernel, 9_000.0)
    assert turns == [True]


def test_warmer_air_reaches_a_threshold_by_itself() -> None:
    kernel, air, body = build(30.0, 100.0, 1.0)
    turns: list[float] = []
    body.add(Threshold(60.0, lambda is_on: turns.append(kernel.now)))
    body.warm(kernel.now, 29.0)
    kernel.at(SimTime(10_000.0), lambda: air.set(kernel.now, 30.0, 10.0 / 3_600.0))
    run_to(kernel, 13_600.0)
    # the air gains 1 K in 360 s, and the body of 100 s is behind by that much
    behind_s = 100.0 * (1.0 - exp(-(turns[0] - 10_000.0) / 100.0))
    assert turns == [pytest.approx(10_360.0 + behind_s, abs=0.1)]
    assert behind_s > 98.0


def test_a_body_that_is_not_warmed_lags_the_air() -> None:
    kernel, air, body = build(30.0, 96.8, 1.0 / 9.3)  # section 3: 900 s
    tau_s = 96.8 * 9.3
    air.set(kernel.now, 30.0, 3.0 / 3_600.0)
    run_to(kernel, 3_600.0)
    lag_k = 3.0 * tau_s / 3_600.0 * (1.0 - exp(-3_600.0 / tau_s))
    assert body.temp_c.at(kernel.now) == pytest.approx(33.0 - lag_k, abs=1e-9)
    air.set(kernel.now, 21.0)
    assert body.temp_c.at(kernel.now) == pytest.approx(33.0 - lag_k, abs=1e-9), "it takes its time after a jump too"
    run_to(kernel, 3_600.0 + tau_s)
    assert body.temp_c.at(kernel.now) == pytest.approx(21.0 + (12.0 - lag_k) * exp(-1.0), abs=1e-9)


def test_a_jump_of_the_air_reaches_a_threshold_when_the_body_does() -> None:
    kernel, air, body = build(30.0, 100.0, 1.0)
    turns: list[float] = []
    body.add(Threshold(60.0, lambda is_on: turns.append(kernel.now)))
    body.warm(kernel.now, 20.0)
    kernel.at(SimTime(5_000.0), lambda: air.set(kernel.now, 45.0))
    run_to(kernel, 9_000.0)
    assert turns == [pytest.approx(5_000.0 + 100.0 * log(15.0 / 5.0), abs=1e-3)]


def test_a_body_out_of_reach_is_not_planned_for_the_air() -> None:
    kernel, air, body = build(30.0, 100.0, 1.0)
    body.add(Threshold(60.0, lambda is_on: None))
    body.warm(kernel.now, 10.0)
    run_to(kernel, 1.0)
    plans = kernel.plans
    for hour in range(24):
        air.set(SimTime(3_600.0 * hour + 1.0), 30.0 + 5.0 * (hour % 2), 5.0 / 3_600.0 * (-1.0) ** hour)
        run_to(kernel, 3_600.0 * (hour + 1))
    assert kernel.plans == plans


def test_heat_that_grows_reaches_a_threshold_within_the_hour() -> None:
    kernel, _, body = build(30.0, 150e3, 25.0)  # an idle cabinet, of 6000 s
    turns: list[float] = []
    body.add(Threshold(50.0, lambda is_on: turns.append(body.temp_c.at(kernel.now))))
    body.warm(kernel.now, 475.0)
    run_to(kernel, 100_000.0)
    body.warm(kernel.now, 475.0, 0.05)  # the sun, by 180 W in an hour
    run_to(kernel, 103_600.0)
    assert body.temp_c.at(kernel.now) == pytest.approx(49.0 + 7.2 - 12.0 * (1.0 - exp(-0.6)), abs=1e-3)
    assert turns == [pytest.approx(50.0, abs=1e-6)]


steps = st.lists(
    st.tuples(
        st.floats(1.0, 900.0), st.floats(0.0, 8_000.0), st.floats(-2.0, 2.0), st.floats(25.0, 500.0),
        st.sampled_from([0.0, 0.0, -6.0, 4.0]), st.sampled_from([0.0, 3.0, -8.0]),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(steps)
def test_follows_small_steps(changes: list[tuple[float, float, float, float, float, float]]) -> None:
    kernel, air, body = build(35.0, 150e3, 445.0)
    temp_c = air_c = 35.0
    t = 0.0
    for length_s, heat_w, slope, conductance, jump_k, air_k_h in changes:
        body.warm(SimTime(t), heat_w, slope)
        air_c += jump_k
        air.set(SimTime(t), air_c, air_k_h / 3_600.0)
        body.cool(SimTime(t), conductance)
        assert body.temp_c.at(SimTime(t)) == pytest.approx(temp_c, abs=1e-4)
        count = round(length_s / 0.1)
        step_s = length_s / count
        for n in range(count):  # midpoint rule in 0.1 s steps, of the temperature itself
            here_w = heat_w + slope * (n + 0.5) * step_s
            here_c = air_c + air_k_h / 3_600.0 * (n + 0.5) * step_s
            half_c = temp_c + 0.5 * step_s * (here_w - conductance * (temp_c - here_c)) / 150e3
            temp_c += step_s * (here_w - conductance * (half_c - here_c)) / 150e3
        t += length_s
        air_c += air_k_h / 3_600.0 * length_s
        run_to(kernel, t)
        assert body.temp_c.at(SimTime(t)) == pytest.approx(temp_c, abs=1e-4)
