from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.estimates import estimate, t_quantile


@pytest.mark.parametrize(
    ("share", "freedom", "value"),
    [
        (0.975, 1, 12.706204736),
        (0.975, 2, 4.302652730),
        (0.975, 3, 3.182446305),
        (0.975, 9, 2.262157163),
        (0.975, 10, 2.228138852),
        (0.975, 49, 2.009575237),
        (0.975, 100, 1.983971519),
        (0.975, 1000, 1.962339081),
        (0.95, 5, 2.015048373),
        (0.995, 10, 3.169272673),
        (0.9995, 3, 12.923978637),
    ],
)
def test_quantiles_are_those_of_the_tables(share: float, freedom: int, value: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(value, rel=1e-9)


@given(st.floats(0.5, 0.9999))
def test_quantiles_of_one_and_two_degrees_are_the_closed_forms(share: float) -> None:
    centred = 2.0 * share - 1.0
    assert t_quantile(share, 1) == pytest.approx(math.tan(math.pi * centred / 2.0), rel=1e-9, abs=1e-12)
    assert t_quantile(share, 2) == pytest.approx(centred * math.sqrt(2.0 / (1.0 - centred**2)), rel=1e-9, abs=1e-12)


def test_many_degrees_come_to_the_normal_distribution() -> None:
    assert t_quantile(0.975, 99_999) == pytest.approx(1.959963985 * (1 + (1.959963985**2 + 1) / 4e5), rel=1e-8)


@pytest.mark.parametrize(("share", "freedom"), [(0.4, 5), (1.0, 5), (0.975, 0)])
def test_what_has_no_quantile_is_refused(share: float, freedom: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        t_quantile(share, freedom)


def test_a_worked_sample() -> None:
    """Mean 5, squares 32, so sd = sqrt(32 / 7); t of 7 degrees is 2.364624; half-width 1.787488."""
    found = estimate([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert (found.n, found.mean, found.min, found.max) == (8, 5.0, 2.0, 9.0)
    assert found.sd == pytest.approx(2.138089935, rel=1e-9)
    assert found.ci95_low == pytest.approx(3.212512, rel=1e-6)
    assert found.ci95_high == pytest.approx(6.787488, rel=1e-6)
    assert found.half_width == pytest.approx(1.787488, rel=1e-6)
    assert found.excludes_zero


def test_too_few_values_have_no_interval() -> None:
    none, one = estimate([]), estimate([3.0])
    assert (none.n, none.mean, none.half_width, none.excludes_zero) == (0, None, None, False)
    assert (one.n, one.mean, one.sd, one.ci95_low, one.excludes_zero) == (1, 3.0, None, None, False)


def test_equal_values_have_no_spread() -> None:
    found = estimate([0.1] * 3)
    assert (found.mean, found.sd, found.ci95_low, found.ci95_high) == (0.1, 0.0, 0.1, 0.1)
    assert estimate([0.0, 0.0]).excludes_zero is False


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=30), st.randoms(use_true_random=False))
def test_no_order_shows_in_the_digits(values: list[float], dice: object) -> None:
    shuffled = list(values)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert estimate(shuffled) == estimate(values)
