"""Scenario files broken at random are refused with file, line and key, or run."""

from __future__ import annotations

import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from bad_files import broken_files, tried

from scenarios.loader import find_scenario


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_broken_files_are_refused_or_run(seed: int, tmp_path: Path) -> None:
    for vehicles in find_scenario("quiet-day").parent.glob("*.csv"):
        shutil.copy(vehicles, tmp_path)
    rng, found = Random(seed), Counter[str]()
    for text in islice(broken_files(seed), 150):
        is_sabotaged = rng.random() < 0.2 and '"sabotage": {\n  "title"' in text
        what = tried(text, tmp_path, is_sabotaged=is_sabotaged)
        assert what in ("refused", "ran"), f"{what}\n{text}"
        found[what] += 1
    assert found["refused"] >= 50
    assert found["ran"] >= 5
