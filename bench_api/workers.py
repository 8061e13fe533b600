"""Worker processes of a sweep: each plays runs in fast pace and keeps nothing but their figures.

Ctrl-C reaches the workers too. They end the run at hand by its own way out, play no further one, and wait to be
dismissed; signals that come while a worker starts are held back until it can heed them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import voltyard
from bench_api.bench import Bench, Plan
from bench_api.paces import Pace
from scenarios.loader import LoadedScenario, load_scenario
from scenarios.search import Case, Result
from sim.errors import BenchError
from sim.events import Scalar

__all__ = ["default_workers", "play_cases"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_TICK_S: Final = 0.2
_AHEAD: Final = 2  # runs a worker: one at hand, one that waits for it

_dismissed = threading.Event()  # of this worker


def default_workers() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def play_cases(
    path: Path, cases: Sequence[Case], workers: int, is_stopped: Callable[[], bool], tick: Callable[[int], None]
) -> Iterator[tuple[Case, Result]]:
    """Play the cases of a scenario file in `workers` processes; yields as they end, until `is_stopped`.

    `tick` is told the number of runs that have ended, several times a second.

    Raises:
        BenchError: a worker died.
    """
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    waiting, done = iter(cases), 0
    underway: dict[Future[Result], Case] = {}
    try:
        while not is_stopped():
            with _held_back():
                for case in islice(waiting, _AHEAD * workers - len(underway)):
                    underway[pool.submit(_play, path, case.setting.changes, case.seed)] = case
            if not underway:
                break
            for future in wait(underway, _TICK_S, FIRST_COMPLETED).done:
                done += 1
                yield underway.pop(future), future.result()
            tick(done)
    except BrokenProcessPool:
        first = next(iter(underway.values()), None)
        near = f", about seed {first.seed} of {first.setting.said()}" if first else ""
        raise BenchError(f"a worker process died (killed, or out of memory){near}; fewer --workers need less") from None
    finally:
        if is_stopped():
            for worker in multiprocessing.active_children():
                worker.terminate()
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _held_back() -> Iterator[None]:
    """Processes that are started in here are born with the signals blocked."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """The first thing a worker does."""
    voltyard.open()
    sys.stdout = sys.stderr  # standard output is for the sweep's document alone
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: _dismissed.set())
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A pool does not notice that its parent was killed; its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(3)


@lru_cache(maxsize=2)
def _loaded(path: Path, changes: tuple[tuple[str, Scalar], ...]) -> LoadedScenario:
    return load_scenario(path, changes=changes)


def _play(path: Path, changes: tuple[tuple[str, Scalar], ...], seed: int) -> Result:
    if _dismissed.is_set():
        return Result("aborted")
    with tempfile.TemporaryDirectory(prefix="voltyard-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            plan = Plan(
                loaded=_loaded(path, changes), pace=Pace("fast"), seed=seed, out=folder, state=folder / "state",
                record="kpi",
            )  # fmt: skip
            bench = Bench(plan)
            document = bench.run().document
            kpis = tuple(bench.run_.kpis()) if document["kpis"] else ()
        except Exception as error:  # a run that cannot even begin is one that ends in error
            return Result("error", reason=_plain(f"{type(error).__name__}: {error}", folder))
    if document["verdict"] == "aborted":
        _dismissed.set()
    return Result(document["verdict"], kpis, document["event_digest"], _plain(_reason(document), folder))


def _reason(document: dict[str, Any]) -> str:
    """Why a run did not pass: its error, what its books found, the expectations it failed."""
    failed = [row["id"] for row in document["expectations"] if row["verdict"] == "fail"]
    said = [document.get("error") or document.get("reason") or "", f"failed: {', '.join(failed)}" if failed else ""]
    return "; ".join(word for word in said if word)


def _plain(text: str, folder: Path) -> str:
    """Without the folder's name, which is another one each time."""
    return text.replace(str(folder), "the run's folder")
