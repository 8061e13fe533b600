"""Station files: one YAML file says what stands on a site and how it is wired (architecture, section 12).

Found by name, read, their ranges of names written out, checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sim.errors import FileProblem, FileProblems
from sim.files import Document, Misfit, read_yaml
from sim.shipped import find_shipped, shipped_names
from twins.bay import BayConfig
from twins.pile import PileConfig
from twins.ranges import advance, expanded, names_of, step
from twins.station_checks import misfits
from twins.station_shape import (
    HeatConfig,
    LocalText,
    OperatorConfig,
    SiteConfig,
    StationFile,
    connector_kinds,
    pile_models,
)  # fmt: skip

__all__ = [
    "HeatConfig",
    "LocalText",
    "OperatorConfig",
    "SiteConfig",
    "StationFile",
    "connector_kinds",
    "find_station",
    "pile_models",
    "read_station",
    "station_names",
]

_STATIONS = Path(__file__).parent / "data" / "stations"


def station_names() -> tuple[str, ...]:
    """The shipped stations, by name, sorted."""
    return shipped_names(_STATIONS)


def find_station(name_or_path: str) -> Path:
    """The file of a shipped station's name, or the path itself when it looks like one; else UsageError."""
    return find_shipped("station", _STATIONS, name_or_path)


def read_station(path: Path) -> Document[StationFile]:
    """A station file, its ranges of names written out, checked in itself and across its parts.

    Raises FileProblems with every finding.
    """
    document = read_yaml(path, StationFile)
    problems = [*_bad_ranges(document)]
    if problems:
        raise FileProblems(problems)
    piles = list(expanded(document.value.piles, _pile))
    bays = list(expanded(document.value.bays, _bay))
    problems = list(dict.fromkeys(misfits(document, piles, bays)))
    if problems:
        raise FileProblems(problems)
    value = replace(document.value, piles=tuple(pile for _, pile in piles), bays=tuple(bay for _, bay in bays))
    return replace(document, value=value)


def _pile(entry: PileConfig, name: str, number: int) -> PileConfig:
    """The n-th pile of a range; its EVSEs reach the bays that come after those of the one before."""
    stride = number * len({bay for evse in entry.evses for bay in evse.reaches})
    evses = tuple(replace(evse, reaches=tuple(advance(bay, stride) for bay in evse.reaches)) for evse in entry.evses)
    return replace(entry, id=name, evses=evses, place=step(entry.place, number))


def _bay(entry: BayConfig, name: str, number: int) -> BayConfig:
    return replace(entry, id=name, place=step(entry.place, number))


def _bad_ranges(document: Document[StationFile]) -> Iterator[FileProblem]:
    names = {"piles": [pile.id for pile in document.value.piles], "bays": [bay.id for bay in document.value.bays]}
    for path, ids in names.items():
        for at, name in enumerate(ids):
            try:
                names_of(name)
            except Misfit as error:
                yield document.problem(f"{path}[{at}].id", error.what, error.right)
