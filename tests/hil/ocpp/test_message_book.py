from __future__ import annotations

from hil.ocpp.message_book import MessageBook, PointBook, message_book
from hil.ocpp.queue import Counters


def test_a_station_sums_the_books_of_its_charge_points() -> None:
    first, second = PointBook(), PointBook()
    first.start("S1", 1_000)
    assert first.number("S1", 7)
    assert not first.number("S1", 7)
    assert first.end("S1", 5_000) == 4_000
    second.start("S1", 0)
    points = [(first, Counters(started=1, stopped=1, open=0, lost=0)),
              (second, Counters(started=1, stopped=0, open=1, lost=0))]  # fmt: skip
    assert message_book(points) == MessageBook(started=2, stopped=1, open=1)


def test_a_second_number_a_second_start_and_an_end_without_a_start_are_noted() -> None:
    book = PointBook()
    book.start("S1", 0)
    book.start("S1", 0)
    assert book.number("S1", 7) and book.number("S1", 8)
    book.end("S2", 3_000)
    total = message_book([(book, Counters(started=3, stopped=0, open=0, lost=1))])
    assert total == MessageBook(
        started=2, stopped=1, open=1, lost=1, doubled=1, misordered=2, undelivered=1
    )  # fmt: skip


def test_one_number_for_two_sessions_is_noted() -> None:
    book = PointBook()
    book.start("S1", 0)
    book.start("S2", 0)
    assert book.number("S1", 7) and book.number("S2", 7)
    assert book.doubled == 1


def test_what_was_lost_before_this_run_is_not_its_loss() -> None:
    book = PointBook(lost_before=2)
    assert message_book([(book, Counters(started=3, stopped=1, open=0, lost=2))]).lost == 0
