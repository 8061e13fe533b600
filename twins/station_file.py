"""Station files: one YAML file says what stands on a site and how it is wired (architecture, section 12)."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from sim.errors import FileProblem, FileProblems, UsageError
from sim.files import ID_PATTERN, Document, Misfit, did_you_mean, key, read_yaml, told_by
from twins.arrivals import DemandConfig
from twins.bay import BayConfig
from twins.buses import ModbusEndpointConfig
from twins.connector import ConnectorConfig
from twins.control import ControlConfig
from twins.fire_panel import FireConfig
from twins.grid import GridConfig
from twins.house import HouseConfig
from twins.links import OcppEndpointConfig, charge_points
from twins.microclimate import EnvSensorConfig, MicroClimateConfig
from twins.modules import StackConfig
from twins.pile import PileCatalogue, PileConfig, PileModel
from twins.ranges import advance, expanded, names_of, step
from twins.reliability import ReliabilityConfig
from twins.staff import StaffConfig
from twins.tariff import TariffConfig
from twins.vehicle import VehicleModel, vehicle_models
from twins.weather import WeatherConfig
from twins.yard import YardConfig

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
class HeatConfig:
    """Which heat is followed."""

    packs: bool = field(default=True, metadata=key("Whether charging warms the vehicles' packs."))
    piles: bool = field(
        default=False, metadata=key("Whether their losses warm the piles' cabinets, which then derate and cut off.")
    )
    connectors: bool = field(default=False, metadata=key("Whether it warms the contacts of the DC connectors."))


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFile:
    """All of a station file, format 1."""

    voltyard: int = field(metadata=key("Version of this format.", low=1, high=1))
    station: SiteConfig = field(metadata=key("The station as a whole."))
    grid: GridConfig = field(metadata=key("The grid connection."))
    control: ControlConfig = field(metadata=key("How power is shared."))
    piles: tuple[PileConfig, ...] = field(metadata=key("The cabinets.", count=(1, 1_000)))
    bays: tuple[BayConfig, ...] = field(metadata=key("The bays.", count=(1, 10_000)))
    yard: YardConfig = field(default=YardConfig(), metadata=key("How vehicles move on the site."))
    heat: HeatConfig = field(default=HeatConfig(), metadata=key("Which heat is followed."))
    weather: WeatherConfig = field(metadata=key("The weather."))
    microclimate: MicroClimateConfig | None = field(
        default=None, metadata=key("What the sun does in the open; without it, all bays have the weather's air.")
    )
    house: HouseConfig | None = field(
        default=None, metadata=key("Lights and cooling, on top of `grid.house_load_kw`; none if left out.")
    )
    fire: FireConfig | None = field(default=None, metadata=key("Fire panel and detectors; none if left out."))
    demand: DemandConfig = field(metadata=key("Who comes, and when."))
    pile_models: tuple[PileModel, ...] = field(
        default=(), metadata=key("Models of piles of one's own, beside the shipped ones.", count=(0, 100))
    )
    vehicle_models: tuple[VehicleModel, ...] = field(
        default=(), metadata=key("Models of vehicles of one's own, beside the shipped ones.", count=(0, 100))
    )
    tariff: TariffConfig = field(metadata=key("What energy costs."))
    staff: StaffConfig | None = field(default=None, metadata=key("The people; without them nobody walks the site."))
    reliability: ReliabilityConfig | None = field(
        default=None, metadata=key("How piles fail by themselves; left out, they do not. {} takes the defaults.")
    )
    endpoints: tuple[Annotated[OcppEndpointConfig | ModbusEndpointConfig, told_by("kind")], ...] = field(
        default=(), metadata=key("The station's faces on wires; one to a platform at most.", count=(0, 50))
    )

    @property
    def sensors(self) -> tuple[EnvSensorConfig, ...]:
        """Its environment sensors."""
        return self.microclimate.sensors if self.microclimate is not None else ()

    @property
    def platform_face(self) -> OcppEndpointConfig | None:
        """Its face to a platform, if it has one."""
        return next((face for face in self.endpoints if isinstance(face, OcppEndpointConfig)), None)

    @property
    def buses(self) -> tuple[ModbusEndpointConfig, ...]:
        """Its ports for masters."""
        return tuple(face for face in self.endpoints if isinstance(face, ModbusEndpointConfig))

    def known_piles(self) -> Mapping[str, PileModel]:
        """The models of piles that it may name."""
        return {**pile_models(), **{model.name: model for model in self.pile_models}}

    def known_vehicles(self) -> Mapping[str, VehicleModel]:
        """The models of vehicles that it may name."""
        return {**vehicle_models(), **{model.name: model for model in self.vehicle_models}}


@cache
def pile_models() -> Mapping[str, PileModel]:
    """The shipped models of piles, by name."""
    return {model.name: model for model in read_yaml(_DATA / "piles.yaml", PileCatalogue).value.models}


@cache
def connector_kinds() -> Mapping[str, ConnectorConfig]:
    """The kinds of connectors that the shipped models have, by name."""
    kinds = [ConnectorConfig(), *(model.connector for model in pile_models().values() if model.connector is not None)]
    return {kind.name: kind for kind in kinds}


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
    """A station file, its ranges of names written out, checked in itself and across its parts.

    Raises FileProblems with every finding.
    """
    document = read_yaml(path, StationFile)
    problems = [*_bad_ranges(document)]
    if problems:
        raise FileProblems(problems)
    piles = list(expanded(document.value.piles, _pile))
    bays = list(expanded(document.value.bays, _bay))
    problems = [
        *_models(document), *_repeated_ids(document, piles, bays), *_shared_places(document, bays),
        *_wiring(document, piles, bays), *_house(document), *_limits(document),
        *_soaked(document), *_faces(document, piles),
    ]  # fmt: skip
    if problems:
        raise FileProblems(list(dict.fromkeys(problems)))
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


def _models(document: Document[StationFile]) -> Iterator[FileProblem]:
    station = document.value
    shipped = {"pile_models": pile_models(), "vehicle_models": vehicle_models()}
    for path, own in (("pile_models", station.pile_models), ("vehicle_models", station.vehicle_models)):
        names = [model.name for model in own]
        for at, name in enumerate(names):
            if name in shipped[path] or name in names[:at]:
                yield document.problem(f"{path}[{at}].name", f"{name} is a model already", "a name of its own")
    known = station.known_vehicles()
    for at, share in enumerate(station.demand.vehicles):
        if share.model not in known:
            path = f"demand.vehicles[{at}].model"
            yield document.problem(path, f"unknown model {share.model}", did_you_mean(share.model, known))


def _repeated_ids(
    document: Document[StationFile], piles: Sequence[tuple[int, PileConfig]], bays: Sequence[tuple[int, BayConfig]]
) -> Iterator[FileProblem]:
    staff, fire = document.value.staff, document.value.fire
    lists = {
        "grid.feeders": list(enumerate(feeder.id for feeder in document.value.grid.feeders)),
        "piles": [(at, pile.id) for at, pile in piles],
        "bays": [(at, bay.id) for at, bay in bays],
        "microclimate.sensors": list(enumerate(sensor.id for sensor in document.value.sensors)),
        "fire.detectors": list(enumerate(one.id for one in fire.detectors)) if fire else [],
        "staff.members": list(enumerate(member.id for member in staff.members)) if staff else [],
    }
    for path, names in lists.items():
        first: dict[str, str] = {}
        for at, name in names:
            here = f"{path}[{at}]"
            if name in first:
                what = f"{name} is the name of {first[name]} too (line {document.root.line_of(first[name])})"
                yield document.problem(f"{here}.id", what, "a name of its own")
            first.setdefault(name, here)


def _shared_places(document: Document[StationFile], bays: Sequence[tuple[int, BayConfig]]) -> Iterator[FileProblem]:
    first: dict[tuple[float, float], str] = {}
    for at, bay in bays:
        place = (bay.place.x_m, bay.place.y_m)
        if place in first:
            yield document.problem(f"bays[{at}].place", f"{first[place]} stands here too", "a place of its own")
        first.setdefault(place, bay.id)


def _wiring(
    document: Document[StationFile], piles: Sequence[tuple[int, PileConfig]], placed: Sequence[tuple[int, BayConfig]]
) -> Iterator[FileProblem]:
    station, models = document.value, document.value.known_piles()
    bays = {bay.id: bay for _, bay in placed}
    feeders = [feeder.id for feeder in station.grid.feeders]
    reached: set[str] = set()
    for at, pile in piles:
        here = f"piles[{at}]"
        model = models.get(pile.model)
        if model is None:
            yield document.problem(f"{here}.model", f"unknown model {pile.model}", did_you_mean(pile.model, models))
        elif len(pile.evses) != model.evse_count:
            what = f"{len(pile.evses)} listed, but {model.name} has {model.evse_count}"
            yield document.problem(f"{here}.evses", what, f"{model.evse_count} entries")
        if model is not None and pile.stack is not None:
            yield from _stack(document, here, pile.stack, model)
        if model is not None and model.kind == "ac" and pile.connector is not None:
            yield document.problem(f"{here}.connector", f"{model.name} has no DC contacts", "leave it out")
        if pile.feeder not in feeders:
            yield document.problem(
                f"{here}.feeder", f"unknown feeder {pile.feeder}", did_you_mean(pile.feeder, feeders)
            )
        for evse_at, evse in enumerate(pile.evses):
            for bay_at, bay in enumerate(evse.reaches):
                path = f"{here}.evses[{evse_at}].reaches[{bay_at}]"
                if bay not in bays:
                    yield document.problem(path, f"unknown bay {bay}", did_you_mean(bay, sorted(bays)))
                elif bays[bay].kind not in ("fast", "slow"):
                    right = "a fast or slow bay; or make it one"
                    yield document.problem(path, f"{bay} is a {bays[bay].kind} bay: nobody charges there", right)
            reached.update(evse.reaches)
    for at, place in placed:
        if place.kind in ("fast", "slow") and place.id not in reached:
            right = "name it in an EVSE's `reaches`, or make it plain or waiting"
            yield document.problem(f"bays[{at}]", f"no EVSE reaches the {place.kind} bay {place.id}", right)


def _stack(document: Document[StationFile], here: str, stack: StackConfig, model: PileModel) -> Iterator[FileProblem]:
    if model.stack is None:
        yield document.problem(f"{here}.stack", f"{model.name} is no split stack", "leave it out, or another model")
        return
    for misfit in stack.misfits(model.evse_count, model.rated_kw):
        yield document.problem(f"{here}.stack.{misfit.key}", misfit.what, misfit.right)


def _house(document: Document[StationFile]) -> Iterator[FileProblem]:
    station = document.value
    if station.house is not None:
        roofs = {sensor.id: sensor.roof for sensor in station.sensors}
        for misfit in station.house.misfits(station.weather.has_sun, roofs):
            yield document.problem(f"house.{misfit.key}", misfit.what, misfit.right)


def _limits(document: Document[StationFile]) -> Iterator[FileProblem]:
    grid, house = document.value.grid, document.value.house
    house_kw = grid.house_load_kw + grid.transformer.no_load_loss_kw + (house.most_kw if house is not None else 0.0)
    limits = {"grid.transformer.rating_kva": grid.transformer.highest_kva * grid.power_factor}
    if grid.contract_limit_kw is not None:
        limits["grid.contract_limit_kw"] = grid.contract_limit_kw
    for path, limit_kw in limits.items():
        if limit_kw <= house_kw:
            what = f"{limit_kw:g} kW does not even carry the house load of {house_kw:g} kW"
            yield document.problem(path, what, f"more than {house_kw:g} kW, and what the piles are to have")


def _soaked(document: Document[StationFile]) -> Iterator[FileProblem]:
    if document.value.demand.drivers.soaked_share > 0.0 and not document.value.heat.packs:
        what = "warm packs, but heat.packs is false: they keep their temperature"
        yield document.problem("demand.drivers.soaked_share", what, "0, or heat: {packs: true}")


def _faces(document: Document[StationFile], piles: Sequence[tuple[int, PileConfig]]) -> Iterator[FileProblem]:
    platform = document.value.platform_face
    outlets = {pile.id: len(pile.evses) for _, pile in piles}
    points = charge_points(platform, outlets) if platform is not None else ()
    links = {identity: "a charge point" for identity, _, _ in points}
    for at, face in enumerate(document.value.endpoints):
        here = f"endpoints[{at}]"
        if isinstance(face, ModbusEndpointConfig):
            if face.id in links:
                what = f"{face.id} is the name of {links[face.id]} too"
                yield document.problem(f"{here}.id", what, "a name of its own")
            links.setdefault(face.id, here)
        elif face is not platform:
            yield document.problem(here, "a second face to a platform", "one")
