"""Progress of a run on standard error: simulated time, rate and what is left; a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["RunProgress"]

_QUIET_S: Final = 2.0
_LINE_EVERY_S: Final = 5.0
_DRAW_EVERY_S: Final = 0.1


class RunProgress:
    """Silent for the first two seconds; a context that clears its bar at the end."""

    def __init__(self) -> None:
        self._began = self._drawn = time.perf_counter()
        self._is_terminal = sys.stderr.isatty()
        self._bar: Progress | None = None

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, now: SimTime, until: SimTime) -> None:
        """Simulated time has reached `now` of `until`."""
        clock = time.perf_counter()
        since_s = clock - self._began
        if since_s < _QUIET_S or clock - self._drawn < (_DRAW_EVERY_S if self._is_terminal else _LINE_EVERY_S):
            return
        self._drawn = clock
        rate = now / since_s
        left_s = (until - now) / rate if rate > 0.0 else 0.0
        said = f"{now / SECONDS_PER_HOUR:.2f} of {until / SECONDS_PER_HOUR:.2f} h, {rate:,.0f}x, {left_s:.0f} s left"
        if not self._is_terminal:
            sys.stderr.write(f"voltyard: {said}\n")
            return
        if self._bar is None:
            columns = BarColumn(), TextColumn("{task.description}")
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(said, total=float(until))
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=float(now), description=said)
