"""The timeline played on a small station: when each form acts, on whom, and what a repeated run makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.running import replay
from scenarios.loader import load_scenario
from scenarios.runner import ScenarioRun
from sim.errors import FileProblems
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.platform import LocalPlatform

HEADER = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"
HEAD = """scenario: 1
title: {en: A, zh: 甲}
station: two-outlet
start: 2022-06-14T12:00
seed: SEED
duration_h: 1
demand: {replay: cars.csv}
timeline:
"""
FAIL = 'inject: pile.contactor_stuck, target: "pile[A01].connector[2]", with: {position: open}'


class Played:
    """One run of a timeline: its events of faults, its commands, its kernel."""

    def __init__(self, folder: Path, timeline: str, seed: int = 7, until_s: float = 3_600.0) -> None:
        self.path = folder / "drill.yaml"
        self.path.write_text(HEAD.replace("SEED", str(seed)) + timeline, encoding="utf-8")
        (folder / "cars.csv").write_text(HEADER + "100,,1,60,20,80,120\n", encoding="utf-8")
        loaded = load_scenario(self.path)
        self.kernel = Kernel(loaded.clock, seed)
        self.events: list[Event] = []
        self.commands: list[tuple[float, Command]] = []
        self.kernel.subscribe(self.events.append)
        self.kernel.subscribe_commands(lambda _seq, t, command: self.commands.append((t, command)))
        self.run = ScenarioRun(self.kernel, loaded, LocalPlatform(self.kernel))
        self.run.arm()
        self.kernel.advance(SimTime(until_s))

    def at(self, kind: str) -> list[float]:
        """When events of this kind were."""
        return [round(event.t, 6) for event in self.events if event.kind == kind]

    def hit(self) -> list[str]:
        """Who was hit, in order."""
        return [event.subject for event in self.events if event.kind == "fault.armed"]


def test_a_deed_is_a_command_of_the_scenario(tmp_path: Path) -> None:
    played = Played(
        tmp_path, '  - {after_s: 200, do: evse.limit, target: "pile[A01].connector[1]", with: {limit_kw: 20}}\n'
    )
    ((t_s, command),) = played.commands
    assert (t_s, command.source, command.actor, command.verb) == (200.0, "scenario", "drill", "evse.limit")
    assert played.at("command.done") == [200.0]
    power = played.kernel.signals["pile[A01].connector[1].power_kw"]
    assert power.at(played.kernel.now) <= 20.0 + 1e-9  # type: ignore[union-attr]


def test_entries_come_again(tmp_path: Path) -> None:
    entry = f"  - {{after_s: 60, every_s: 300, times: 3, {FAIL[:-1]}, duration_s: 10}}, as: often}}\n"
    played = Played(tmp_path, entry)
    assert played.at("fault.armed") == [60.0, 360.0, 660.0]
    assert [event.data["id"] for event in played.events if event.kind == "fault.armed"] == [
        "often",
        "often#2",
        "often#3",
    ]


def test_a_condition_over_a_signal_holds_for_a_while(tmp_path: Path) -> None:
    when = "when: {signal: SIGNAL, above: 1, for_s: 30}".replace("SIGNAL", '"pile[A01].connector[1].power_kw"')
    played = Played(tmp_path, f"  - {{{when}, later_s: 5, {FAIL}}}\n")
    (started,) = played.at("session.started")
    (armed,) = played.at("fault.armed")
    assert started + 35.0 <= armed <= started + 60.0
    assert not played.run.timeline.waiting


def test_a_condition_over_a_state_and_an_event(tmp_path: Path) -> None:
    state = '{state: "pile[A01].connector[1].state", is: charging}'
    played = Played(tmp_path, f"  - {{when: {state}, {FAIL}}}\n")
    assert played.at("fault.armed") == played.at("session.started")
    event = '{event: session.started, subject: "pile[A*]*"}'
    played = Played(tmp_path, f"  - {{when: {{all: [{state}, {event}]}}, {FAIL}}}\n")
    assert played.at("fault.armed") == played.at("session.started")
    played = Played(tmp_path, f"  - {{when: {{any: [{{event: grid.outage}}, {event}]}}, {FAIL}}}\n")
    assert played.at("fault.armed") == played.at("session.started")


def test_a_condition_that_never_comes_true_is_told(tmp_path: Path) -> None:
    played = Played(tmp_path, f"  - {{when: {{event: grid.outage}}, {FAIL}, as: x}}\n  - {{after_s: 90, clear: x}}\n")
    assert played.at("fault.armed") == []
    assert list(played.run.timeline.waiting) == ["timeline[0]"]


def test_a_condition_acts_each_time_it_comes_true(tmp_path: Path) -> None:
    outage = (
        "  - {after_s: 500, every_s: 600, times: 3, inject: grid.outage, target: grid.feed, with: {duration_s: 60}}\n"
    )
    event = f"  - {{when: {{event: grid.outage}}, times: 2, {FAIL[:-1]}, duration_s: 5}}}}\n"
    played = Played(tmp_path, outage + event)
    assert [e.t for e in played.events if e.kind == "fault.armed" and "connector" in e.subject] == [500.0, 1_100.0]


def test_what_is_drawn_stays_within_bounds_and_follows_the_seed(tmp_path: Path) -> None:
    text = (
        '  - {at: {between: ["12:05", "12:10"]}, inject: grid.sag, target: grid.feed,'
        " with: {residual_pu: {between: [0.3, 0.6]}, duration_s: 1}}\n"
        "  - {after_s: {between: [60, 120]}, inject: pile.contactor_stuck, target: {random: 'pile[A01].connector[*]'},"
        " with: {position: {one_of: [open, closed]}, duration_s: 5}}\n"
    )
    first, same, other = (Played(tmp_path, text, seed) for seed in (7, 7, 8))
    assert 300.0 <= first.at("fault.armed")[1] <= 600.0
    assert 60.0 <= first.at("fault.armed")[0] <= 120.0
    assert first.at("fault.armed") == same.at("fault.armed") != other.at("fault.armed")


def test_a_set_has_one_name(tmp_path: Path) -> None:
    every = "{after_s: 60, inject: pile.contactor_stuck, target: {every: 'pile[*].connector[*]'}, as: all_of_them}"
    played = Played(tmp_path, f"  - {every}\n  - {{after_s: 90, clear: all_of_them}}\n")
    assert played.hit() == ["pile[A01].connector[1]", "pile[A01].connector[2]"]
    assert played.at("fault.cleared") == [90.0, 90.0]
    first = every.replace("every", "first")
    assert Played(tmp_path, f"  - {first}\n").hit() == ["pile[A01].connector[1]"]


def test_groups_begin_together_and_sequences_one_after_another(tmp_path: Path) -> None:
    members = f"[{{{FAIL}, as: x}}, {{after_s: 30, clear: x}}, {{after_s: 40, inject: grid.outage, target: grid.feed}}]"
    played = Played(tmp_path, f"  - {{after_s: 60, group: {members}}}\n")
    assert (played.at("fault.armed"), played.at("fault.cleared")) == ([60.0, 100.0], [90.0])
    played = Played(tmp_path, f"  - {{after_s: 60, sequence: {members}}}\n")
    assert (played.at("fault.armed"), played.at("fault.cleared")) == ([60.0, 130.0], [90.0])


def test_clear_all_ends_every_fault(tmp_path: Path) -> None:
    played = Played(tmp_path, f"  - {{after_s: 60, {FAIL}}}\n  - {{after_s: 90, clear: all}}\n")
    assert played.at("fault.cleared") == [90.0]


def test_a_repeated_run_is_the_same(tmp_path: Path) -> None:
    text = (
        '  - {after_s: 150, do: evse.limit, target: "pile[A01].connector[1]", with: {limit_kw: {between: [5, 20]}}}\n'
        f"  - {{when: {{event: command.done}}, times: 2, {FAIL[:-1]}, duration_s: 5}}}}\n"
        "  - {when: {event: fault.active}, do: evse.enable, with: {is_on: false},\n"
        '     target: {every: "pile[*].connector[*]"}}\n'
    )
    path = Played(tmp_path, text).path
    out = tmp_path / "run"
    loaded = load_scenario(path)
    Bench(Plan(loaded=loaded, pace=read_pace("fast"), seed=7, out=out, state=tmp_path / "state")).run()
    assert replay(out, tmp_path / "again", as_json=False) == 0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("when: {signal: grid.power, above: 1}, " + FAIL, "timeline[0].when.signal: the station has no signal"),
        ("when: {signal: grid.power_kw}, " + FAIL, "timeline[0].when: neither below nor above is given"),
        ("when: {state: 'pile[A01].connector[1].state', is: x}, " + FAIL, "timeline[0].when.is: "),
        ("when: {any: [{event: no.such}]}, " + FAIL, "timeline[0].when.any[0].event: unknown event no.such"),
        ("after_s: 5, do: evse.limits, target: 'pile[A01].connector[1]'", "timeline[0].do: unknown deed evse.limits"),
        ("after_s: 5, do: evse.enable, target: 'pile[A01].connector[1]'", "timeline[0].with: evse.enable needs is_on"),
        ("after_s: 5, do: evse.stop, target: control", "timeline[0].target: evse.stop is for Supply"),
        ("after_s: 5, inject: pile.failed, target: {every: 'pile[X*]'}", "timeline[0].target.every: nothing that"),
        ("after_s: 5, inject: pile.failed, target: {random: 'pile[*]', count: 2}", "timeline[0].target.count: 2 are"),
        ("after_s: {between: [6, 5]}, " + FAIL, "timeline[0].after_s.between: 6 is more than 5"),
        ("after_s: {between: [6, 5000]}, " + FAIL, "timeline[0].after_s: this is after the end of the run"),
        ("after_s: 5, times: 2, " + FAIL, "timeline[0].times: has no meaning without every_s or when"),
        ("after_s: 5, group: [{clear: y}]", "timeline[0].group[0].clear: no fault of this file is called y"),
        ("after_s: 5, inject: grid.sag, target: grid.feed, with: {residual_pu: {between: [0.5, 9]}}",
         "timeline[0].with.residual_pu: 9 is out of bounds"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_said_at_its_key(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(FileProblems) as caught:
        Played(tmp_path, f"  - {{{entry}}}\n")
    assert any(f":9: {said}" in str(problem) for problem in caught.value.problems), str(caught.value)
