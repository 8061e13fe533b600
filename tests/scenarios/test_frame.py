"""What surrounds a timeline: the steady state, the way back, parameters, includes, and the run that must fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.report import write_report
from bench_api.running import replay
from scenarios.expectation_shape import BOOKS
from scenarios.loader import check_scenario, find_scenario, load_scenario, sabotaged, scenario_names
from sim.changes import Changes
from sim.errors import FileProblems, UsageError

HEAD = """scenario: 1
title: {en: A, zh: 甲}
station: two-outlet
start: 2022-06-14T12:00
seed: 7
duration_h: 1
demand: {sessions_per_day: 0}
"""
OUTAGE = "  - {after_s: 600, inject: grid.outage, target: grid.feed, as: dark, with: {duration_s: 6e5}}\n"
STEADY = "steady: {settle_s: 300, hold: [{id: live, signal: grid.power_kw, above: 0.1}]}\n"


def played(path: Path, out: Path, changes: Changes = (), *, is_sabotaged: bool = False) -> dict[str, Any]:
    """The verdict of a run in fast pace."""
    loaded = load_scenario(path, changes=changes, is_sabotaged=is_sabotaged)
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=7, out=out, state=out / "state", record="events")
    return Bench(plan).run().document


@pytest.fixture
def drill(tmp_path: Path) -> Path:
    return tmp_path / "drill.yaml"


def rows(document: dict[str, Any]) -> dict[str, str]:
    return {row["id"]: row["verdict"] for row in document["expectations"]}


def test_a_station_that_is_not_steady_again_fails(drill: Path, tmp_path: Path) -> None:
    drill.write_text(HEAD + STEADY + "timeline:\n" + OUTAGE, encoding="utf-8")
    document = played(drill, tmp_path / "a")
    assert (document["verdict"], rows(document)) == ("fail", {"live.before": "pass", "live.after": "fail"})
    drill.write_text(HEAD + STEADY + "timeline:\n" + OUTAGE + "restore: [{clear: all}]\n", encoding="utf-8")
    document = played(drill, tmp_path / "b")
    assert (document["verdict"], rows(document)) == ("pass", {"live.before": "pass", "live.after": "pass"})
    assert replay(tmp_path / "b", None, as_json=False) == 0


def test_a_station_that_was_not_steady_lets_nothing_be_concluded(drill: Path, tmp_path: Path) -> None:
    steady = STEADY.replace("above: 0.1", "above: 9000")
    drill.write_text(HEAD + steady + "timeline:\n" + OUTAGE, encoding="utf-8")
    document = played(drill, tmp_path / "a")
    assert document["verdict"] == "inconclusive"
    assert document["reason"].startswith("not steady before: grid.power_kw is ")


def test_the_way_back_is_taken_on_a_way_out_too(drill: Path, tmp_path: Path) -> None:
    back = 'restore: [{clear: dark}, {do: evse.enable, target: {every: "pile[*]*"}, with: {is_on: true}}]\n'
    drill.write_text(HEAD + "timeline:\n" + OUTAGE + back, encoding="utf-8")
    loaded = load_scenario(drill)
    out = tmp_path / "a"
    plan = Plan(loaded=loaded, pace=read_pace("fast"), seed=7, out=out, state=out / "state")
    bench = Bench(plan, lambda now, _until: bench.stop() if now > 1_000 else None)
    kinds: list[str] = []
    bench.kernel.subscribe(lambda event: kinds.append(event.kind))
    assert bench.run().document["verdict"] == "aborted"
    assert kinds.count("fault.cleared") == 1
    assert kinds.count("command.done") == 3
    assert replay(out, None, as_json=False) == 0


def test_the_report_tells_both_looks_and_what_never_came(drill: Path, tmp_path: Path) -> None:
    steady = STEADY.replace("{id: live,", "{id: live, title: {en: Fed, zh: 有电},")
    never = '  - {when: {signal: grid.power_kw, above: 9e5}, inject: pile.failed, target: "pile[A01]"}\n'
    drill.write_text(HEAD + steady + "timeline:\n" + OUTAGE + never, encoding="utf-8")
    played(drill, tmp_path / "a")
    page = write_report(tmp_path / "a").read_text(encoding="utf-8")
    for text in ("Fed, before anything is done", "有电（开始前）", "Fed, at the end", "有电（结束时）",
                 "结束时未处于稳态：",
                 "timeline[1]: its condition never came true", "timeline[1]：条件从未成立"):  # fmt: skip
        assert text in page


PARAMETERS = """parameters:
  air_c: {title: {en: Air, zh: 气温}, default: 30, low: 20, high: 40, unit: C}
  kind: {title: {en: Kind, zh: 种类}, default: open, one_of: [open, closed]}
