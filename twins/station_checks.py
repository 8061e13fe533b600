"""What must go together across the parts of a station file; each finding at its line and key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.errors import FileProblem
from sim.files import Document, did_you_mean
from twins.bay import BayConfig
from twins.bus_config import ModbusEndpointConfig
from twins.links import charge_points
from twins.modules import StackConfig
from twins.pile import PileConfig, PileModel
from twins.station_shape import StationFile, pile_models
from twins.vehicle import vehicle_models

__all__ = ["misfits"]


def misfits(
    document: Document[StationFile], piles: Sequence[tuple[int, PileConfig]], bays: Sequence[tuple[int, BayConfig]]
) -> Iterator[FileProblem]:
    """All findings; `piles` and `bays` are those of the file with their ranges written out, each by its entry."""
    yield from _models(document)
    yield from _repeated_ids(document, piles, bays)
    yield from _shared_places(document, bays)
    yield from _wiring(document, piles, bays)
    yield from _house(document)
    yield from _limits(document)
    yield from _soaked(document)
    yield from _faces(document, piles)


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
    ports: dict[int, str] = {}
    for at, face in enumerate(document.value.endpoints):
        here = f"endpoints[{at}]"
        if isinstance(face, ModbusEndpointConfig):
            if face.id in links:
                what = f"{face.id} is the name of {links[face.id]} too"
                yield document.problem(f"{here}.id", what, "a name of its own")
            links.setdefault(face.id, here)
            if face.port in ports:
                what = f"port {face.port} is that of {ports[face.port]} too"
                yield document.problem(f"{here}.port", what, "a port of its own; 0 takes any free one")
            if face.port:
                ports.setdefault(face.port, here)
        elif face is not platform:
            yield document.problem(here, "a second face to a platform", "one")
