"""What a served station says on standard error while it is up: its CSMS, its devices, its alarms; one line each."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

from sim.events import Event
from sim.kernel import Kernel

__all__ = ["Spoken"]

_SAID: Final = {
    "wire.connected": "connected to its CSMS",
    "wire.lost": "the CSMS is lost",
    "device.joined": "the device has joined",
    "device.lost": "the device is lost",
    "alarm.raised": "alarm",
    "alarm.cleared": "alarm over",
}
_MOST: Final = 20
_WITHIN_S: Final = 60.0


class Spoken:
    """Tells of what matters, at most 20 lines in a minute of wall time; of what came beyond it tells how many."""

    def __init__(
        self, kernel: Kernel, write: Callable[[str], object] = sys.stderr.write,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:  # fmt: skip
        """`write` takes a line, `clock` gives seconds of wall time."""
        self._kernel = kernel
        self._write = write
        self._clock = clock
        self._since_s = clock()
        self._lines = self._more = 0

    def begin(self) -> None:
        """Speak from now on."""
        for kind in _SAID:
            self._kernel.subscribe(self._hear, kind)

    def _hear(self, event: Event) -> None:
        now_s = self._clock()
        if now_s - self._since_s >= _WITHIN_S:
            if self._more:
                self._write(f"... and {self._more} more\n")
            self._since_s, self._lines, self._more = now_s, 0, 0
        if self._lines == _MOST:
            self._more += 1
            return
        self._lines += 1
        what = " ".join(str(event.data[key]) for key in ("alarm", "vendor", "model") if event.data.get(key))
        time_of_day = f"{self._kernel.clock.local(event.t):%Y-%m-%d %H:%M:%S}"
        self._write(f"{time_of_day} {event.subject}: {_SAID[event.kind]} {what}".rstrip() + "\n")
