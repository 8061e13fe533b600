"""The shape of expectations: what is judged of a run, in one of seven forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from scenarios.choices import is_local_time, one_of
from scenarios.conditions import LONGEST_S, EventName, bounded
from sim.files import ID_PATTERN, Misfit, key
from twins.station_file import LocalText

__all__ = ["BOOKS", "Always", "Count", "Equals", "Every", "Expectation", "FollowedBy"]

_FORMS = ("after", "never", "always", "count", "equals", "order", "followed_by")

BOOKS: Final = tuple(
    f"{book}.{figure}"
    for book, figures in {
        "energy": ("grid_kwh", "vehicles_kwh", "losses_kwh", "auxiliaries_kwh", "stored_kwh", "residual_rel"),
        "money": ("bills_cny", "meters_cny", "transactions_cny"),
        "messages": ("started", "stopped", "open", "lost", "doubled", "misordered"),
    }.items()
    for figure in figures
)
"""Figures of a run's books that an expectation may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Always:
    """A signal stays between its bounds throughout the run; the bounds themselves are outside."""

    signal: str = field(metadata=key("Path of the signal: grid.power_kw."))
    below: float | None = field(default=None, metadata=key("It stays below this, in the signal's unit."))
    above: float | None = field(default=None, metadata=key("It stays above this, in the signal's unit."))

    def __post_init__(self) -> None:
        """Refuse a signal without bounds."""
        bounded(self.below, self.above)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How often events of one kind happen in the run."""

    event: str | None = field(default=None, metadata=key("Kind of the event."))
    subject: str | None = field(default=None, metadata=key("Path of whom it concerns, or a glob; all, if left out."))
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("What its data must say, exactly.", count=(0, 20))
    )
    any_of: tuple[EventName, ...] | None = field(default=None, metadata=key("Any of these events.", count=(1, 50)))
    equals: int | EventName | None = field(default=None, metadata=key("This often, or as often as another event."))
    at_least: int | None = field(default=None, metadata=key("This often or more.", low=0, high=10**9))
    at_most: int | None = field(default=None, metadata=key("This often or less.", low=0, high=10**9))

    def __post_init__(self) -> None:
        """Refuse a count without a bound, and bounds that contradict each other."""
        one_of({"event": self.event, "any_of": self.any_of}, "what happens is given")
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise Misfit("equals", "given beside at_least or at_most", "equals alone, or the other two")
        if isinstance(self.equals, int) and self.equals < 0:
            raise Misfit("equals", f"{self.equals} is out of range", "at least 0")
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise Misfit("", "none of equals, at_least, at_most is given", "how often the event is to happen")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise Misfit("at_least", f"{self.at_least} is more than at_most, {self.at_most}", "at_least <= at_most")

    @property
    def name(self) -> EventName:
        """The events that are counted."""
        return EventName(event=self.event, subject=self.subject, data=self.data, any_of=self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Equals:
    """A signal, or a figure of the books, has a value or is as another, within a tolerance."""

    signal: str | None = field(default=None, metadata=key("Path of the signal."))
    books: str | None = field(default=None, metadata=key("Figure of the books at the end: money.bills_cny."))
    value: float | None = field(default=None, metadata=key("What it is to be, in its unit."))
    to: str | None = field(default=None, metadata=key("The other signal, or the other figure of the books."))
    tolerance: float = field(default=0.0, metadata=key("Either way, in its unit.", low=0))
    at: str = field(default="end", metadata=key('"end", or the first time that clocks show this: "14:05".'))

    def __post_init__(self) -> None:
        """Refuse what is no time, and books before the end."""
        one_of({"signal": self.signal, "books": self.books}, "what is compared is given")
        one_of({"value": self.value, "to": self.to}, "what it equals is given")
        if self.at != "end" and self.books is not None:
            raise Misfit("at", "has no meaning beside books", "leave it out: books are drawn up at the end")
        if self.at != "end" and not is_local_time(self.at):
            raise Misfit("at", f"{self.at!r} is no time of day", '"end", or the station\'s time as "14:05"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """For each of these subjects one of the events follows."""

    subject: str | tuple[str, ...] = field(metadata=key("Paths, or a glob over paths: ocpp[A*]."))
    event: str | None = field(default=None, metadata=key("Kind of the event."))
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("What its data must say, exactly.", count=(0, 20))
    )
    any_of: tuple[EventName, ...] | None = field(default=None, metadata=key("Any of these events.", count=(1, 50)))

    def __post_init__(self) -> None:
        """Refuse none and both of one event and several, and a subject of theirs."""
        one_of({"event": self.event, "any_of": self.any_of}, "what follows is given")
        for at, one in enumerate(self.any_of or ()):
            if one.subject is not None:
                raise Misfit(f"any_of[{at}].subject", "has no meaning within every", "leave it out")

    def of(self, subject: str) -> EventName:
        """What must follow of one subject."""
        return EventName(event=self.event, subject=subject, data=self.data, any_of=self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedBy:
    """Each such event is followed in time by another that is of the same session, transaction or subject."""

    event: str | None = field(default=None, metadata=key("Kind of the first event."))
    subject: str | None = field(default=None, metadata=key("Path of whom it concerns, or a glob; all, if left out."))
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("What its data must say, exactly.", count=(0, 20))
    )
    any_of: tuple[EventName, ...] | None = field(default=None, metadata=key("Any of these events.", count=(1, 50)))
    within_s: float = field(metadata=key("How soon after it.", unit="s", above=0, high=LONGEST_S))
    by: EventName = field(metadata=key("The event that must follow."))
    same: str = field(metadata=key("What both share: subject, session, transaction, or another word of their data."))

    def __post_init__(self) -> None:
        """Refuse none and both of one kind and several."""
        one_of({"event": self.event, "any_of": self.any_of}, "what happens is given")

    @property
    def name(self) -> EventName:
        """The events that must be followed."""
        return EventName(event=self.event, subject=self.subject, data=self.data, any_of=self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One thing that is judged: within (`after`), never, always, count, equals, order or followed_by."""

    id: str = field(metadata=key("Name of the expectation in verdicts.", pattern=ID_PATTERN))
    title: LocalText | None = field(default=None, metadata=key("What reports call it."))
    clause: str = field(default="", metadata=key("The clause of the standard that asks for it.", count=(0, 40)))
    face: Literal["station", "wire", "platform", "slot"] = field(
        default="station",
        metadata=key("Where it is seen: in the twins, on the wire, in the platform's books, at a device in a slot."),
    )
    after: EventName | None = field(
        default=None, metadata=key("Each such event must be followed in time; with `never`: from the first on.")
    )
    until: EventName | None = field(default=None, metadata=key("With `never`: until this happens."))
    within_s: float | None = field(default=None, metadata=key("How soon after it.", unit="s", above=0, high=LONGEST_S))
    event: str | None = field(default=None, metadata=key("With `after`: the event that must follow."))
    subject: str | None = field(default=None, metadata=key("With `after`: of whom the event must be."))
    data: Mapping[str, float | int | str | bool] = field(
        default_factory=dict, metadata=key("With `after`: what the event's data must say.", count=(0, 20))
    )
    any_of: tuple[EventName, ...] | None = field(
        default=None, metadata=key("With `after`: one of these must follow.", count=(1, 50))
    )
    every: Every | None = field(default=None, metadata=key("With `after`: what must follow of each subject."))
    signal: str | None = field(default=None, metadata=key("With `after`: the signal that must come within its bounds."))
    below: float | None = field(default=None, metadata=key("With `after`: it falls below this, in its unit."))
    above: float | None = field(default=None, metadata=key("With `after`: it rises above this, in its unit."))
    never: EventName | None = field(default=None, metadata=key("An event that must not happen."))
    always: Always | None = field(default=None, metadata=key("A signal that stays within bounds."))
    count: Count | None = field(default=None, metadata=key("How often an event happens."))
    equals: Equals | None = field(default=None, metadata=key("What a signal or a figure of the books is."))
    order: tuple[EventName, ...] | None = field(
        default=None, metadata=key("Events that all happen, for the first time in this order.", count=(2, 50))
    )
    followed_by: FollowedBy | None = field(
        default=None, metadata=key("Each event is followed by another of the same session or subject.")
    )

    def __post_init__(self) -> None:
        """Refuse none or several forms, and half of the form within."""
        form = self.form
        if self.until is not None and form != "never":
            raise Misfit("until", f"has no meaning beside {form}", "leave it out, or use `never`")
        if form != "within":
            spare = ("within_s", "event", "subject", "any_of", "every", "signal", "below", "above")
            given = [name for name in spare if getattr(self, name) is not None] + (["data"] if self.data else [])
            for name in given:
                raise Misfit(name, f"has no meaning beside {form}", "leave it out, or use `after`")
            return
        if self.within_s is None:
            raise Misfit("within_s", "missing", "give it: how soon after the event (s)")
        ways = {"event": self.event, "signal": self.signal, "any_of": self.any_of, "every": self.every}
        way = one_of(ways, "what follows is given")
        if way == "signal":
            bounded(self.below, self.above)
        elif self.below is not None or self.above is not None:
            raise Misfit("", f"below and above have no meaning beside {way}", "leave them out, or name a signal")
        if self.subject is not None and way in ("signal", "every"):
            raise Misfit("subject", f"has no meaning beside {way}", "leave it out: the path names the subject")
        if self.data and way != "event":
            raise Misfit("data", f"has no meaning beside {way}", "say it of each event")

    @property
    def form(self) -> str:
        """Which kind of expectation this is: within, never, always, count, equals, order or followed_by."""
        given = {name: getattr(self, name) for name in _FORMS}
        if self.never is not None:
            given["after"] = None
        found = one_of(given, "the form is given")
        return "within" if found == "after" else found

    @property
    def follows(self) -> EventName:
        """With `after`: the event that must follow."""
        return EventName(event=self.event, subject=self.subject, data=self.data, any_of=self.any_of)
