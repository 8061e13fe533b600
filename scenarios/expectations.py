"""Expectations: what a scenario asks of a run, judged while it runs.

Signals are followed by their crossings, never sampled; what is looked at is the state of an instant at rest.
Judging changes nothing: it emits no event and touches no twin.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from scenarios.bounds import Range, in_words
from scenarios.conditions import EventName
from scenarios.judgement import Judgement, Nearest, concluded
from scenarios.moments import moment
from scenarios.schema import Expectation, Scenario
from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.registry import Registry
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["EXPECTATIONS", "Form", "Judge", "expectation"]

_SHOWN = 3
"""So many of the events that must not happen are told in words."""


class Form(ABC):
    """One form of expectation, following one run from its start."""

    def __init__(self, one: Expectation, kernel: Kernel, clock: Clock, nearest: Nearest) -> None:
        self.one = one
        self.kernel = kernel
        self.clock = clock
        self.nearest = nearest
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


class Judge:
    """All expectations of one run."""

    def __init__(
        self, kernel: Kernel, scenario: Scenario, clock: Clock, *, has_wire: bool, has_devices: bool = False
    ) -> None:
        """Call before the kernel runs; without a wire or a device, what is to be seen there is not judged."""
        seen = {"station": True, "slot": has_devices, "wire": has_wire, "platform": has_wire}
        nearest = Nearest()
        if scenario.expect:
            kernel.subscribe(nearest)
        self._parts: list[Form | Expectation] = [
            EXPECTATIONS.get(one.form)(one, kernel, clock, nearest) if seen[one.face] else one
            for one in scenario.expect
        ]

    def finish(self, now: SimTime) -> list[Judgement]:
        """Every judgement, in the order of the file."""
        return [
            part.finish(now)
            if isinstance(part, Form)
            else concluded(part, "not_judged", None, notes=[f"needs the face {part.face}, which this run has not"])
            for part in self._parts
        ]


@expectation("never")
class Never(Form):
    """An event that must not happen."""

    def begin(self) -> None:
        """Wait for it."""
        self._seen: list[Event] = []
        assert self.one.never is not None
        self.follow(self.one.never, self._seen.append)

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first."""
        seqs = [event.seq for event in self._seen[:20]]
        t_s = self._seen[0].t if self._seen else None
        verdict = "fail" if self._seen else "pass"
        notes = [f"#{event.seq} {event.kind} {event.subject} at {event.t:.3f} s" for event in self._seen[:_SHOWN]]
        return concluded(self.one, verdict, t_s, bound=0, observed=len(self._seen), evidence=seqs, notes=notes)


@expectation("count")
class Count(Form):
    """How often an event happens."""

    def begin(self) -> None:
        """Count it, and the other one if it is compared with one."""
        wanted = self.one.count
        assert wanted is not None
        self._count = self._other = 0
        self._last: list[int] = []
        self.follow(EventName(event=wanted.event, subject=wanted.subject), self._hear)
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
        evidence = () if is_met else self._last[-3:]
        return concluded(self.one, verdict, now, bound=bound, observed=self._count, evidence=evidence)

    def _hear(self, event: Event) -> None:
        self._count += 1
        self._last = [*self._last[-2:], event.seq]

    def _hear_other(self, _event: Event) -> None:
        self._other += 1


@expectation("equals")
class Equals(Form):
    """A signal has a value at one time."""

    def begin(self) -> None:
        """Look at that time."""
        wanted = self.one.equals
        assert wanted is not None
        self._seen: tuple[float, float] | None = None
        if wanted.at != "end":
            self.kernel.at(moment(self.clock, wanted.at), lambda: self.kernel.defer(self._look))

    def finish(self, now: SimTime) -> Judgement:
        """Compare."""
        wanted = self.one.equals
        assert wanted is not None
        if wanted.at == "end":
            self._look()
        unit = self.quantity(wanted.signal).unit
        if self._seen is None:
            notes = [f"the run ended before {wanted.at}"]
            return concluded(self.one, "not_judged", now, bound=wanted.value, unit=unit, notes=notes)
        t_s, value = self._seen
        verdict = "pass" if abs(value - wanted.value) <= wanted.tolerance else "fail"
        return concluded(self.one, verdict, t_s, bound=wanted.value, observed=value, unit=unit)

    def _look(self) -> None:
        assert self.one.equals is not None
        now = self.kernel.now
        self._seen = now, self.quantity(self.one.equals.signal).at(now)


