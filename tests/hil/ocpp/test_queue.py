from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hil.ocpp.queue import Counters, Queued, TransactionQueue
from sim.errors import BenchError

START = {"connectorId": 1, "idTag": "T", "meterStart": 100, "timestamp": "2022-07-11T12:00:00.000Z"}
STOP = {"meterStop": 900, "timestamp": "2022-07-11T12:30:00.000Z", "reason": "Local"}
ROOT = Path(__file__).parents[3]

WRITER = """
import sys
from pathlib import Path
from hil.ocpp.queue import TransactionQueue
queue = TransactionQueue(Path(sys.argv[1]))
for n in range(1_000_000):
    start = {"connectorId": 1, "idTag": "T", "meterStart": n, "timestamp": "2022-07-11T12:00:00.000Z"}
    queue.append("CP", "StartTransaction", f"S{n}", start)
    queue.meter("CP", f"S{n}", n + 5, "2022-07-11T12:01:00.000Z")
    print(n, flush=True)
"""


def head(queue: TransactionQueue, charge_point: str = "CP") -> Queued:
    found = queue.head(charge_point)
    assert found is not None
    return found


def test_messages_come_out_in_order_and_charge_points_do_not_mix() -> None:
    queue = TransactionQueue()
    for charge_point in ("CP", "OTHER"):
        queue.append(charge_point, "StartTransaction", "S1", START)
    queue.append("CP", "MeterValues", "S1", {"connectorId": 1})
    queue.append("CP", "StopTransaction", "S1", STOP)
    first = head(queue)
    assert (first.kind, first.payload, first.transaction_id) == ("StartTransaction", START, None)
    queue.start_answered("CP", "S1", 42)
    queue.done(first.id)
    assert (head(queue).kind, head(queue).transaction_id) == ("MeterValues", 42)
    queue.done(head(queue).id)
    assert (head(queue).kind, head(queue).payload, head(queue).transaction_id) == ("StopTransaction", STOP, 42)
    queue.done(head(queue).id)
    assert queue.head("CP") is None
    assert head(queue, "OTHER").transaction_id is None
    assert queue.counters("CP") == Counters(started=1, stopped=1, open=0, lost=0)
    assert queue.counters("OTHER") == Counters(started=1, stopped=0, open=1, lost=0)
    assert queue.counters("NOBODY") == Counters(0, 0, 0, 0)


def test_a_start_given_up_takes_its_transaction_along() -> None:
    queue = TransactionQueue()
    queue.append("CP", "StartTransaction", "S1", START)
    queue.append("CP", "MeterValues", "S1", {"connectorId": 1})
    queue.append("CP", "StartTransaction", "S2", START)
    assert [queue.attempt(head(queue).id) for _ in range(2)] == [1, 2]
    assert head(queue).attempts == 2
    queue.drop(head(queue).id)
    assert head(queue).session == "S2"
    assert queue.append("CP", "StopTransaction", "S1", STOP) is None
    assert queue.counters("CP") == Counters(started=2, stopped=0, open=1, lost=1)


def test_values_given_up_leave_the_transaction_alone() -> None:
    queue = TransactionQueue()
    queue.append("CP", "StartTransaction", "S1", START)
    queue.done(head(queue).id)
    queue.append("CP", "MeterValues", "S1", {"connectorId": 1})
    queue.drop(head(queue).id)
    assert queue.counters("CP").open == 1
    assert queue.append("CP", "StopTransaction", "S1", STOP) is not None
    assert queue.append("CP", "StopTransaction", "S1", STOP) is None


def test_a_session_starts_once_while_it_runs_but_its_name_may_come_again(tmp_path: Path) -> None:
    queue = TransactionQueue(tmp_path / "queue.sqlite")
    queue.append("CP", "StartTransaction", "S1", START)
    with pytest.raises(BenchError, match="S1 has a transaction already"):
        queue.append("CP", "StartTransaction", "S1", START)
    queue.append("CP", "StopTransaction", "S1", STOP)
    queue.append("CP", "StartTransaction", "S1", START | {"meterStart": 900})
    queue.start_answered("CP", "S1", 7)
    queue.done(head(queue).id)
    assert (head(queue).kind, head(queue).transaction_id) == ("StopTransaction", 7)
    queue.done(head(queue).id)
    assert (head(queue).payload["meterStart"], head(queue).transaction_id) == (900, None)


def test_recover_stops_what_runs_at_its_last_value(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    queue = TransactionQueue(path)
    for session in ("S1", "S2"):
        queue.append("CP", "StartTransaction", session, START)
    queue.append("OTHER", "StartTransaction", "S1", START)
    queue.append("CP", "StopTransaction", "S2", STOP)
    queue.meter("CP", "S1", 555, "2022-07-11T12:09:00.000Z")
    queue.close()
    queue = TransactionQueue(path)
    assert [one.session for one in queue.recover("CP")] == ["S1"]
    assert queue.recover("CP") == []
    assert [one.charge_point for one in queue.open_transactions()] == ["OTHER"]
    for _ in range(3):
        queue.done(head(queue).id)
    expected = {"meterStop": 555, "timestamp": "2022-07-11T12:09:00.000Z", "reason": "PowerLoss"}
    assert (head(queue).session, head(queue).payload) == ("S1", expected)


def test_what_the_csms_has_not_taken_is_known_by_its_sessions() -> None:
    queue = TransactionQueue()
    assert queue.begun() == 0
    queue.append("CP", "StartTransaction", "S1", START)
    queue.append("CP", "StopTransaction", "S1", STOP)
    before = queue.begun()
    for session in ("S1", "S2"):
        queue.append("CP", "StartTransaction", session, START)
    queue.append("CP", "StopTransaction", "S1", STOP)
    assert (before, queue.begun()) == (1, 3)
    assert queue.undelivered("CP") == ["S1", "S1"]
    assert queue.undelivered("CP", after=before) == ["S1"]
    assert queue.undelivered("OTHER") == []
    while queue.head("CP") is not None:
        queue.done(head(queue).id)
    assert queue.undelivered("CP") == []
    assert queue.begun() == 3


def test_a_killed_process_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(200)]
        writer.kill()
        said += [int(line) for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    queue = TransactionQueue(path)
    left = queue.recover("CP")
    assert [one.session for one in left][: len(said)] == [f"S{n}" for n in said]
    assert len(left) <= len(said) + 1
    assert all(one.meter_wh == n + 5 for n, one in zip(said, left, strict=False))
    assert head(queue).payload["meterStart"] == 0


def test_a_file_that_is_no_queue_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("this is no database, and long enough to be looked at" * 20)
    with pytest.raises(BenchError, match=r"notes\.txt"):
        TransactionQueue(path)
