"""The ring: pages in order, a gap that is seen, no more kept than twice what is promised."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from bench_api.event_ring import EventRing
from sim.clock import Clock
from sim.kernel import Kernel


def filled(kinds: list[str], kept: int) -> EventRing:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    ring = EventRing(kernel, kept)
    for kind in kinds:
        kernel.emit(kind, "thing")
    return ring


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=80),
    st.integers(1, 20),
    st.integers(1, 7),
    st.sampled_from([(), ("a",), ("b", "c")]),
)
def test_pages_are_all_that_is_kept_in_order(kinds: list[str], kept: int, limit: int, wanted: tuple[str, ...]) -> None:
    ring = filled(kinds, kept)
    oldest = ring.after(0, 1).oldest
    assert len(kinds) - oldest < 2 * kept and (oldest == 0 or len(kinds) - oldest >= kept)
    seen, after = list[int](), 0
    while True:
        page = ring.after(after, limit, wanted)
        assert len(page.events) <= limit
        seen += [event.seq for event in page.events]
        if not page.events:
            break
        after = page.next
    assert page.next == max(after, len(kinds))
    whole = [seq for seq, kind in enumerate(kinds, start=1) if seq > oldest and (not wanted or kind in wanted)]
    assert seen == whole


def test_what_comes_after_the_last_page_is_on_the_next() -> None:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    ring = EventRing(kernel)
    kernel.emit("a", "thing")
    page = ring.after(0, 10, ("b",))
    assert (page.events, page.next) == ([], 1)
    kernel.emit("b", "thing")
    assert [event.seq for event in ring.after(page.next, 10, ("b",)).events] == [2]
    assert ring.after(99, 10).next == 99
