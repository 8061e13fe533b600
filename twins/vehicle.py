"""Vehicles: the models that come to a station, by capacity, voltage platform, chemistry and pack standard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from sim.files import ID_PATTERN, Misfit, key, read_yaml
from twins.acceptance import ACCEPTANCE_MAPS
from twins.pack import PackConfig, refuse_unphysical

__all__ = ["PETROL_CAR", "VehicleModel", "vehicle_models"]

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleModel:
    """What is common to all vehicles of one model."""

    name: str = field(metadata=key("Name of the model.", pattern=ID_PATTERN))
    capacity_kwh: float = field(metadata=key("Usable capacity of the pack.", unit="kWh", low=1, high=1_000))
    platform_v: Literal[400, 800] = field(default=400, metadata=key("Voltage platform of the pack.", unit="V"))
    chemistry: Literal["lfp", "nmc"] = field(default="lfp", metadata=key("Chemistry of its cells."))
    pack_standard: Literal[2020, 2025] = field(
        default=2020, metadata=key("Edition of GB 38031 that the pack was built to.")
    )
    dc_max_kw: float = field(metadata=key("What it asks of a DC pile at most.", unit="kW", above=0, high=2_000))
    ac_max_kw: float = field(default=7.0, metadata=key("Its on-board charger.", unit="kW", low=0, high=100))
    pack: PackConfig = field(default=PackConfig(), metadata=key("What is known of its battery."))
    acceptance: str = field(default="ev_fast", metadata=key("The map of what its battery takes."))

    def __post_init__(self) -> None:
        """Refuse a map that does not exist."""
        if self.acceptance not in ACCEPTANCE_MAPS:
            raise Misfit("acceptance", f"unknown map {self.acceptance}", f"one of {', '.join(ACCEPTANCE_MAPS)}")
        refuse_unphysical(self.capacity_kwh, self.pack, self.chemistry)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Catalogue:
    models: tuple[VehicleModel, ...] = field(metadata=key("The models.", count=(1, 1_000)))


@cache
def vehicle_models() -> Mapping[str, VehicleModel]:
    """The shipped models of vehicles, by name."""
    return {model.name: model for model in read_yaml(_DATA / "vehicles.yaml", _Catalogue).value.models}


PETROL_CAR = VehicleModel(name="petrol", capacity_kwh=1.0, dc_max_kw=1.0, ac_max_kw=0.0)
"""Takes a bay and no energy."""
