"""The lock of the plug in the inlet: a motor that drives a bolt, which may jam on either side."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from sim.faults import Knob
from sim.signals import State
from sim.units import SimTime

__all__ = ["LockState", "PlugLock"]


class LockState(Enum):
    """Of the plug in the inlet."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"


class PlugLock(State[LockState]):
    """A state that follows its motor unless the bolt is jammed: `jam` is `open`, `closed` or empty."""

    __slots__ = ("jam", "on_freed")

    def __init__(self, path: str, on_change: Callable[[], None]) -> None:
        """Unlocked and sound; `on_change` tells of a jam and of its end."""
        super().__init__(path, LockState.UNLOCKED)
        self.jam: Knob[str] = Knob("", on_change)
        self.on_freed: Callable[[], object] = lambda: None

    def drive(self, now: SimTime, wanted: LockState) -> bool:
        """Lock or unlock; returns whether the bolt stands where it is wanted. A jammed one does not move."""
        if not self.jam.value:
            self.set(now, wanted)
        return self.value is wanted

    @property
    def holds_plug(self) -> bool:
        """Whether it is jammed with the plug held: no car can leave."""
        return self.jam.value == "closed" and self.value is LockState.LOCKED
