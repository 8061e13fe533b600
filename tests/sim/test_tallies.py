"""A tally says what the sum says, at every time, whatever its parts do."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.signals import Signal
from sim.sums import Sum
from sim.tallies import Tally
from sim.units import SimTime

number = st.floats(-200.0, 200.0)
plans = st.one_of(
    st.tuples(number, st.just(0.0), st.just(0.0), st.just(inf)),
    st.tuples(number, st.just(0.0), number, st.floats(5.0, 5_000.0)),
    st.tuples(number, st.floats(-1.0, 1.0), number, st.floats(5.0, 5_000.0)),
    st.tuples(number, st.floats(-1.0, 1.0), st.just(0.0), st.just(inf)),
)
changes = st.lists(
    st.tuples(st.floats(0.0, 900.0), st.integers(0, 2), plans, st.booleans(), st.floats(0.0, 400.0)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(changes)
def test_reads_as_the_sum_and_tells_every_step(
    moves: list[tuple[float, int, tuple[float, float, float, float], bool, float]],
) -> None:
    parts = [Signal(f"part{n}", "kW", 10.0 * n) for n in range(3)]
    inner = Sum("inner", "kW", parts[:2], scale=1.03, offset=2.0)
    whole = Sum("whole", "kW", [inner, parts[2], parts[0]], scale=0.5, offset=-3.0)
    told: list[tuple[float, float]] = []
    tally = Tally(whole, lambda step, skew: told.append((step, skew)))
    tally.read(SimTime(0.0))
    now = 0.0
    for wait_s, which, (a, b, c, tau), is_tuned, later_s in moves:
        now = SimTime(now + wait_s)
        before, bent = whole.at(now), whole.at(SimTime(now + 1e-3)) - whole.at(now)
        told.clear()
        version = parts[which].version
        parts[which].set(now, a, b, c, tau)
        if parts[which].version > version:
            ((step, skew),) = told
            assert step == pytest.approx(whole.at(now) - before, abs=1e-7)
            now_bent = whole.at(SimTime(now + 1e-3)) - whole.at(now)
            assert skew == pytest.approx((now_bent - bent) / 1e-3, abs=0.02)
        if is_tuned:
            told.clear()
            is_other = (inner.scale, inner.offset) != (0.9, float(which))
            inner.retune(now, 0.9, float(which))
            assert told == ([(inf, 0.0)] if is_other else [])
        then = SimTime(now + later_s)
        value, total, slope, bend = tally.read(then)
        assert value == pytest.approx(whole.at(then), abs=1e-6)
        assert total == pytest.approx(whole.total_at(then), abs=1e-3)
        aside = [whole.at(SimTime(then + d)) for d in (0.0, 0.05, 0.1)]
        assert slope == pytest.approx((aside[2] - aside[0]) / 0.1, abs=1.0)
        assert bend == pytest.approx((aside[2] - 2.0 * aside[1] + aside[0]) / 0.05**2, abs=0.5)


def test_a_change_before_the_first_reading_and_one_after_a_tuning_are_unknown_steps() -> None:
    part = Signal("part", "kW")
    whole = Sum("whole", "kW", [part])
    told: list[float] = []
    tally = Tally(whole, lambda step, skew: told.append(step))
    part.set(SimTime(1.0), 5.0)
    assert told == [inf]
    assert tally.read(SimTime(2.0))[:2] == (5.0, 5.0)
    whole.retune(SimTime(3.0), 2.0, 0.0)
    part.set(SimTime(4.0), 6.0)
    assert told == [inf, inf, inf]
    assert tally.read(SimTime(5.0))[:2] == (12.0, 10.0 + 10.0 + 12.0)
