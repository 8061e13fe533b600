"""Ceilings: never below the sum they bound, whatever its parts and coefficients do, and tight after a look."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.ceilings import Ceiling
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

values = st.floats(-100.0, 100.0)
change = st.tuples(st.integers(0, 3), values, st.sampled_from([0.0, 0.0, 0.0, 0.5]), values, st.floats(1.0, 500.0))
deeds = st.lists(st.tuples(st.floats(0.5, 100.0), st.sampled_from(["set", "set", "set", "tune", "rebase"]), change))


@given(deeds, st.booleans())
def test_a_ceiling_lies_never_below_the_sum(
    steps: list[tuple[float, str, tuple[int, float, float, float, float]]], is_floor: bool
) -> None:
    leaves = [Signal(f"x{number}", "kW") for number in range(4)]
    inner = Sum("inner", "kW", leaves[:3], scale=0.5, offset=1.0)
    tuned = Sum("tuned", "kW", [inner], scale=-0.2)
    total = Sum("total", "kW", [inner, tuned, *leaves], offset=3.0)
    told: list[float] = []
    ceiling = Ceiling(total, told.append, is_floor=is_floor)
    sign = -1.0 if is_floor else 1.0
    now, bound = SimTime(0.0), sign * ceiling.rebase(SimTime(0.0))
    for wait_s, what, (at, a, b, c, tau) in steps:
        for share in (0.0, 0.3, 0.9):
            assert sign * total.at(SimTime(now + share * wait_s)) <= bound + 1e-6
        now = SimTime(now + wait_s)
        if what == "set":
            leaves[at].set(now, a, b, c, tau)
        elif what == "tune":
            tuned.retune(now, a / 100.0, c)
        else:
            value = ceiling.rebase(now)
            assert value == pytest.approx(total.at(now))
            climbs = any(leaf.b != 0.0 for leaf in leaves)
            bound = inf if climbs else ceiling.bound
            told.clear()
        if told:
            bound = told[-1]


def test_a_decaying_part_is_bounded_by_its_begin_and_a_climbing_one_by_its_end() -> None:
    falls, climbs = Signal("falls", "kW"), Signal("climbs", "kW")
    told: list[float] = []
    ceiling = Ceiling(Sum("both", "kW", [falls, climbs]), told.append)
    ceiling.rebase(SimTime(0.0))
    falls.set(SimTime(10.0), 20.0, 0.0, 30.0, 60.0)
    climbs.set(SimTime(10.0), 40.0, 0.0, -40.0, 60.0)
    assert told == [50.0, 90.0]
    ceiling.rebase(SimTime(70.0))
    assert ceiling.bound == pytest.approx(20.0 + 30.0 / 2.718281828 + 40.0)


@given(st.lists(st.tuples(st.floats(1.0, 500.0), st.floats(0.0, 10.0), st.floats(-20.0, 20.0)), min_size=1),
       st.booleans(), st.booleans())  # fmt: skip
def test_a_part_on_a_slope_counts_with_what_it_is_promised_to_be(
    steps: list[tuple[float, float, float]], is_floor: bool, is_turned: bool
) -> None:
    sloping, other = Signal("sloping", "kW", within=(0.0, 10.0)), Signal("other", "kW")
    total = Sum("total", "kW", [sloping, other], scale=-2.0 if is_turned else 2.0, offset=1.0)
    told: list[float] = []
    ceiling = Ceiling(total, told.append, is_floor=is_floor)
    sign, now = -1.0 if is_floor else 1.0, SimTime(0.0)
    ceiling.rebase(now)
    for length_s, ends, jump in steps:
        begins = sloping.at(now)
        sloping.set(now, begins, (ends - begins) / length_s)
        other.set(now, jump)
        for share in (0.0, 0.5, 1.0):
            value = sign * total.at(SimTime(now + share * length_s))
            assert value - 1e-6 <= ceiling.bound <= value + 20.0 + 1e-6
        assert inf not in told
        before = ceiling.bound
        ceiling.rebase(now)
        assert ceiling.bound == pytest.approx(before)
        now = SimTime(now + length_s)


def test_a_slope_without_a_promise_has_no_bound_until_it_ends() -> None:
    free, bound = Signal("free", "kW"), Signal("bound", "kW", within=(-1.0, 4.0))
    told: list[float] = []
    Ceiling(Sum("both", "kW", [free, bound]), told.append).rebase(SimTime(0.0))
    bound.set(SimTime(1.0), 0.0, 0.5)
    free.set(SimTime(2.0), 0.0, 0.1)
    bound.set(SimTime(3.0), 2.0)
    free.set(SimTime(4.0), 7.0)
    assert told == [4.0, inf, inf, 9.0]
