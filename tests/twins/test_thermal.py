"""Warm bodies against worked numbers and against small steps; thresholds act and let go."""

from __future__ import annotations

from datetime import datetime
from math import exp

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
    assert turns == [pytest.approx(10_360.0, abs=0.1)]


steps = st.lists(
    st.tuples(st.floats(1.0, 900.0), st.floats(0.0, 8_000.0), st.floats(-2.0, 2.0), st.floats(25.0, 500.0)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_follows_small_steps(changes: list[tuple[float, float, float, float]]) -> None:
    _, _, body = build(35.0, 150e3, 445.0)
    rise_k, t = 0.0, 0.0
    for length_s, heat_w, slope, conductance in changes:
        body.warm(SimTime(t), heat_w, slope)
        body.cool(SimTime(t), conductance)
        count = round(length_s / 0.1)
        for n in range(count):  # midpoint rule in 0.1 s steps
            here = heat_w + slope * (n + 0.5) * length_s / count
            half = rise_k + 0.5 * length_s / count * (here - conductance * rise_k) / 150e3
            rise_k += length_s / count * (here - conductance * half) / 150e3
        t += length_s
        assert body.rise_k.at(SimTime(t)) == pytest.approx(rise_k, abs=1e-4)
