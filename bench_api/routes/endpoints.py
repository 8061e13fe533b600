"""Every wire of the station with its address, as `voltyard list endpoints` shows them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bench_api.routes.strict import strict_router
from bench_api.served import Served

__all__ = ["routes"]


class Endpoint(BaseModel):
    """One endpoint, or one table of a device behind one."""

    id: str
    protocol: str
    device: str
    url: str
    unit: int | None = Field(description="Its unit id on a bus.")
    map: str | None = Field(description="The name of its register map.")
    table: str | None = Field(description="holding, input, coil or discrete.")
    first: int | None = Field(description="The lowest address of the table.")
    signals: dict[str, str] = Field(description="Signals or gauges by the names of the points that show them.")


def routes(served: Served) -> APIRouter:
    """`GET /endpoints`."""
    router = strict_router("run")

    @router.get("/endpoints")
    async def endpoints() -> list[Endpoint]:
        """The one list of wires."""
        return [Endpoint(**row) for row in served.endpoints()]

    return router
