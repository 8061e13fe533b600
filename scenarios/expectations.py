"""Expectations of events, and what all forms of expectation have in common.

Signals are followed by their crossings, never sampled; what is looked at is the state of an instant at rest.
Judging changes nothing: it emits no event and touches no twin.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from scenarios.bounds import Range
from scenarios.conditions import EventName
from scenarios.expectation_shape import Expectation
from scenarios.judgement import Judgement, Nearest, concluded, told
from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.registry import Registry
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["EXPECTATIONS", "Form", "expectation"]

_SHOWN = 3
"""So many of the events that must not happen are told in words."""


class Form(ABC):
    """One form of expectation, following one run from its start."""

    def __init__(
        self, one: Expectation, kernel: Kernel, clock: Clock, nearest: Nearest, fitting: Callable[[str], list[str]]
    ) -> None:
        self.one = one
        self.kernel = kernel
        self.clock = clock
        self.nearest = nearest
        self._fitting = fitting
        self.books: Mapping[str, Any] = {}
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Subscribe to what is needed."""

    @abstractmethod
    def finish(self, now: SimTime) -> Judgement:
        """The judgement at the end of the run."""

    def quantity(self, path: str) -> Signal | Sum:
        """The signal of this path; the loader has made sure that it is there and a number."""
        found = self.kernel.signals[path]
        assert isinstance(found, Signal | Sum)
        return found

    def subjects(self, said: str | tuple[str, ...]) -> list[str]:
        """The subjects that paths or a glob mean at this station."""
        if not isinstance(said, str):
            return list(said)
        return self._fitting(said) if "*" in said else [said]

    def follow(self, name: EventName, heard: Callable[[Event], None]) -> None:
        """Hear the events of this name."""

        def told(event: Event) -> None:
            if name.fits(event):
                heard(event)

        for kind in name.kinds:
            self.kernel.subscribe(told, kind)


EXPECTATIONS: Registry[type[Form]] = Registry("expectation", "voltyard.expectations")


def expectation(name: str) -> Callable[[type[Form]], type[Form]]:
    """Register a form of expectation."""

    def register(cls: type[Form]) -> type[Form]:
        EXPECTATIONS.add(name, cls)
        return cls

    return register


