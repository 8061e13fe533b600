from __future__ import annotations

import ast
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.catalogue import EVENT_KINDS, StationCatalogue
from scenarios.loader import (
    LoadedScenario,
    check_files,
    find_scenario,
    json_schema_of,
    load_scenario,
    scenario_names,
)
from scenarios.moments import due, moment
from scenarios.runner import ScenarioRun
from sim.clock import Clock
from sim.errors import FileProblems, UsageError
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.station_file import find_station

ROOT = Path(__file__).resolve().parents[2]
DAY = find_scenario("two-outlet-day").read_text(encoding="utf-8")
HEADER = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"
BARE = """scenario: 1
title: {en: A, zh: 甲}
station: two-outlet
start: 2022-06-14T12:00
seed: 7
duration_h: 6
"""


def _load(folder: Path, text: str) -> LoadedScenario:
    path = folder / "drill.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


def _refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        _load(folder, text)
    return [str(problem).removeprefix(f"{folder}/drill.yaml:") for problem in caught.value.problems]


def test_every_shipped_scenario_loads() -> None:
    assert "two-outlet-day" in scenario_names()
    assert check_files([find_scenario(name) for name in scenario_names()]) == []


def test_the_shipped_day_is_a_june_day_of_the_recorded_site() -> None:
    loaded = load_scenario(find_scenario("two-outlet-day"))
    scenario = loaded.document.value
    assert (scenario.begins, scenario.duration_s, scenario.seed) == (datetime(2022, 6, 14), 86_400.0, 7)
    assert loaded.station.value.station.id == "TWO"
    assert loaded.vehicles is None
    assert {one.form for one in scenario.expect} == {"always", "count", "within", "never", "equals"}


def test_what_is_not_given_has_its_default(tmp_path: Path) -> None:
    scenario = _load(tmp_path, BARE).document.value
    assert (scenario.demand, scenario.weather, scenario.timeline, scenario.expect) == (None, None, (), ())


def test_a_timeline_acts_at_local_times_after_the_start(tmp_path: Path) -> None:
    text = (
        BARE.replace("duration_h: 6", "duration_h: 24")
        + """timeline:
  - {at: "14:05", inject: bms.mute, target: "bay[B01].vehicle.bms", as: mute, with: {duration_s: 60}}
  - {at: 11:00, clear: mute}
  - {after_s: 90.5, inject: pile.contactor_stuck, target: "pile[A01].connector[2]", with: {position: open}}
"""
    )
    loaded = _load(tmp_path, text)
    assert [due(loaded.clock, entry) for entry in loaded.document.value.timeline] == [7_500.0, 82_800.0, 90.5]
    assert dict(loaded.document.value.timeline[0].parameters) == {"duration_s": 60}


def test_a_time_of_day_counts_across_the_change_of_clocks() -> None:
    spring = Clock(datetime(2022, 3, 26, 12), "Europe/Zurich")
    assert moment(spring, "11:00") == 22 * 3_600
    assert moment(spring, "12:00") == 0
    assert moment(Clock(datetime(2022, 10, 29, 12), "Europe/Zurich"), "11:00") == 24 * 3_600


INJECT = 'timeline:\n  - {after_s: 5, inject: bms.mute, target: "bay[B01].vehicle.bms"}\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("bms.mute", "bms.mut", "8: timeline[0].inject: unknown fault bms.mut; did you mean bms.mute?"),
        ("B01", "B07", "8: timeline[0].target: the station has no bay[B07]; did you mean bay[B0"),
        (".bms", "", "8: timeline[0].target: bms.mute hits Bms, and bay[B01].vehicle is no such thing; did you mean"),
        ('.bms"', '.bms", with: {duration: 5}', "8: timeline[0].with.duration: bms.mute has no parameter duration; "),
        ('.bms"', '.bms", with: {duration_s: 0}', "8: timeline[0].with.duration_s: 0 is out of bounds; 0.1 to 600.0 s"),
        ('.bms"', '.bms", with: {duration_s: [1]}', "8: timeline[0].with.duration_s: this list of 1 is not a number"),
        ("inject:", "do:", "8: timeline[0].do: unknown deed bms.mute; "),
        ("after_s: 5", "after_s: 21601", "8: timeline[0].after_s: this is after the end of the run; a time within 6 h"),
        ("after_s: 5", "at: 11:00", "8: timeline[0].at: this is after the end of the run; "),
        ("after_s: 5", 'at: "24:00"', "8: timeline[0].at: '24:00' is no time of day; "),
        (
            "after_s: 5",
            "after_s: 5, at: 13:00",
            "8: timeline[0]: the time is given by at and after_s of at, after_s, when; ",
        ),
        ("after_s: 5, ", "", "8: timeline[0]: the time is given by none of at, after_s, when; exactly one of them"),
        ("inject: bms.mute", "clear: mute", "8: timeline[0].target: has no meaning beside clear; "),
        (', target: "bay[B01].vehicle.bms"', "", "8: timeline[0].target: missing; give it: "),
    ],
)
def test_a_wrong_deed_is_said_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert _refusal(tmp_path, BARE + INJECT.replace(old, new))[0].startswith(said)


