"""What the embedded CSMS knows, in one SQLite file: each message is committed before it is answered.

WAL with synchronous=NORMAL: a killed process loses nothing that was committed (a crashed machine may lose the last
moments). Times are UTC text with milliseconds, energies Wh as on the wire.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from sim.errors import BenchError

__all__ = ["ID_TAG_STATUSES", "Store", "StoredTransaction"]

ID_TAG_STATUSES: Final = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
_FLUSH_EVERY: Final = 256
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS charge_points(
    id TEXT PRIMARY KEY, vendor TEXT, model TEXT, serial TEXT, firmware TEXT, boots INTEGER NOT NULL DEFAULT 0,
    booted_at TEXT, connected_at TEXT, disconnected_at TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connectors(
    charge_point TEXT, connector INTEGER, status TEXT, error_code TEXT, info TEXT, changed_at TEXT,
    PRIMARY KEY (charge_point, connector)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transactions(
    id INTEGER PRIMARY KEY AUTOINCREMENT, charge_point TEXT NOT NULL, connector INTEGER NOT NULL, id_tag TEXT NOT NULL,
    meter_start_wh INTEGER NOT NULL, started_at TEXT NOT NULL, meter_stop_wh INTEGER, stopped_at TEXT, reason TEXT,
    status TEXT NOT NULL DEFAULT 'open',
    UNIQUE (charge_point, connector, id_tag, meter_start_wh, started_at));
CREATE INDEX IF NOT EXISTS transactions_open ON transactions(charge_point, connector) WHERE status = 'open';
CREATE TABLE IF NOT EXISTS meter_values(
    seq INTEGER PRIMARY KEY, charge_point TEXT, connector INTEGER, transaction_id INTEGER, received_at TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS messages(
    charge_point TEXT, action TEXT, verdict TEXT, n INTEGER NOT NULL, PRIMARY KEY (charge_point, action, verdict)
    ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS violations(
    seq INTEGER PRIMARY KEY, at TEXT, charge_point TEXT, action TEXT, rule TEXT, description TEXT);
CREATE TABLE IF NOT EXISTS id_tags(tag TEXT PRIMARY KEY COLLATE NOCASE, status TEXT NOT NULL) WITHOUT ROWID;
"""


class StoredTransaction(NamedTuple):
    """The row of a transaction that its messages are checked against."""

    charge_point: str
    connector: int
    meter_start_wh: int
    meter_stop_wh: int | None
    stopped_at: str | None
    status: str


