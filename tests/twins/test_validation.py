"""The validation page's functions over a few weeks of the recorded sessions: books, figures and segments hold."""

from __future__ import annotations

from typing import Any

import availability_table as table
import pytest
import queue_table
import validation


def test_a_few_failures_of_the_availability_table() -> None:
    for system in table.SYSTEMS[3:]:
        count, share = table.measured(system, 400)
        assert 250 < count < 550
        assert abs(share - (table.theory(system) or share)) < 0.04
    assert table.theory(table.SYSTEMS[0]) == pytest.approx(800.0 / 804.0)


@pytest.mark.parametrize("words", queue_table.distinct(), ids=str)
def test_a_few_sessions_of_the_queue_table(words: dict[str, Any]) -> None:
    measured = queue_table.experiment(queue_table.parameters_of(words, 2_000, 1))
    assert measured.result.sessions == 2_000
    assert measured.farthest_s < 1e-7
    for figure, (plain, _) in measured.plain.items():
        ours, se = queue_table.found(measured.result, figure)
        assert (ours > 0.0) is (se > 0.0) is (plain > 0.0), figure


def test_a_few_weeks_of_the_site() -> None:
    run = validation.replayed(120)
    assert len(run.charges) == 120
    assert abs(run.residual_rel) < 1e-9
    checked = validation.against_reference(run)
    assert checked["charges"][0] == 120
    assert checked["energy, %"][0] <= 0.1
    assert checked["SOC at the twin's end, points"][0] <= 0.05
    assert checked["SOC at the twin's end, points"][1] <= 0.06
    text = validation.page(run, validation.figures(run.charges), validation.figures(validation.recorded()), checked, [])
    assert "| ratio of mean powers | 0.765 |" in text


def test_overlap_counts_the_other_outlet_alone() -> None:
    def stay(outlet: int, begin: float, end: float) -> object:
        return validation.Charge(outlet, begin, end, 10.0, 50.0, 6, end - begin)

    assert validation.overlaps([stay(1, 0, 100), stay(2, 50, 150), stay(1, 100, 120)]) == [0.5, 0.7, 1.0]
