from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.grid import check_settings, read_seeds, read_settings
from scenarios.loader import find_scenario, load_scenario
from sim.errors import FileProblems, UsageError

DAY = find_scenario("two-outlet-day")


@pytest.mark.parametrize(
    ("text", "seeds"), [("1..3", (1, 2, 3)), ("9, 1,5", (1, 5, 9)), ("7", (7,)), ("4..5,0", (0, 4, 5))]
)
def test_seeds_are_ranges_and_lists(text: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "1..50"),
        ("1-50", "1..50"),
        ("1..", "1,5,9"),
        ("50..1", "did you mean 1..50?"),
        ("1..3,2", "2 is given twice"),
        ("-1", "is no seed"),
        ("9007199254740993", "out of range"),
        ("0..100000", "fewer"),
        ("1..9007199254740992", "fewer"),
        ("٣", "is no seed"),
    ],
)
def test_other_seeds_are_refused(text: str, word: str) -> None:
    with pytest.raises(UsageError, match=r"--seeds") as caught:
        read_seeds(text)
    assert word in str(caught.value)


def test_several_values_make_a_grid_the_last_varying_fastest() -> None:
    grid = read_settings(["demand.sessions_per_day=8,16", "station.control.site_limit_kw=100,150.5"])
    assert [setting.number for setting in grid] == [1, 2, 3, 4]
    assert grid[1].changes == (("demand.sessions_per_day", 8), ("station.control.site_limit_kw", 150.5))
    assert grid[2].said() == "demand.sessions_per_day=16 station.control.site_limit_kw=100"
    assert [setting.said() for setting in read_settings([])] == ["as the files say"]


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["demand"], "key=value"),
        (["=5"], "key=value"),
        (["a b=5"], "key=value"),
        (["duration_h="], "no value"),
        (["duration_h=1,,2"], "did not find"),
        (["duration_h=1,1"], "given twice"),
        (["duration_h=1", "duration_h=2"], "parted by commas"),
        (["duration_h=[1, 2]"], "not a single value"),
        (["seed=1,2"], "--seeds"),
        ([f"{key}={','.join(map(str, range(40)))}" for key in "ab"], "1600 settings; at most 1000"),
    ],
)
def test_other_settings_are_refused(words: list[str], word: str) -> None:
    with pytest.raises(UsageError, match=r"--set") as caught:
        read_settings(words)
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demand.sesions_per_day=8"], ["--set demand.sesions_per_day=8: ", "did you mean sessions_per_day?"]),
        (
            ["demand.sessions_per_day=8,-1"],
            ["--set demand.sessions_per_day=-1: ", "demand.sessions_per_day", "at least"],
        ),
        (["duration_h=six"], ["--set duration_h=six: ", "six is not a number"]),
        (["station=publik"], ["--set station=publik: ", "no station is called publik"]),
        (["demand.replay=cars.csv"], ["--set demand.replay=cars.csv: ", "exactly one of them"]),
        (["expect[cabinet_limt].face=wire"], ["no entry cabinet_limt", "did you mean cabinet_limit?"]),
        (
            ["duration_h=24", "station.control.polcy=equal_share"],
            ["--set station.control.polcy=equal_share: ", "two-outlet.yaml:", "did you mean policy?"],
        ),
        (
            ["station.piles[A01].model=dc_172"],
            ["--set station.piles[A01].model=dc_172: ", "piles[0].model", "dc_172_2"],
        ),
        (["station.piles[A1].model=dc_172_2"], ["piles has no entry A1", "did you mean A01?"]),
        (["timeline[0].at=08:00"], ["timeline"]),
    ],
)
def test_what_a_setting_breaks_is_told_like_a_files_mistake(words: list[str], said: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        check_settings(DAY, read_settings(words))
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_a_finding_is_told_once_for_all_settings() -> None:
    with pytest.raises(UsageError) as caught:
        check_settings(DAY, read_settings(["demand.sessions_per_day=8,16", "duration_h=24,x,0"]))
    lines = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == ["--set duration_h=x", "--set duration_h=0"]


def test_a_finding_names_the_line_of_the_file_it_would_stand_in() -> None:
    station = load_scenario(DAY).station
    with pytest.raises(FileProblems) as caught:
        load_scenario(DAY, changes=[("station.control.site_limit_kw", "much")])
    (problem,) = caught.value.problems
    assert (problem.file, problem.key) == (str(station.path), "control.site_limit_kw")
    assert problem.line == station.root.line_of("control.site_limit_kw") > 1


def test_changes_reach_both_files_and_leave_them_as_they_are(tmp_path: Path) -> None:
    text = DAY.read_text(encoding="utf-8")
    (tmp_path / "cars.csv").write_text(
        "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n0,,1,60,20,80,120\n"
    )
    path = tmp_path / "day.yaml"
    path.write_text(text.replace("sessions_per_day: 8", "replay: cars.csv"), encoding="utf-8")
    changes = [("expect[cabinet_limit].always.below", 150), ("station.control.site_limit_kw", 120)]
    loaded = load_scenario(path, changes=changes)
    assert loaded.vehicles is not None and len(loaded.vehicles) == 1
    assert loaded.document.value.expect[0].always is not None
    assert loaded.document.value.expect[0].always.below == 150.0
    assert loaded.station.value.control.site_limit_kw == 120.0
    assert loaded.station.path == load_scenario(path).station.path
    assert load_scenario(path).station.value.control.site_limit_kw == 172.5
