"""Expectations judged over a real kernel: each form met and missed, at the very instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.conditions import EventName
from scenarios.expectation_shape import Always, Count, Equals, Expectation
from scenarios.judge import Judge
from scenarios.judgement import Judgement
from scenarios.schema import Scenario
from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime
from twins.station_file import LocalText

Deed = tuple[float, str] | tuple[float, float, float]


def judged(one: Expectation, deeds: list[Deed], end_s: float = 100.0, *, has_wire: bool = False) -> Judgement:
    """The judgement of one expectation; deeds are (t, event kind) or (t, value, slope) of the signal `x`."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Berlin"), 1)
    x = Signal("x", "kW")
    kernel.add(x)
    scenario = Scenario(
        scenario=1, title=LocalText(en="t", zh="t"), station="s", start="2022-06-14T00:00", seed=1, duration_h=1.0,
        expect=(one,),
    )  # fmt: skip
    judge = Judge(kernel, scenario, kernel.clock, has_wire=has_wire)
    for deed in deeds:
        kernel.at(SimTime(deed[0]), act(kernel, x, deed))
    kernel.advance(SimTime(end_s))
    kernel.jump(SimTime(end_s))
    before = kernel.digest.finish(kernel.now, ())
    (judgement,) = judge.finish(kernel.now)
    assert before[1] == kernel.digest.finish(kernel.now, ())[1]
    return judgement


def act(kernel: Kernel, x: Signal, deed: Deed) -> Any:
    if len(deed) == 3:
        return lambda: x.set(kernel.now, float(deed[1]), float(deed[2]))
    return lambda: kernel.emit(str(deed[1]).split("@")[0], str(deed[1]).partition("@")[2] or "place")


ALWAYS = Expectation(id="e", always=Always(signal="x", below=10.0, above=-10.0))


def test_always_fails_at_the_crossing_between_two_changes() -> None:
    judgement = judged(ALWAYS, [(10.0, 0.0, 0.5)])
    assert (judgement.verdict, judgement.unit) == ("fail", "kW")
    assert judgement.t_s == pytest.approx(30.0, abs=1e-9)
    assert judgement.observed == pytest.approx(10.0)


def test_always_fails_at_the_lower_bound_too() -> None:
    assert judged(ALWAYS, [(10.0, 0.0, -1.0)]).t_s == pytest.approx(20.0)


def test_always_holds_when_the_signal_turns_in_time() -> None:
    assert judged(ALWAYS, [(10.0, 0.0, 0.5), (29.9, 9.95, -0.1)]).verdict == "pass"


def test_what_is_set_and_mended_within_one_instant_does_not_count() -> None:
    assert judged(ALWAYS, [(10.0, 50.0, 0.0), (10.0, 5.0, 0.0)]).verdict == "pass"


def test_the_bound_itself_is_outside() -> None:
    assert judged(ALWAYS, [(10.0, 10.0, 0.0)]).verdict == "fail"


PIECES = st.lists(st.tuples(st.floats(-9.0, 12.0), st.floats(-1.0, 1.0)), min_size=1, max_size=6)


@given(pieces=PIECES)
def test_always_agrees_with_dense_sampling(pieces: list[tuple[float, float]]) -> None:
    deeds: list[Deed] = [(10.0 * number, value, slope) for number, (value, slope) in enumerate(pieces)]
    verdict = judged(ALWAYS, deeds, 10.0 * len(pieces)).verdict
    ends = [(value, value + 10.0 * slope) for value, slope in pieces]
    extremes = [end for pair in ends for end in pair]
    if all(-9.999 < value < 9.999 for value in extremes):
        assert verdict == "pass"
    elif any(abs(value) > 10.001 for value in extremes):
        assert verdict == "fail"


CHANGES = st.lists(
    st.tuples(st.integers(0, 2), st.floats(-4.0, 5.0), st.sampled_from([0.0, 0.0, 0.05]), st.floats(-3.0, 3.0)),
    min_size=1, max_size=12,
)  # fmt: skip


@given(changes=CHANGES)
def test_always_on_a_sum_agrees_with_dense_sampling(changes: list[tuple[int, float, float, float]]) -> None:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Berlin"), 1)
    leaves = [Signal(f"x{number}", "kW") for number in range(3)]
    loss = Sum("loss", "kW", leaves[:2], scale=0.25)
    total = Sum("x", "kW", [*leaves, loss])
    kernel.add(*leaves, loss, total)
    scenario = Scenario(
        scenario=1, title=LocalText(en="t", zh="t"), station="s", start="2022-06-14T00:00", seed=1, duration_h=1.0,
        expect=(ALWAYS,),
    )  # fmt: skip
    judge = Judge(kernel, scenario, kernel.clock, has_wire=False)
    seen = [0.0]
    for number, (at, a, b, c) in enumerate(changes):
        begin = SimTime(20.0 * number)
        kernel.at(begin, lambda at=at, a=a, b=b, c=c: leaves[at].set(kernel.now, a, b, c, 15.0))  # type: ignore[misc]
        kernel.advance(begin)
        if number % 4 == 3:
            loss.retune(kernel.now, 0.1 * (number % 3), 0.5)
        seen += [total.at(SimTime(begin + 0.02 * part)) for part in range(1001)]
    kernel.advance(SimTime(20.0 * len(changes)))
    (judgement,) = judge.finish(kernel.now)
    if max(map(abs, seen)) < 9.99:
        assert judgement.verdict == "pass"
    elif max(map(abs, seen)) > 10.0001:
        assert judgement.verdict == "fail"


