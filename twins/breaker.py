"""The transformer's breaker: its protection opens it; somebody closes it again once the transformer has cooled."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, Final

import simpy

from sim.kernel import Kernel
from sim.signals import State
from twins.staff import Call, Staff
from twins.transformer_heat import ResetConfig

__all__ = ["Breaker", "BreakerState"]

_TECHNICIAN: Final = "technician"
_CLAUSE: Final = "8.4.1.1"


class BreakerState(Enum):
    """Of the breaker."""

    CLOSED = "closed"
    OPEN = "open"


class Breaker:
    """State `breaker`. `on_switched(is_closed)` hears of each switching; `staff`, if any, is whom a trip calls."""

    def __init__(self, kernel: Kernel, path: str, config: ResetConfig) -> None:
        """`path` is the transformer's; begins closed."""
        self.path = path
        self.config = config
        self.state = State(f"{path}.breaker", BreakerState.CLOSED)
        kernel.add(self.state)
        self.on_switched: Callable[[bool], None] = lambda is_closed: None
        self.staff: Staff | None = None
        self._kernel = kernel
        self._holds: set[str] = set()
        self._cooled = kernel.event()

    def trip(self, by: str, temp_c: float, cause: int | None) -> None:
        """The reading `by` opens it, and keeps it from being closed until `release`."""
        if not self._holds:
            self._cooled = self._kernel.event()
        self._holds.add(by)
        if not self.state.set(self._kernel.now, BreakerState.OPEN):
            return
        tripped = self._kernel.emit("transformer.tripped", self.path, {"by": by, "temp_c": temp_c}, cause, _CLAUSE)
        self.on_switched(False)
        place = self.config.place
        if self.staff is not None and self.staff.has(_TECHNICIAN) and place is not None:
            call = Call(_TECHNICIAN, place, self.path, self._work, cause=tripped.seq, clause=_CLAUSE)
            self.staff.dispatch(call)
        else:
            self._kernel.process(self._from_outside(tripped.seq))

    def release(self, by: str) -> None:
        """That reading has cooled."""
        self._holds.remove(by)
        if not self._holds:
            self._cooled.succeed()

    def _work(self, _way_s: float, arrived: int) -> Generator[simpy.Event, Any, str]:
        """What the technician does there: wait until it has cooled, and close it."""
        yield from self._reset(arrived)
        return "reset"

    def _from_outside(self, cause: int) -> Generator[simpy.Event, Any, None]:
        yield self._kernel.timeout(self.config.after_min * 60.0)
        yield from self._reset(cause)

    def _reset(self, cause: int) -> Generator[simpy.Event, Any, None]:
        while self._holds:
            yield self._cooled
        self.state.set(self._kernel.now, BreakerState.CLOSED)
        self._kernel.emit("transformer.reset", self.path, cause=cause, clause=_CLAUSE)
        self.on_switched(True)
