"""What `voltyard list` shows: rows made from the registries and the library, never written by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from bench_api.endpoint_rows import endpoint_rows, rest_row
from scenarios.targets import form_of, key_of
from sim.deeds import DEEDS
from sim.errors import UsageError
from sim.faults import FAULTS
from sim.files import did_you_mean
from sim.signals import State
from twins.station_file import find_station, pile_models, read_station, station_names
from twins.vehicle import vehicle_models

__all__ = ["LISTINGS", "parameter_lines", "shipped_text"]

_DEMO_STATION = "public"
_WITHOUT_END = 1e9


def _faults(_station: str | None) -> list[dict[str, Any]]:
    """The catalogue of faults, with typed and bounded parameters; a twin's import registers its faults."""
    import_module("twins.station")
    return [
        {
            "name": spec.name,
            "hits": spec.hits.__name__,
            "title": spec.title,
            "title_zh": spec.title_zh,
            "clause": spec.clause,
            "target": form_of(spec.hits),
            "needs": f"`{spec.needs}`" if spec.needs else key_of(spec.hits),
            "faces": list(spec.faces),
            "parameters": [asdict(parameter) for parameter in spec.parameters],
        }
        for _, spec in FAULTS.items()
    ]


def parameter_lines(row: dict[str, Any]) -> list[str]:
    """What a person needs to write this fault or deed: target, the key that the station needs, parameters in bounds."""
    needs = f" (a station with {row['needs']})" if row["needs"] else ""
    lines = [f"target {row['target']}{needs}"]
    for parameter in row["parameters"]:
        default = parameter["default"]
        if parameter["is_required"]:
            ending = "required"
        elif "faces" not in row:
            ending = "may be left out"
        elif default is None:  # endless, or what a sensor shows when it sticks
            ending = f"left out: {'until it is cleared' if parameter['name'] == 'duration_s' else 'what it is then'}"
        else:
            ending = f"left out: {default}"
        lines.append(f"{parameter['name']}: {_range_of(parameter)}; {ending}")
    return lines


def _range_of(parameter: dict[str, Any]) -> str:
    """What a parameter takes, in words."""
    low, high, unit = parameter["low"], parameter["high"], parameter["unit"]
    if parameter["choices"]:
        return " or ".join(parameter["choices"])
    if parameter["type"] == "bool":
        return "true or false"
    if parameter["type"] == "str":
        return "a text"
    is_open = high is None or high >= _WITHOUT_END
    return (f"{low:g} or more {unit}" if is_open else f"{low:g} to {high:g} {unit}").rstrip()


def _piles(_station: str | None) -> list[dict[str, Any]]:
    """The shipped models of piles."""
    rows = []
    for name, model in pile_models().items():
        stack = ", split stack" if model.stack is not None else ""
        current = f" and {model.evse_max_a:g} A" if model.evse_max_a is not None else ""
        rows.append({
            "name": name,
            "title": f"{model.kind.upper()} {model.rated_kw:g} kW{stack}; outlets: {model.evse_count}, each up to"
            f" {model.evse_max_kw:g} kW{current}",
            "kind": model.kind, "rated_kw": model.rated_kw, "evse_count": model.evse_count,
            "evse_max_kw": model.evse_max_kw, "evse_max_a": model.evse_max_a, "is_stack": model.stack is not None,
            "is_cooled": model.connector is not None and model.connector.cooled is not None,
        })  # fmt: skip
    return rows


def _vehicles(_station: str | None) -> list[dict[str, Any]]:
    """The shipped models of vehicles."""
    return [
        {"name": name,
         "title": f"{model.capacity_kwh:g} kWh {model.chemistry.upper()}, {model.platform_v} V, up to"
         f" {model.dc_max_kw:g} kW DC and {model.ac_max_kw:g} kW AC",
         "capacity_kwh": model.capacity_kwh, "chemistry": model.chemistry, "platform_v": model.platform_v,
         "dc_max_kw": model.dc_max_kw, "ac_max_kw": model.ac_max_kw,
         "acceptance": model.acceptance, "pack_standard": model.pack_standard}
        for name, model in vehicle_models().items()
    ]  # fmt: skip


def _stations(_station: str | None) -> list[dict[str, Any]]:
    return [{"name": name} for name in station_names()]


def _maps(_station: str | None) -> list[dict[str, Any]]:
    """The shipped register maps of Modbus devices."""
    from hil.modbus.map_checks import map_names, shipped_map

    return [
        {"name": name, "title": one.title.en, "title_zh": one.title.zh, "device": one.device, "family": one.family,
         "trust": one.trust, "source": one.source, "registers": one.registers, "words": one.words,
         "points": len(list(one.placed()))}
        for name, one in ((name, shipped_map(name)) for name in map_names())
    ]  # fmt: skip


