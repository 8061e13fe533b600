"""The recording of a run: one SQLite file, written in its own thread behind a bounded queue.

Levels: `kpi` keeps meta, commands, sessions, verdicts and KPIs; `events` adds events and frames; `all` adds signals.
The level changes what is kept and its cost, never the run. After `kill -9` at most the last second is missing:
the writer asks for what has gathered twice a second, commits, and blocks the run rather than drop anything.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import orjson

from sim.errors import RecordingFailed
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.sum_rows import SumRecord
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["LEVELS", "SCHEMA_VERSION", "SESSION_COLUMNS", "Recorder"]

LEVELS = ("kpi", "events", "all")
SCHEMA_VERSION = 1
FRAME_CAP = 2_000_000
_ASK_EVERY_S = 0.4
_BATCH = 512

SESSION_COLUMNS = (
    "id", "vehicle", "bay", "pile", "connector", "arrived_s", "plugged_s", "started_s", "stopped_s", "left_s",
    "soc_in_pct", "soc_out_pct", "energy_true_kwh", "energy_registered_kwh", "cost_cny", "power_max_kw", "outcome",
    "stop_reason", "transaction_id",
)  # fmt: skip

_SCHEMA = f"""
CREATE TABLE meta(key PRIMARY KEY, value);
CREATE TABLE signals(id PRIMARY KEY, name, unit, kind);
CREATE TABLE chunks(signal_id, t0_s, t1_s, n, data BLOB);
CREATE INDEX chunks_by_signal ON chunks(signal_id, t0_s);
CREATE TABLE events(seq PRIMARY KEY, t_s, kind, subject, cause, clause, data);
CREATE TABLE commands(seq PRIMARY KEY, t_s, source, actor, verb, target, args);
CREATE TABLE frames(seq PRIMARY KEY, t_s, wall_ns, link, direction, kind, action, message_id, bytes, verdict, body);
CREATE TABLE sessions({", ".join("id PRIMARY KEY" if c == "id" else c for c in SESSION_COLUMNS)});
CREATE TABLE verdicts(id, verdict, t_s, title, evidence);
CREATE TABLE lateness(t_s, late_ms);
CREATE TABLE kpis(name, value, unit);
"""

_WIDTH = {"meta": 2, "signals": 4, "chunks": 5, "events": 7, "commands": 7, "frames": 11, "sessions": 19,
          "verdicts": 5, "lateness": 2, "kpis": 3}  # fmt: skip
_UPSERT = {"meta", "sessions"}

_JOBS = 64
_LAST_ROWS_HOLD = """
UPDATE chunks SET t1_s = max(t1_s, ?)
WHERE (signal_id, t0_s) IN (SELECT signal_id, max(t0_s) FROM chunks GROUP BY signal_id)
"""


class Recorder:
    """Writes one run's file. Every method returns at once, unless the writer is far behind."""

    def __init__(self, path: Path, level: str = "all") -> None:
        """Creates the file; raises `RecordingFailed` when that cannot be done."""
        self.path = path
        self.level = level
        self.is_asked = False
        self.frames_seen = 0
        self._keeps_events = level != "kpi"
        self._keeps_signals = level == "all"
        self._sessions: dict[object, tuple[Any, ...]] = {}
        self._rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _WIDTH}
        self._quantities: list[Signal | State[Any]] = []
        self._sums: SumRecord | None = None
        self._failure: Exception | None = None
        self._queue: Queue[list[tuple[str, list[tuple[Any, ...]]]] | None] = Queue(maxsize=_JOBS)
        self._connection = self._create(path)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()
        threading.Thread(target=self._ring, name="recorder-bell", daemon=True).start()

    @property
    def is_behind(self) -> bool:
        """Whether the disk takes less than the run gives: soon the run would have to wait for it."""
        return self._queue.qsize() >= _JOBS // 2

    # What a run gives

    def attach(self, kernel: Kernel) -> None:
        """Record this kernel's events, commands and signals; call once all signals are known."""
        kernel.subscribe_commands(self._command)
        if self._keeps_events:
            kernel.subscribe(self._event)
        if self._keeps_signals:
            self._attach_signals(kernel)

    def meta(self, values: Mapping[str, object]) -> None:
        """Keep facts about the run; a key given again takes the new value."""
        for key, value in values.items():
            self._put("meta", (key, value if isinstance(value, str) else orjson.dumps(value).decode()))

    def session(self, values: Sequence[object]) -> None:
        """Keep one session row (`SESSION_COLUMNS`); a row with the same id takes the new values."""
        sessions = self._sessions
        sessions[values[0]] = tuple(values)
        if len(sessions) >= _BATCH:
            self._raise_failure()
            self._queue.put([("sessions", list(sessions.values()))])
            self._sessions = {}

    def frame(self, row: tuple[Any, ...]) -> None:
        """Keep one frame row, redacted by its sender; beyond the cap frames are counted, not kept."""
        self.frames_seen += 1
        if self._keeps_events and self.frames_seen <= FRAME_CAP:
            self._put("frames", (self.frames_seen, *row))

    def lateness(self, t: SimTime, late_ms: float) -> None:
        """Keep how late the bench was at `t`, in milliseconds."""
        self._put("lateness", (t, late_ms))

    def verdict(self, row: tuple[Any, ...]) -> None:
        """Keep one expectation's verdict (id, verdict, t_s, title, evidence)."""
        self._put("verdicts", row)

    def kpi(self, name: str, value: float, unit: str) -> None:
        """Keep one key figure."""
        self._put("kpis", (name, value, unit))

    def beat(self, now: SimTime) -> None:
        """Hand over what has gathered, if the writer has asked. Call often: it is one look at a flag."""
        if self.is_asked:
            self.flush(now)

    def flush(self, now: SimTime) -> None:
        """Hand over everything that has gathered up to `now`."""
        self._raise_failure()
        self.is_asked = False
        if self._sums is not None:
            chunks = self._rows["chunks"]
            for total, rows in self._sums.write(now):
                chunks.append((total.index, float(rows[0, 0]), now, len(rows), rows.tobytes()))
            for quantity in self._quantities:
                self._chunk(quantity, now)
        self._rows["sessions"].extend(self._sessions.values())
        self._sessions = {}
        jobs = [(table, rows) for table, rows in self._rows.items() if rows]
        self._rows = {table: [] for table in _WIDTH}
        if jobs:
            self._queue.put(jobs)

    def close(self, now: SimTime) -> None:
        """Write the rest and close the file; raises `RecordingFailed` when that did not succeed."""
        try:
            if self._failure is None:
                self.flush(now)
        finally:
            self._closing.set()
            self._queue.put(None)
            self._thread.join()
            if self._failure is None:
                self._connection.execute(_LAST_ROWS_HOLD, (now,))
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
        self._raise_failure()

    # Inside

    def _event(self, event: Event) -> None:
        data = orjson.dumps(event.data).decode()
        self._put("events", (event.seq, event.t, event.kind, event.subject, event.cause, event.clause, data))

    def _command(self, seq: int, t: SimTime, command: Command) -> None:
        args = orjson.dumps(command.args).decode()
        self._put("commands", (seq, t, command.source, command.actor, command.verb, command.target, args))

    def _put(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._rows[table]
        rows.append(row)
        if len(rows) >= _BATCH:
            self._raise_failure()
            self._queue.put([(table, rows)])
            self._rows[table] = []

    def _attach_signals(self, kernel: Kernel) -> None:
        labels, sums = {}, []
        for index, quantity in enumerate(kernel.signals.values()):
            quantity.index = index
            if isinstance(quantity, State):
                labels[quantity.path] = quantity.labels
                quantity.rows = array("d", (kernel.now, float(quantity.codes[quantity.value])))
                self._put("signals", (index, quantity.path, "", "state"))
                self._quantities.append(quantity)
                continue
            self._put("signals", (index, quantity.path, quantity.unit, "segment"))
            if isinstance(quantity, Sum):
                sums.append(quantity)
            else:
                quantity.rows = array("d", (quantity.t0, quantity.a, quantity.b, quantity.c, quantity.tau))
                self._quantities.append(quantity)
        self._sums = SumRecord(sums, kernel.now)
        self.meta({"state_labels": labels})

    def _chunk(self, quantity: Signal | State[Any], now: SimTime) -> None:
        rows = quantity.rows
        assert rows is not None
        if not rows:
            return
        width = 2 if isinstance(quantity, State) else 5
        self._rows["chunks"].append((quantity.index, rows[0], now, len(rows) // width, rows.tobytes()))
        quantity.rows = array("d")

    def _create(self, path: Path) -> sqlite3.Connection:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            connection.execute("INSERT INTO meta VALUES('schema', ?)", (str(SCHEMA_VERSION),))
        except (OSError, sqlite3.Error) as error:
            raise RecordingFailed(f"cannot create the recording {path}: {error}") from error
        return connection

    def _ring(self) -> None:
        while not self._closing.wait(_ASK_EVERY_S):
            self.is_asked = True

    def _write(self) -> None:
        while (jobs := self._queue.get()) is not None:
            if self._failure is not None:
                continue
            try:
                self._insert(jobs)
            except Exception as error:  # the run must hear of it, whatever it is
                self._failure = error

    def _insert(self, jobs: Iterable[tuple[str, list[tuple[Any, ...]]]]) -> None:
        self._connection.execute("BEGIN")
        for table, rows in jobs:
            verb = "INSERT OR REPLACE" if table in _UPSERT else "INSERT"
            places = ",".join("?" * _WIDTH[table])
            self._connection.executemany(f"{verb} INTO {table} VALUES({places})", rows)
        self._connection.execute("COMMIT")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise RecordingFailed(
                f"cannot write the recording {self.path}: {self._failure}; is the disk full or the folder read-only?"
            )
