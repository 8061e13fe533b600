"""What a station file may say: its shape as frozen dataclasses, and the models of piles that it may name."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated

from sim.files import ID_PATTERN, Misfit, did_you_mean, key, read_yaml, told_by
from twins.arrivals import DemandConfig
from twins.bay import BayConfig
from twins.bus_config import ModbusEndpointConfig
from twins.connector import ConnectorConfig
from twins.control import ControlConfig
from twins.fire_panel import FireConfig
from twins.grid import GridConfig
from twins.house import HouseConfig
from twins.links import OcppEndpointConfig
from twins.microclimate import EnvSensorConfig, MicroClimateConfig
from twins.pile import PileCatalogue, PileConfig, PileModel
from twins.reliability import ReliabilityConfig
from twins.staff import StaffConfig
from twins.tariff import TariffConfig
from twins.vehicle import VehicleModel, vehicle_models
from twins.weather import WeatherConfig
from twins.yard import YardConfig

__all__ = ["HeatConfig", "LocalText", "OperatorConfig", "SiteConfig", "StationFile", "connector_kinds", "pile_models"]

_PILES = Path(__file__).parent / "data" / "piles.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalText:
    """A text that people see, in both languages."""

    en: str = field(metadata=key("In English.", count=(1, 200)))
    zh: str = field(default="", metadata=key("In Chinese; left out, the English.", count=(1, 200)))

    def __post_init__(self) -> None:
        """One language is enough."""
        object.__setattr__(self, "zh", self.zh or self.en)


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
    return {model.name: model for model in read_yaml(_PILES, PileCatalogue).value.models}


@cache
def connector_kinds() -> Mapping[str, ConnectorConfig]:
    """The kinds of connectors that the shipped models have, by name."""
    kinds = [ConnectorConfig(), *(model.connector for model in pile_models().values() if model.connector is not None)]
    return {kind.name: kind for kind in kinds}