class Store:
    """The tables of the CSMS; `path` None keeps them in memory.

    `keeps` is how many of the latest rows of meter values, violations and transactions that are over are kept; None
    for all. Where not all are, messages are not counted.

    Raises:
        BenchError: the file cannot be opened or is no such database.
    """

    def __init__(self, path: Path | None = None, keeps: int | None = None) -> None:
        self.path = path
        self._keeps = keeps
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._uncounted = 0
        try:
            self._db = sqlite3.connect(
                str(path) if path is not None else ":memory:", isolation_level=None, timeout=5.0, cached_statements=64
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA wal_autocheckpoint=4000")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise BenchError(f"{path}: cannot be used as the database of the CSMS: {error}") from None
        self._execute = self._db.execute

    def close(self) -> None:
        """Write what is counted and close the file."""
        with suppress(sqlite3.Error):
            self.flush_counts()
        self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several writes, one commit."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk may have rolled back already
                self._execute("ROLLBACK")
            raise

    # charge points

    def is_known(self, charge_point: str) -> bool:
        """True once this charge point has booted and was accepted."""
        row = self._execute("SELECT boots FROM charge_points WHERE id = ?", (charge_point,)).fetchone()
        return row is not None and row[0] > 0

    def booted(self, charge_point: str, at: str, boot: dict[str, Any]) -> None:
        """Remember a BootNotification."""
        self._execute(
            "INSERT INTO charge_points(id, vendor, model, serial, firmware, boots, booted_at)"
            " VALUES (?, ?, ?, ?, ?, 1, ?)"
            " ON CONFLICT(id) DO UPDATE SET vendor=excluded.vendor, model=excluded.model, serial=excluded.serial,"
            " firmware=excluded.firmware, boots=boots+1, booted_at=excluded.booted_at",
            (
                charge_point,
                boot.get("chargePointVendor"),
                boot.get("chargePointModel"),
                boot.get("chargePointSerialNumber"),
                boot.get("firmwareVersion"),
                at,
            ),
        )

    def connected(self, charge_point: str, at: str) -> None:
        """Remember that a connection opened."""
        self._execute(
            "INSERT INTO charge_points(id, connected_at) VALUES (?, ?)"
            " ON CONFLICT(id) DO UPDATE SET connected_at=excluded.connected_at",
            (charge_point, at),
        )

    def disconnected(self, charge_point: str, at: str) -> None:
        """Remember that the connection ended."""
        self._execute("UPDATE charge_points SET disconnected_at = ? WHERE id = ?", (at, charge_point))

    def status(
        self, charge_point: str, connector: int, status: str, error_code: str, info: str | None, at: str
    ) -> None:
        """Remember a connector's status."""
        self._execute(
            "INSERT OR REPLACE INTO connectors VALUES (?, ?, ?, ?, ?, ?)",
            (charge_point, connector, status, error_code, info, at),
        )

    # transactions

    def start(self, charge_point: str, connector: int, id_tag: str, meter_wh: int, at: str) -> tuple[int, bool]:
        """The id of this transaction and whether it is new; the same start told again gets the same id."""
        key = (charge_point, connector, id_tag, meter_wh, at)
        old = self._execute(
            "SELECT id FROM transactions WHERE charge_point=? AND connector=? AND id_tag=? AND meter_start_wh=?"
            " AND started_at=?",
            key,
        ).fetchone()
        if old is not None:
            return int(old[0]), False
        new = self._execute(
            "INSERT INTO transactions(charge_point, connector, id_tag, meter_start_wh, started_at)"
            " VALUES (?, ?, ?, ?, ?) RETURNING id",
            key,
        ).fetchone()
        return int(new[0]), True

    def open_transactions(self, charge_point: str, connector: int) -> list[int]:
        """Ids of the transactions open at a connector."""
        found = self._execute(
            "SELECT id FROM transactions WHERE charge_point=? AND connector=? AND status='open'",
            (charge_point, connector),
        )
        return [row[0] for row in found.fetchall()]

    def transaction(self, transaction_id: int) -> StoredTransaction | None:
        """A transaction by id, or None."""
        row = self._execute(
            "SELECT charge_point, connector, meter_start_wh, meter_stop_wh, stopped_at, status FROM transactions"
            " WHERE id=?",
            (transaction_id,),
        ).fetchone()
        return StoredTransaction._make(row) if row is not None else None

    def stop(self, transaction_id: int, meter_wh: int, at: str, reason: str) -> None:
        """Close an open transaction."""
        self._execute(
            "UPDATE transactions SET meter_stop_wh=?, stopped_at=?, reason=?, status='stopped'"
            " WHERE id=? AND status='open'",
            (meter_wh, at, reason, transaction_id),
        )
        self._forget("DELETE FROM transactions WHERE status='stopped' AND id <= (SELECT max(id) FROM transactions) - ?")

    def meter_values(self, charge_point: str, connector: int, transaction_id: int | None, at: str, body: bytes) -> None:
        """Keep the JSON of one message's values."""
        self._execute(
            "INSERT INTO meter_values(charge_point, connector, transaction_id, received_at, body)"
            " VALUES (?, ?, ?, ?, ?)",
            (charge_point, connector, transaction_id, at, body.decode()),
        )
        self._forget("DELETE FROM meter_values WHERE seq <= (SELECT max(seq) FROM meter_values) - ?")

    # identification, violations, counters

    def id_tag_status(self, tag: str) -> str:
        """The status of an idTag; one nobody has said anything about is Accepted."""
        row = self._execute("SELECT status FROM id_tags WHERE tag=?", (tag,)).fetchone()
        return str(row[0]) if row is not None else "Accepted"

    def set_id_tag(self, tag: str, status: str) -> None:
        """Say how an idTag is answered from now on."""
        self._execute("INSERT OR REPLACE INTO id_tags VALUES (?, ?)", (tag, status))

    def violation(self, charge_point: str, at: str, action: str, rule: str, description: str) -> None:
        """Keep a broken rule of the protocol."""
        self._execute(
            "INSERT INTO violations(at, charge_point, action, rule, description) VALUES (?, ?, ?, ?, ?)",
            (at, charge_point, action, rule, description),
        )
        self._forget("DELETE FROM violations WHERE seq <= (SELECT max(seq) FROM violations) - ?")

    def count(self, charge_point: str, action: str, verdict: str) -> None:
        """Count a message; counts are written in batches and may lose the last ones of a killed process."""
        if self._keeps is not None:
            return
        self._counts[charge_point, action, verdict] += 1
        self._uncounted += 1
        if self._uncounted >= _FLUSH_EVERY:
            self.flush_counts()

    def _forget(self, deletion: str) -> None:
        if self._keeps is not None:
            self._execute(deletion, (self._keeps,))

    def flush_counts(self) -> None:
        """Write the counts that are still in memory."""
        if not self._counts:
            return
        rows = [(*key, n) for key, n in self._counts.items()]
        with self.together():
            self._db.executemany(
                "INSERT INTO messages VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", rows
            )
        self._counts.clear()
        self._uncounted = 0

    def rows(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Rows of a SELECT as dictionaries, for the REST face."""
        found = self._execute(query, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
