"""How many rows a trial of one model may print (`voltyard physics`): one rule for all of them."""

from __future__ import annotations

from math import ceil, floor, log10

from sim.files import Misfit

__all__ = ["MOST_ROWS", "count_rows", "refuse_many_rows"]

MOST_ROWS = 100_000


def count_rows(duration_s: float, step_s: float) -> int:
    """Rows from 0 on, each `step_s`, up to the end."""
    return floor(duration_s / step_s + 1e-9) + 1


def refuse_many_rows(duration_s: float, step_s: float) -> None:
    """Raise `Misfit` of `step_s` where a trial would have more rows than anybody reads."""
    rows = count_rows(duration_s, step_s)
    if rows > MOST_ROWS:
        least_s = duration_s / (MOST_ROWS - 1)
        places = 2 - floor(log10(least_s))
        shown_s = ceil(least_s * 10.0**places) / 10.0**places
        raise Misfit("step_s", f"{step_s:g} s gives {rows} rows", f"at least {shown_s:g} s: {MOST_ROWS} rows at most")