@expectation("always")
class Always(Form):
    """A signal stays within its bounds."""

    def begin(self) -> None:
        """Follow it."""
        wanted = self.one.always
        assert wanted is not None
        self._broken: tuple[float, float] | None = None
        self._nearest: float | None = None
        self._around: int | None = None
        self._last_seq: int | None = None
        self.kernel.subscribe(self._note)
        Range(self.kernel, self.quantity(wanted.signal), wanted.below, wanted.above, self._look)

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first instant outside."""
        wanted = self.one.always
        assert wanted is not None
        quantity = self.quantity(wanted.signal)
        bound = in_words(wanted.below, wanted.above)
        if self._broken is None:
            return concluded(self.one, "pass", None, bound=bound, observed=self._nearest, unit=quantity.unit)
        t_s, value = self._broken
        evidence = [self._around] if self._around is not None else []
        return concluded(self.one, "fail", t_s, bound=bound, observed=value, unit=quantity.unit, evidence=evidence)

    def _look(self, is_inside: bool, value: float) -> None:
        wanted = self.one.always
        assert wanted is not None
        pick = max if wanted.below is not None else min
        self._nearest = value if self._nearest is None else pick(self._nearest, value)
        if not is_inside and self._broken is None:
            self._broken = self.kernel.now, value
            self._around = self._last_seq

    def _note(self, event: Event) -> None:
        self._last_seq = event.seq


@expectation("within")
class Within(Form):
    """After each such event something follows in time; what its window still waits for at the end is not judged."""

    def begin(self) -> None:
        """Open a window at each event, close all at what follows."""
        one = self.one
        assert one.after is not None and one.within_s is not None
        self._open: list[Event] = []
        self._met: list[float] = []
        self._missed: list[Event] = []
        self._is_inside = False
        if one.event is not None:
            self.follow(EventName(event=one.event, subject=one.subject), lambda event: self._close(event.t))
        else:
            assert one.signal is not None
            Range(self.kernel, self.quantity(one.signal), one.below, one.above, self._look)
        self.follow(one.after, self._begin_window)

    def finish(self, now: SimTime) -> Judgement:
        """Fails if one window closed without it."""
        one = self.one
        assert one.within_s is not None
        if self._missed:
            first = self._missed[0]
            begin_s, end_s = first.t, first.t + one.within_s
            near = self.nearest.to(one.event, one.subject, begin_s, end_s) if one.event else ()
            notes = self.nearest.notes(near, one.event or "", one.subject, begin_s, end_s)
            evidence = [first.seq, *(event.seq for event in near)]
            came_s = next((event.t for event in near if event.t > begin_s and _is_of(one, event)), None)
            missed = f"{len(self._missed)} of {len(self._missed) + len(self._met)} not followed in time"
            return concluded(
                one, "fail", end_s, bound=one.within_s, observed=None if came_s is None else came_s - begin_s, unit="s",
                evidence=evidence, notes=[missed, *notes],
            )  # fmt: skip
        if not self._met:
            notes = ["nothing to judge: the first event did not happen, or too late in the run"]
            return concluded(one, "not_judged", now, bound=one.within_s, unit="s", notes=notes)
        return concluded(one, "pass", now, bound=one.within_s, observed=max(self._met), unit="s")

    def _begin_window(self, event: Event) -> None:
        assert self.one.within_s is not None
        if self.one.signal is not None and self._is_inside:
            self._met.append(0.0)
            return
        self._open.append(event)
        deadline = SimTime(event.t + self.one.within_s)
        self.kernel.at(deadline, lambda: self.kernel.defer(lambda: self._expire(event)))

    def _expire(self, event: Event) -> None:
        if event in self._open:
            self._open.remove(event)
            self._missed.append(event)

    def _close(self, t: float) -> None:
        self._met.extend(t - event.t for event in self._open)
        self._open.clear()

    def _look(self, is_inside: bool, _value: float) -> None:
        self._is_inside = is_inside
        if is_inside:
            self._close(self.kernel.now)


def _is_of(one: Expectation, event: Event) -> bool:
    return event.kind == one.event and one.subject in (None, event.subject)