def test_never() -> None:
    one = Expectation(id="e", never=EventName(event="alarm.raised", subject="A"))
    assert judged(one, [(5.0, "alarm.raised@B")]).verdict == "pass"
    missed = judged(one, [(5.0, "alarm.raised@A"), (6.0, "alarm.raised@A")])
    assert (missed.verdict, missed.t_s, missed.observed, missed.evidence) == ("fail", 5.0, 2, (1, 2))


@pytest.mark.parametrize(
    ("count", "verdict"),
    [
        (Count(event="a", equals=2), "pass"),
        (Count(event="a", equals=3), "fail"),
        (Count(event="a", equals=EventName(event="b")), "fail"),
        (Count(event="b", equals=EventName(event="b")), "pass"),
        (Count(event="a", at_least=2, at_most=2), "pass"),
        (Count(event="a", at_least=3), "fail"),
        (Count(event="a", at_most=1), "fail"),
        (Count(event="a", subject="other", at_most=0), "pass"),
    ],
)
def test_count(count: Count, verdict: str) -> None:
    assert judged(Expectation(id="e", count=count), [(1.0, "a"), (2.0, "b"), (3.0, "a")]).verdict == verdict


def test_equals_at_the_end_and_at_a_time() -> None:
    deeds: list[Deed] = [(0.0, 0.0, 1.0)]
    at_end = Expectation(id="e", equals=Equals(signal="x", value=100.0, tolerance=1e-6))
    assert judged(at_end, deeds).verdict == "pass"
    at_one = Expectation(id="e", equals=Equals(signal="x", value=59.0, tolerance=0.5, at="00:01"))
    missed = judged(at_one, deeds)
    assert (missed.verdict, missed.t_s, missed.observed) == ("fail", 60.0, 60.0)
    later = Expectation(id="e", equals=Equals(signal="x", value=0.0, at="00:05"))
    assert judged(later, deeds).verdict == "not_judged"


WITHIN = Expectation(id="e", after=EventName(event="a"), within_s=10.0, event="b")


def test_within_is_met_up_to_the_deadline() -> None:
    met = judged(WITHIN, [(5.0, "a"), (15.0, "b")])
    assert (met.verdict, met.observed) == ("pass", 10.0)


def test_within_missed_names_the_nearest_and_how_it_differs() -> None:
    missed = judged(WITHIN, [(1.0, "b"), (5.0, "a"), (15.5, "b")])
    assert (missed.verdict, missed.t_s) == ("fail", 15.0)
    assert missed.evidence[0] == 2
    assert any("0.500 s too late" in note for note in missed.notes)
    assert any("4.000 s too early" in note for note in missed.notes)


def test_within_that_nothing_opened_or_the_end_cut_off_is_not_judged() -> None:
    assert judged(WITHIN, []).verdict == "not_judged"
    assert judged(WITHIN, [(95.0, "a")]).verdict == "not_judged"


def test_within_a_signal_comes_into_its_bounds() -> None:
    one = Expectation(id="e", after=EventName(event="a"), within_s=10.0, signal="x", above=4.0)
    met = judged(one, [(0.0, 0.0, 0.5), (5.0, "a")])
    assert met.verdict == "pass"
    assert met.observed == pytest.approx(3.0)
    assert judged(one, [(0.0, 0.0, 0.1), (5.0, "a")]).verdict == "fail"
    assert judged(one, [(0.0, 5.0, 0.0), (5.0, "a")]).observed == 0.0


def test_what_is_seen_on_the_wire_needs_one() -> None:
    one = Expectation(id="e", face="wire", never=EventName(event="wire.lost"))
    assert judged(one, []).verdict == "not_judged"
    assert judged(one, [], has_wire=True).verdict == "pass"


def test_within_missed_does_not_take_anothers_event_for_what_it_observed() -> None:
    one = Expectation(id="e", after=EventName(event="a"), within_s=10.0, event="b", subject="A")
    missed = judged(one, [(5.0, "a"), (14.0, "b@B")])
    assert (missed.verdict, missed.observed) == ("fail", None)
    assert any("concerns B, not A" in note for note in missed.notes)
    assert judged(one, [(5.0, "a"), (14.0, "b@B"), (17.0, "b@A")]).observed == 12.0
