"""Segments: values, exact integrals, crossings; sums that account exactly and record the same energy."""

from __future__ import annotations

from array import array
from enum import Enum
from math import exp, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.signals import Signal, State
from sim.sum_rows import SumRecord
from sim.sums import Sum
from sim.units import SimTime

values = st.floats(-200.0, 200.0)
slopes = st.sampled_from([0.0, 0.0, 0.5, -0.25])
taus = st.floats(5.0, 5_000.0)


def quadrature(signal: Signal | Sum, t0: float, t1: float) -> float:
    times = np.linspace(t0, t1, 20_001)
    return float(np.trapezoid([signal.at(SimTime(t)) for t in times], times))


@given(values, slopes, values, taus, st.floats(1.0, 4_000.0))
def test_integral_is_the_area_under_the_values(a: float, b: float, c: float, tau: float, h: float) -> None:
    signal = Signal("x.power_kw", "kW")
    signal.set(SimTime(10.0), a, b, c, tau)
    area = signal.integral(SimTime(10.0), SimTime(10.0 + h))
    fine = np.linspace(0.0, h, 4_001)
    direct = float(np.trapezoid(a + b * fine + c * np.exp(-fine / tau), fine))
    assert area == pytest.approx(direct, rel=1e-3, abs=1e-3 * h * (1 + abs(c)))


@given(values, slopes, values, taus, values)
def test_crossing_is_where_the_value_is_the_level(a: float, b: float, c: float, tau: float, level: float) -> None:
    signal = Signal("x", "kW")
    signal.set(SimTime(0.0), a, b, c, tau)
    t = signal.crossing(level, SimTime(0.0))
    if t is not None:
        assert t > 0.0
        assert signal.at(t) == pytest.approx(level, abs=1e-6 * (1 + abs(a) + abs(c) + abs(b) * t))
    else:
        times = np.linspace(1e-6, 20 * tau, 4_000)
        curve = a + b * times + c * np.exp(-times / tau) - level
        clear = np.abs(curve) > 1e-6 * (1 + abs(a) + abs(c))
        assert len(set(np.sign(curve[clear]))) <= 1


def test_totals_add_up_over_segments_and_ignore_rewritten_constants() -> None:
    signal = Signal("x", "kW", 10.0)
    signal.set(SimTime(100.0), 10.0)
    assert signal.version == 0
    signal.set(SimTime(100.0), 0.0, 0.0, 50.0, 20.0)
    signal.set(SimTime(140.0), 5.0)
    expected = 1_000.0 + 50.0 * 20.0 * (1 - exp(-2.0)) + 5.0 * 60.0
    assert signal.total_at(SimTime(200.0)) == pytest.approx(expected, rel=1e-14)


def test_sum_accounts_exactly_and_its_record_reintegrates() -> None:
    one, two = Signal("one", "kW"), Signal("two", "kW")
    total = Sum("total", "kW", [one, two], scale=1.04, offset=3.0)
    upper = Sum("upper", "kW", [total], scale=1.01, offset=0.5)
    for leaf in (one, two):
        leaf.rows = array("d")
    record = SumRecord([total, upper], SimTime(0.0))
    one.set(SimTime(0.0), 10.0, 0.0, 90.0, 300.0)
    two.set(SimTime(5.0), 3.0, 0.0, 70.0, 800.0)
    chunks = [record.write(SimTime(100.0))]
    for leaf in (one, two):
        leaf.rows = array("d")
    before = total.total_at(SimTime(250.0))
    total.retune(SimTime(250.0), 1.05, 2.5)
    assert total.total_at(SimTime(250.0)) == pytest.approx(before, rel=1e-15)
    one.set(SimTime(600.0), 0.0)
    end = SimTime(900.0)
    chunks.append(record.write(end))
    assert upper.total_at(end) == pytest.approx(1.01 * total.total_at(end) + 0.5 * end, rel=1e-13)
    for which, quantity in enumerate((total, upper)):
        rows = np.concatenate([chunk[which][1] for chunk in chunks])
        ends = [*rows[1:, 0], float(end)]
        again = 0.0
        for (t0, a, b, c, tau), t1 in zip(rows, ends, strict=True):
            h = t1 - t0
            again += a * h + 0.5 * b * h * h + (c * tau * (1 - exp(-h / tau)) if c else 0.0)
            if t0 >= 600.0:  # what a sum says of the past is not its present plan
                assert a + c == pytest.approx(quantity.at(SimTime(t0)), rel=1e-12)
        assert again == pytest.approx(quantity.total_at(end), rel=1e-12)


