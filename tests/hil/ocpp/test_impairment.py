"""Frames on an impaired wire: none is invented, each is accounted for, and their order is kept unless it is broken."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.impairment import Lane, Passage
from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime
from twins.frame_rules import FrameRule, Frames

SHARES = st.sampled_from([10.0, 50.0, 100.0])
GAPS = st.lists(st.floats(0.0, 20.0), max_size=30)
IN_ORDER = st.lists(
    st.one_of(
        st.builds(
            FrameRule,
            st.just("delay"),
            st.builds(Frames, share_pct=SHARES),
            st.floats(0.0, 30.0),
            st.floats(0.0, 30.0),
        ),
        st.builds(FrameRule, st.just("drop"), st.builds(Frames, share_pct=SHARES)),
        st.builds(FrameRule, st.just("double"), st.builds(Frames, share_pct=SHARES)),
        st.builds(FrameRule, st.just("slow"), amount=st.floats(1.0, 1e6)),
    ),
    max_size=4,
)
SWAPS = st.builds(FrameRule, st.just("swap"), st.builds(Frames, share_pct=SHARES), st.floats(0.1, 30.0))


class Sent:
    """A lane on which numbered calls were sent, one after each gap."""

    def __init__(self, gaps: list[float], rules: list[FrameRule], seed: int = 1) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 7, 13), "Asia/Shanghai"), seed)
        self.arrived: list[tuple[float, int]] = []
        self.passages: list[Passage] = []
        lane = Lane(self.kernel, "to_platform", "a_wire", self._arrive)
        t_s = 0.0
        for number, gap_s in enumerate(gaps):
            t_s += gap_s
            self.kernel.advance(SimTime(t_s))
            self.kernel.jump(SimTime(t_s))
            data = orjson.dumps([2, f"{number}", "Heartbeat", {}])
            passage = Passage(data, "call", f"{number}", "Heartbeat")
            self.passages.append(passage)
            lane.pass_on(passage, rules, 0.0)
        self.at_once = len(self.arrived)
        self.kernel.advance(SimTime(1e6))
        self.left = lane.under_way

    def _arrive(self, _passage: Passage, data: bytes) -> None:
        self.arrived.append((float(self.kernel.now), int(orjson.loads(data)[1])))

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.arrived]


@given(GAPS)
def test_without_rules_all_passes_at_once(gaps: list[float]) -> None:
    sent = Sent(gaps, [])
    assert sent.numbers == list(range(len(gaps)))
    assert sent.at_once == len(gaps)
    assert not any(passage.is_harmed for passage in sent.passages)


@given(GAPS, IN_ORDER)
def test_order_is_kept_by_all_but_reordering(gaps: list[float], rules: list[FrameRule]) -> None:
    sent = Sent(gaps, rules)
    assert sent.numbers == sorted(sent.numbers)
    assert sent.arrived == sorted(sent.arrived)


@given(GAPS, IN_ORDER, SWAPS)
def test_each_frame_is_accounted_for(gaps: list[float], rules: list[FrameRule], swap: FrameRule) -> None:
    sent = Sent(gaps, [*rules, swap])
    expected = {number: 1 + len(one.extra) for number, one in enumerate(sent.passages) if not one.is_lost}
    assert Counter(sent.numbers) == expected
    assert sent.left == 0


@given(GAPS, IN_ORDER, SWAPS)
def test_the_same_seed_does_the_same(gaps: list[float], rules: list[FrameRule], swap: FrameRule) -> None:
    assert Sent(gaps, [*rules, swap], 5).arrived == Sent(gaps, [*rules, swap], 5).arrived


def test_a_frame_held_back_is_passed_by_the_next() -> None:
    assert Sent([0.0, 1.0, 1.0], [FrameRule("swap", amount=10.0)]).numbers == [1, 0, 2]
