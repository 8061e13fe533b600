"""Checks of a scenario against its station: what it names must exist, when it acts must lie within the run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from scenarios.choices import Draw, TimeDraw, is_local_time
from scenarios.conditions import PLATFORM_PREFIX, EventName
from scenarios.expectation_shape import BOOKS, Expectation
from scenarios.moments import due, moment, span
from scenarios.schema import Scenario
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
        for begin, whole in _names(one):
            for path, name in _single(begin, whole):
                yield from _name_problems(document, f"{here}.{path}", one, name, known)
        yield from _every_problems(document, here, one, known)
        for key, figure in _books(one):
            if figure not in BOOKS:
                yield document.problem(f"{here}.{key}", f"no book has {figure}", did_you_mean(figure, BOOKS))
        for key, signal in _signals(one):
            if signal is not None and signal not in known.signal_names():
                right = did_you_mean(signal, known.signal_names())
                yield document.problem(f"{here}.{key}", f"the station has no signal {signal}", right)


def _name_problems(
    document: Document[Scenario], here: str, one: Expectation, name: EventName, known: Catalogue
) -> Iterator[FileProblem]:
    kind, subject = name.event, name.subject
    if kind is not None and not known.knows_event(kind):
        right = did_you_mean(kind, known.event_kinds())
        yield document.problem(f"{here}event", f"unknown event {kind}", right)
    if kind is not None and kind.startswith(PLATFORM_PREFIX) and one.face != "platform":
        yield document.problem(f"{here}event", f"{kind} is seen at the platform alone", "face: platform")
    if subject is not None and not known.knows_subject(subject):
        right = did_you_mean(subject, known.subjects())
        yield document.problem(f"{here}subject", f"the station has no {subject}", right)


def _names(one: Expectation) -> Iterator[tuple[str, EventName]]:
    """Every event that an expectation names, with its key path below the expectation."""
    if one.event is not None or one.any_of is not None:
        yield "", one.follows
    if one.every is not None:
        yield "every.", EventName(event=one.every.event, data=one.every.data, any_of=one.every.any_of)
    for key in ("after", "until", "never"):
        if (name := getattr(one, key)) is not None:
            yield f"{key}.", name
    if one.count is not None:
        yield "count.", one.count.name
        if isinstance(one.count.equals, EventName):
            yield "count.equals.", one.count.equals
    for at, name in enumerate(one.order or ()):
        yield f"order[{at}].", name
    if one.followed_by is not None:
        yield "followed_by.", one.followed_by.name
        yield "followed_by.by.", one.followed_by.by


def _single(path: str, name: EventName) -> Iterator[tuple[str, EventName]]:
    """The events of one kind within a name, with their key paths."""
    yield path, name
    for at, inner in enumerate(name.any_of or ()):
        yield from _single(f"{path}any_of[{at}].", inner)


def _every_problems(
    document: Document[Scenario], here: str, one: Expectation, known: Catalogue
) -> Iterator[FileProblem]:
    if one.every is None:
        return
    said = one.every.subject
    for at, subject in enumerate((said,) if isinstance(said, str) else said):
        if not known.knows_subject(subject):
            path = f"{here}.every.subject" + ("" if isinstance(said, str) else f"[{at}]")
            yield document.problem(path, f"the station has no {subject}", did_you_mean(subject, known.subjects()))


def _signals(one: Expectation) -> Iterator[tuple[str, str | None]]:
    yield "signal", one.signal
    if one.always:
        yield "always.signal", one.always.signal
    if one.equals:
        yield "equals.signal", one.equals.signal
        if one.equals.books is None:
            yield "equals.to", one.equals.to


def _books(one: Expectation) -> Iterator[tuple[str, str]]:
    if one.equals is not None and one.equals.books is not None:
        yield "equals.books", one.equals.books
        if one.equals.to is not None:
            yield "equals.to", one.equals.to
