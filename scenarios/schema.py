"""The shape of scenario files, format 1 (architecture, section 12; keys in the contract, "Files from people")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from scenarios.choices import is_local_time, one_of
from scenarios.conditions import LONGEST_S, EventName, bounded
from scenarios.frame_shape import MANNER_PATTERN, Restoring, Sabotage, ScenarioParameter, Steady
from scenarios.timeline_shape import Act, TimelineEntry
from sim.files import ID_PATTERN, Misfit, key
from twins.station_file import LocalText
from twins.weather import WeatherConfig

__all__ = [
    "Always",
    "Count",
    "Equals",
    "EventName",
    "Expectation",
    "Scenario",
    "ScenarioDemand",
    "TimelineEntry",
    "is_local_time",
]

_START = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_FORMS = ("after", "never", "always", "count", "equals")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioDemand:
    """Who comes, instead of the station's own demand: drawn vehicles, or a file of them; exactly one is given."""

    sessions_per_day: float | None = field(default=None, metadata=key("Mean arrivals a day.", low=0, high=100_000))
    replay: str | None = field(
        default=None, metadata=key("A CSV file of vehicles, relative to this file.", count=(1, 1_000))
    )

    def __post_init__(self) -> None:
        """Refuse none and both."""
        one_of({"sessions_per_day": self.sessions_per_day, "replay": self.replay}, "demand is given")


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

    event: str = field(metadata=key("Kind of the event."))
    subject: str | None = field(default=None, metadata=key("Path of whom it concerns; all, if left out."))
    equals: int | EventName | None = field(default=None, metadata=key("This often, or as often as another event."))
    at_least: int | None = field(default=None, metadata=key("This often or more.", low=0, high=10**9))
    at_most: int | None = field(default=None, metadata=key("This often or less.", low=0, high=10**9))

    def __post_init__(self) -> None:
        """Refuse a count without a bound, and bounds that contradict each other."""
        if self.equals is not None and (self.at_least is not None or self.at_most is not None):
            raise Misfit("equals", "given beside at_least or at_most", "equals alone, or the other two")
        if isinstance(self.equals, int) and self.equals < 0:
            raise Misfit("equals", f"{self.equals} is out of range", "at least 0")
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise Misfit("", "none of equals, at_least, at_most is given", "how often the event is to happen")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise Misfit("at_least", f"{self.at_least} is more than at_most, {self.at_most}", "at_least <= at_most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Equals:
    """A signal has a value, within a tolerance, at one time or at the end."""

    signal: str = field(metadata=key("Path of the signal."))
    value: float = field(metadata=key("What it is to be, in the signal's unit."))
    tolerance: float = field(default=0.0, metadata=key("Either way, in the signal's unit.", low=0))
    at: str = field(default="end", metadata=key('"end", or the first time that clocks show this: "14:05".'))

    def __post_init__(self) -> None:
        """Refuse what is no time."""
        if self.at != "end" and not is_local_time(self.at):
            raise Misfit("at", f"{self.at!r} is no time of day", '"end", or the station\'s time as "14:05"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One thing that is judged, in one of five forms: within (`after`), never, always, count, equals."""

    id: str = field(metadata=key("Name of the expectation in verdicts.", pattern=ID_PATTERN))
    title: LocalText | None = field(default=None, metadata=key("What reports call it."))
    clause: str = field(default="", metadata=key("The clause of the standard that asks for it.", count=(0, 40)))
    face: Literal["station", "wire", "platform", "slot"] = field(
        default="station",
        metadata=key("Where it is seen: in the twins, on the wire, in the platform's books, at a device in a slot."),
    )
    after: EventName | None = field(default=None, metadata=key("Each such event must be followed in time."))
    within_s: float | None = field(default=None, metadata=key("How soon after it.", unit="s", above=0, high=LONGEST_S))
    event: str | None = field(default=None, metadata=key("With `after`: the event that must follow."))
    subject: str | None = field(default=None, metadata=key("With `after`: of whom the event must be."))
    signal: str | None = field(default=None, metadata=key("With `after`: the signal that must come within its bounds."))
    below: float | None = field(default=None, metadata=key("With `after`: it falls below this, in its unit."))
    above: float | None = field(default=None, metadata=key("With `after`: it rises above this, in its unit."))
    never: EventName | None = field(default=None, metadata=key("An event that must not happen."))
    always: Always | None = field(default=None, metadata=key("A signal that stays within bounds."))
    count: Count | None = field(default=None, metadata=key("How often an event happens."))
    equals: Equals | None = field(default=None, metadata=key("What a signal is at one time."))

    def __post_init__(self) -> None:
        """Refuse none or several forms, and half of the form within."""
        if self.form != "within":
            spare = ("within_s", "event", "subject", "signal", "below", "above")
            for name in (name for name in spare if getattr(self, name) is not None):
                raise Misfit(name, f"has no meaning beside {self.form}", "leave it out, or use `after`")
            return
        if self.within_s is None:
            raise Misfit("within_s", "missing", "give it: how soon after the event (s)")
        if one_of({"event": self.event, "signal": self.signal}, "what follows is given") == "signal":
            bounded(self.below, self.above)
            if self.subject is not None:
                raise Misfit("subject", "has no meaning beside signal", "leave it out: the path names the subject")
        elif self.below is not None or self.above is not None:
            raise Misfit("", "below and above have no meaning beside event", "leave them out, or name a signal")

    @property
    def form(self) -> str:
        """Which kind of expectation this is: within, never, always, count or equals."""
        found = one_of({name: getattr(self, name) for name in _FORMS}, "the form is given")
        return "within" if found == "after" else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """All of a scenario file, format 1."""

    scenario: int = field(metadata=key("Version of this format.", low=1, high=1))
    title: LocalText = field(metadata=key("What reports call it."))
    description: LocalText | None = field(default=None, metadata=key("What happens and why, in a sentence or two."))
    station: str = field(metadata=key("A shipped station's name, or a file relative to this one.", count=(1, 1_000)))
    start: str = field(metadata=key("When it begins, in the station's time: 2022-07-11T12:00."))
    seed: int = field(metadata=key("Starts every random stream.", low=0, high=2**53))
    duration_h: float = field(metadata=key("How long it lasts.", unit="h", above=0, high=LONGEST_S / 3_600))
    family: Literal[
        "fault", "fire", "high-temperature", "peak-load", "network", "billing", "security", "background"
    ] = field(default="background", metadata=key("What it is about."))
    weather: WeatherConfig | None = field(default=None, metadata=key("Instead of the station's weather."))
    demand: ScenarioDemand | None = field(default=None, metadata=key("Instead of the station's demand."))
    include: tuple[str, ...] = field(
        default=(), metadata=key("Files, or shipped scenarios, whose timeline, expectations and parameters come first.",
                                 count=(0, 10))
    )  # fmt: skip
    parameters: Mapping[str, ScenarioParameter] = field(
        default_factory=dict, metadata=key("Values that whoever plays it may set.", count=(0, 100))
    )
    platform: str | None = field(
        default=None, metadata=key("Manner of the embedded CSMS, as `--manner` takes it.", pattern=MANNER_PATTERN)
    )
    steady: Steady | None = field(default=None, metadata=key("What is so before anything is done, and at the end."))
    timeline: tuple[TimelineEntry, ...] = field(default=(), metadata=key("What is done, and when.", count=(0, 10_000)))
    restore: tuple[Restoring, ...] = field(
        default=(), metadata=key("The way back, before the end and on every way out.", count=(0, 100))
    )
    sabotage: Sabotage | None = field(default=None, metadata=key("The run that must fail."))
    expect: tuple[Expectation, ...] = field(default=(), metadata=key("What is judged.", count=(0, 1_000)))

    def __post_init__(self) -> None:
        """Refuse a start that no calendar has."""
        right = "a date and time to the minute, as 2022-07-11T12:00"
        if not _START.fullmatch(self.start):
            raise Misfit("start", f"{self.start!r} is no date and time", right)
        try:
            year = self.begins.year
        except ValueError as error:
            raise Misfit("start", f"{self.start!r} is not in the calendar ({error})", right) from None
        if not 1970 <= year <= 2200:
            raise Misfit("start", f"the year {year} is out of range", "1970 to 2200")

    def acts(self) -> Iterator[tuple[str, Act]]:
        """Every deed of the timeline, with its key path, those of groups and sequences too."""
        for at, entry in enumerate(self.timeline):
            yield from entry.flat(f"timeline[{at}]")

    @property
    def settle_s(self) -> float:
        """How long before the end the way back is taken (s)."""
        return self.steady.settle_s if self.steady is not None else 0.0

    @property
    def begins(self) -> datetime:
        """The start as a naive time of the station's zone."""
        return datetime.fromisoformat(self.start)

    @property
    def duration_s(self) -> float:
        """How long the run lasts in seconds."""
        return self.duration_h * 3_600