def shipped_text(listing: str, name: str) -> str:
    """A shipped file of this list as it is written; UsageError for another list or name."""
    from hil.modbus.map_checks import map_names, map_path
    from scenarios.loader import find_scenario, scenario_names
    from scenarios.slots import find_slots, slot_file_names

    shipped: dict[str, tuple[Collection[str], Callable[[str], Path]]] = {
        "stations": (station_names(), find_station), "scenarios": (scenario_names(), find_scenario),
        "slots": (slot_file_names(), find_slots), "maps": (map_names(), map_path),
    }  # fmt: skip
    if listing not in shipped:
        raise UsageError(f"--show: {listing} are not files; as in voltyard list stations --show {_DEMO_STATION}")
    names, find = shipped[listing]
    if name not in names:
        raise UsageError(f"no {listing.removesuffix('s')} {name!r} is shipped; {did_you_mean(name, names)}")
    return find(name).read_text(encoding="utf-8")


def _scenarios(_station: str | None) -> list[dict[str, Any]]:
    from scenarios.loader import find_scenario, load_scenario, scenario_names

    rows = []
    for name in scenario_names():
        scenario = load_scenario(find_scenario(name)).document.value
        rows.append({
            "name": name, "title": scenario.title.en, "title_zh": scenario.title.zh, "family": scenario.family,
            "clauses": sorted({one.clause for one in scenario.expect if one.clause}), "station": scenario.station,
            "seed": scenario.seed, "duration_h": scenario.duration_h,
            "judges": sorted({one.face for one in scenario.expect}),
            "sabotage": scenario.sabotage.title.en if scenario.sabotage is not None else None,
        })  # fmt: skip
    return rows


def _slots(_station: str | None) -> list[dict[str, Any]]:
    """The shipped slot files."""
    from scenarios.slots import find_slots, slot_file_names
    from twins.slot_file import read_slots

    rows = []
    for name in slot_file_names():
        slots = read_slots(find_slots(name)).value
        things = ", ".join(f"{slot.at} {slot.behind}" for slot in slots.things)
        rows.append({"name": name, "title": f"at {slots.station}: {things}", "station": slots.station,
                     "things": {slot.at: slot.behind for slot in slots.things}})  # fmt: skip
    return rows


def _expectations(_station: str | None) -> list[dict[str, Any]]:
    from scenarios.judge import EXPECTATIONS

    return [
        {"name": name, "title": (form.__doc__ or "").strip().splitlines()[0]} for name, form in EXPECTATIONS.items()
    ]


def _deeds(_station: str | None) -> list[dict[str, Any]]:
    """What may be asked of the things of a station, with typed and bounded parameters."""
    import_module("twins.station")
    return [
        {"name": spec.name, "on": spec.on.__name__, "title": spec.title, "title_zh": spec.title_zh,
         "target": form_of(spec.on), "needs": key_of(spec.on),
         "parameters": [asdict(parameter) for parameter in spec.parameters]}
        for _, spec in DEEDS.items()
    ]  # fmt: skip


def _endpoints(station: str | None) -> list[dict[str, Any]]:
    from bench_api.ports import still_ports

    document = read_station(find_station(station or _DEMO_STATION))
    ports = (row for port in still_ports(document) for row in port.rows())
    return endpoint_rows(document.value, [*ports, rest_row()])


def _twins(station: str | None) -> list[dict[str, Any]]:
    """Every thing of a station that has signals, by its path."""
    from scenarios.catalogue import StationCatalogue

    things: dict[str, list[dict[str, Any]]] = {}
    for quantity in StationCatalogue(read_station(find_station(station or _DEMO_STATION)).value).quantities():
        path, _, name = quantity.path.rpartition(".")
        kind = "state" if isinstance(quantity, State) else "segment"
        unit = "" if isinstance(quantity, State) else quantity.unit
        things.setdefault(path, []).append({"name": name, "unit": unit, "kind": kind})
    return [{"name": path, "title": ", ".join(one["name"] for one in signals), "signals": signals}
            for path, signals in things.items()]  # fmt: skip


def _clauses(_station: str | None) -> list[dict[str, Any]]:
    from bench_api.clause_table import clause_table

    import_module("twins.station")
    return clause_table()


LISTINGS: dict[str, Callable[[str | None], list[dict[str, Any]]]] = {
    "scenarios": _scenarios,
    "faults": _faults,
    "deeds": _deeds,
    "slots": _slots,
    "stations": _stations,
    "piles": _piles,
    "vehicles": _vehicles,
    "maps": _maps,
    "twins": _twins,
    "endpoints": _endpoints,
    "expectations": _expectations,
    "clauses": _clauses,
}
