from __future__ import annotations

from pathlib import Path

import pytest

from hil.ocpp.csms.store import Store
from sim.errors import BenchError

KEY = ("CP1", 1, "T1", 100, "2022-07-11T12:00:00.000Z")


def test_what_is_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "csms.sqlite"
    first = Store(path)
    number, is_new = first.start(*KEY)
    assert is_new
    # No close: what a killed process leaves behind.
    second = Store(path)
    assert second.start(*KEY) == (number, False)
    assert second.start("CP1", 1, "T1", 101, KEY[4]) == (number + 1, True)
    first.close()
    second.close()


def test_together_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "csms.sqlite")
    with pytest.raises(ZeroDivisionError), store.together():
        store.start(*KEY)
        raise ZeroDivisionError
    assert store.rows("SELECT * FROM transactions") == []
    with store.together():
        store.start(*KEY)
    assert store.open_transactions("CP1", 1) == [1]
    store.close()


def test_counts_reach_the_file_on_closing(tmp_path: Path) -> None:
    path = tmp_path / "csms.sqlite"
    for _ in range(2):
        store = Store(path)
        for _ in range(3):
            store.count("CP1", "Heartbeat", "ok")
        store.close()
    store = Store(path)
    assert store.rows("SELECT n FROM messages") == [{"n": 6}]
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n" * 1000)
    with pytest.raises(BenchError, match=r"notes\.txt"):
        Store(path)
    with pytest.raises(BenchError, match="missing"):
        Store(tmp_path / "missing" / "csms.sqlite")


def test_a_store_that_keeps_some_does_not_grow(tmp_path: Path) -> None:
    store = Store(keeps=10)
    for number in range(50):
        store.meter_values("CP1", 1, None, KEY[4], b"[%d]" % number)
        store.violation("CP1", KEY[4], "", "rule", f"{number}")
        store.count("CP1", f"action {number}", "ok")
        store.start("CP1", 1, "T1", number, KEY[4])
        if number:
            store.stop(number + 1, 0, KEY[4], "Local")
    store.flush_counts()
    assert store.rows("SELECT min(seq) AS first, body FROM meter_values") == [{"first": 41, "body": "[40]"}]
    sizes = {
        table: store.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        for table in ("meter_values", "violations", "transactions", "messages")
    }
    assert sizes == {"meter_values": 10, "violations": 10, "transactions": 11, "messages": 0}
    assert store.open_transactions("CP1", 1) == [1], "what is open stays"
    store.close()
