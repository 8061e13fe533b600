"""The latest events of a run, kept for whoever asks again by their numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from sim.events import Event
from sim.kernel import Kernel

__all__ = ["EventRing", "Page"]

_KEPT: Final = 20_000
_seq = attrgetter("seq")


@dataclass(frozen=True, slots=True)
class Page:
    """Some events in their order. Ask again after `next`; nothing is missing if one asked after `oldest` or later."""

    events: Sequence[Event]
    next: int
    oldest: int


class EventRing:
    """Hears every event of a kernel and keeps at least the latest `kept` of them."""

    def __init__(self, kernel: Kernel, kept: int = _KEPT) -> None:
        """What was before is not heard."""
        self._kept = kept
        self._events: list[Event] = []
        self._forgotten = 0
        self.last = 0
        kernel.subscribe(self._hear)

    def after(self, seq: int, limit: int, kinds: Collection[str] = ()) -> Page:
        """At most `limit` events numbered above `seq`, of these kinds, or of all where none is named."""
        events = self._events
        first = bisect_right(events, seq, key=_seq)
        if not kinds:
            found = events[first : first + limit]
            return Page(found, found[-1].seq if found else max(seq, self.last), self._forgotten)
        wanted: list[Event] = []
        for at in range(first, len(events)):
            if events[at].kind in kinds:
                wanted.append(events[at])
                if len(wanted) == limit:
                    return Page(wanted, events[at].seq, self._forgotten)
        return Page(wanted, max(seq, self.last), self._forgotten)

    def _hear(self, event: Event) -> None:
        self._events.append(event)
        self.last = event.seq
        if len(self._events) >= 2 * self._kept:
            self._forgotten = self._events[-self._kept - 1].seq
            del self._events[: -self._kept]