def test_a_cabinet_is_hit_where_the_station_follows_its_heat(tmp_path: Path) -> None:
    inject = 'timeline:\n  - {after_s: 5, inject: FAULT, target: "pile[A01].cabinet"}\n'
    (found,) = _refusal(tmp_path, BARE + inject.replace("FAULT", "pile.fan_failed"))
    assert "has no pile[A01].cabinet: its file would have to say `heat: {piles: true}`" in found
    (found,) = _refusal(tmp_path, BARE + inject.replace("FAULT", "pile.fan_failed").replace("A01", "A07"))
    assert "has no pile[A07].cabinet; " in found, "another key would not help"
    (found,) = _refusal(tmp_path, BARE + inject.replace("FAULT", "pile.fan_failed").replace(".cabinet", ""))
    assert "pile.fan_failed hits Cabinet, and pile[A01] is Pile: it means pile[A01].cabinet, which is not" in found
    assert "its file would have to say `heat: {piles: true}`" in found
    station = find_station("two-outlet").read_text(encoding="utf-8")
    (tmp_path / "warm.yaml").write_text(f"{station}\nheat: {{piles: true}}\n", encoding="utf-8")
    warm = BARE.replace("station: two-outlet", "station: warm.yaml") + inject
    _load(tmp_path, warm.replace("FAULT", "pile.fan_failed"))
    (found,) = _refusal(tmp_path, warm.replace("FAULT", "pile.failed"))
    assert "pile.failed hits Pile, and pile[A01].cabinet is Cabinet; did you mean pile[A01]" in found
    (found,) = _refusal(tmp_path, warm.replace("FAULT", "pile.fan_failed").replace(".cabinet", ""))
    assert "and pile[A01] is Pile: it means pile[A01].cabinet; did you mean pile[A01].cabinet?" in found


def test_a_transformer_is_hit_where_the_station_follows_its_heat(tmp_path: Path) -> None:
    inject = 'timeline:\n  - {after_s: 5, inject: FAULT, target: "grid.transformer[T1]"}\n'
    (found,) = _refusal(tmp_path, BARE + inject.replace("FAULT", "transformer.sensor_stuck"))
    assert "is Transformer: its file would have to say grid.transformer.heat" in found
    station = find_station("two-outlet").read_text(encoding="utf-8")
    oil = station.replace("load_loss_kw: 3.2\n", "load_loss_kw: 3.2\n    heat: {kind: oil}\n")
    (tmp_path / "warm.yaml").write_text(oil, encoding="utf-8")
    warm = BARE.replace("station: two-outlet", "station: warm.yaml") + inject
    _load(tmp_path, warm.replace("FAULT", "transformer.sensor_stuck"))
    (found,) = _refusal(tmp_path, warm.replace("FAULT", "transformer.fan_failed"))
    assert "transformer.fan_failed hits DryTransformer, and grid.transformer[T1] is OilTransformer" in found


def test_a_contact_is_hit_where_the_station_follows_its_heat(tmp_path: Path) -> None:
    inject = 'timeline:\n  - {after_s: 5, inject: FAULT, target: "pile[A01].connector[1].contact"}\n'
    cold = BARE + inject.replace("FAULT", "connector.contact_loose")
    (found,) = _refusal(tmp_path, cold)
    assert found.startswith("8: timeline[0].target: the station has no pile[A01].connector[1].contact: its file would")
    station = find_station("two-outlet").read_text(encoding="utf-8")
    station = station.replace("    place: {x_m: 3", "    connector: {}\n    place: {x_m: 3")
    (tmp_path / "warm.yaml").write_text(f"{station}\nheat: {{connectors: true}}\n", encoding="utf-8")
    warm = BARE.replace("station: two-outlet", "station: warm.yaml") + inject
    _load(tmp_path, warm.replace("FAULT", "connector.contact_loose"))
    (found,) = _refusal(tmp_path, warm.replace("FAULT", "connector.coolant_pump_failed"))
    assert "connector.coolant_pump_failed hits CooledContact, and pile[A01].connector[1].contact is Contact" in found
    (found,) = _refusal(tmp_path, warm.replace("FAULT", "connector.contact_loose").replace("[1].contact", "[1]"))
    assert "did you mean pile[A01].connector[1].contact?" in found
    (found,) = _refusal(tmp_path, cold.replace("[1].contact", "[1]"))
    assert "it means pile[A01].connector[1].contact, which is not there: its file would have to say" in found
    assert "`heat: {connectors: true}`" in found


