"""Signals, states, sums and gauges by name, read at the present instant."""

from __future__ import annotations

from functools import cache
from math import isfinite
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from sim.gauges import Gauge
from sim.globs import pattern_of
from sim.registry import did_you_mean
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["routes"]

Quantity = Signal | Sum | State | Gauge  # type: ignore[type-arg]
Glob = Annotated[str, Query(max_length=200, description="`*` is any text, `?` one character; brackets are brackets.")]
WithValues = Annotated[bool, Query(description="Read each too, all at one instant.")]


class Name(BaseModel):
    """A quantity that can be read."""

    name: str
    unit: str
    kind: Literal["segment", "state", "gauge"] = Field(
        description="A planned signal, a state that has a word for a value, or what is worked out at the read."
    )


class Reading(BaseModel):
    """What is read at one instant: a number, a state's word, or null where there is nothing to read."""

    name: str
    value: float | str | None
    unit: str
    t_s: float


class Names(BaseModel):
    """Names with their units, and the values when they were asked for."""

    t_s: float
    signals: list[Name]
    values: dict[str, float | str | None] | None


def routes(served: Served) -> APIRouter:
    """`GET /signals`, `GET /signals/{name}`."""
    router = strict_router("signals")
    kernel = served.station.kernel

    @cache
    def known() -> list[tuple[Name, Quantity]]:
        """All that can be read: once a station is up, nothing is added."""
        quantities: list[tuple[str, Quantity]] = [*kernel.signals.items(), *kernel.gauges.items()]
        return [(Name(name=name, unit=_unit(one), kind=_kind(one)), one) for name, one in quantities]

    @router.get("/signals", responses=refusals(422))
    async def signals(glob: Glob = "*", with_values: WithValues = False) -> Names:
        """What can be read, by name; with `with_values` all of it at one instant."""
        now = served.door.present()
        pattern = pattern_of(glob)
        found = [(row, quantity) for row, quantity in known() if pattern.fullmatch(row.name)]
        values = {row.name: _read(quantity, now) for row, quantity in found} if with_values else None
        return Names(t_s=now, signals=[row for row, _ in found], values=values)

    @router.get("/signals/{name:path}", responses=refusals(404))
    async def signal(name: str) -> Reading:
        """One quantity at this instant."""
        now = served.door.present()
        quantity = kernel.quantity(name)
        if quantity is None:
            near = did_you_mean(name, [*kernel.signals, *kernel.gauges])
            right = near if near.startswith("did") else "see GET /api/v1/signals"
            raise HTTPException(404, f"no signal is called '{name[:200]}'; {right}")
        return Reading(name=name, value=_read(quantity, now), unit=_unit(quantity), t_s=now)

    return router


def _read(quantity: Quantity, now: SimTime) -> float | str | None:
    if isinstance(quantity, State):
        return str(quantity.value.value)
    value = quantity.at(now)
    return value if isfinite(value) else None


def _unit(quantity: Quantity) -> str:
    return "" if isinstance(quantity, State) else quantity.unit


def _kind(quantity: Quantity) -> Literal["segment", "state", "gauge"]:
    if isinstance(quantity, State):
        return "state"
    return "gauge" if isinstance(quantity, Gauge) else "segment"
