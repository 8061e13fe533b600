"""Ranges of names in files: `A01..A10` is ten things, each a step further along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from sim.files import Misfit
from twins.bay import PlaceConfig

__all__ = ["MOST", "advance", "expanded", "names_of", "step"]

MOST = 1_000
_RANGE = re.compile(r"(.*?)(\d+)\.\.(.*?)(\d+)")
_NUMBERED = re.compile(r"(.*?)(\d+)")


class Placed(Protocol):
    """A configured thing with a name and a place."""

    @property
    def id(self) -> str:
        """Its name, or a range."""

    @property
    def place(self) -> PlaceConfig:
        """Where it, or the first of its range, is."""


T = TypeVar("T", bound=Placed)


def names_of(text: str) -> list[str]:
    """The names that a text stands for: itself, or all of its range; Misfit (key `id`) for a range that is none."""
    if ".." not in text:
        return [text]
    match = _RANGE.fullmatch(text)
    right = "a range such as A01..A10, both ends alike but for the number"
    if match is None or match[1] != match[3]:
        raise Misfit("id", f"{text} is no range", right)
    first, last, width = int(match[2]), int(match[4]), len(match[2])
    if not first <= last < first + MOST:
        raise Misfit("id", f"{text} is no range", f"{right}, ascending, of at most {MOST}")
    return [f"{match[1]}{number:0{width}d}" for number in range(first, last + 1)]


def advance(name: str, steps: int) -> str:
    """The name so many numbers further on: B01 by 2 is B03; a name without a number stays."""
    match = _NUMBERED.fullmatch(name)
    if match is None or steps == 0:
        return name
    return f"{match[1]}{int(match[2]) + steps:0{len(match[2])}d}"


def expanded(entries: Sequence[T], further: Callable[[T, str, int], T]) -> Iterator[tuple[int, T]]:
    """(position of its entry, thing) for all; `further(entry, name, n)` makes the n-th of a range, from 0."""
    for at, entry in enumerate(entries):
        for number, name in enumerate(names_of(entry.id)):
            yield at, further(entry, name, number)


def step(place: PlaceConfig, number: int) -> PlaceConfig:
    """The place so many steps on."""
    return replace(place, x_m=place.x_m + number * place.step_x_m, y_m=place.y_m + number * place.step_y_m)
