"""The shape of a timeline: what is done, to whom, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scenarios.choices import Choice, Draw, TimeDraw, is_local_time, one_of
from scenarios.conditions import LONGEST_S, Condition
from sim.files import ID_PATTERN, Misfit, key

__all__ = ["ALL", "Act", "Member", "TimelineEntry"]

ALL = "all"
"""What `clear` takes for every fault."""

_MOST_TIMES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A fault begins (`inject`) or ends (`clear`), something is asked of a thing (`do`), or several such together."""

    inject: str | None = field(default=None, metadata=key("Name of a fault, as in `voltyard list faults`."))
    target: str | Choice | None = field(
        default=None, metadata=key("Path of what it hits, or who is asked: pile[A01].connector[1]; or a choice.")
    )
    alias: str | None = field(
        default=None, metadata=key("What this file calls the fault, to clear it.", name="as", pattern=ID_PATTERN)
    )
    parameters: Mapping[str, float | int | str | bool | Draw] = field(
        default_factory=dict, metadata=key("Parameters of the fault or the deed.", name="with", count=(0, 50))
    )
    clear: str | None = field(default=None, metadata=key("The `as` of the fault that ends, or `all`."))
    do: str | None = field(default=None, metadata=key("Name of a deed, as in `voltyard list deeds`."))
    group: tuple[Member, ...] | None = field(
        default=None, metadata=key("Several deeds; each `after_s` counts from the group's beginning.", count=(1, 1_000))
    )
    sequence: tuple[Member, ...] | None = field(
        default=None, metadata=key("Deeds one after the other; each begins when that before has acted.",
                                   count=(1, 1_000))
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse none and several deeds, and keys of another deed."""
        deed = self.deed
        spare = {"target": self.target, "as": self.alias, "with": self.parameters or None}
        if deed in ("inject", "do"):
            if self.target is None:
                what = "what the fault hits" if deed == "inject" else "who is asked"
                raise Misfit("target", "missing", f"give it: the path of {what}")
            spare = {"as": self.alias} if deed == "do" else {}
        for name in (name for name, value in spare.items() if value is not None):
            right = "clear takes the `as` of an injected fault alone" if deed == "clear" else "leave it out"
            raise Misfit(name, f"has no meaning beside {deed}", right)
        if self.alias == ALL:
            raise Misfit("as", f"{ALL} means every fault", "another name")

    @property
    def deed(self) -> str:
        """What is done: inject, clear, do, group or sequence."""
        names = ("inject", "clear", "do", "group", "sequence")
        return one_of({name: getattr(self, name) for name in names}, "the deed is given")

    @property
    def members(self) -> tuple[Member, ...]:
        """The entries of a group or a sequence; none of other deeds."""
        return self.group or self.sequence or ()

    def flat(self, path: str) -> Iterator[tuple[str, Act]]:
        """It and all within it, with their key paths."""
        yield path, self
        for at, member in enumerate(self.members):
            yield from member.flat(f"{path}.{self.deed}[{at}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Act):
    """A deed within a group or a sequence: at once, after a while, or when a condition comes true."""

    after_s: float | Draw | None = field(
        default=None, metadata=key("So long after the start; in a group after its beginning, in a sequence after the"
                                   " deed before.", unit="s")
    )  # fmt: skip
    when: Condition | None = field(default=None, metadata=key("When this comes true."))
    later_s: float | None = field(
        default=None, metadata=key("So long after `when` came true.", unit="s", low=0, high=LONGEST_S)
    )
    every_s: float | None = field(
        default=None, metadata=key("Again after each such while.", unit="s", low=0.001, high=LONGEST_S)
    )
    times: int | None = field(
        default=None, metadata=key("How often in all; with `every_s` alone, to the end of the run.", low=1,
                                   high=_MOST_TIMES)
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Refuse times that do not go together."""
        Act.__post_init__(self)
        if self.when is not None and self.after_s is not None:
            raise Misfit("", "the time is given by after_s and when", "one of them; or when with later_s")
        if self.later_s is not None and self.when is None:
            raise Misfit("later_s", "has no meaning without when", "after_s")
        if self.every_s is not None and self.when is not None:
            raise Misfit("every_s", "has no meaning beside when", "times alone: it acts each time that comes true")
        if self.times is not None and self.every_s is None and self.when is None:
            raise Misfit("times", "has no meaning without every_s or when", "give every_s")
        after = self.after_s.extremes if isinstance(self.after_s, Draw) else (self.after_s,)
        for value in after:
            if value is not None and (isinstance(value, str | bool) or not 0 <= value <= LONGEST_S):
                raise Misfit("after_s", f"{value} is out of range", f"0 to {LONGEST_S:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry(Member):
    """One entry of the timeline: at a time of the station's day, after a while, or when a condition comes true."""

    at: str | TimeDraw | None = field(
        default=None, metadata=key('The first time after the start that clocks show this: "14:05".')
    )

    def __post_init__(self) -> None:
        """Refuse what has no time, and what is no time of day."""
        Member.__post_init__(self)
        one_of({"at": self.at, "after_s": self.after_s, "when": self.when}, "the time is given")
        if isinstance(self.at, str) and not is_local_time(self.at):
            raise Misfit("at", f"{self.at!r} is no time of day", 'the station\'s time as "14:05"')
