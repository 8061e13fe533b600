"""Worker processes of a sweep: each plays runs in fast pace and keeps nothing but their figures.

Ctrl-C reaches the workers too. They end the run at hand by its own way out and leave. They must leave: a pool of which
one worker died ends the others by a signal and waits for them, without a word on the queue. Signals that come while a
worker starts are held back until it can heed them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
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
from scenarios.grid import Setting
from scenarios.loader import LoadedScenario, load_scenario
from scenarios.search import Case, Result
from sim.errors import BenchError

__all__ = ["default_workers", "play_cases"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_TICK_S: Final = 0.2
_DIED: Final = (
    "a worker process died or could not be started about here (killed, or out of memory: fewer --workers need less)"
)
_LEFT: Final = 4
_AHEAD: Final = 2  # runs a worker: one at hand, one that waits for it


def default_workers() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def play_cases(
    path: Path, cases: Sequence[Case], workers: int, is_stopped: Callable[[], bool], tick: Callable[[int], None]
) -> Iterator[tuple[Case, Result]]:
    """Play the cases of a scenario file in `workers` processes; yields those that came to an end, until `is_stopped`.

    `tick` is told how many these are, several times a second. When a worker dies, a run that was underway ends in
    error and no further one is played.

    Raises:
        BenchError: there is no place for what the runs write.
    """
    # a pool each: one that starts further workers counts them while another thread does, and may trip over it
    context = multiprocessing.get_context("spawn")
    pools = [ProcessPoolExecutor(1, context, initializer=_begin) for _ in range(workers)]
    free = deque(pools * _AHEAD)
    waiting, done, is_broken = iter(cases), 0, False
    underway: dict[Future[Result], tuple[Case, ProcessPoolExecutor]] = {}
    # of the parent, so that nothing stays behind of a worker that was killed
    try:
        scratch = tempfile.TemporaryDirectory(prefix="voltyard-", ignore_cleanup_errors=True)
    except OSError as error:
        raise BenchError(f"no temporary folder for the runs ({error.strerror or error})") from None
    try:
        while not is_stopped():
            with _held_back():
                for case in islice(waiting, len(free)):
                    pool = free.popleft()
                    underway[_submitted(pool, path, case, scratch.name)] = case, pool
            if not underway:
                break
            for future in wait(underway, _TICK_S, FIRST_COMPLETED).done:
                result = future.result()
                done += 1
                case, pool = underway.pop(future)
                free.append(pool)
                yield case, result
            tick(done)
    except BrokenProcessPool:
        is_broken = True
        if not is_stopped():
            # which run it was is not known; hours of other runs are worth more than a traceback
            case, _ = next(iter(underway.values()), (cases[done], None))
            yield case, Result("error", reason=_DIED)
    finally:
        while (is_broken or is_stopped()) and (left := multiprocessing.active_children()):
            for worker in left:
                worker.terminate()
            left[0].join(_TICK_S)
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)
        scratch.cleanup()


def _submitted(pool: ProcessPoolExecutor, path: Path, case: Case, scratch: str) -> Future[Result]:
    try:
        return pool.submit(_play, path, case, scratch)
    except (OSError, ValueError) as error:  # a worker cannot be started, or another dies at that moment
        raise BrokenProcessPool(str(error)) from error


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
        signal.signal(number, lambda _number, _frame: os._exit(_LEFT))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """A pool does not notice that its parent was killed; its workers would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(_LEFT)


@lru_cache(maxsize=2)
def _loaded(path: Path, setting: Setting) -> LoadedScenario:
    return load_scenario(path, changes=setting.changes)


def _play(path: Path, case: Case, scratch: str) -> Result:
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            plan = Plan(
                loaded=_loaded(path, case.setting), pace=Pace("fast"), seed=case.seed, out=folder,
                state=folder / "state", record="kpi",
            )  # fmt: skip
            bench = Bench(plan)
            document = bench.run().document
            kpis = tuple(bench.run_.station.kpis.figures(bench.kernel.now)) if document["kpis"] else ()
        except Exception as error:  # a run that cannot even begin is one that ends in error
            return Result("error", reason=_plain(f"{type(error).__name__}: {error}", folder))
    if bench.is_aborted:
        os._exit(_LEFT)  # the signal that ended the run was for the worker
    return Result(document["verdict"], kpis, document["event_digest"], _plain(_reason(document), folder))


def _reason(document: dict[str, Any]) -> str:
    """Why a run did not pass: its error, what its books found, the expectations it failed."""
    failed = [row["id"] for row in document["expectations"] if row["verdict"] == "fail"]
    said = [document.get("error") or document.get("reason") or "", f"failed: {', '.join(failed)}" if failed else ""]
    return "; ".join(word for word in said if word)


def _plain(text: str, folder: Path) -> str:
    """Without the folder's name, which is another one each time."""
    return text.replace(str(folder), "the run's folder")
