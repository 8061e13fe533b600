"""From the words of the command line to a sweep: checked first, played in worker processes, shown and written."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench_api.progress import SweepProgress
from bench_api.sweep_tables import print_tables, write_csv
from bench_api.workers import default_workers, play_cases
from scenarios.grid import check_settings, read_seeds, read_settings
from scenarios.loader import LoadedScenario, find_scenario
from scenarios.search import Sweep
from scenarios.search import sweep as sweep_over
from sim.errors import UsageError

__all__ = ["sweep"]

_MOST_WORKERS: Final = 256
_WINDOWS_WORKERS: Final = 61  # as many as a pool takes there
_SHOWN: Final = 10


def sweep(
    scenario: str, seeds: str, changes: Sequence[str], workers: int | None, table: Path | None, *, as_json: bool
) -> int:
    """Play every setting with every seed and show what came of it; the exit code of the contract.

    Ended early (Ctrl-C, SIGTERM, a worker that died), it shows the runs that were finished.
    """
    path = find_scenario(scenario)
    numbers, settings = read_seeds(seeds), read_settings(changes)
    if workers is not None and not 1 <= workers <= _MOST_WORKERS:
        raise UsageError(f"--workers {workers}: 1 to {_MOST_WORKERS}")
    loaded = check_settings(path, settings)
    if table is not None:
        _prepare(table)
    planned = len(settings) * len(numbers)
    count = min(workers or default_workers(), planned, _MOST_WORKERS)
    if sys.platform == "win32":
        count = min(count, _WINDOWS_WORKERS)
    began_s, stopped = time.perf_counter(), threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt  # asked twice
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        sys.stderr.write(f"{path.stem}: settings {len(settings)}, seeds {len(numbers)}, runs {planned},"
                         f" workers {count}\n")  # fmt: skip
        with SweepProgress() as progress:
            found = sweep_over(settings, numbers, lambda cases: play_cases(
                path, cases, count, stopped.is_set, lambda done: progress(done, planned)
            ))  # fmt: skip
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if table is not None:
        _write(found, table)
    if as_json:
        sys.stdout.write(json.dumps(_document(found, loaded), ensure_ascii=False, allow_nan=False) + "\n")
    else:
        print_tables(found)
    sys.stderr.write(_summary(found, time.perf_counter() - began_s, table))
    return found.exit_code


def _document(found: Sweep, loaded: LoadedScenario) -> dict[str, Any]:
    return {
        "schema": 1, "voltyard": importlib.metadata.version("voltyard"), "scenario": loaded.document.path.stem,
        "station": loaded.station.path.stem, "seeds": list(found.seeds),
        "runs": {"planned": found.planned, "done": len(found.results)}, "settings": found.document(),
    }  # fmt: skip


def _summary(found: Sweep, wall_s: float, table: Path | None) -> str:
    """The runs that did not pass, the gravest first, and what was done in what time."""
    troubled = [(case, result) for case, result in found.results.items() if result.verdict != "pass"]
    troubled.sort(key=lambda pair: pair[1].verdict != "error")
    lines = [f"  {result.verdict}: {case.said()}: {result.reason}" for case, result in troubled[:_SHOWN]]
    if len(troubled) > _SHOWN:
        lines.append(f"  and {len(troubled) - _SHOWN} more that did not pass")
    done = len(found.results)
    if done < found.planned:
        lines.append(f"  ended early: {done} of {found.planned} runs were finished")
    lines.append(f"  {done} runs in {wall_s:.2f} s, {done / wall_s:.1f} a second")
    if table is not None:
        lines.append(f"  runs: {table}")
    return "\n".join(lines) + "\n"


def _prepare(table: Path) -> None:
    """Refuse, before hours of runs, a file that cannot be written."""
    try:
        table.parent.mkdir(parents=True, exist_ok=True)
        with table.open("a", encoding="utf-8"):
            pass
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"--csv {table}: cannot be written ({why}); give another") from None


def _write(found: Sweep, table: Path) -> None:
    try:
        write_csv(found, table)
    except OSError as error:
        sys.stderr.write(f"voltyard: --csv {table}: cannot be written ({error.strerror or error})\n")