def test_a_retuned_sum_among_others_is_recorded_where_they_change() -> None:
    one, two, stays = (Signal(name, "kW") for name in ("one", "two", "stays"))
    bare = Sum("bare", "kW", [], offset=2.0)
    inner = Sum("inner", "kW", [one, stays], scale=1.1)
    outer = Sum("outer", "kW", [inner, two, bare])
    top = Sum("top", "kW", [outer], scale=2.0)
    for leaf in (one, two, stays):
        leaf.rows = array("d")
    record = SumRecord([inner, outer, top], SimTime(0.0))
    one.set(SimTime(0.0), 10.0, 0.0, 90.0, 300.0)
    stays.set(SimTime(0.0), 4.0, 0.0, 50.0, 900.0)
    seen = {0.0: top.at(SimTime(0.0))}
    for n in range(1, 20):
        t = SimTime(20.0 * n)
        if n == 7:
            bare.retune(t, 1.0, 0.0)
        if n == 9:
            inner.retune(t, 0.5, 1.0)
        two.set(t, 5.0 * n, 0.0, 70.0, 800.0)
        seen[float(t)] = top.at(t)
    end = SimTime(400.0)
    rows = {one.path: rows for one, rows in record.write(end)}
    starts, (_, a, b, c, tau) = rows["top"][:, 0], rows["top"].T
    assert list(starts) == list(seen)
    assert a + c == pytest.approx(list(seen.values()), rel=1e-12)
    lengths = np.append(starts[1:], end) - starts
    areas = a * lengths + 0.5 * b * lengths**2 - c * tau * np.expm1(-lengths / tau)
    assert float(areas.sum()) == pytest.approx(top.total_at(end), rel=1e-12)
    assert len(rows["inner"]) == 2, "it has its own breakpoints alone"


def test_a_sum_in_which_one_part_decays_is_recorded_as_it_is() -> None:
    air, rise = Signal("air", "C", 30.0), Signal("rise", "K")
    temp = Sum("temp", "C", [air, rise], scale=1.5, offset=-2.0)
    for leaf in (air, rise):
        leaf.rows = array("d")
    record = SumRecord([temp], SimTime(0.0))
    air.set(SimTime(0.0), 30.0, 1e-3)
    rise.set(SimTime(50.0), 5.0, -2e-4, 60.0, 400.0)
    ((_, rows),) = record.write(SimTime(9_000.0))
    assert [row[0] for row in rows] == [0.0, 50.0]
    t0, a, b, c, tau = rows[-1]
    for t in (50.0, 300.0, 900.0, 4_000.0, 9_000.0):
        assert a + b * (t - t0) + c * exp(-(t - t0) / tau) == pytest.approx(temp.at(SimTime(t)), rel=1e-12)


def test_sum_matches_quadrature_and_finds_its_crossing() -> None:
    one, two = Signal("one", "kW"), Signal("two", "kW")
    total = Sum("total", "kW", [one, two])
    one.set(SimTime(0.0), 0.0, 0.0, 80.0, 400.0)
    two.set(SimTime(0.0), 60.0, 0.0, -60.0, 100.0)
    assert total.total_at(SimTime(1_000.0)) == pytest.approx(quadrature(total, 0.0, 1_000.0), rel=1e-6)
    t = total.crossing(70.0, SimTime(300.0))
    assert t is not None
    assert total.at(t) == pytest.approx(70.0, abs=1e-9)
    assert total.crossing(500.0, SimTime(0.0)) is None


@pytest.mark.parametrize("slope", [1e-3, -1e-3])
def test_a_sum_on_a_slope_is_searched_for_a_day_and_no_further(slope: float) -> None:
    falls, climbs = Signal("falls", "kW"), Signal("climbs", "kW")
    total = Sum("total", "kW", [falls, climbs])
    falls.set(SimTime(0.0), 100.0, 0.0, 50.0, 300.0)
    climbs.set(SimTime(0.0), 0.0, slope)
    near, far = 100.0 + slope * 40_000.0, 100.0 + slope * 97_000.0
    assert total.crossing(near, SimTime(10_000.0)) == pytest.approx(40_000.0, abs=1e-3)
    assert total.crossing(far, SimTime(10_000.0)) is None
    assert total.crossing(150.1 if slope < 0.0 else 99.9, SimTime(0.0)) is None


def test_state_keeps_code_and_time_of_change() -> None:
    class Lock(Enum):
        OPEN = "open"
        SHUT = "shut"

    state = State("x.lock", Lock.OPEN)
    state.rows = array("d")
    assert state.set(SimTime(3.0), Lock.SHUT)
    assert not state.set(SimTime(4.0), Lock.SHUT)
    assert list(state.rows) == [3.0, 1.0]
    assert state.labels == ["open", "shut"]
    assert state.since == 3.0
    assert inf > state.version == 1
