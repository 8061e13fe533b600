"""How many rows a trial may print: what the refusal asks for is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.files import Misfit
from twins.trial_rows import MOST_ROWS, count_rows, refuse_many_rows


@given(st.floats(1.0, 1e7), st.floats(1e-4, 1e4))
def test_more_rows_than_the_most_are_refused_and_what_is_said_is_right(duration_s: float, step_s: float) -> None:
    if count_rows(duration_s, step_s) <= MOST_ROWS:
        refuse_many_rows(duration_s, step_s)
        return
    with pytest.raises(Misfit) as caught:
        refuse_many_rows(duration_s, step_s)
    assert caught.value.key == "step_s"
    refuse_many_rows(duration_s, float(caught.value.right.split()[2]))
