"""The transformer's breaker: its protection opens it; somebody closes it again once the transformer has cooled.

It can be opened and closed from afar too, but a trip is reset at the transformer alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, Final

import simpy

from sim.deeds import CannotDo
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
        self._is_tripped = False
        self._cooled = kernel.event()

    def trip(self, by: str, temp_c: float, cause: int | None) -> None:
        """The reading `by` opens it, and keeps it from being closed until `release`."""
        if not self._holds:
            self._cooled = self._kernel.event()
        self._holds.add(by)
        if not self.state.set(self._kernel.now, BreakerState.OPEN):
            return
        self._is_tripped = True
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

    def open(self, by: str) -> None:
        """Open it from afar; `by` is the kind of face that asks. Raises `CannotDo` when it is open."""
        if not self.state.set(self._kernel.now, BreakerState.OPEN):
            raise CannotDo("the breaker is open")
        self._kernel.emit("breaker.opened", self.path, {"by": by}, clause=_CLAUSE)
        self.on_switched(False)

    def close(self, by: str) -> None:
        """Close it from afar; raises `CannotDo` when it is closed, has tripped, or a hot reading holds it open."""
        if self.state.value is BreakerState.CLOSED:
            raise CannotDo("the breaker is closed")
        if self._holds:
            raise CannotDo(f"the breaker is held open by {', '.join(sorted(self._holds))}")
        if self._is_tripped:
            raise CannotDo("the breaker has tripped: it is reset at the transformer")
        self._close()
        self._kernel.emit("breaker.closed", self.path, {"by": by}, clause=_CLAUSE)
        self.on_switched(True)

    def _close(self) -> None:
        self._is_tripped = False
        self.state.set(self._kernel.now, BreakerState.CLOSED)

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
        self._close()
        self._kernel.emit("transformer.reset", self.path, cause=cause, clause=_CLAUSE)
        self.on_switched(True)
