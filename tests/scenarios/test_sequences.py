"""Expectations of how events follow each other, of windows, of several events, and of the books."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from scenarios.conditions import EventName
from scenarios.expectation_shape import Count, Equals, Every, Expectation, FollowedBy
from scenarios.judge import Judge
from scenarios.judgement import Judgement
from scenarios.schema import Scenario
from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.station_file import LocalText

Happening = tuple[float, str, str, dict[str, Any]]


def judged(one: Expectation, happenings: list[Happening], books: dict[str, Any] | None = None) -> Judgement:
    """The judgement of one expectation over a run of 100 s in which these events happen."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Berlin"), 1)
    kernel.add(Signal("x", "kW", 3.0), Signal("y", "kW", 5.0))
    scenario = Scenario(
        scenario=1, title=LocalText(en="t", zh="t"), station="s", start="2022-06-14T00:00", seed=1, duration_h=1.0,
        expect=(one,),
    )  # fmt: skip
    judge = Judge(kernel, scenario, kernel.clock, has_wire=True, fitting=lambda _glob: ["ocpp[A]", "ocpp[B]"])
    for t_s, kind, subject, data in happenings:
        kernel.at(SimTime(t_s), lambda k=kind, s=subject, d=data: kernel.emit(k, s, d))  # type: ignore[misc,arg-type]
    kernel.advance(SimTime(100.0))
    kernel.jump(SimTime(100.0))
    (judgement,) = judge.finish(kernel.now, books)
    return judgement


def name(kind: str, subject: str | None = None, **data: Any) -> EventName:
    return EventName(event=kind, subject=subject, data=data)


ORDER = Expectation(id="e", order=(name("a.one"), name("a.two"), name("a.three")))


@pytest.mark.parametrize(
    ("kinds", "verdict", "said"),
    [
        (["one", "two", "three"], "pass", ""),
        (["one", "three", "two"], "fail", "#2 a.three s at 2.000 s came before #3 a.two s at 3.000 s"),
        (["one", "two"], "fail", "no a.three"),
        (["one", "two", "one", "three"], "pass", ""),
    ],
)
def test_events_come_in_an_order(kinds: list[str], verdict: str, said: str) -> None:
    judgement = judged(ORDER, [(at + 1.0, f"a.{kind}", "s", {}) for at, kind in enumerate(kinds)])
    assert judgement.verdict == verdict
    assert said in ", ".join(judgement.notes)


FOLLOWED = Expectation(
    id="e", followed_by=FollowedBy(event="a.began", within_s=10.0, by=name("a.ended"), same="session")
)


def test_each_is_followed_by_its_own() -> None:
    begun: list[Happening] = [(1.0, "a.began", "p", {"session": "S1"}), (2.0, "a.began", "p", {"session": "S2"})]
    ends: list[Happening] = [(3.0, "a.ended", "p", {"session": "S2"}), (5.0, "a.ended", "p", {"session": "S1"})]
    judgement = judged(FOLLOWED, begun + ends)
    assert (judgement.verdict, judgement.observed) == ("pass", 4.0)
    judgement = judged(FOLLOWED, [*begun, ends[0], (5.0, "a.ended", "p", {"session": "S2"})])
    assert (judgement.verdict, judgement.t_s) == ("fail", 11.0)
    assert judgement.notes[0] == "1 of 2 not followed in time"
    assert "of session S2, not S1" in judgement.notes[2]
    assert judged(FOLLOWED, [*begun[:1], (5.0, "a.ended", "session[S1]", {})]).verdict == "pass"
    assert judged(FOLLOWED, []).verdict == "not_judged"


NEVER = Expectation(id="e", never=name("a.start"), after=name("a.broken"), until=name("a.mended"))


@pytest.mark.parametrize(
    ("start_s", "verdict"), [(1.0, "pass"), (15.0, "fail"), (25.0, "pass"), (10.0, "pass"), (45.0, "fail")]
)
def test_never_between_two_events(start_s: float, verdict: str) -> None:
    windows: list[Happening] = [(10.0, "a.broken", "p", {}), (20.0, "a.mended", "p", {}), (40.0, "a.broken", "p", {})]
    judgement = judged(NEVER, [(start_s, "a.start", "p", {}), *windows])
    assert judgement.verdict == verdict
    assert (f"a.start p at {start_s:.3f} s" in ", ".join(judgement.notes)) is (verdict == "fail")
    assert judged(NEVER, [(start_s, "a.start", "p", {})]).verdict == "not_judged"


EVERY = Expectation(
    id="e", after=name("alarm.raised", None, alarm="smoke"), within_s=60.0, face="platform",
    every=Every(subject="ocpp[*]", any_of=(name("platform.remote_stop"), name("platform.change_availability"))),
)  # fmt: skip


def test_every_subject_answers_in_one_of_several_ways() -> None:
    alarm: Happening = (1.0, "alarm.raised", "p", {"alarm": "smoke"})
    stop: Happening = (9.0, "platform.remote_stop", "ocpp[A]", {})
    change: Happening = (30.0, "platform.change_availability", "ocpp[B]", {})
    judgement = judged(EVERY, [alarm, stop, change])
    assert (judgement.verdict, judgement.observed) == ("pass", 29.0)
    judgement = judged(EVERY, [alarm, stop])
    assert (judgement.verdict, judgement.t_s) == ("fail", 61.0)
    wanted = "missed: platform.remote_stop of ocpp[B] or platform.change_availability of ocpp[B]"
    assert wanted in judgement.notes
    assert any("concerns ocpp[A], not ocpp[B]" in note for note in judgement.notes)
    assert judged(EVERY, [(1.0, "alarm.raised", "p", {"alarm": "heat"})]).verdict == "not_judged"


def test_a_missed_count_tells_what_came_instead() -> None:
    one = Expectation(id="e", count=Count(event="a.start", subject="p", data={"kind": "x"}, equals=1))
    assert judged(one, [(1.0, "a.start", "p", {"kind": "x"})]).verdict == "pass"
    judgement = judged(one, [(1.0, "a.start", "p", {"kind": "y"}), (2.0, "a.start", "q", {"kind": "x"})])
    assert judgement.verdict == "fail"
    assert "#1 a.start p at 1.000 s: has kind y, not x" in judgement.notes
    assert "#2 a.start q at 2.000 s: concerns q, not p" in judgement.notes


def test_a_signal_is_as_another_and_a_book_as_another() -> None:
    signals = Expectation(id="e", equals=Equals(signal="x", to="y", tolerance=2.0))
    assert judged(signals, []).verdict == "pass"
    judgement = judged(Expectation(id="e", equals=Equals(signal="x", to="y")), [(1.0, "a.b", "p", {})])
    assert (judgement.verdict, judgement.bound, judgement.observed) == ("fail", 5.0, 3.0)
    assert judgement.notes == ("near that instant: #1 a.b p at 1.000 s",)
    books = Expectation(id="e", equals=Equals(books="money.bills_cny", to="money.meters_cny", tolerance=0.01))
    assert judged(books, [], {"money": {"bills_cny": 9.0, "meters_cny": 9.005}}).verdict == "pass"
    judgement = judged(books, [], {"money": {"bills_cny": 9.0, "meters_cny": 8.0}})
    assert (judgement.verdict, judgement.unit) == ("fail", "CNY")
    assert judged(books, []).verdict == "not_judged"