weather: {air_temp_c: {parameter: air_c}}
timeline:
  - {after_s: 5, inject: pile.contactor_stuck, target: "pile[A01].connector[1]", with: {position: {parameter: kind}}}
"""


def test_parameters_stand_in_place_of_values(drill: Path, tmp_path: Path) -> None:
    drill.write_text(HEAD + PARAMETERS, encoding="utf-8")
    scenario = load_scenario(drill, changes=[("air_c", 35), ("kind", "closed")]).document.value
    assert scenario.weather is not None
    assert scenario.weather.air_temp_c == 35
    assert dict(scenario.timeline[0].parameters) == {"position": "closed"}
    played(drill, tmp_path / "a", [("air_c", 35)])
    assert replay(tmp_path / "a", None, as_json=False) == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("air_c", 41, ":9: parameters.air_c: 41 is out of bounds; 20 to 40 C"),
        ("air_c", True, ":9: parameters.air_c: True is not a number; 20 to 40 C"),
        ("kind", "ajar", ":10: parameters.kind: ajar is not one of them; open or closed"),
        ("air", 30, "air: unknown key"),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(drill: Path, name: str, value: Any, said: str) -> None:
    drill.write_text(HEAD + PARAMETERS, encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        load_scenario(drill, changes=[(name, value)])
    assert said in str(caught.value)


def test_an_unknown_parameter_is_said_where_it_is_used(drill: Path) -> None:
    drill.write_text(HEAD + PARAMETERS.replace("parameter: kind", "parameter: kin"), encoding="utf-8")
    with pytest.raises(FileProblems, match=r":13: timeline\[0\].with.position.parameter: no parameter is called kin;"):
        load_scenario(drill)


def test_an_included_file_comes_first(drill: Path, tmp_path: Path) -> None:
    back = tmp_path / "parts" / "back.yaml"
    back.parent.mkdir()
    back.write_text("weather: {air_temp_c: 11}\nseed: 3\ntimeline:\n" + OUTAGE, encoding="utf-8")
    drill.write_text(
        HEAD + "include: [parts/back.yaml]\ntimeline:\n  - {after_s: 700, clear: dark}\n", encoding="utf-8"
    )
    scenario = load_scenario(drill).document.value
    assert [entry.after_s for entry in scenario.timeline] == [600, 700]
    assert (scenario.seed, scenario.weather and scenario.weather.air_temp_c) == (7, 11)
    played(drill, tmp_path / "a")
    assert replay(tmp_path / "a", None, as_json=False) == 0
    back.write_text("timeline:\n" + OUTAGE.replace("grid.outage", "grid.outag"), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        load_scenario(drill)
    assert str(caught.value).startswith(f"{back}:2: timeline[0].inject: unknown fault grid.outag")
    back.write_text("timeline:\n" + OUTAGE.replace("600", "x"), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        load_scenario(drill)
    assert str(caught.value).startswith(f"{back}:2: timeline[0].after_s: x is not a number")


def test_files_that_include_each_other_are_refused(drill: Path) -> None:
    drill.write_text(HEAD + "include: [drill.yaml]\n", encoding="utf-8")
    with pytest.raises(FileProblems, match="includes itself"):
        load_scenario(drill)
    drill.write_text(HEAD + "include: [gone.yaml]\n", encoding="utf-8")
    with pytest.raises(FileProblems, match=r":8: include\[0\]: no file "):
        load_scenario(drill)


SABOTAGE = """sabotage:
  title: {en: The lamp stays dark, zh: 停电不恢复}
  fails: [lit]
  drop: [back]
  platform: careless
  set: {"timeline[0].with.duration_s": 500000, station.control.site_limit_kw: 50}
  timeline: [{after_s: 650, inject: pile.failed, target: "pile[A01]"}]
