"""Conditions followed while a run goes on: by crossings, changes and events; looked at when an instant is at rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scenarios.bounds import Range
from scenarios.conditions import Condition
from sim.events import Event
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Watch"]


class Watch:
    """Says when a condition comes true; of one that is true already, at the first rest."""

    def __init__(self, kernel: Kernel, condition: Condition, on_true: Callable[[], None]) -> None:
        """`on_true()` is called at rest of the instant, once each time that it comes true, until `stop`."""
        self._kernel = kernel
        self._on_true = on_true
        self._is_due = self._was_met = self._is_over = False
        self._part = _part(kernel, condition, self._changed)
        self._changed()

    def stop(self) -> None:
        """Say no more."""
        self._is_over = True

    def _changed(self) -> None:
        if not self._is_due and not self._is_over:
            self._is_due = True
            self._kernel.defer(self._look)

    def _look(self) -> None:
        self._is_due = False
        if self._is_over:
            return
        is_met = self._part.is_met
        if is_met and not self._was_met:
            is_met = not self._part.spend() and self._part.is_met
            self._was_met = is_met
            self._on_true()
        else:
            self._was_met = is_met


class _Part:
    """One condition; `is_met` is up to date when an instant is at rest."""

    is_met = False

    def spend(self) -> bool:
        """What has happened is used up once the condition came true; returns whether it was only that."""
        return False


class _Held(_Part):
    """Something that must hold for a while."""

    def __init__(self, kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> None:
        self._kernel = kernel
        self._condition = condition
        self._on_change = on_change
        self._for_s = condition.for_s
        self._holds = False
        self._generation = 0

    def turned(self, holds: bool) -> None:
        if holds == self._holds:
            return
        self._holds = holds
        self._generation += 1
        if not holds or self._for_s is None:
            self._set(holds)
            return
        generation = self._generation
        due = SimTime(self._kernel.now + self._for_s)
        self._kernel.at(due, lambda: self._kernel.defer(lambda: self._lasted(generation)))

    def _lasted(self, generation: int) -> None:
        if generation == self._generation:
            self._set(True)

    def _set(self, is_met: bool) -> None:
        self.is_met = is_met
        self._on_change()


class _SignalPart(_Held):
    def __init__(self, kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> None:
        super().__init__(kernel, condition, on_change)
        quantity = kernel.signals[condition.signal or ""]
        assert isinstance(quantity, Signal | Sum)
        Range(kernel, quantity, condition.below, condition.above, lambda is_inside, _value: self.turned(is_inside))


class _StatePart(_Held):
    def __init__(self, kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> None:
        super().__init__(kernel, condition, on_change)
        state = kernel.signals[condition.state or ""]
        assert isinstance(state, State)
        self._state: State[Any] = state
        self._is_asked = False
        state.watch(self._moved)
        self._moved()

    def _moved(self) -> None:
        if not self._is_asked:
            self._is_asked = True
            self._kernel.defer(self._look)

    def _look(self) -> None:
        self._is_asked = False
        self.turned(str(self._state.value.value) == self._condition.value)


class _EventPart(_Part):
    def __init__(self, kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> None:
        self._name = condition.name
        self._on_change = on_change
        kernel.subscribe(self._heard, condition.event)

    def _heard(self, event: Event) -> None:
        if self._name.fits(event):
            self.is_met = True
            self._on_change()

    def spend(self) -> bool:
        was_met, self.is_met = self.is_met, False
        return was_met


class _Several(_Part):
    def __init__(self, kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> None:
        self._needs_all = condition.all is not None
        self._parts = [_part(kernel, one, on_change) for one in condition.all or condition.any or ()]

    @property
    def is_met(self) -> bool:  # type: ignore[override]
        found = (part.is_met for part in self._parts)
        return all(found) if self._needs_all else any(found)

    def spend(self) -> bool:
        spent = [part.spend() for part in self._parts]
        return any(spent)


def _part(kernel: Kernel, condition: Condition, on_change: Callable[[], None]) -> _Part:
    kinds: dict[str, Callable[[Kernel, Condition, Callable[[], None]], _Part]] = {
        "signal": _SignalPart, "state": _StatePart, "event": _EventPart, "all": _Several, "any": _Several,
    }  # fmt: skip
    return kinds[condition.kind](kernel, condition, on_change)
