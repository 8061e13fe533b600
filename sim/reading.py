"""A recorded run, read: one SQLite file, opened read-only, also while it is being written and after `kill -9`.

Tables as the contract fixes them ("A run's folder"). One signal is in memory at a time; long tables are iterators.
`meta` keys read here: `schema`, `start` and `timezone` (for civil time), `state_labels`, `simulated_s`. Nothing is kept
between two questions, so that a run in progress answers with its newest rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from sim.errors import DuplicateName, UsageError
from sim.globs import pattern_of
from sim.rows import (
    CommandRow,
    EventRow,
    FrameRow,
    Kpi,
    Lateness,
    SessionRow,
    SignalRow,
    VerdictRow,
    from_json,
    mapping_of,
)
from sim.series import Floats, Series, StateSeries

__all__ = [
    "SCHEMA", "TABLES", "CommandRow", "DuplicateName", "EventRow", "Floats", "FrameRow", "Kpi", "Lateness", "Run",
    "Series", "SessionRow", "SignalRow", "StateSeries", "UsageError", "VerdictRow",
]  # fmt: skip

SCHEMA = 1
"""The version of the tables that this reader understands."""

RECORDING = "run.sqlite"

TABLES = (
    "meta", "signals", "chunks", "events", "commands", "frames", "sessions", "verdicts", "lateness", "kpis",
)  # fmt: skip
"""Every table of a recording."""


class Run:
    """One recording. `path` is a run's folder or its `run.sqlite`; raises `UsageError` when it cannot be read."""

    def __init__(self, path: Path | str) -> None:
        """Opens read-only; nothing is written beside the recording of a finished run."""
        given = Path(path)
        self.path = given / RECORDING if given.is_dir() else given
        if not self.path.is_file():
            raise UsageError(f"{given}: no recorded run here; give a run's folder or its {RECORDING}")
        address = self.path.resolve().as_uri() + "?mode=ro"
        if not Path(f"{self.path}-wal").exists():
            address += "&immutable=1"
        try:
            self._db = sqlite3.connect(address, uri=True, timeout=10.0)
            self._end: tuple[int, float] | None = None
        except sqlite3.Error as error:
            raise UsageError(f"{self.path}: cannot be opened ({error}); a readable SQLite file is needed") from None
        try:
            self._check()
        except UsageError:
            self.close()
            raise

    def _check(self) -> None:
        try:
            found = self._db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        except sqlite3.Error as error:
            what = f"{self.path}: not a recorded run ({error})"
            raise UsageError(f"{what}; give a run's folder or its {RECORDING}") from None
        if found is not None and str(found[0]) != str(SCHEMA):
            right = f"this Voltyard reads schema {SCHEMA}: use the version that wrote it"
            raise UsageError(f"{self.path}: was recorded with schema {found[0]}; {right}")
        tables = {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if missing := [name for name in TABLES if name not in tables]:
            what = f"not a recorded run (no table {', '.join(missing)})"
            raise UsageError(f"{self.path}: {what}; give a run's folder or its {RECORDING}")

    def __enter__(self) -> Run:
        """The run itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the file."""
        self.close()

    def close(self) -> None:
        """Close the file; further reading raises."""
        self._db.close()

    def rows(self, sql: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, one at a time; raises `UsageError` where the file is damaged."""
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self.path}: cannot be read ({error}); the recording is damaged or incomplete") from None

    @property
    def meta(self) -> dict[str, str]:
        """What was run: every key of `meta` as text."""
        pairs = self.rows("SELECT key, value FROM meta")
        return {str(key): "" if value is None else str(value) for key, value in pairs}

    def meta_json(self, key: str, default: Any = None) -> Any:
        """A `meta` value read as JSON; plain text where it is none, `default` where the key is missing."""
        for (text,) in self.rows("SELECT value FROM meta WHERE key = ?", key):
            return from_json(str(text))
        return default

    @property
    def signals(self) -> dict[str, SignalRow]:
        """Every recorded signal by name, in the order of recording."""
        found = (SignalRow(i, name, unit or "", kind) for i, name, unit, kind in
                 self.rows("SELECT id, name, unit, kind FROM signals ORDER BY id"))  # fmt: skip
        return {signal.name: signal for signal in found}

    def signal_names(self, glob: str = "*", kind: str | None = None) -> list[str]:
        """Sorted names that match `glob`: `*` is any text, `?` one character, brackets stand for themselves."""
        pattern = pattern_of(glob)
        return sorted(
            signal.name for signal in self.signals.values()
            if pattern.fullmatch(signal.name) and kind in (None, signal.kind)
        )  # fmt: skip

    def series(self, name: str) -> Series:
        """The segments of one continuous signal; raises `UsageError` for an unknown name or a state.

        A finished run's last segment holds to the run's end: a signal at rest is not written again. Before that it ends
        with its chunk, for what followed a sum's last interval is not known yet.
        """
        signal = self._signal(name, "segment")
        rows, t_end = self._chunks(signal, 5)
        if self.is_finished and len(rows):
            t_end = max(t_end, self.duration_s)
        t0, a, b, c, tau = (np.ascontiguousarray(rows[:, i]) for i in range(5))
        return Series(name, signal.unit, t0, a, b, c, tau, t_end)

    def states(self, name: str) -> StateSeries:
        """The rows of one state signal, the last held to the recording's end.

        Raises `UsageError` for an unknown name or a continuous signal.
        """
        signal = self._signal(name, "state")
        rows, t_end = self._chunks(signal, 2)
        labels = self.meta_json("state_labels", {})
        words = labels.get(name, ()) if isinstance(labels, dict) else ()
        t, code = np.ascontiguousarray(rows[:, 0]), rows[:, 1].astype(np.int64)
        return StateSeries(name, t, code, tuple(map(str, words)), max(t_end, self.duration_s) if len(t) else t_end)

    def _signal(self, name: str, kind: str) -> SignalRow:
        rows = self.rows("SELECT id, name, unit, kind FROM signals WHERE name = ?", name)
        signal = next((SignalRow(i, known, unit or "", what) for i, known, unit, what in rows), None)
        if signal is None:
            near = ", ".join(self.signal_names(f"*{name.rsplit('.', 1)[-1]}*")[:3])
            raise UsageError(f"{self.path}: no signal '{name}'; {'near: ' + near if near else 'none is near'}")
        if signal.kind != kind:
            raise UsageError(f"{self.path}: '{name}' is a {signal.kind} signal, not a {kind}")
        return signal

    def _chunks(self, signal: SignalRow, width: int) -> tuple[Floats, float]:
        blobs: list[Floats] = []
        t_end = 0.0
        sql = "SELECT t1_s, data FROM chunks WHERE signal_id = ? ORDER BY t0_s, rowid"
        for t1_s, data in self.rows(sql, signal.id):
            if len(data) % (8 * width):
                what = f"a chunk of '{signal.name}' has {len(data)} bytes, not rows of {8 * width}"
                raise UsageError(f"{self.path}: {what}; the recording is damaged")
            blobs.append(np.frombuffer(data, dtype="<f8").reshape(-1, width))
            t_end = max(t_end, t1_s)
        return (np.concatenate(blobs) if blobs else np.empty((0, width))), t_end

    def events(self, kind: str | None = None, subject: str | None = None) -> Iterator[EventRow]:
        """Events in order; `kind` may end in `*`, `subject` is a whole path."""
        for seq, t_s, what, who, cause, clause, data in self.rows(
            "SELECT seq, t_s, kind, subject, cause, clause, data FROM events"
            " WHERE (?1 IS NULL OR kind = ?1 OR (?1 LIKE '%*' AND substr(kind, 1, length(?1) - 1) = rtrim(?1, '*')))"
            " AND (?2 IS NULL OR subject = ?2) ORDER BY seq",
            kind, subject,
        ):  # fmt: skip
            yield EventRow(seq, t_s, what, who or "", cause, clause or "", mapping_of(data))

    def commands(self) -> Iterator[CommandRow]:
        """Commands in order."""
        for seq, t_s, source, actor, verb, target, args in self.rows(
            "SELECT seq, t_s, source, actor, verb, target, args FROM commands ORDER BY seq"
        ):
            yield CommandRow(seq, t_s, source or "", actor or "", verb or "", target or "", mapping_of(args))

    def frames(self) -> Iterator[FrameRow]:
        """Frames in order."""
        names = ", ".join(FrameRow.__dataclass_fields__)
        for seq, t_s, wall_ns, link, direction, kind, action, message_id, size, verdict, body in self.rows(
            f"SELECT {names} FROM frames ORDER BY seq"
        ):
            text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
            yield FrameRow(
                seq, t_s, wall_ns or 0, link or "", direction or "", kind or "", action or "", message_id or "",
                size or 0, verdict or "", text,
            )  # fmt: skip

    def sessions(self) -> Iterator[SessionRow]:
        """Every car, by arrival."""
        names = ", ".join(SessionRow.__dataclass_fields__)
        for row in self.rows(f"SELECT {names} FROM sessions ORDER BY arrived_s, id"):
            yield SessionRow(*row)

    def verdicts(self) -> Iterator[VerdictRow]:
        """The outcome of each expectation."""
        for name, verdict, t_s, title, evidence in self.rows("SELECT id, verdict, t_s, title, evidence FROM verdicts"):
            yield VerdictRow(name, verdict, t_s, title, from_json(evidence) if isinstance(evidence, str) else evidence)

    def kpis(self) -> Iterator[Kpi]:
        """The figures of merit, as written."""
        return (Kpi(name, value, unit or "") for name, value, unit in self.rows("SELECT name, value, unit FROM kpis"))

    def lateness(self) -> Iterator[Lateness]:
        """The samples of lateness, in order."""
        return (Lateness(*row) for row in self.rows("SELECT t_s, late_ms FROM lateness ORDER BY t_s"))

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end; false while it is being written and after it was killed."""
        return self.meta_json("simulated_s") is not None or not Path(f"{self.path}-wal").exists()

    @property
    def duration_s(self) -> float:
        """How much time the recording covers: what the run says it simulated, else to its last row."""
        (version,) = next(self.rows("PRAGMA data_version"))
        if self._end is None or self._end[0] != version:
            said = self.meta_json("simulated_s")
            self._end = (version, float(said) if isinstance(said, int | float) else self._last_row())
        return self._end[1]

    def _last_row(self) -> float:
        last = [next(self.rows(f"SELECT max({column}) FROM {table}"))[0] for column, table in
                (("t1_s", "chunks"), ("t_s", "events"), ("t_s", "commands"), ("left_s", "sessions"))]  # fmt: skip
        return max((t for t in last if t is not None), default=0.0)

    @property
    def start(self) -> datetime | None:
        """The aware civil time at second 0; None when the recording does not say."""
        meta = self.meta
        try:
            begin = datetime.fromisoformat(meta.get("start", ""))
            zone = ZoneInfo(meta["timezone"]) if meta.get("timezone") else None
        except (ValueError, ZoneInfoNotFoundError):
            return None
        if begin.tzinfo is None:
            return begin.replace(tzinfo=zone or UTC)
        return begin.astimezone(zone) if zone else begin

    def local(self, t_s: float) -> datetime | None:
        """The station's civil time at second `t_s`; None when the recording does not say when it began."""
        start = self.start
        return None if start is None else (start.astimezone(UTC) + timedelta(seconds=t_s)).astimezone(start.tzinfo)