"""
LIT = "expect: [{id: lit, equals: {signal: grid.power_kw, value: 0, tolerance: 0.1}}]\n"


def test_the_sabotaged_run_is_another(drill: Path, tmp_path: Path) -> None:
    more = '  - {after_s: 60, inject: pile.failed, target: "pile[A01]", as: back, with: {duration_s: 9}}\n'
    drill.write_text(HEAD + "timeline:\n" + OUTAGE.replace("6e5", "60") + more + LIT.replace("value: 0, ", "value: 2, ")
                     .replace("0.1", "1.9") + SABOTAGE, encoding="utf-8")  # fmt: skip
    loaded = check_scenario(drill)
    broken = sabotaged(loaded)
    assert [entry.inject for entry in broken.document.value.timeline] == ["grid.outage", "pile.failed"]
    assert broken.document.value.timeline[0].parameters["duration_s"] == 500_000
    assert broken.station.value.control.site_limit_kw == 50
    assert (broken.document.value.sabotage, broken.document.value.platform) == (None, "careless")
    assert rows(played(drill, tmp_path / "a")) == {"lit": "pass"}
    assert rows(played(drill, tmp_path / "b", is_sabotaged=True)) == {"lit": "fail"}
    assert replay(tmp_path / "b", None, as_json=False) == 0


def test_a_sabotage_that_names_nothing_is_refused(drill: Path) -> None:
    drill.write_text(HEAD + "timeline:\n" + OUTAGE + LIT + SABOTAGE.replace("[lit]", "[let]"), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        load_scenario(drill)
    said = [f"{one.key}: {one.what}" for one in caught.value.problems]
    assert said == [
        "sabotage.fails[0]: no expectation is called let",
        "sabotage.drop[0]: no fault of this file is called back",
    ]
    drill.write_text(
        HEAD + "timeline:\n" + OUTAGE + LIT + SABOTAGE.replace("set: {", 'set: {"": 5, '), encoding="utf-8"
    )
    with pytest.raises(FileProblems, match=r"sabotage\.set: '' is no key path"):
        load_scenario(drill, is_sabotaged=True)
    drill.write_text(HEAD, encoding="utf-8")
    with pytest.raises(UsageError, match="no sabotage to play"):
        load_scenario(drill, is_sabotaged=True)


@pytest.mark.parametrize("name", scenario_names())
def test_every_shipped_sabotage_loads(name: str) -> None:
    assert check_scenario(find_scenario(name)).document.value.scenario == 1


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ("never: {event: platform.reset}", "never.event: platform.reset is seen at the platform alone; face: platform"),
        ("equals: {books: money.bill, to: money.meters_cny}", "equals.books: no book has money.bill"),
        ("order: [{event: session.started}, {event: session.end}]", "order[1].event: unknown event session.end"),
        ("after: {event: alarm.raised}, within_s: 6, every: {subject: 'ocpp[X*]', event: grid.outage}",
         "every.subject: the station has no ocpp[X*]"),
        ("count: {any_of: [{event: grid.outag}], at_least: 1}", "count.any_of[0].event: unknown event grid.outag"),
    ],
)  # fmt: skip
def test_a_wrong_expectation_is_said_at_its_key(drill: Path, expectation: str, said: str) -> None:
    drill.write_text(HEAD + f"expect:\n  - {{id: one, {expectation}}}\n", encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        load_scenario(drill)
    assert f":9: expect[0].{said}" in str(caught.value)


def test_the_books_of_a_run_are_judged(drill: Path, tmp_path: Path) -> None:
    figures = "\n".join(f'  - {{id: b{at}, equals: {{books: {name}, value: 0, tolerance: 1e9}}}}'
                        for at, name in enumerate(BOOKS))  # fmt: skip
    drill.write_text(f"{HEAD}expect:\n{figures}\n", encoding="utf-8")
    assert set(rows(played(drill, tmp_path / "a")).values()) == {"pass"}, "every figure is in the books of a run"
