"""The shape of scenario files, format 1 (architecture, section 12; keys in the contract, "Files from people")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from scenarios.brief import LONGEST_H
from scenarios.choices import one_of
from scenarios.conditions import LONGEST_S
from scenarios.expectation_shape import Expectation
from scenarios.frame_shape import MANNER_PATTERN, Restoring, Sabotage, ScenarioParameter, Steady
from scenarios.timeline_shape import Act, TimelineEntry
from sim.files import Misfit, key
from twins.station_file import LocalText
from twins.weather import WeatherConfig

__all__ = ["Brief", "Scenario", "ScenarioDemand"]

_START = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d", re.ASCII)


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
class Brief:
    """The same story within five minutes: each key given here stands in place of the scenario's own."""

    duration_h: float = field(metadata=key("How long it lasts.", unit="h", above=0, high=LONGEST_H))
    start: str | None = field(default=None, metadata=key("When it begins, in the station's time: 2022-07-11T12:00."))
    seed: int | None = field(default=None, metadata=key("Starts every random stream.", low=0, high=2**53))
    weather: WeatherConfig | None = field(default=None, metadata=key("Instead of the scenario's weather."))
    demand: ScenarioDemand | None = field(default=None, metadata=key("Instead of the scenario's demand."))
    steady: Steady | None = field(default=None, metadata=key("Instead of the scenario's steady state."))
    timeline: tuple[TimelineEntry, ...] = field(default=(), metadata=key("What is done, and when.", count=(0, 10_000)))
    restore: tuple[Restoring, ...] = field(default=(), metadata=key("The way back.", count=(0, 100)))
    expect: tuple[Expectation, ...] = field(default=(), metadata=key("What is judged.", count=(0, 1_000)))


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
    brief: Brief | None = field(default=None, metadata=key("The same story within five minutes, for real pace."))
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
