"""Runs that are asked for by REST of a station that is up: each a `voltyard run` of its own, two at once.

Every run has its folder below the station's. Their children end with the station, in whatever way it ends.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

from bench_api.endpoint_rows import Row
from bench_api.lesser_run import begin_run
from bench_api.run_order import Order
from scenarios.texts import TEXT_NAME
from sim.errors import UsageError
from sim.reading import RECORDING, Run

__all__ = ["AT_ONCE", "KEPT", "WAITING", "AskedRun", "AskedRuns", "State"]

AT_ONCE: Final = 2
WAITING: Final = 8
KEPT: Final = 20
"""Runs that have ended and whose folders are still there."""

_LOG: Final = "said.log"
_LAST_WORDS: Final = 1_000
_END_S: Final = 5.0

State = Literal["queued", "running", "done", "failed", "stopped"]


@dataclass(slots=True, kw_only=True)
class AskedRun:
    """One run: `done` has a verdict, `stopped` was told to end before it had one, `failed` ended without one."""

    id: str
    order: Order
    folder: Path
    asked_at: datetime
    state: State = "queued"
    process: subprocess.Popen[bytes] | None = None
    began_s: float = 0.0
    wall_s: float = 0.0
    is_told_to_end: bool = False
    reason: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    """Its verdict.json, once it is done."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("done", "failed", "stopped")

    def progress(self) -> tuple[float, float]:
        """Simulated seconds so far, and how many a second of wall time; reads its recording while it runs."""
        wall_s = perf_counter() - self.began_s if self.state == "running" else self.wall_s
        reached_s = float(self.document["simulated_s"]) if self.document else _reached_s(self.folder)
        return reached_s, reached_s / wall_s if wall_s > 0.0 else 0.0

    def end(self) -> None:
        """Tell it to end in order; harmless when it has ended."""
        if self.has_ended:
            return
        self.is_told_to_end = True
        if self.process is None:
            self.state = "stopped"
        else:
            self.process.terminate()


class AskedRuns:
    """The runs by id, as a face of the station that has no wire of its own."""

    def __init__(self, folder: Path, fail: Callable[[BaseException], None]) -> None:
        """Begins nothing and writes nothing; `fail` is told of a fault of ours."""
        self._folder = folder.resolve()
        self._fail = fail
        self._runs: dict[str, AskedRun] = {}
        self._count = 0
        self._followed: set[asyncio.Task[None]] = set()

    def rows(self) -> list[Row]:
        """None."""
        return []

    async def start(self) -> None:
        """Nothing is begun before it is asked for."""

    async def stop(self) -> None:
        """End all, in order if they heed it in time."""
        for run in self._runs.values():
            run.end()
        if self._followed:
            await asyncio.wait(self._followed, timeout=_END_S)
        for run in self._runs.values():
            if run.process is not None and not run.has_ended:
                run.process.kill()
        if self._followed:
            await asyncio.wait(self._followed)

    def all(self) -> list[AskedRun]:
        """Those that are known, by age."""
        return list(self._runs.values())

    def get(self, identity: str) -> AskedRun | None:
        """The run of this id, None where it never was or is forgotten."""
        return self._runs.get(identity)

    @property
    def is_full(self) -> bool:
        """Whether no further run may wait."""
        states = [run.state for run in self._runs.values()]
        return states.count("running") >= AT_ONCE and states.count("queued") >= WAITING

    def ask(self, order: Order) -> AskedRun:
        """Take a run on, which begins at once where there is room. Look at `is_full` before."""
        self._count += 1
        name = str(self._count)
        run = AskedRun(id=name, order=order, folder=self._folder / name, asked_at=datetime.now().astimezone())
        self._runs[name] = run
        self.begin_next()
        return run

    def begin_next(self) -> None:
        """Begin those that wait, as far as there is room, and forget the oldest that have ended."""
        for run in self.all():
            if sum(one.state == "running" for one in self._runs.values()) >= AT_ONCE:
                break
            if run.state == "queued":
                self._begin(run)
        ended = [run for run in self.all() if run.has_ended]
        for run in ended[: max(0, len(ended) - KEPT)]:
            del self._runs[run.id]
            self._follow(asyncio.to_thread(shutil.rmtree, run.folder, ignore_errors=True))

    def _begin(self, run: AskedRun) -> None:
        try:
            run.folder.mkdir(parents=True)
            if run.order.text is not None:
                (run.folder / TEXT_NAME).write_text(run.order.text, encoding="utf-8")
            run.process = begin_run(run.order.words(run.folder), run.folder / _LOG)
        except OSError as error:
            run.state, run.reason = "failed", f"it could not be begun: {error.strerror or error}"
            return
        run.state, run.began_s = "running", perf_counter()
        self._follow(self._to_its_end(run, run.process))

    async def _to_its_end(self, run: AskedRun, process: subprocess.Popen[bytes]) -> None:
        code = await asyncio.to_thread(process.wait)
        assert process.stdin is not None
        process.stdin.close()
        run.document, words = await asyncio.to_thread(_left_behind, run)
        run.wall_s = perf_counter() - run.began_s
        if run.document:
            run.state = "done"
            run.reason = run.document.get("error") or run.document.get("reason") or ""
        else:
            run.state = "stopped" if run.is_told_to_end else "failed"
            run.reason = words or f"it ended with exit code {code}"
        self.begin_next()

    def _follow(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._followed.add(task)
        task.add_done_callback(self._followed_up)

    def _followed_up(self, task: asyncio.Task[None]) -> None:
        self._followed.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._fail(failure)


def _reached_s(folder: Path) -> float:
    """How far a recording has come; 0 where there is none yet. One row of each table, however long it is."""
    try:
        with Run(folder) as recorded:
            last = [next(recorded.rows(f"SELECT {column} FROM {table} ORDER BY rowid DESC LIMIT 1"), (0.0,))[0]
                    for column, table in (("t1_s", "chunks"), ("t_s", "events"))]  # fmt: skip
    except UsageError:
        return 0.0
    return float(max(last))


def _left_behind(run: AskedRun) -> tuple[dict[str, Any], str]:
    """Its verdict and its last words; its recording is made one file, also of a run that was killed."""
    recording = run.folder / RECORDING
    if Path(f"{recording}-wal").exists():
        with closing(sqlite3.connect(recording)) as whole:
            try:
                whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                return {}, f"its recording cannot be read ({error})"
    words = (run.folder / _LOG).read_bytes()[-_LAST_WORDS:].decode(errors="replace").strip()
    if run.order.csms is not None and run.order.shown_csms is not None:
        words = words.replace(run.order.csms, run.order.shown_csms)
    try:
        document = json.loads((run.folder / "verdict.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}, words.replace(f"{run.folder}/", "")
    return document, words
