"""What `voltyard list` shows: rows made from the registries and the library, never written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from sim.faults import FAULTS
from sim.signals import State
from twins.links import charge_points
from twins.station_file import find_station, read_station, station_names

__all__ = ["LISTINGS"]

_DEMO_STATION = "public"


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
            "faces": list(spec.faces),
            "parameters": [asdict(parameter) for parameter in spec.parameters],
        }
        for _, spec in FAULTS.items()
    ]


def _stations(_station: str | None) -> list[dict[str, Any]]:
    return [{"name": name} for name in station_names()]


def _scenarios(_station: str | None) -> list[dict[str, Any]]:
    from scenarios.loader import find_scenario, load_scenario, scenario_names

    rows = []
    for name in scenario_names():
        scenario = load_scenario(find_scenario(name)).document.value
        rows.append({
            "name": name, "title": scenario.title.en, "title_zh": scenario.title.zh, "family": "background",
            "clauses": sorted({one.clause for one in scenario.expect if one.clause}), "station": scenario.station,
            "seed": scenario.seed, "duration_h": scenario.duration_h,
            "judges": sorted({one.face for one in scenario.expect}), "sabotage": None,
        })  # fmt: skip
    return rows


def _expectations(_station: str | None) -> list[dict[str, Any]]:
    from scenarios.expectations import EXPECTATIONS

    return [
        {"name": name, "title": (form.__doc__ or "").strip().splitlines()[0]} for name, form in EXPECTATIONS.items()
    ]


def _endpoints(station: str | None) -> list[dict[str, Any]]:
    file = read_station(find_station(station or _DEMO_STATION)).value
    rows: list[dict[str, Any]] = []
    outlets = {pile.id: len(pile.evses) for pile in file.piles}
    for face in file.endpoints:
        for identity, pile, _ in charge_points(face, outlets):
            url = face.url.replace("{charge_point}", identity)
            rows.append({"id": identity, "protocol": "ocpp", "device": f"pile[{pile}]", "url": url, "unit": None,
                         "table": None, "first": None, "signals": {}})  # fmt: skip
    return rows


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
    "stations": _stations,
    "twins": _twins,
    "endpoints": _endpoints,
    "expectations": _expectations,
    "clauses": _clauses,
}
