"""Station files: one YAML file says what stands on a site and how it is wired (architecture, section 12)."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sim.errors import FileProblem, FileProblems, UsageError
from sim.files import ID_PATTERN, Document, Misfit, did_you_mean, key, read_yaml
from twins.bay import BayConfig
from twins.control import ControlConfig
from twins.demand import DemandConfig
from twins.grid import GridConfig
from twins.links import EndpointConfig
from twins.pile import PileCatalogue, PileConfig, PileModel
from twins.tariff import TariffConfig
from twins.weather import WeatherConfig

__all__ = [
    "LocalText",
    "OperatorConfig",
    "SiteConfig",
    "StationFile",
    "find_station",
    "pile_models",
    "read_station",
    "station_names",
]

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalText:
    """A text that people see, in both languages."""

    en: str = field(metadata=key("In English.", count=(1, 200)))
    zh: str = field(metadata=key("In Chinese.", count=(1, 200)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorConfig:
    """Who runs the station."""

    name: LocalText = field(metadata=key("The operator's name."))


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """The station as a whole."""

    id: str = field(metadata=key("Name of the station.", pattern=ID_PATTERN))
    timezone: str = field(metadata=key("Its time zone, as in Asia/Shanghai."))
    operator: OperatorConfig = field(metadata=key("Who runs it."))

    def __post_init__(self) -> None:
        """Refuse a time zone that the tz database does not know."""
        try:
            zoneinfo.ZoneInfo(self.timezone)
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            near = did_you_mean(self.timezone, sorted(zoneinfo.available_timezones()))
            right = near if near.startswith("did") else "a name of the tz database such as Asia/Shanghai"
            raise Misfit("timezone", f"{self.timezone!r} is no time zone", right) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFile:
    """All of a station file, format 1."""

    voltyard: int = field(metadata=key("Version of this format.", low=1, high=1))
    station: SiteConfig = field(metadata=key("The station as a whole."))
    grid: GridConfig = field(metadata=key("The grid connection."))
    control: ControlConfig = field(metadata=key("How power is shared."))
    piles: tuple[PileConfig, ...] = field(metadata=key("The cabinets.", count=(1, 1_000)))
    bays: tuple[BayConfig, ...] = field(metadata=key("The bays.", count=(1, 10_000)))
    weather: WeatherConfig = field(metadata=key("The weather."))
    demand: DemandConfig = field(metadata=key("Who comes, and when."))
    tariff: TariffConfig = field(metadata=key("What energy costs."))
    endpoints: tuple[EndpointConfig, ...] = field(
        default=(), metadata=key("The station's faces on wires.", count=(0, 100))
    )


@cache
def pile_models() -> Mapping[str, PileModel]:
    """The shipped models of piles, by name."""
    return {model.name: model for model in read_yaml(_DATA / "piles.yaml", PileCatalogue).value.models}


def station_names() -> tuple[str, ...]:
    """The shipped stations, by name, sorted."""
    return tuple(sorted(path.stem for path in (_DATA / "stations").glob("*.yaml")))


def find_station(name_or_path: str) -> Path:
    """The file of a shipped station's name, or the path itself when it looks like one; else UsageError."""
    if name_or_path in station_names():
        return _DATA / "stations" / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1 or path.exists():
        return path
    raise UsageError(f"no station {name_or_path!r}; {did_you_mean(name_or_path, station_names())}, or a path to a file")


def read_station(path: Path) -> Document[StationFile]:
    """A station file, checked in itself and across its parts; FileProblems with every finding."""
    document = read_yaml(path, StationFile)
    problems = [*_repeated_ids(document), *_shared_places(document), *_wiring(document)]
    if problems:
        raise FileProblems(problems)
    return document


def _repeated_ids(document: Document[StationFile]) -> Iterator[FileProblem]:
    station = document.value
    lists = {
        "grid.feeders": [feeder.id for feeder in station.grid.feeders],
        "piles": [pile.id for pile in station.piles],
        "bays": [bay.id for bay in station.bays],
    }
    for path, names in lists.items():
        first: dict[str, str] = {}
        for at, name in enumerate(names):
            here = f"{path}[{at}]"
            if name in first:
                what = f"{name} is the name of {first[name]} too (line {document.root.line_of(first[name])})"
                yield document.problem(f"{here}.id", what, "a name of its own")
            if ".." in name:
                what = f"{name} looks like a range of names, which this version does not read"
                yield document.problem(f"{here}.id", what, "one entry for each name")
            first.setdefault(name, here)


def _shared_places(document: Document[StationFile]) -> Iterator[FileProblem]:
    first: dict[tuple[float, float], str] = {}
    for at, bay in enumerate(document.value.bays):
        place = (bay.place.x_m, bay.place.y_m)
        if place in first:
            yield document.problem(f"bays[{at}].place", f"{first[place]} stands here too", "a place of its own")
        first.setdefault(place, bay.id)


def _wiring(document: Document[StationFile]) -> Iterator[FileProblem]:
    station, models = document.value, pile_models()
    bays = {bay.id for bay in station.bays}
    feeders = [feeder.id for feeder in station.grid.feeders]
    reached: set[str] = set()
    for at, pile in enumerate(station.piles):
        here = f"piles[{at}]"
        model = models.get(pile.model)
        if model is None:
            yield document.problem(f"{here}.model", f"unknown model {pile.model}", did_you_mean(pile.model, models))
        elif len(pile.evses) != model.evse_count:
            what = f"{len(pile.evses)} listed, but {model.name} has {model.evse_count}"
            yield document.problem(f"{here}.evses", what, f"{model.evse_count} entries")
        if pile.feeder not in feeders:
            yield document.problem(
                f"{here}.feeder", f"unknown feeder {pile.feeder}", did_you_mean(pile.feeder, feeders)
            )
        for evse_at, evse in enumerate(pile.evses):
            for bay_at, bay in enumerate(evse.reaches):
                if bay not in bays:
                    path = f"{here}.evses[{evse_at}].reaches[{bay_at}]"
                    yield document.problem(path, f"unknown bay {bay}", did_you_mean(bay, sorted(bays)))
            reached.update(evse.reaches)
    for at, place in enumerate(station.bays):
        if place.kind in ("fast", "slow") and place.id not in reached:
            right = "name it in an EVSE's `reaches`, or make it plain or waiting"
            yield document.problem(f"bays[{at}]", f"no EVSE reaches the {place.kind} bay {place.id}", right)
