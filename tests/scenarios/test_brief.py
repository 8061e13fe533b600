"""Brief variants: their keys stand in place of the scenario's own, and what does not fit is refused where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.loader import check_scenario, load_scenario
from sim.errors import FileProblems, UsageError

HEAD = """scenario: 1
title: {en: A, zh: 甲}
station: two-outlet
start: 2022-06-14T12:00
seed: 7
duration_h: 2
demand: {sessions_per_day: 8}
timeline:
  - {at: "13:00", inject: pile.failed, target: "pile[A01]", as: broken}
expect:
  - {id: quiet, never: {event: alarm.raised}}
"""


@pytest.fixture
def drill(tmp_path: Path) -> Path:
    return tmp_path / "drill.yaml"


def test_what_it_gives_replaces_and_what_it_leaves_out_stays(drill: Path) -> None:
    drill.write_text(HEAD + "brief:\n  duration_h: 0.05\n  seed: 9\n  timeline: []\n", encoding="utf-8")
    whole, brief = (load_scenario(drill, is_brief=is_brief).document.value for is_brief in (False, True))
    assert (whole.duration_h, whole.seed, len(whole.timeline)) == (2, 7, 1)
    assert (brief.duration_h, brief.seed, len(brief.timeline)) == (0.05, 9, 0)
    assert (brief.expect, brief.demand) == (whole.expect, whole.demand)


def test_it_lasts_five_minutes_at_most(drill: Path) -> None:
    drill.write_text(HEAD + "brief:\n  duration_h: 0.2\n", encoding="utf-8")
    with pytest.raises(FileProblems, match=r"drill\.yaml:13: brief\.duration_h: "):
        load_scenario(drill)


def test_a_time_beyond_its_end_is_refused(drill: Path) -> None:
    drill.write_text(HEAD + "brief:\n  duration_h: 0.05\n", encoding="utf-8")
    with pytest.raises(FileProblems, match=r"drill\.yaml:9: timeline\[0\]\.at: this is after the end of the run"):
        check_scenario(drill)


@pytest.mark.parametrize("key", ["station: public", "family: fire", "brief: {}"])
def test_other_keys_are_refused(drill: Path, key: str) -> None:
    drill.write_text(HEAD + f"brief:\n  duration_h: 0.05\n  timeline: []\n  {key}\n", encoding="utf-8")
    for is_brief in (False, True):
        with pytest.raises(FileProblems):
            load_scenario(drill, is_brief=is_brief)


def test_a_scenario_without_one_says_so(drill: Path) -> None:
    drill.write_text(HEAD, encoding="utf-8")
    with pytest.raises(UsageError, match="no brief variant to play"):
        load_scenario(drill, is_brief=True)
