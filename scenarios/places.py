"""The places that a scenario's entry acts on: one path, or some chosen from those of the station that fit."""

from __future__ import annotations

from typing import Any

from numpy.random import Generator

from scenarios.choices import Choice
from sim.globs import pattern_of
from twins.bms import Bms
from twins.station import Station

__all__ = ["chosen", "places", "that_fit"]


def places(station: Station) -> list[str]:
    """Paths of what faults may hit, with the guests that bays may have."""
    return [*station.things, *(f"{bay.path}.vehicle.bms" for bay in station.bays.values())]


def that_fit(station: Station, hits: type[Any], glob: str) -> list[str]:
    """The places of this kind whose paths fit, in the station's order; guests that are there before empty places."""
    pattern = pattern_of(glob)
    if not issubclass(hits, Bms):
        return [path for path, thing in station.things.items() if isinstance(thing, hits) and pattern.fullmatch(path)]
    guests = [path for path in places(station) if path.endswith(".bms") and pattern.fullmatch(path)]
    there = [path for path in guests if station.find(path) is not None]
    return there or guests


def chosen(station: Station, hits: type[Any], target: str | Choice, draws: Generator | None) -> list[str]:
    """The paths that an entry acts on now; `draws` is its stream, wanted where the choice is random."""
    if isinstance(target, str):
        return [target]
    found = that_fit(station, hits, target.glob)
    if target.way == "first":
        return found[: target.count]
    if target.way == "every" or target.count >= len(found):
        return found
    assert draws is not None
    picked = draws.choice(len(found), size=target.count, replace=False)
    return [found[at] for at in sorted(int(one) for one in picked)]
