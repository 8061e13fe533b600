"""Hours at small stations with faults that a seed draws, as `make soak` plays more of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_days import play, write_scenario


@pytest.mark.parametrize("seed", range(1, 21))
def test_hours_with_random_faults_end_in_a_verdict_with_closed_books(seed: int, tmp_path: Path) -> None:
    path = write_scenario(seed, tmp_path)
    verdict, wrong = play(path, tmp_path / "run")
    assert not wrong, f"seed {seed}, voltyard run {path} --pace fast: {wrong}"
    assert verdict in ("pass", "inconclusive")  # with a fault that waits for a car
