"""How long a charge point was without its CSMS, and what does not count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.absence import Absence


def test_what_is_lost_and_not_found_lasts() -> None:
    absence = Absence()
    absence.met(5.0)
    assert (absence.since_s, absence.whole_s(50.0)) == (None, 0.0)
    absence.lost(60.0, is_cut=False)
    assert (absence.since_s, absence.whole_s(100.0)) == (60.0, 40.0)
    absence.met(70.0)
    assert (absence.since_s, absence.whole_s(100.0)) == (None, 10.0)


def test_before_the_first_meeting_nothing_is_summed() -> None:
    absence = Absence()
    assert (absence.since_s, absence.was_met, absence.whole_s(100.0)) == (0.0, False, 0.0)


def test_a_cut_wire_explains_as_long_as_it_is_cut() -> None:
    absence = Absence()
    absence.met(0.0)
    absence.cut(10.0, is_cut=True)
    absence.lost(10.0, is_cut=True)
    assert (absence.since_s, absence.whole_s(100.0)) == (None, 0.0)
    absence.cut(100.0, is_cut=False)
    assert (absence.since_s, absence.whole_s(130.0)) == (100.0, 30.0)
    absence.cut(150.0, is_cut=True)
    absence.cut(200.0, is_cut=False)
    absence.met(210.0)
    assert (absence.since_s, absence.whole_s(900.0)) == (None, 60.0)


STEPS = st.lists(st.tuples(st.sampled_from(["met", "lost", "cut", "whole"]), st.floats(0.0, 100.0)), max_size=30)


@given(STEPS)
def test_the_sum_is_that_of_each_instant(steps: list[tuple[str, float]]) -> None:
    """Against the plain meaning: away is not up, not cut, and after the first meeting."""
    absence, now, away_s = Absence(), 0.0, 0.0
    is_up = is_cut = was_met = False
    for step, wait_s in steps:
        now += wait_s
        away_s += wait_s if was_met and not is_up and not is_cut else 0.0
        if step == "met" and not is_up and not is_cut:
            is_up = was_met = True
            absence.met(now)
        elif step == "lost" and is_up:
            is_up = False
            absence.lost(now, is_cut=is_cut)
        elif step == "cut":
            is_cut = True
            absence.cut(now, is_cut=True)
            if is_up:
                is_up = False
                absence.lost(now, is_cut=True)
        elif step == "whole":
            is_cut = False
            absence.cut(now, is_cut=False)
    assert abs(absence.whole_s(now) - away_s) < 1e-6
    assert (absence.since_s is not None) is (not is_up and not is_cut)
