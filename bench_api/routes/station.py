"""The station as a plan: what stands where, how it is wired, and the state that each thing is in."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bench_api.routes.strict import strict_router
from bench_api.served import Served
from twins.bay import BayConfig, PlaceConfig
from twins.grid import GridConfig
from twins.pile import Pile
from twins.station import Station
from twins.station_file import LocalText

__all__ = ["routes"]


class Text(BaseModel):
    """A text in both languages."""

    en: str
    zh: str


class Place(BaseModel):
    """Metres from the south-west corner of the plan."""

    x_m: float
    y_m: float


class Evse(BaseModel):
    """One outlet; its signals begin with `path`."""

    path: str
    number: int
    max_kw: float
    reaches: list[str] = Field(description="Ids of the bays that its cable reaches.")
    state: str


class PlanPile(BaseModel):
    """One cabinet."""

    id: str
    path: str
    model: str
    kind: str = Field(description="dc or ac.")
    rated_kw: float
    feeder: str
    place: Place
    evses: list[Evse]


class PlanBay(BaseModel):
    """One parking place; a waiting bay has no state of its own."""

    id: str
    path: str
    kind: str
    roof: str
    place: Place
    state: str | None


class Feeder(BaseModel):
    """One 400 V feeder."""

    id: str
    path: str
    breaker_a: float


class PlanGrid(BaseModel):
    """The connection of the site."""

    feed_kv: float
    transformer: str = Field(description="Its path.")
    rating_kva: float
    meter: str = Field(description="Path of the trade meter.")
    feeders: list[Feeder]
    contract_limit_kw: float | None


class Plan(BaseModel):
    """The whole station."""

    id: str
    name: Text
    timezone: str
    entrance: Place
    exits: list[Place]
    grid: PlanGrid
    piles: list[PlanPile]
    bays: list[PlanBay]
    charge_points: dict[str, str] = Field(description="State of each charge point's wire, by its id.")
    sensors: list[str] = Field(description="Paths of environment sensors.")


def routes(served: Served) -> APIRouter:
    """`GET /station`."""
    router = strict_router("station")
    station = served.station

    @router.get("/station")
    async def plan() -> Plan:
        """The plan, with the states of this instant."""
        served.door.present()
        file = station.file
        return Plan(
            id=file.station.id,
            name=_text(file.station.operator.name),
            timezone=file.station.timezone,
            entrance=_place(file.yard.entrance),
            exits=[_place(one) for one in file.yard.exits],
            grid=_grid(file.grid, station),
            piles=[_pile(pile) for pile in station.piles.values()],
            bays=[_bay(bay, station) for bay in file.bays],
            charge_points={identity: str(link.state.value.value) for identity, link in station.links.items()},
            sensors=[sensor.path for sensor in station.microclimate.sensors.values()],
        )

    return router


def _text(text: LocalText) -> Text:
    return Text(en=text.en, zh=text.zh)


def _place(place: PlaceConfig) -> Place:
    return Place(x_m=place.x_m, y_m=place.y_m)


def _grid(grid: GridConfig, station: Station) -> PlanGrid:
    return PlanGrid(
        feed_kv=grid.feed_kv,
        transformer=station.grid.transformer.path,
        rating_kva=grid.transformer.rating_kva,
        meter=f"grid.meter[{grid.meter.id}]",
        feeders=[Feeder(id=one.id, path=f"grid.feeder[{one.id}]", breaker_a=one.breaker_a) for one in grid.feeders],
        contract_limit_kw=grid.contract_limit_kw,
    )


def _pile(pile: Pile) -> PlanPile:
    config, model = pile.config, pile.model
    evses = [
        Evse(path=evse.path, number=number, max_kw=model.evse_max_kw, reaches=list(wired.reaches),
             state=str(evse.state.value.value))
        for number, (evse, wired) in enumerate(zip(pile.evses, config.evses, strict=True), start=1)
    ]  # fmt: skip
    return PlanPile(
        id=config.id, path=pile.path, model=model.name, kind=model.kind, rated_kw=model.rated_kw, feeder=config.feeder,
        place=_place(config.place), evses=evses,
    )  # fmt: skip


def _bay(config: BayConfig, station: Station) -> PlanBay:
    bay = station.bays.get(config.id)
    state = str(bay.occupied.value.value) if bay is not None else None
    return PlanBay(
        id=config.id, path=f"bay[{config.id}]", kind=config.kind, roof=config.roof, place=_place(config.place),
        state=state,
    )  # fmt: skip
