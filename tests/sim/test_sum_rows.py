"""Recorded sums: whatever changes, when, and however often it is written, the rows are the sum."""

from __future__ import annotations

from array import array
from math import exp, inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.signals import Signal
from sim.sum_rows import SumRecord
from sim.sums import Sum
from sim.units import SimTime

STEP_S = 2.0
TAU_S = 3.0
# What may happen at an instant: a leaf takes another form, or a sum other coefficients, or the rows are written.
CHANGE = st.one_of(
    st.tuples(
        st.just("set"), st.integers(0, 3), st.sampled_from([(1.0, 0.0, 0.0), (2.0, 0.5, 0.0), (3.0, -0.25, 4.0)])
    ),
    st.tuples(st.just("retune"), st.integers(0, 2), st.sampled_from([(1.0, 0.0), (0.5, 2.0), (-1.0, 0.25)])),
    st.tuples(st.just("write"), st.just(0), st.none()),
)  # fmt: skip


@given(st.lists(st.lists(CHANGE, max_size=4), min_size=1, max_size=12))
def test_rows_are_the_sum_at_every_instant_and_keep_its_integral(instants: list[list[tuple[str, int, Any]]]) -> None:
    leaves = [Signal(f"leaf[{number}]", "kW", float(number)) for number in range(4)]
    inner = Sum("inner", "kW", leaves[:2], scale=1.5)
    tuned = Sum("tuned", "kW", [inner, leaves[2]], offset=1.0)
    total = Sum("total", "kW", [tuned, leaves[3], leaves[0]], scale=2.0)
    sums = [inner, tuned, total]
    for leaf in leaves:
        leaf.rows = array("d")
    record = SumRecord(sums, SimTime(0.0))
    rows: dict[Sum, list[tuple[float, ...]]] = {one: [] for one in sums}
    seen: list[tuple[float, dict[Sum, tuple[float, float]]]] = []

    def write(now: float) -> None:
        for one, found in record.write(SimTime(now)):
            rows[one] += [tuple(row) for row in found.tolist()]
        for leaf in leaves:
            leaf.rows = array("d")

    t = 0.0
    for instant in instants:
        t += STEP_S
        now = SimTime(t)
        for what, which, how in instant:
            if what == "set":
                a, b, c = how
                leaves[which].set(now, a, b, c, TAU_S if c else inf)
            elif what == "retune":
                sums[which].retune(now, *how)
            else:
                write(t)
        middle = SimTime(t + 0.5 * STEP_S)
        seen.append((middle, {one: (one.at(middle), one.total_at(middle)) for one in sums}))
    write(t + STEP_S)
    end = {one: one.total_at(SimTime(t + STEP_S)) for one in sums}
    for one in sums:
        starts = [row[0] for row in rows[one]]
        assert starts == sorted(set(starts)) and starts[0] == 0.0
        ends = [*starts[1:], t + STEP_S]
        area = sum(integral(row, until) for row, until in zip(rows[one], ends, strict=True))
        assert area == pytest.approx(end[one], rel=1e-9, abs=1e-9)
        for middle, values in seen:
            row = next(row for row in reversed(rows[one]) if row[0] <= middle)
            if row[4] == TAU_S or row[3] == 0.0:  # else it is fitted: right at its ends
                assert value(row, middle) == pytest.approx(values[one][0], rel=1e-9, abs=1e-9)


def value(row: tuple[float, ...], t: float) -> float:
    t0, a, b, c, tau = row
    return a + b * (t - t0) + c * exp(-(t - t0) / tau)


def integral(row: tuple[float, ...], until: float) -> float:
    t0, a, b, c, tau = row
    dt = until - t0
    return a * dt + 0.5 * b * dt * dt + (c * tau * (1.0 - exp(-dt / tau)) if c else 0.0)


def test_what_stands_still_has_no_row_of_its_own() -> None:
    leaf, other = Signal("leaf", "kW"), Signal("other", "kW")
    total = Sum("total", "kW", [leaf, other])
    for one in (leaf, other):
        one.rows = array("d")
    record = SumRecord([total], SimTime(0.0))
    leaf.set(SimTime(0.0), 3.0, 0.1, 4.0, 10.0)
    ((_, first),) = record.write(SimTime(1.0))
    leaf.rows = array("d")
    assert record.write(SimTime(2.0)) == []
    for t in (0.0, 1.0, 1.5, 2.0):
        assert value(tuple(first[-1]), t) == pytest.approx(total.at(SimTime(t)), rel=1e-12)
    other.set(SimTime(2.0), 5.0)  # just as a window ends
    record.write(SimTime(2.0))
    ((_, third),) = record.write(SimTime(3.0))
    assert value(tuple(third[0]), 2.5) == pytest.approx(total.at(SimTime(2.5)), rel=1e-12)
