"""Curves of derating and how they are followed; what people may write wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import FileProblems
from sim.files import Misfit, read_yaml
from sim.units import SimTime
from twins.derating import CURVES, STEP_K, Derating, DeratingCurve, Staircase
from twins.pile import PileCatalogue
from twins.station_file import find_station, read_station

ODD = DeratingCurve(((40.0, 100.0), (50.0, 80.0), (50.0, 60.0), (60.25, 20.0)))


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("module_20kw", {20.0: 1.0, 55.0: 1.0, 60.0: 0.875, 65.0: 0.75, 75.0: 0.5, 75.1: 0.0, 90.0: 0.0}),
        ("abb_terra_94_184", {35.0: 1.0, 36.0: 0.9, 40.0: 0.9, 41.0: 0.85, 46.0: 0.75, 55.0: 0.65, 56.0: 0.0}),
        ("gb_default", {50.0: 1.0, 57.5: 0.75, 65.0: 0.5, 67.5: 0.25, 70.0: 0.0, 80.0: 0.0}),
    ],
)
def test_section_2_curves(name: str, points: dict[float, float]) -> None:
    assert {temp_c: CURVES[name].share(temp_c) for temp_c in points} == pytest.approx(points)


temps = st.lists(st.floats(-20.0, 120.0), min_size=1, max_size=60)


@given(temps)
def test_a_staircase_is_never_more_than_a_step_away(walk: list[float]) -> None:
    stairs, t = Staircase(50.0, 70.25, lambda is_on: None), 0.0
    for temp_c in walk:
        t += 1.0
        before = stairs.held_c
        has_moved = stairs.see(SimTime(t), temp_c)
        assert abs(stairs.held_c - min(max(temp_c, 50.0), 70.25)) < STEP_K
        assert has_moved is (stairs.held_c != before)
        assert stairs.is_on is (stairs.held_c > 50.0)
        assert not stairs.see(SimTime(t), temp_c), "seen once is seen"


@given(temps)
def test_steps_are_met_where_they_are_due(walk: list[float]) -> None:
    """From one temperature straight to the next, seen only where it says; then it is where it would be anyhow."""
    stairs, here, t = Staircase(50.0, 70.0, lambda is_on: None), 20.0, 0.0
    for there in walk:
        for _ in range(500):
            began, slope = t, there - here

            def crossing(level: float, here: float = here, slope: float = slope, began: float = began) -> SimTime:
                after_s = (level - here) / slope if slope else -1.0
                return SimTime(began + after_s) if 1e-12 < after_s <= 1.0 else SimTime(float("inf"))

            due = stairs.due(crossing)
            if due == float("inf"):
                break
            here += slope * (due - began)
            t = due
            stairs.see(due, here)
        here, t = there, t + 1.0
        assert abs(stairs.held_c - min(max(here, 50.0), 70.0)) <= STEP_K + 1e-6


@given(st.lists(st.tuples(st.floats(0.0, 600.0), st.floats(20.0, 90.0)), max_size=60))
def test_it_never_allows_more_than_the_curve_half_a_kelvin_cooler(walk: list[tuple[float, float]]) -> None:
    following, t = Derating(ODD, lambda is_on: None), 0.0
    for later_s, temp_c in walk:
        t += later_s
        for threshold in following.thresholds:
            threshold.see(SimTime(t), temp_c)
        assert 0.0 <= following.share <= ODD.share(temp_c - STEP_K - 1e-3)
        if temp_c < 40.0:
            settled = t + 61.0
            for threshold in following.thresholds:
                threshold.see(SimTime(settled), temp_c)
            assert following.share == 1.0
            t = settled


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (((50.0, 90.0), (60.0, 95.0)), "derating[1]: 95 % at 60 C, after 90 %: it rises with heat; at most 90 %"),
        (((50.0, 90.0), (45.0, 80.0)), "derating[1]: 45 C comes after 50 C; points from cold to hot"),
        (((50.0, 120.0),), "derating[0]: 120 % of the rating; [C, %] with 0 to 100 %"),
        (((50.0, -1.0),), "derating[0]: -1 % of the rating; [C, %] with 0 to 100 %"),
    ],
)
def test_what_is_no_curve_is_refused(points: tuple[tuple[float, float], ...], said: str) -> None:
    with pytest.raises(Misfit) as caught:
        DeratingCurve(points)
    assert str(caught.value) == said


PLACE = "    place: {x_m: 3, y_m: 0}\n"


@pytest.mark.parametrize(
    ("cabinet", "said"),
    [
        ("{capacity_kj_k: -150}", "piles[0].cabinet.capacity_kj_k: -150 is out of range; at least 1"),
        ("{leak_w_k: 0}", "piles[0].cabinet.leak_w_k: 0 is out of range; more than 0"),
        ("{fan_w_k: -1}", "piles[0].cabinet.fan_w_k: -1 is out of range; at least 0"),
        ("{fan_speed: 1}", "piles[0].cabinet.fan_speed: unknown key;"),
        ("{dust_days: -3}", "piles[0].cabinet.dust_days: -3 is out of range; at least 0"),
        ("{fan_on_c: 85}", "piles[0].cabinet.fan_on_c: 85 C comes after the cut-off; below inlet_cutoff_c, 80 C"),
        ("{derating: gb}", "piles[0].cabinet.derating: gb is not known here; 'module_20kw', 'abb_terra_94_184' or"),
        ("{derating: []}", "piles[0].cabinet.derating: no points; a named curve, or points such as"),
        ("{derating: [[50, 100], [60, 60], [70, 80]]}", "piles[0].cabinet.derating[2]: 80 % at 70 C, after 60 %: it"),
    ],
)
def test_a_wrong_cabinet_is_told_at_its_line(tmp_path: Path, cabinet: str, said: str) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    text = text.replace(PLACE, f"{PLACE}    cabinet: {cabinet}\n")
    path = tmp_path / "station.yaml"
    path.write_text(text, encoding="utf-8")
    line = next(at for at, one in enumerate(text.splitlines(), 1) if "cabinet:" in one)
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    assert any(str(one).startswith(f"{path}:{line}: {said}") for one in caught.value.problems), caught.value.problems


MODEL = """\
models:
  - name: odd
    rated_kw: 120
    evse_count: 1
    evse_max_kw: 120
    no_load_loss_kw: 1.4
    loss_ratio: 0.03
    standby_kw: 0.1
    handshake_s: 8
    insulation_test_s: 8
    precharge_s: 4
    cabinet: {derating: gb_default}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("loss_ratio: 0.03", "loss_ratio: -0.01", "7: models[0].loss_ratio: -0.01 is out of range; at least 0"),
        ("gb_default", "[[50, 50], [60, 60]]", "12: models[0].cabinet.derating[1]: 60 % at 60 C, after 50 %: it rises"),
    ],
)
def test_a_model_more_than_whole_or_better_when_hot_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "piles.yaml"
    path.write_text(MODEL.replace(old, new), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_yaml(path, PileCatalogue)
    assert any(str(one).startswith(f"{path}:{said}") for one in caught.value.problems), caught.value.problems
