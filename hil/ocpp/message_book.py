"""The message book: what the twins told of transactions, and what became of it at the CSMS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hil.ocpp.queue import Counters

__all__ = ["MessageBook", "PointBook", "message_book"]


@dataclass(slots=True)
class MessageBook:
    """Transactions of all charge points: told by the twins, and what is wrong between them and the CSMS.

    `lost` the CSMS refused too often; `doubled` got two ids, or another's id; `undelivered` ended, and the CSMS has not
    taken the end.
    """

    started: int = 0
    stopped: int = 0
    open: int = 0
    lost: int = 0
    doubled: int = 0
    misordered: int = 0
    undelivered: int = 0


@dataclass(slots=True)
class PointBook:
    """The sessions of one charge point, as its twins tell them and as the CSMS numbers them.

    `lost_before` is what its queue had lost before this run.
    """

    started: int = 0
    ended: int = 0
    doubled: int = 0
    misordered: int = 0
    lost_before: int = 0
    running: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    _given: set[int] = field(default_factory=set)

    def start(self, session: str, register_wh: int) -> None:
        """A session has begun at this reading of the meter."""
        self.started += 1
        self.misordered += session in self.running
        self.running[session] = register_wh

    def end(self, session: str, register_wh: int) -> int:
        """A session has ended at this reading of the meter; returns its energy in Wh, 0 when it never began."""
        self.ended += 1
        self.misordered += session not in self.running
        return register_wh - self.running.pop(session, register_wh)

    def number(self, session: str, transaction_id: int) -> bool:
        """The CSMS calls the session so; False when that was known."""
        if self.numbers.get(session) == transaction_id:
            return False
        self.doubled += session in self.numbers or transaction_id in self._given
        self.numbers[session] = transaction_id
        self._given.add(transaction_id)
        return True


def message_book(points: Iterable[tuple[PointBook, Counters]]) -> MessageBook:
    """The book of a station: each charge point's own, beside what its queue has counted."""
    total = MessageBook()
    for book, counters in points:
        total.started += book.started
        total.stopped += book.ended
        total.open += len(book.running)
        total.lost += counters.lost - book.lost_before
        total.doubled += book.doubled
        total.misordered += book.misordered
        total.undelivered += counters.started - counters.stopped - counters.lost - len(book.running)
    return total
