"""What `voltyard list` shows: rows made from the registries and the library, never written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from typing import Any

from sim.faults import FAULTS
from twins.station_file import station_names

__all__ = ["LISTINGS", "faults", "stations"]


def faults() -> list[dict[str, Any]]:
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


def stations() -> list[dict[str, Any]]:
    """The shipped stations."""
    return [{"name": name} for name in station_names()]


LISTINGS: dict[str, Callable[[], list[dict[str, Any]]]] = {"faults": faults, "stations": stations}
