"""Progress on standard error: what is done, the rate and what is left; a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["RunProgress", "SweepProgress"]

_QUIET_S: Final = 2.0
_LINE_EVERY_S: Final = 5.0
_DRAW_EVERY_S: Final = 0.1


class _Display:
    """Silent for the first two seconds; a context that clears its bar at the end."""

    def __init__(self) -> None:
        self._began = self._drawn = time.perf_counter()
        self._is_terminal = sys.stderr.isatty()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: float, total: float, said: Callable[[float, float], str]) -> None:
        """`done` of `total` is reached; `said` makes the words from the rate a second and the seconds that are left."""
        clock = time.perf_counter()
        since_s = clock - self._began
        if since_s < _QUIET_S or clock - self._drawn < (_DRAW_EVERY_S if self._is_terminal else _LINE_EVERY_S):
            return
        self._drawn = clock
        rate = done / since_s
        words = said(rate, (total - done) / rate if rate > 0.0 else 0.0)
        if not self._is_terminal:
            sys.stderr.write(f"voltyard: {words}\n")
            return
        if self._bar is None:
            columns = BarColumn(), TextColumn("{task.description}")
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(words, total=total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=done, description=words)


class RunProgress(_Display):
    """Of one run, in simulated time."""

    def __call__(self, now: SimTime, until: SimTime) -> None:
        """Simulated time has reached `now` of `until`."""
        hours = f"{now / SECONDS_PER_HOUR:.2f} of {until / SECONDS_PER_HOUR:.2f} h"
        self.show(now, until, lambda rate, left_s: f"{hours}, {rate:,.0f}x, {left_s:.0f} s left")


class SweepProgress(_Display):
    """Of many runs."""

    def __call__(self, done: int, planned: int) -> None:
        """`done` runs of `planned` have ended."""

        def said(rate: float, left_s: float) -> str:
            runs = f"{done} of {planned} runs"
            return f"{runs}, {rate:.1f} a second, {left_s:.0f} s left" if done else f"{runs}, workers are starting"

        self.show(done, planned, said)
