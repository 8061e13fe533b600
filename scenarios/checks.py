"""Checks of a scenario against its station: what it names must exist, when it acts must lie within the run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from scenarios.choices import Draw, TimeDraw, is_local_time
from scenarios.conditions import EventName
from scenarios.moments import due, moment, span
from scenarios.schema import Expectation, Scenario
from scenarios.timeline_shape import Member, TimelineEntry
from sim.clock import Clock
from sim.errors import FileProblem
from sim.faults import Parameter
from sim.files import Document, did_you_mean
from sim.units import SimTime
from twins.clauses import clause_of, clauses

__all__ = ["Catalogue", "judging_problems", "time_problems"]


class Catalogue(Protocol):
    """What a scenario may name at its station."""

    def fault_names(self) -> Collection[str]:
        """Every fault."""

    def fault_parameters(self, name: str) -> Collection[Parameter]:
        """What a known fault takes."""

    def deed_names(self) -> Collection[str]:
        """Every deed."""

    def deed_parameters(self, name: str) -> Collection[Parameter]:
        """What a known deed takes."""

    def fitting(self, name: str, glob: str) -> Collection[str]:
        """Places of what this known fault or deed may act on whose paths fit a glob."""

    def deed_problem(self, name: str, path: str) -> str | None:
        """Why a known deed cannot be asked of this path, or None."""

    def states(self) -> Mapping[str, Sequence[str]]:
        """Every enumerated signal, with its words."""

    def signal_names(self) -> Collection[str]:
        """Every signal that is a number."""

    def knows_event(self, kind: str) -> bool:
        """Whether events of this kind exist."""

    def event_kinds(self) -> Collection[str]:
        """Kinds of events, for proposals."""

    def knows_subject(self, path: str) -> bool:
        """Whether events may concern this path."""

    def subjects(self) -> Collection[str]:
        """Paths that events concern, for proposals."""

    def targets(self, fault: str) -> Collection[str]:
        """Paths of what this fault may hit."""

    def places(self) -> Collection[str]:
        """Paths of what faults may hit, for proposals."""

    def target_problem(self, fault: str, path: str) -> str | None:
        """Why a known fault cannot hit this path, or None."""


def time_problems(document: Document[Scenario], clock: Clock) -> Iterator[FileProblem]:
    """A start that clocks skip, and times after the end of the run."""
    scenario = document.value
    if clock.local(SimTime(0.0)).replace(tzinfo=None) != scenario.begins:
        what = f"{scenario.start} is skipped by the clocks of {clock.zone.key}"
        yield document.problem("start", what, "a time outside the hour that summer time leaves out")
    for path, act in scenario.acts():
        if not isinstance(act, Member):
            continue
        times = span(clock, act)
        if times and max(times) > scenario.duration_s:
            yield _too_late(document, f"{path}.{'at' if act.after_s is None else 'after_s'}")
    for at, expectation in enumerate(scenario.expect):
        equals = expectation.equals
        if equals and is_local_time(equals.at) and moment(clock, equals.at) > scenario.duration_s:
            yield _too_late(document, f"expect[{at}].equals.at")
    yield from _cleared_too_soon(document, clock)


def _cleared_too_soon(document: Document[Scenario], clock: Clock) -> Iterator[FileProblem]:
    """Entries that clear a fault before it is injected; at one instant the order of the file counts."""
    timeline = document.value.timeline
    fixed = {at: entry for at, entry in enumerate(timeline) if not entry.when and not _is_drawn(entry)}
    moments = {at: (due(clock, entry), at) for at, entry in fixed.items()}
    injected = {entry.alias: at for at, entry in reversed(list(enumerate(timeline))) if entry.alias is not None}
    for at, entry in fixed.items():
        first = injected.get(entry.clear) if entry.clear is not None else None
        if first is not None and first in moments and moments[at] < moments[first]:
            what = f"{entry.clear} is cleared before timeline[{first}] injects it"
            told = f"{timeline[first].at or f'{timeline[first].after_s:g} s after the start'}"
            yield document.problem(f"timeline[{at}].clear", what, f"a time after {told}, when it is injected")


def _is_drawn(entry: TimelineEntry) -> bool:
    return isinstance(entry.at, TimeDraw) or isinstance(entry.after_s, Draw)


def _too_late(document: Document[Scenario], path: str) -> FileProblem:
    what = "this is after the end of the run"
    return document.problem(path, what, f"a time within {document.value.duration_h:g} h of {document.value.start}")


def judging_problems(document: Document[Scenario], known: Catalogue) -> Iterator[FileProblem]:
    """Events, their subjects and signals that the station does not have, and expectations of one name."""
    first: dict[str, int] = {}
    for at, one in enumerate(document.value.expect):
        here = f"expect[{at}]"
        if one.id in first:
            what = f"{one.id} is the name of expect[{first[one.id]}] too"
            yield document.problem(f"{here}.id", what, "a name of its own")
        first.setdefault(one.id, at)
        if one.clause and clause_of(one.clause) is None:
            right = did_you_mean(one.clause, clauses())
            yield document.problem(f"{here}.clause", f"unknown clause {one.clause}", right)
        for key, kind in _events(one):
            if kind is not None and not known.knows_event(kind):
                right = did_you_mean(kind, known.event_kinds())
                yield document.problem(f"{here}.{key}", f"unknown event {kind}", right)
        for key, subject in _subjects(one):
            if subject is not None and not known.knows_subject(subject):
                right = did_you_mean(subject, known.subjects())
                yield document.problem(f"{here}.{key}", f"the station has no {subject}", right)
        for key, signal in _signals(one):
            if signal is not None and signal not in known.signal_names():
                right = did_you_mean(signal, known.signal_names())
                yield document.problem(f"{here}.{key}", f"the station has no signal {signal}", right)


def _events(one: Expectation) -> Iterator[tuple[str, str | None]]:
    yield "event", one.event
    if one.after:
        yield "after.event", one.after.event
    if one.never:
        yield "never.event", one.never.event
    if one.count:
        yield "count.event", one.count.event
        if isinstance(one.count.equals, EventName):
            yield "count.equals.event", one.count.equals.event


def _subjects(one: Expectation) -> Iterator[tuple[str, str | None]]:
    yield "subject", one.subject
    if one.after:
        yield "after.subject", one.after.subject
    if one.never:
        yield "never.subject", one.never.subject
    if one.count:
        yield "count.subject", one.count.subject
        if isinstance(one.count.equals, EventName):
            yield "count.equals.subject", one.count.equals.subject


def _signals(one: Expectation) -> Iterator[tuple[str, str | None]]:
    yield "signal", one.signal
    if one.always:
        yield "always.signal", one.always.signal
    if one.equals:
        yield "equals.signal", one.equals.signal