def test_names_of_faults_are_given_once_and_cleared_as_given(tmp_path: Path) -> None:
    entry = '  - {after_s: 5, inject: bms.mute, target: "bay[B01].vehicle.bms", as: quiet}\n'
    text = BARE + "timeline:\n" + entry * 2 + "  - {after_s: 9, clear: quit}\n"
    assert _refusal(tmp_path, text) == [
        "9: timeline[1].as: quiet is the name of timeline[0] too; a name of its own",
        "10: timeline[2].clear: no fault of this file is called quit; did you mean quiet?",
    ]


@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        ("never: {event: alarm.raise}", ".never.event: unknown event alarm.raise; did you mean alarm.raised?"),
        (
            "always: {signal: grid.power, below: 9}",
            ".always.signal: the station has no signal grid.power; did you mean",
        ),
        (
            'never: {event: alarm.raised, subject: "pile[A02].connector[1]"}',
            ".never.subject: the station has no pile[A02].connector[1]; did you mean pile[A01].connector[1]?",
        ),
        (
            'after: {event: fault.active, subject: "pile[A01]"}, within_s: 5, event: alarm.raised, subject: "pile[A]"',
            ".subject: the station has no pile[A]; did you mean pile[A01]?",
        ),
        (
            "after: {event: fault.active, subject: A01}, within_s: 5, event: alarm.raised",
            ".after.subject: the station has no A01; one of: ",
        ),
        (
            'count: {event: staff.done, subject: "staff[T1]", at_least: 1}',
            ".count.subject: the station has no staff[T1]",
        ),
        ('count: {event: wire.lost, subject: "ocpp[A02]", equals: 0}', ".count.subject: the station has no ocpp[A02]"),
        (
            "count: {event: session.started, equals: {event: session.ended, subject: B01}}",
            ".count.equals.subject: the station has no B01; one of: ",
        ),
        ("always: {signal: grid.power_kw}", ".always: neither below nor above is given; "),
        ("always: {signal: grid.power_kw, below: 1, above: 2}", ".always.below: 1 is not more than above, 2"),
        ('always: {signal: "pile[A01].connector[1].state", below: 1}', ".always.signal: the station has no signal"),
        ("count: {event: session.started}", ".count: none of equals, at_least, at_most is given; "),
        ("count: {event: session.started, equals: often}", ".count.equals: often is not a whole number or a mapping"),
        ("count: {event: session.started, equals: {evnt: x}}", ".count.equals.evnt: unknown key; did you mean event?"),
        ("count: {event: session.started, equals: {event: x.y}}", ".count.equals.event: unknown event x.y; "),
        ("count: {event: session.started, at_least: 3, at_most: 2}", ".count.at_least: 3 is more than at_most, 2; "),
        ("equals: {signal: grid.power_kw, value: 1, at: 9:00}", ".equals.at: '9:00' is no time of day; "),
        ("equals: {signal: grid.power_kw, value: 1, at: 11:59}", ".equals.at: this is after the end of the run; "),
        (
            "after: {event: session.started}, within_s: 5",
            ": what follows is given by none of event, signal, any_of, ",
        ),
        ("after: {event: session.started}, event: session.ended", ".within_s: missing; "),
        ("never: {event: alarm.raised}, within_s: 5", ".within_s: has no meaning beside never; "),
        (
            "face: wire",
            ": the form is given by none of after, never, always, count, equals, order, ",
        ),
        (
            "never: {event: alarm.raised}, face: moon",
            ".face: moon is not known here; 'station', 'wire', 'platform' or 'slot'",
        ),
    ],
)
def test_a_wrong_expectation_is_said_at_its_line(tmp_path: Path, expectation: str, said: str) -> None:
    found = _refusal(tmp_path, f"{BARE}expect:\n  - {{id: one, {expectation}}}\n")
    assert any(one.startswith(f"8: expect[0]{said}") for one in found), found


