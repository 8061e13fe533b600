"""Signals, states, sums and gauges by name, read at the present instant."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from bench_api.readings import Readings
from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from sim.globs import pattern_of
from sim.registry import did_you_mean

__all__ = ["routes"]

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
    readings = Readings(kernel)

    @router.get("/signals", responses=refusals(422))
    async def signals(glob: Glob = "*", with_values: WithValues = False) -> Names:
        """What can be read, by name; with `with_values` all of it at one instant."""
        now = served.door.present()
        pattern = pattern_of(glob)
        found = [one for one in readings if pattern.fullmatch(one.name)]
        names = [Name(name=one.name, unit=one.unit, kind=one.kind) for one in found]
        return Names(t_s=now, signals=names, values={one.name: one.at(now) for one in found} if with_values else None)

    @router.get("/signals/{name:path}", responses=refusals(404))
    async def signal(name: str) -> Reading:
        """One quantity at this instant."""
        now = served.door.present()
        one = readings.find(name)
        if one is None:
            near = did_you_mean(name, [*kernel.signals, *kernel.gauges])
            right = near if near.startswith("did") else "see GET /api/v1/signals"
            raise HTTPException(404, f"no signal is called '{name[:200]}'; {right}")
        return Reading(name=name, value=one.at(now), unit=one.unit, t_s=now)

    return router
