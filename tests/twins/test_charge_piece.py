"""The closed forms of a piece of a charge: shapes through points, their integrals and ends."""

from __future__ import annotations

from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twins.charge_piece import area, begins, falls_to_zero, fitted, follower, reach, value

rates = st.floats(0.1, 3.0)
lengths = st.floats(1.0, 3_000.0)


@given(rates, st.floats(-0.5, 0.5), st.floats(0.02, 0.98), lengths)
def test_a_decay_is_met_at_all_three_points_and_in_its_integral(
    first: float, half: float, ratio: float, length_s: float
) -> None:
    middle, last = first + half, first + half + ratio * half
    shape, beside, risen = fitted(first, middle, last, length_s)
    for dt, rate in ((0.0, first), (0.5 * length_s, middle), (length_s, last)):
        assert value(shape, dt) == pytest.approx(rate, abs=1e-9)
    assert beside == pytest.approx(0.0, abs=1e-9)
    assert risen == pytest.approx(area(shape, length_s), rel=1e-9)
    steps = [value(shape, (n + 0.5) * length_s / 2_000.0) for n in range(2_000)]
    assert risen == pytest.approx(sum(steps) * length_s / 2_000.0, rel=1e-5)


@given(rates, rates, rates, lengths)
def test_what_is_no_decay_is_met_at_both_ends_and_passes_the_middle_by_what_is_told(
    first: float, middle: float, last: float, length_s: float
) -> None:
    shape, beside, _ = fitted(first, middle, last, length_s)
    assert value(shape, 0.0) == pytest.approx(first, abs=1e-6)
    assert value(shape, length_s) == pytest.approx(last, abs=1e-6)
    assert value(shape, 0.5 * length_s) + beside == pytest.approx(middle, abs=1e-6)


@given(rates, st.floats(-2e-3, 2e-3), st.floats(1.0, 2_000.0))
def test_a_rate_begins_as_it_was_told_and_is_found_where_its_integral_comes_to_something(
    rate: float, falls: float, dt: float
) -> None:
    shape = begins(rate, falls)
    assert value(shape, 0.0) == pytest.approx(rate)
    assert (value(shape, 1e-3) - rate) / 1e-3 == pytest.approx(-falls * rate, abs=1e-5)
    for near in (None, 0.7 * dt):
        assert reach(shape, area(shape, dt), near) == pytest.approx(dt, rel=1e-4)


def test_a_rate_that_fades_never_gets_to_more_than_its_whole_integral() -> None:
    assert reach(begins(1.0, 1e-2), 100.1) == inf
    assert reach((1e-12, 1.0, 100.0), 200.0) == inf


def test_a_follower_tends_to_its_lead() -> None:
    a, b, c, tau_s = follower((2.0, 0.01), 0.5, 50.0)
    for dt, wanted in ((0.0, 0.5), (1e3, 2.0 + 0.01 * (1e3 - 50.0))):
        assert a + b * dt + c * exp(-dt / tau_s) == pytest.approx(wanted, abs=1e-6)


@given(st.floats(1.0, 500.0), st.floats(-1.0, 1.0))
def test_where_a_bent_function_falls_to_zero(at: float, bend: float) -> None:
    def bent(t: float) -> float:
        return (at - t) / at * exp(bend * t / at)

    assert falls_to_zero(bent, 2.0 * at) == pytest.approx(at, rel=1e-3)
    assert falls_to_zero(bent, 0.5 * at) == 0.5 * at