@expectation("never")
class Never(Form):
    """An event that must not happen, at all or between two others."""

    def begin(self) -> None:
        """Wait for it, from the start or from the event on that opens the window."""
        self._seen: list[Event] = []
        self._opened: Event | None = None
        self._windows = 0
        self._is_open = self.one.after is None
        assert self.one.never is not None
        if self.one.after is not None:
            self.follow(self.one.after, self._open)
        self.follow(self.one.never, self._hear)
        if self.one.until is not None:
            self.follow(self.one.until, self._close)

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first."""
        if self.one.after is not None and not self._windows:
            notes = [f"nothing to judge: no {self.one.after.said()}"]
            return concluded(self.one, "not_judged", now, bound=0, notes=notes)
        t_s = self._seen[0].t if self._seen else None
        verdict = "fail" if self._seen else "pass"
        notes = [told(event) for event in self._seen[:_SHOWN]]
        seqs = [event.seq for event in self._seen[:20]]
        if self._seen and self._opened is not None:
            seqs.insert(0, self._opened.seq)
            notes.insert(0, f"since {told(self._opened)}")
        return concluded(self.one, verdict, t_s, bound=0, observed=len(self._seen), evidence=seqs, notes=notes)

    def _open(self, event: Event) -> None:
        self._is_open = True
        self._windows += 1
        self._opened = event if not self._seen else self._opened

    def _hear(self, event: Event) -> None:
        if self._is_open and event is not self._opened:
            self._seen.append(event)

    def _close(self, _event: Event) -> None:
        self._is_open = False


@expectation("count")
class Count(Form):
    """How often an event happens."""

    def begin(self) -> None:
        """Count it, and the other one if it is compared with one."""
        wanted = self.one.count
        assert wanted is not None
        self._count = self._other = 0
        self._last: list[int] = []
        self.follow(wanted.name, self._hear)
        if isinstance(wanted.equals, EventName):
            self.follow(wanted.equals, self._hear_other)

    def finish(self, now: SimTime) -> Judgement:
        """Compare."""
        wanted = self.one.count
        assert wanted is not None
        bound: int | str | None
        if wanted.equals is not None:
            bound = self._other if isinstance(wanted.equals, EventName) else wanted.equals
            is_met = self._count == bound
        else:
            is_met = (wanted.at_least or 0) <= self._count
            is_met = is_met and (wanted.at_most is None or self._count <= wanted.at_most)
            ends = (("at least", wanted.at_least), ("at most", wanted.at_most))
            bound = ", ".join(f"{word} {value}" for word, value in ends if value is not None)
        verdict = "pass" if is_met else "fail"
        if is_met:
            return concluded(self.one, verdict, now, bound=bound, observed=self._count)
        near = self.nearest.to(wanted.name, 0.0, now)
        notes = self.nearest.notes(near, wanted.name, 0.0, now)
        evidence = self._last or [event.seq for event in near]
        return concluded(
            self.one, verdict, now, bound=bound, observed=self._count, evidence=evidence, notes=notes
        )  # fmt: skip

    def _hear(self, event: Event) -> None:
        self._count += 1
        self._last = [*self._last[-2:], event.seq]

    def _hear_other(self, _event: Event) -> None:
        self._other += 1


@expectation("within")
class Within(Form):
    """After each such event something follows in time; what its window still waits for at the end is not judged."""

    def begin(self) -> None:
        """Open windows at each event, one for each thing that must follow; close them at what follows."""
        one = self.one
        assert one.after is not None and one.within_s is not None
        self._open: list[tuple[Event, int]] = []
        self._met: list[float] = []
        self._missed: list[tuple[Event, int]] = []
        self._is_inside = False
        self._wanted: list[EventName] = []
        if one.signal is not None:
            Range(self.kernel, self.quantity(one.signal), one.below, one.above, self._look)
        elif one.every is not None:
            self._wanted = [one.every.of(subject) for subject in self.subjects(one.every.subject)]
        else:
            self._wanted = [one.follows]
        for number, name in enumerate(self._wanted):
            self.follow(name, lambda event, number=number: self._close(number, event.t))  # type: ignore[misc]
        self.follow(one.after, self._begin_windows)

    def finish(self, now: SimTime) -> Judgement:
        """Fails if one window closed without it."""
        one = self.one
        assert one.within_s is not None
        if self._missed:
            first, number = self._missed[0]
            begin_s, end_s = first.t, first.t + one.within_s
            near: tuple[Event, ...] = ()
            notes = [f"{len(self._missed)} of {len(self._missed) + len(self._met)} not followed in time"]
            came_s = None
            if self._wanted:
                name = self._wanted[number]
                near = self.nearest.to(name, begin_s, end_s)
                came_s = next((event.t - begin_s for event in near if event.t > begin_s and name.fits(event)), None)
                notes += [f"missed: {name.said()}"] if one.every is not None else []
                notes += self.nearest.notes(near, name, begin_s, end_s)
            evidence = [first.seq, *(event.seq for event in near)]
            return concluded(one, "fail", end_s, bound=one.within_s, observed=came_s, unit="s", evidence=evidence,
                             notes=notes)  # fmt: skip
        if not self._met:
            notes = ["nothing to judge: the first event did not happen, or too late in the run"]
            return concluded(one, "not_judged", now, bound=one.within_s, unit="s", notes=notes)
        return concluded(one, "pass", now, bound=one.within_s, observed=max(self._met), unit="s")

    def _begin_windows(self, event: Event) -> None:
        assert self.one.within_s is not None
        if self.one.signal is not None and self._is_inside:
            self._met.append(0.0)
            return
        windows = [(event, number) for number in range(max(1, len(self._wanted)))]
        self._open += windows
        deadline = SimTime(event.t + self.one.within_s)
        self.kernel.at(deadline, lambda: self.kernel.defer(lambda: self._expire(windows)))

    def _expire(self, windows: list[tuple[Event, int]]) -> None:
        for window in windows:
            if window in self._open:
                self._open.remove(window)
                self._missed.append(window)

    def _close(self, number: int, t: float) -> None:
        self._met.extend(t - event.t for event, which in self._open if which == number)
        self._open = [window for window in self._open if window[1] != number]

    def _look(self, is_inside: bool, _value: float) -> None:
        self._is_inside = is_inside
        if is_inside:
            self._close(0, self.kernel.now)
