"""What the things of a family can be read for, as far as one map tells without its station."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from hil.modbus.families import misfit
from hil.modbus.map_file import MapFile
from sim.clock import Clock
from sim.errors import FileProblem
from sim.files import Document, did_you_mean
from sim.kernel import Kernel
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station, station_names

__all__ = ["misread"]

_NUMBER = re.compile(r"\[\d+\]")


def misread(document: Document[MapFile]) -> Iterator[FileProblem]:
    """Every reading that no thing of the map's family has, in any of the shipped stations.

    Paths from the station on are the station's own and are not looked at; nor is a family that no station has.
    """
    mapped = document.value
    known = _quantities(mapped.family)
    for placed in [one for one in mapped.placed() if known and one.number <= 1]:
        for key, of in placed.point.quantities:
            path = placed.path(of, "")
            if not of.startswith("/") and _NUMBER.sub("[N]", path) not in known:
                at = f"{placed.key}.{key}"
                yield document.problem(
                    at, f"no thing of the family {mapped.family} has {path}", did_you_mean(path, known)
                )


@cache
def _quantities(family: str) -> frozenset[str]:
    return frozenset(name for station in _stations() for name in _of(station, family))


@cache
def _stations() -> tuple[Station, ...]:
    return tuple(_built(name) for name in station_names())


def _built(name: str) -> Station:
    file = read_station(find_station(name)).value
    kernel = Kernel(Clock(datetime(2022, 1, 1), file.station.timezone), 0)
    return Station(kernel, file, LocalPlatform(kernel))


def _of(station: Station, family: str) -> Iterator[str]:
    names = sorted([*station.kernel.signals, *station.kernel.gauges])
    for path in (*station.things, "house"):
        if misfit(family, path, station) is None:
            head = f"{path}."
            at = bisect_left(names, head)
            while at < len(names) and names[at].startswith(head):
                yield _NUMBER.sub("[N]", names[at].removeprefix(head))
                at += 1
