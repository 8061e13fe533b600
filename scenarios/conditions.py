"""What events a scenario names, and the conditions that its timeline waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scenarios.choices import one_of
from sim.events import Event
from sim.files import Misfit, key
from sim.globs import pattern_of

__all__ = ["LONGEST_S", "PLATFORM_PREFIX", "Condition", "EventName", "bounded"]

LONGEST_S = 87_600 * 3_600
PLATFORM_PREFIX = "platform."
"""Kinds that begin so speak of what a platform asks and answers."""

_KINDS = ("signal", "state", "event", "all", "any")


def bounded(below: float | None, above: float | None) -> None:
    """Refuse a signal without bounds, and bounds that nothing lies between."""
    if below is None and above is None:
        raise Misfit("", "neither below nor above is given", "a bound for the signal, in the unit of its name")
    if below is not None and above is not None and below <= above:
        raise Misfit("below", f"{below:g} is not more than above, {above:g}: nothing lies between", "below > above")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventName:
    """Events of one kind, of all subjects or of one, with certain data; or any of several such."""

    event: str | None = field(default=None, metadata=key("Kind of the event: session.started."))
    subject: str | None = field(
        default=None, metadata=key("Path of whom it concerns, or a glob such as pile[A*]; all, if left out.")
    )
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("What its data must say, exactly: {alarm: smoke}.", count=(0, 20))
    )
    any_of: tuple[EventName, ...] | None = field(
        default=None, metadata=key("Any of these events, instead of one.", count=(1, 50))
    )

    def __post_init__(self) -> None:
        """Refuse none and both of one kind and several."""
        if one_of({"event": self.event, "any_of": self.any_of}, "what happens is given") == "any_of" and self.data:
            raise Misfit("data", "has no meaning beside any_of", "say it of each of them")

    @property
    def named(self) -> tuple[EventName, ...]:
        """The events of one kind that this comes to; a subject beside `any_of` is that of those that name none."""
        if self.any_of is None:
            return (self,)
        return tuple(
            EventName(event=one.event, subject=one.subject or self.subject, data=one.data)
            for inner in self.any_of
            for one in inner.named
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of events to listen for."""
        return tuple(dict.fromkeys(one.event for one in self.named if one.event is not None))

    def is_of(self, subject: str) -> bool:
        """Whether an event of this subject is meant."""
        if self.subject is None or subject == self.subject:
            return True
        return "*" in self.subject and pattern_of(self.subject).fullmatch(subject) is not None

    def fits(self, event: Event) -> bool:
        """Whether this is one of them."""
        return any(_fits(one, event) for one in self.named)

    def said(self) -> str:
        """In words, as people would write it."""
        words = (f"{one.event}" + (f" of {one.subject}" if one.subject else "") for one in self.named)
        return " or ".join(words)


def _fits(name: EventName, event: Event) -> bool:
    if event.kind != name.event or not name.is_of(event.subject):
        return False
    return all(word in event.data and event.data[word] == value for word, value in name.data.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Comes true when a signal is within bounds, a state is reached, an event happens, or all or any of several do.

    Within `all`, an event that has happened since the entry began to wait stays true.
    """

    signal: str | None = field(default=None, metadata=key("Path of the signal: grid.power_kw."))
    below: float | None = field(default=None, metadata=key("True below this, in the signal's unit."))
    above: float | None = field(default=None, metadata=key("True above this, in the signal's unit."))
    state: str | None = field(default=None, metadata=key("Path of the state: pile[A01].connector[1].state."))
    value: str | None = field(default=None, metadata=key("True while the state is this word.", name="is"))
    event: str | None = field(default=None, metadata=key("Kind of the event: alarm.raised."))
    subject: str | None = field(default=None, metadata=key("Path of whom the event concerns, or a glob."))
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("What the event's data must say, exactly.", count=(0, 20))
    )
    for_s: float | None = field(
        default=None, metadata=key("Held so long without a break.", unit="s", above=0, high=LONGEST_S)
    )
    all: tuple[Condition, ...] | None = field(default=None, metadata=key("All of these at once.", count=(1, 50)))
    any: tuple[Condition, ...] | None = field(default=None, metadata=key("At least one of these.", count=(1, 50)))

    def __post_init__(self) -> None:
        """Refuse none and several kinds, and keys of another kind."""
        kind = self.kind
        own = {"signal": ("below", "above", "for_s"), "state": ("is", "for_s"), "event": ("subject", "data")}
        given = {
            "below": self.below, "above": self.above, "is": self.value, "subject": self.subject,
            "data": self.data or None, "for_s": self.for_s,
        }  # fmt: skip
        for name, value in given.items():
            if value is not None and name not in own.get(kind, ()):
                raise Misfit(name, f"has no meaning beside {kind}", "leave it out")
        if kind == "signal":
            bounded(self.below, self.above)
        if kind == "state" and self.value is None:
            raise Misfit("is", "missing", "give it: the word that the state is to be")

    @property
    def kind(self) -> str:
        """What it looks at: signal, state, event, all or any."""
        return one_of({name: getattr(self, name) for name in _KINDS}, "the condition is given")

    @property
    def name(self) -> EventName:
        """Of an event, its name."""
        return EventName(event=self.event, subject=self.subject, data=self.data)

    def leaves(self, path: str) -> Iterator[tuple[str, Condition]]:
        """It, or those that it is made of, with their key paths."""
        inner = self.all or self.any
        if inner is None:
            yield path, self
            return
        for at, one in enumerate(inner):
            yield from one.leaves(f"{path}.{self.kind}[{at}]")
