from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence

import pytest

from scenarios.grid import Setting, read_settings
from scenarios.search import Case, Result, Sweep, sweep
from twins.kpis import Kpi

SETTINGS = read_settings(["demand.sessions_per_day=10,12,14"])
SEEDS = tuple(range(1, 21))


def noisy(case: Case) -> Result:
    """A figure that chance moves far more than the setting does, alike at every setting."""
    chance = random.Random(case.seed)
    common, own = chance.gauss(0.0, 10.0), random.Random(case.seed * 1000 + case.setting.number).gauss(0.0, 0.1)
    load = case.setting.changes[0][1]
    assert isinstance(load, int)
    wait = None if case.seed % 4 == 0 else float(case.seed)
    kpis = (Kpi("load_kw", 100.0 + load + common + own, "kW"), Kpi("wait_s", wait, "s"), Kpi("piles", 20, "1"))
    return Result("pass", kpis, f"digest-{case.setting.number}-{case.seed}")


def played(cases: Sequence[Case]) -> Iterator[tuple[Case, Result]]:
    return ((case, noisy(case)) for case in cases)


def verdict_of(found: dict[tuple[int, int], str]) -> Sweep:
    def play(cases: Sequence[Case]) -> Iterator[tuple[Case, Result]]:
        for case in cases:
            verdict = found.get((case.setting.number, case.seed), "pass")
            if verdict != "missing":
                yield case, Result(verdict, (Kpi("served", 5, "1"),), reason="" if verdict == "pass" else "why")

    return sweep(SETTINGS, (1, 2), play)


def test_pairing_by_seed_finds_what_chance_hides() -> None:
    found = sweep(SETTINGS, SEEDS, played)
    first, second = (found.estimates(setting)["load_kw"] for setting in SETTINGS[:2])
    assert first.ci95_high is not None and second.ci95_low is not None and second.ci95_low < first.ci95_high
    difference = found.differences(SETTINGS[1])["load_kw"]
    assert difference.mean == pytest.approx(2.0, abs=0.2)
    assert difference.excludes_zero
    assert difference.sd is not None and first.sd is not None and difference.sd < first.sd / 20


def test_the_order_in_which_runs_come_back_is_no_matter() -> None:
    def backwards(cases: Sequence[Case]) -> Iterator[tuple[Case, Result]]:
        return played(cases[::-1])

    one, other = sweep(SETTINGS, SEEDS, played), sweep(SETTINGS, SEEDS, backwards)
    assert list(one.results) == list(other.results)
    assert json.dumps(one.document()) == json.dumps(other.document())


def test_a_figure_that_some_runs_lack_says_of_how_many_it_is() -> None:
    found = sweep(SETTINGS, SEEDS, played)
    assert found.estimates(SETTINGS[0])["wait_s"].n == 15
    assert found.differences(SETTINGS[1])["wait_s"].n == 15


def test_what_rounding_brings_is_no_difference() -> None:
    def play(cases: Sequence[Case]) -> Iterator[tuple[Case, Result]]:
        for case in cases:
            yield case, Result("pass", (Kpi("wait_s", 1e-13 * case.setting.number, "s"),))

    difference = sweep(SETTINGS, SEEDS, play).differences(SETTINGS[1])["wait_s"]
    assert (difference.mean, difference.excludes_zero) == (0.0, False)


def test_the_document_names_settings_units_and_differences() -> None:
    first, second, _ = sweep(SETTINGS, SEEDS, played).document()
    assert first["set"] == {"demand.sessions_per_day": 10}
    assert (first["n"], first["verdicts"]["pass"], first["against_first"], first["not_passed"]) == (20, 20, None, [])
    assert set(first["kpis"]["load_kw"]) == {"unit", "mean", "sd", "ci95_low", "ci95_high", "min", "max", "n"}
    assert first["kpis"]["piles"] == {
        "unit": "1", "mean": 20, "sd": 0.0, "ci95_low": 20.0, "ci95_high": 20.0, "min": 20, "max": 20, "n": 20,
    }  # fmt: skip
    assert second["against_first"]["load_kw"]["is_significant"] is True
    assert second["against_first"]["piles"]["is_significant"] is False


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ({}, 0),
        ({(1, 1): "inconclusive"}, 4),
        ({(1, 1): "missing"}, 4),
        ({(1, 1): "inconclusive", (2, 1): "fail"}, 1),
        ({(1, 1): "missing", (2, 1): "fail"}, 1),
        ({(1, 1): "fail", (3, 2): "error"}, 3),
    ],
)
def test_the_gravest_verdict_is_the_exit_code(verdicts: dict[tuple[int, int], str], code: int) -> None:
    assert verdict_of(verdicts).exit_code == code


def test_a_run_that_broke_off_has_no_figures_but_is_named() -> None:
    found = verdict_of({(2, 1): "error", (2, 2): "fail"})
    assert found.estimates(SETTINGS[1])["served"].n == 1
    assert found.verdicts(SETTINGS[1]) == {"pass": 0, "fail": 1, "error": 1, "inconclusive": 0, "aborted": 0}
    assert found.document()[1]["not_passed"] == [
        {"seed": 1, "verdict": "error", "reason": "why"},
        {"seed": 2, "verdict": "fail", "reason": "why"},
    ]


def test_one_setting_is_compared_with_nothing() -> None:
    (entry,) = sweep([Setting(1)], (5,), lambda cases: [(case, Result("pass")) for case in cases]).document()
    assert (entry["set"], entry["kpis"], entry["against_first"]) == ({}, {}, None)