@pytest.mark.parametrize("name", ["hot-day", "hub-evening"])
def test_every_subject_of_a_run_may_be_named(name: str) -> None:
    """What a day's events concern, wire or not, is known to the check."""
    loaded = load_scenario(find_scenario(name))
    kernel = Kernel(loaded.clock, loaded.document.value.seed)
    subjects: set[str] = set()
    kernel.subscribe(lambda event: subjects.add(event.subject))
    run = ScenarioRun(kernel, loaded, LocalPlatform(kernel))
    run.arm()
    kernel.advance(run.duration_s)
    known = StationCatalogue(loaded.station.value)
    assert {path.partition("[")[0] for path in subjects} >= {"pile", "bay", "vehicle", "session"}
    assert sorted(path for path in subjects if not known.knows_subject(path)) == []
    assert known.knows_subject("ocpp[A01]") is (name == "hot-day")
    assert known.knows_subject("staff[T1]") and not known.knows_subject("staff[T9]")
    assert known.knows_subject("weather")


INJECTED = '  - {AT, inject: bms.mute, target: "bay[B01].vehicle.bms", as: quiet}\n'


@pytest.mark.parametrize(
    ("injected", "cleared", "found"),
    [
        ("after_s: 90", "after_s: 60", "9: timeline[1].clear: quiet is cleared before timeline[0] injects it; a time"
         " after 90 s after the start, when it is injected"),
        ('at: "12:30"', "after_s: 60", "9: timeline[1].clear: quiet is cleared before timeline[0] injects it; a time"
         " after 12:30, when it is injected"),
        ('at: "12:01"', "after_s: 60", None),
        ("after_s: 60", 'at: "12:30"', None),
    ],
)  # fmt: skip
def test_a_fault_is_cleared_after_it_is_injected(
    tmp_path: Path, injected: str, cleared: str, found: str | None
) -> None:
    text = BARE + "timeline:\n" + INJECTED.replace("AT", injected) + f"  - {{{cleared}, clear: quiet}}\n"
    if found is None:
        _load(tmp_path, text)
    else:
        assert _refusal(tmp_path, text) == [found]


def test_at_one_instant_the_order_of_the_file_counts(tmp_path: Path) -> None:
    text = BARE + "timeline:\n  - {after_s: 60, clear: quiet}\n" + INJECTED.replace("AT", "after_s: 60")
    (found,) = _refusal(tmp_path, text)
    assert found.startswith("8: timeline[0].clear: quiet is cleared before timeline[1] injects it")


def test_expectations_have_names_of_their_own(tmp_path: Path) -> None:
    expect = "expect:\n" + "  - {id: calm, never: {event: alarm.raised}}\n" * 2
    assert _refusal(tmp_path, BARE + expect) == [
        "9: expect[1].id: calm is the name of expect[0] too; a name of its own"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scenario: 1", "scenario: 2", "1: scenario: 2 is out of range; at most 1"),
        ("station: two-outlet", "station: two-outlets", "3: station: no station is called two-outlets; did you mean"),
        ("station: two-outlet", "station: gone.yaml", "3: station: no file "),
        ("T12:00", " noon", "4: start: '2022-06-14 noon' is no date and time; "),
        ("06-14", "06-31", "4: start: '2022-06-31T12:00' is not in the calendar (day is out of range for month); "),
        ("06-14T12:00", "03-27T02:30", "4: start: 2022-03-27T02:30 is skipped by the clocks of Europe/Zurich; "),
        ("seed: 7", "seed: 7.5", "5: seed: 7.5 is not a whole number; "),
        ("seed: 7\n", "", "1: seed: missing; give it: Starts every random stream"),
        ("duration_h: 6", "duration_h: 0", "6: duration_h: 0 is out of range; more than 0"),
        ("duration_h", "duration_s", "6: duration_s: unknown key; did you mean duration_h?"),
        ("seed: 7", "seed: 7\nsabotage: careless_csms", "6: sabotage: careless_csms is not a mapping"),
        ("seed: 7", "seed: 7\ndemand: {}", "6: demand: demand is given by none of sessions_per_day, replay; "),
        ("seed: 7", "seed: 7\ndemand: {replay: gone.csv}", "6: demand.replay: no file "),
        ("seed: 7", "seed: 7\nweather: {air_temp_c: 70}", "6: weather.air_temp_c: 70 is out of range; at most 60"),
    ],
)
def test_a_wrong_head_is_said_at_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    found = _refusal(tmp_path, BARE.replace(old, new))
    assert any(one.startswith(said) for one in found), found


