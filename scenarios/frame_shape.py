"""The shape of what surrounds a timeline: the steady state, the way back, parameters, and the run that must fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scenarios.choices import one_of
from scenarios.conditions import LONGEST_S, bounded
from scenarios.timeline_shape import Act, TimelineEntry
from sim.files import ID_PATTERN, Misfit, key
from twins.station_file import LocalText

__all__ = ["MANNER_PATTERN", "Declarations", "Hold", "Restoring", "Sabotage", "ScenarioParameter", "Steady"]

MANNER_PATTERN = r"[A-Za-z_]+([:,+.][A-Za-z0-9_]+)*"
"""How the manner of an embedded CSMS is written: careless:ignores_alarms+late:5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What is so while nothing is wrong: a signal within bounds, or a state."""

    id: str = field(metadata=key("Name of the check in verdicts, before `.before` and `.after`.", pattern=ID_PATTERN))
    title: LocalText | None = field(default=None, metadata=key("What reports call it."))
    signal: str | None = field(default=None, metadata=key("Path of the signal: grid.power_kw."))
    below: float | None = field(default=None, metadata=key("It is below this, in the signal's unit."))
    above: float | None = field(default=None, metadata=key("It is above this, in the signal's unit."))
    state: str | None = field(default=None, metadata=key("Path of the state: pile[A01].connector[1].state."))
    value: str | None = field(default=None, metadata=key("The word that the state is.", name="is"))

    def __post_init__(self) -> None:
        """Refuse none and both, and keys of the other."""
        if one_of({"signal": self.signal, "state": self.state}, "what is steady is given") == "signal":
            bounded(self.below, self.above)
            if self.value is not None:
                raise Misfit("is", "has no meaning beside signal", "below or above")
        elif self.below is not None or self.above is not None:
            raise Misfit("", "below and above have no meaning beside state", "is: the word that it is")
        elif self.value is None:
            raise Misfit("is", "missing", "give it: the word that the state is")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """What is checked just before the timeline first acts, and again at the end."""

    settle_s: float = field(
        default=0.0, metadata=key("So long before the end the way back is taken.", unit="s", low=0, high=LONGEST_S)
    )
    hold: tuple[Hold, ...] = field(metadata=key("What must be so.", count=(1, 100)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoring(Act):
    """One step of the way back: a fault or all of them end, or something is asked of a thing."""

    def __post_init__(self) -> None:
        """Refuse what breaks something."""
        Act.__post_init__(self)
        if self.deed not in ("clear", "do"):
            raise Misfit(self.deed, "is no way back", "clear or do")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioParameter:
    """A value that whoever plays the scenario may set within bounds; `{parameter: NAME}` stands where it is used."""

    title: LocalText = field(metadata=key("What it is."))
    default: float | int | str | bool = field(metadata=key("What it is when nobody sets it."))
    low: float | None = field(default=None, metadata=key("The lowest number that may be set."))
    high: float | None = field(default=None, metadata=key("The highest number that may be set."))
    unit: str = field(default="", metadata=key("Its unit.", count=(0, 20)))
    one_of: tuple[float | int | str | bool, ...] | None = field(
        default=None, metadata=key("The words that it may be.", count=(1, 100))
    )

    def __post_init__(self) -> None:
        """Refuse what has no bounds, and a default outside."""
        if self.one_of is None and (self.low is None or self.high is None):
            raise Misfit("", "neither low and high nor one_of is given", "the bounds of a number, or the words")
        if self.one_of is not None and (self.low is not None or self.high is not None):
            raise Misfit("one_of", "given beside low or high", "the bounds of a number, or the words")
        if wrong := self.problem(self.default):
            raise Misfit("default", wrong[0], wrong[1])

    def problem(self, value: object) -> tuple[str, str] | None:
        """What is wrong with a value and what would be right; None where it may be set."""
        if self.one_of is not None:
            is_there = any(type(value) is type(one) and value == one for one in self.one_of)
            return None if is_there else (f"{value} is not one of them", " or ".join(map(str, self.one_of)))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{value} is not a number", f"{self.low:g} to {self.high:g} {self.unit}".rstrip()
        if not (self.low or 0.0) <= value <= (self.high or 0.0):
            return f"{value:g} is out of bounds", f"{self.low:g} to {self.high:g} {self.unit}".rstrip()
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """The parameters of a file alone."""

    parameters: Mapping[str, ScenarioParameter] = field(
        default_factory=dict, metadata=key("Values that whoever plays it may set.", count=(0, 100))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sabotage:
    """The run that must fail: what is done otherwise, and which expectations tell."""

    title: LocalText = field(metadata=key("What is wrong in that run."))
    fails: tuple[str, ...] = field(metadata=key("The expectations that must fail then.", count=(1, 100)))
    platform: str | None = field(
        default=None, metadata=key("Manner of the embedded CSMS in that run; on sockets only.", pattern=MANNER_PATTERN)
    )
    changes: Mapping[str, float | int | str | bool | None] = field(
        default_factory=dict, metadata=key("Keys of this file, or with `station.` of the station's, with other values.",
                                           name="set", count=(0, 100))
    )  # fmt: skip
    drop: tuple[str, ...] = field(
        default=(), metadata=key("The `as` of timeline entries that are left out.", count=(0, 100))
    )
    timeline: tuple[TimelineEntry, ...] = field(
        default=(), metadata=key("Entries that come after those of the timeline.", count=(0, 1_000))
    )

    def __post_init__(self) -> None:
        """Refuse what changes nothing."""
        if self.platform is None and not (self.changes or self.drop or self.timeline):
            raise Misfit("", "nothing is done otherwise", "at least one of platform, set, drop, timeline")
