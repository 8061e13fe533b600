"""The durable queue of transaction messages: what a charge point owes its CSMS, in order, in one SQLite file for many.

OCPP 1.6 section 4.8 (transaction-related messages are queued and delivered in order). WAL with synchronous=NORMAL: a
killed process loses nothing that was committed; a crashed machine may lose the last moments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal, NamedTuple

import orjson

from hil.ocpp.frames import Payload
from sim.errors import BenchError

__all__ = ["Counters", "Kind", "OpenTransaction", "Queued", "TransactionQueue"]

Kind = Literal["StartTransaction", "MeterValues", "StopTransaction"]

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS transactions(
    id INTEGER PRIMARY KEY AUTOINCREMENT, charge_point TEXT NOT NULL, session TEXT NOT NULL,
    connector INTEGER NOT NULL, transaction_id INTEGER, meter_wh INTEGER NOT NULL, stamp TEXT NOT NULL,
    is_stopped INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX IF NOT EXISTS running ON transactions(charge_point, session) WHERE is_stopped = 0;
CREATE TABLE IF NOT EXISTS messages(
    id INTEGER PRIMARY KEY AUTOINCREMENT, charge_point TEXT NOT NULL, kind TEXT NOT NULL,
    owner INTEGER NOT NULL REFERENCES transactions(id), payload TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS in_order ON messages(charge_point, id);
CREATE TABLE IF NOT EXISTS counters(
    charge_point TEXT PRIMARY KEY, started INTEGER NOT NULL DEFAULT 0, stopped INTEGER NOT NULL DEFAULT 0,
    lost INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""
_RUNNING: Final = "charge_point=? AND session=? AND is_stopped=0"


class Queued(NamedTuple):
    """One message that waits; `transaction_id` is None before its StartTransaction was answered."""

    id: int
    kind: Kind
    session: str
    payload: Payload
    attempts: int
    transaction_id: int | None


class OpenTransaction(NamedTuple):
    """A transaction whose StopTransaction is not queued yet, with the last meter value known (Wh) and its time."""

    charge_point: str
    session: str
    connector: int
    transaction_id: int | None
    meter_wh: int
    stamp: str


class Counters(NamedTuple):
    """Transactions of one charge point since its queue began; started = stopped + open + lost, always.

    stopped: the CSMS has answered the stop; lost: given up after too many refusals; open: all others.
    """

    started: int
    stopped: int
    open: int
    lost: int


class TransactionQueue:
    """Messages of many charge points; `path` None keeps them in memory.

    Every method has committed before it returns, and raises `BenchError` when the file fails.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(str(path) if path is not None else ":memory:", isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise BenchError(f"{path}: cannot be used as the queue of transactions: {error}") from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def append(
        self,
        charge_point: str,
        kind: Kind,
        session: str,
        payload: Payload,
        register: tuple[int, str] | None = None,
    ) -> int | None:
        """Queue a message and return its id; None when the transaction is not running (stopped or given up).

        The payload is that of the call without `transactionId`, which is known only when the start was answered.
        `register` is the meter (Wh, time) to be remembered for a power loss, in the same commit.

        Raises:
            BenchError: StartTransaction of a session that runs already, or the file failed.
        """
        with self._together():
            if kind == "StartTransaction":
                owner = self._begin(charge_point, session, payload)
            else:
                row = self._db.execute(f"SELECT id FROM transactions WHERE {_RUNNING}", (charge_point, session))
                found = row.fetchone()
                if found is None:
                    return None
                owner = int(found[0])
            if register is not None:
                self._db.execute("UPDATE transactions SET meter_wh=?, stamp=? WHERE id=?", (*register, owner))
            if kind == "StopTransaction":
                self._db.execute(
                    "UPDATE transactions SET is_stopped=1, meter_wh=?, stamp=? WHERE id=?",
                    (payload["meterStop"], payload["timestamp"], owner),
                )
            return self._insert(charge_point, kind, owner, payload)

    def head(self, charge_point: str) -> Queued | None:
        """The oldest message that waits, or None."""
        with self._reported():
            row = self._db.execute(
                "SELECT m.id, m.kind, t.session, m.payload, m.attempts, t.transaction_id FROM messages m"
                " JOIN transactions t ON t.id = m.owner WHERE m.charge_point=? ORDER BY m.id LIMIT 1",
                (charge_point,),
            ).fetchone()
        return Queued(row[0], row[1], row[2], orjson.loads(row[3]), row[4], row[5]) if row is not None else None

    def done(self, message_id: int) -> None:
        """The CSMS has answered this message; after a StopTransaction the transaction is forgotten."""
        with self._together():
            row = self._taken(message_id)
            if row is not None and row[1] == "StopTransaction":
                self._forget(row[0], row[2], "stopped")

    def drop(self, message_id: int) -> None:
        """Give a message up; with its start or stop the whole transaction is lost, and all that waits of it."""
        with self._together():
            row = self._taken(message_id)
            if row is not None and row[1] != "MeterValues":
                self._forget(row[0], row[2], "lost")

    def attempt(self, message_id: int) -> int:
        """The CSMS has failed to process this message once more; how often by now."""
        with self._together():
            self._db.execute("UPDATE messages SET attempts = attempts + 1 WHERE id=?", (message_id,))
            row = self._db.execute("SELECT attempts FROM messages WHERE id=?", (message_id,)).fetchone()
            return int(row[0]) if row is not None else 0

    def start_answered(self, charge_point: str, session: str, transaction_id: int) -> None:
        """The CSMS has numbered the oldest transaction of this session that had no number yet."""
        with self._together():
            self._db.execute(
                "UPDATE transactions SET transaction_id=? WHERE id = (SELECT min(id) FROM transactions"
                " WHERE charge_point=? AND session=? AND transaction_id IS NULL)",
                (transaction_id, charge_point, session),
            )

    def meter(self, charge_point: str, session: str, meter_wh: int, stamp: str) -> None:
        """Remember the last value of a running transaction, for the stop that a power loss would need."""
        with self._together():
            update = f"UPDATE transactions SET meter_wh=?, stamp=? WHERE {_RUNNING}"
            self._db.execute(update, (meter_wh, stamp, charge_point, session))

    def open_transactions(self) -> list[OpenTransaction]:
        """Every transaction, of any charge point, whose stop is not queued, oldest first."""
        with self._reported():
            rows = self._db.execute(
                "SELECT charge_point, session, connector, transaction_id, meter_wh, stamp FROM transactions"
                " WHERE is_stopped=0 ORDER BY id"
            ).fetchall()
        return [OpenTransaction._make(row) for row in rows]

    def begun(self) -> int:
        """How many transactions, of any charge point, have ever been begun in this file."""
        with self._reported():
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name='transactions'").fetchone()
        return int(row[0]) if row is not None else 0

    def undelivered(self, charge_point: str, after: int = 0) -> list[str]:
        """Sessions that have ended, begun after number `after`, whose end the CSMS has not taken."""
        query = "SELECT session FROM transactions WHERE charge_point=? AND is_stopped=1 AND id>? ORDER BY id"
        with self._reported():
            return [str(session) for (session,) in self._db.execute(query, (charge_point, after))]

    def recover(self, charge_point: str) -> list[OpenTransaction]:
        """After a restart: queue a stop with reason PowerLoss for every transaction that has none; returns those."""
        left = [one for one in self.open_transactions() if one.charge_point == charge_point]
        for one in left:
            payload = {"meterStop": one.meter_wh, "timestamp": one.stamp, "reason": "PowerLoss"}
            self.append(charge_point, "StopTransaction", one.session, payload)
        return left

    def counters(self, charge_point: str) -> Counters:
        """How many transactions were begun and what became of them."""
        with self._reported():
            query = "SELECT started, stopped, lost FROM counters WHERE charge_point=?"
            started, stopped, lost = self._db.execute(query, (charge_point,)).fetchone() or (0, 0, 0)
        return Counters(started, stopped, started - stopped - lost, lost)

    def _begin(self, charge_point: str, session: str, payload: Payload) -> int:
        if self._db.execute(f"SELECT 1 FROM transactions WHERE {_RUNNING}", (charge_point, session)).fetchone():
            raise BenchError(f"{charge_point}: session {session} has a transaction already; end it first")
        self._count(charge_point, "started")
        row = self._db.execute(
            "INSERT INTO transactions(charge_point, session, connector, meter_wh, stamp) VALUES (?, ?, ?, ?, ?)",
            (charge_point, session, payload["connectorId"], payload["meterStart"], payload["timestamp"]),
        )
        return row.lastrowid or 0

    def _insert(self, charge_point: str, kind: Kind, owner: int, payload: Payload) -> int:
        row = self._db.execute(
            "INSERT INTO messages(charge_point, kind, owner, payload) VALUES (?, ?, ?, ?)",
            (charge_point, kind, owner, orjson.dumps(payload).decode()),
        )
        return row.lastrowid or 0

    def _taken(self, message_id: int) -> tuple[str, Kind, int] | None:
        query = "DELETE FROM messages WHERE id=? RETURNING charge_point, kind, owner"
        rows: list[tuple[str, Kind, int]] = self._db.execute(query, (message_id,)).fetchall()
        return rows[0] if rows else None

    def _forget(self, charge_point: str, owner: int, outcome: Literal["stopped", "lost"]) -> None:
        self._db.execute("DELETE FROM messages WHERE charge_point=? AND owner=?", (charge_point, owner))
        self._db.execute("DELETE FROM transactions WHERE id=?", (owner,))
        self._count(charge_point, outcome)

    def _count(self, charge_point: str, column: Literal["started", "stopped", "lost"]) -> None:
        self._db.execute(
            f"INSERT INTO counters(charge_point, {column}) VALUES (?, 1)"
            f" ON CONFLICT(charge_point) DO UPDATE SET {column} = {column} + 1",
            (charge_point,),
        )

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BenchError(f"{self.path}: the queue of transactions failed: {error}") from None

    @contextmanager
    def _together(self) -> Iterator[None]:
        with self._reported():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk may have rolled back already
                    self._db.execute("ROLLBACK")
                raise
