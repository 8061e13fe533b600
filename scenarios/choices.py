"""What a scenario leaves to a named random stream, within bounds: values, times of day, places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.files import Misfit, key

__all__ = ["Choice", "Draw", "TimeDraw", "is_local_time", "one_of"]

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MOST_PLACES = 1_000


def is_local_time(text: str) -> bool:
    """Whether this is a time of day such as `14:05`."""
    return _TIME.fullmatch(text) is not None


def one_of(given: Mapping[str, object], what: str) -> str:
    """The one key that has a value; Misfit for none or several."""
    found = [name for name, value in given.items() if value is not None]
    if len(found) != 1:
        raise Misfit("", f"{what} by {' and '.join(found) or 'none'} of {', '.join(given)}", "exactly one of them")
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A value that each run draws anew: any between two numbers, or one of several words or numbers."""

    between: tuple[float | int, ...] | None = field(
        default=None, metadata=key("Lowest and highest; whole numbers where whole ones are meant.", count=(2, 2))
    )
    one_of: tuple[float | int | str | bool, ...] | None = field(
        default=None, metadata=key("Any of these, each as likely.", count=(1, 100))
    )

    def __post_init__(self) -> None:
        """Refuse none and both, and bounds that run backwards."""
        if one_of({"between": self.between, "one_of": self.one_of}, "the draw is given") == "between":
            low, high = self.between or (0, 0)
            if low > high:
                raise Misfit("between", f"{low:g} is more than {high:g}", "the lower bound first")

    @property
    def extremes(self) -> tuple[float | int | str | bool, ...]:
        """What it may come to at the outside; each of them must be allowed."""
        return self.between if self.between is not None else self.one_of or ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDraw:
    """A time of day that each run draws anew, to the second."""

    between: tuple[str, ...] = field(metadata=key('Earliest and latest: ["08:00", "10:00"].', count=(2, 2)))

    def __post_init__(self) -> None:
        """Refuse what is no time of day."""
        for text in self.between:
            if not is_local_time(text):
                raise Misfit("between", f"{text!r} is no time of day", 'the station\'s times as ["08:00", "10:00"]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Places chosen from those of the station that fit, by a glob over their paths; brackets stand for themselves."""

    every: str | None = field(default=None, metadata=key("All that fit: pile[*].connector[1].", count=(1, 200)))
    random: str | None = field(default=None, metadata=key("Some that fit, drawn by each run.", count=(1, 200)))
    first: str | None = field(default=None, metadata=key("The first that fit, in the file's order.", count=(1, 200)))
    count: int = field(default=1, metadata=key("How many, of random and first.", low=1, high=_MOST_PLACES))

    def __post_init__(self) -> None:
        """Refuse none and several ways, and a number of all."""
        if self.way == "every" and self.count != 1:
            raise Misfit("count", "has no meaning beside every", "leave it out, or choose by random or first")

    @property
    def way(self) -> str:
        """How the places are chosen: every, random or first."""
        return one_of({name: getattr(self, name) for name in ("every", "random", "first")}, "the choice is given")

    @property
    def glob(self) -> str:
        """Which paths come into question."""
        found: str = getattr(self, self.way)
        return found