def test_station_and_replay_stand_beside_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_bytes(find_station("two-outlet").read_bytes())
    (tmp_path / "day.csv").write_text(HEADER + "0,,1,60,20,80,120\n9,600,2,60,20,80,120\n", encoding="utf-8")
    text = BARE.replace("two-outlet", "site.yaml") + "demand: {replay: day.csv}\n"
    vehicles = _load(tmp_path, text).vehicles
    assert vehicles is not None
    assert [row.connector for row in vehicles] == [1, 2]
    (tmp_path / "day.csv").write_text(HEADER + "0,,3,60,20,80,120\n", encoding="utf-8")
    said = "7: demand.replay: day.csv names connector 3, but the station has 2; connectors from 1 to 2"
    assert _refusal(tmp_path, text) == [said]


def test_every_file_of_people_is_checked_for_what_it_is(tmp_path: Path) -> None:
    files = {
        "a.yaml": BARE.replace("seed: 7", "seed: x"),
        "b.yaml": find_station("two-outlet").read_text(encoding="utf-8").replace("feeder: F1", "feeder: F3"),
        "c.csv": HEADER + "0,,1,0,20,80,120\n",
        "d.yaml": "other: 1\n",
        "e.yaml": BARE,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = check_files([tmp_path / name for name in files] + [tmp_path / "none.yaml"])
    assert [(Path(one.file).name, one.key) for one in found] == [
        ("a.yaml", "seed"),
        ("b.yaml", "piles[0].feeder"),
        ("c.csv", "capacity_kwh"),
        ("d.yaml", ""),
        ("none.yaml", ""),
    ]


def test_a_fault_in_the_station_file_is_said_of_the_station_file(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("voltyard: 1\n", encoding="utf-8")
    (tmp_path / "drill.yaml").write_text(BARE.replace("two-outlet", "site.yaml"), encoding="utf-8")
    assert {one.file for one in check_files([tmp_path / "drill.yaml"])} == {str(site)}


def test_scenarios_are_found_by_name_or_path() -> None:
    assert find_scenario("some/where.yaml") == Path("some/where.yaml")
    with pytest.raises(UsageError, match="did you mean two-outlet-day"):
        find_scenario("two-outlet-dai")


def test_the_schema_takes_a_parameter_in_place_of_a_scalar_alone() -> None:
    schema = json_schema_of("scenario")
    use = {"$ref": "#/$defs/ParameterUse"}
    assert use in schema["properties"]["seed"]["anyOf"]
    assert schema["properties"]["seed"]["description"]
    assert use in schema["$defs"]["Hold"]["properties"]["below"]["anyOf"]
    assert use in schema["$defs"]["TimelineEntry"]["properties"]["with"]["additionalProperties"]["anyOf"]
    assert use not in schema["$defs"]["ScenarioParameter"]["properties"]["default"]["anyOf"]
    assert "anyOf" not in schema["properties"]["timeline"]
    assert schema["$defs"]["ParameterUse"]["required"] == ["parameter"]
    assert "ParameterUse" not in json_schema_of("station")["$defs"]


def test_schemas_name_keys_and_units() -> None:
    schema = json_schema_of("scenario")
    assert set(schema["required"]) == {"scenario", "title", "station", "start", "seed", "duration_h"}
    assert schema["properties"]["duration_h"]["unit"] == "h"
    assert {"as", "with"} <= set(schema["$defs"]["TimelineEntry"]["properties"])
    assert json_schema_of("station")["properties"]["voltyard"]["description"]
    with pytest.raises(UsageError, match="did you mean scenario"):
        json_schema_of("scenrio")


def test_the_kinds_of_events_are_those_that_are_emitted() -> None:
    emitted = set()
    for path in [*(ROOT / "sim").rglob("*.py"), *(ROOT / "twins").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "emit":
                assert isinstance(node.args[0], ast.Constant), f"{path.name}:{node.lineno} emits a kind that is no word"
                emitted.add(node.args[0].value)
    assert emitted == set(EVENT_KINDS)


@given(st.data())
def test_a_damaged_scenario_is_loaded_or_refused_with_lines_that_exist(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = (DAY + INJECT.replace("after_s: 5", "at: 14:05")).splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        name, _, value = lines[at].partition(": ")
        damage = st.sampled_from(["", "-1", "[]", "{}", "~", "1e400", "9" * 30, "true", "*a", "'", "\\0", value * 2])
        cut = st.integers(0, len(lines[at])).map(lambda end, line=lines[at]: line[:end])
        swap = st.sampled_from(lines)
        lines[at] = data.draw(swap | cut | st.just("  " + lines[at]) | damage.map(f"{name}: ".__add__))
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        assert load_scenario(path).document.value.scenario == 1
    except FileProblems as refused:
        assert refused.problems
        for problem in refused.problems:
            assert problem.file == str(path)
            assert 1 <= problem.line <= len(lines) + 1
            assert problem.what
