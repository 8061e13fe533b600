"""The validation page's functions over a few weeks of the recorded sessions: books, figures and segments hold."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def validation() -> ModuleType:
    folder = Path(__file__).parents[1] / "bench"
    path = folder / "validation.py"
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("validation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["validation"] = module
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def test_a_few_failures_of_the_availability_table(validation: ModuleType) -> None:
    table = sys.modules[validation.availability_lines.__module__]
    for system in table.SYSTEMS[3:]:
        count, share = table.measured(system, 400)
        assert 250 < count < 550
        assert abs(share - (table.theory(system) or share)) < 0.04
    assert table.theory(table.SYSTEMS[0]) == pytest.approx(800.0 / 804.0)


def test_a_few_weeks_of_the_site(validation: ModuleType) -> None:
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


def test_overlap_counts_the_other_outlet_alone(validation: ModuleType) -> None:
    def stay(outlet: int, begin: float, end: float) -> object:
        return validation.Charge(outlet, begin, end, 10.0, 50.0, 6, end - begin)

    assert validation.overlaps([stay(1, 0, 100), stay(2, 50, 150), stay(1, 100, 120)]) == [0.5, 0.7, 1.0]
