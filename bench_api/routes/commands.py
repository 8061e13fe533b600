"""Deeds asked of the station's things: the catalogue, and the asking."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bench_api.listings import LISTINGS
from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from sim.deeds import DEEDS
from sim.events import Event, Scalar
from sim.registry import did_you_mean

__all__ = ["Args", "Done", "Parameter", "answer", "ask_by", "routes"]

Word = Annotated[str, Field(min_length=1, max_length=200)]
Args = Annotated[dict[Word, Annotated[str, Field(max_length=200)] | bool | int | float | None], Field(max_length=50)]


class Parameter(BaseModel):
    """What a deed or a fault takes."""

    name: str
    type: str
    unit: str
    low: float | None
    high: float | None
    default: Scalar
    choices: list[str]
    is_required: bool


class Deed(BaseModel):
    """What may be asked, of what."""

    name: str = Field(description="The verb.")
    on: str = Field(description="The kind of thing that does it.")
    target: str = Field(description="How the path of such a thing is written.")
    needs: str = Field(description="What the station file must have.")
    title: str
    title_zh: str
    parameters: list[Parameter]


class Asked(BaseModel):
    """A deed asked of a thing."""

    model_config = ConfigDict(extra="forbid")

    verb: Word
    target: Word = Field(description="Path of the thing.")
    args: Args = {}


class Done(BaseModel):
    """It was done."""

    seq: int = Field(description="Number of the command, the cause of what follows from it.")
    outcome: Literal["done"]
    t_s: float


class NotDone(BaseModel):
    """It could not be done."""

    detail: str
    seq: int
    outcome: Literal["refused"]


def routes(served: Served) -> APIRouter:
    """`GET /commands`, `POST /commands`."""
    router = strict_router("commands")
    station = served.station

    @router.get("/commands")
    async def deeds() -> list[Deed]:
        """What may be asked."""
        return [Deed(**row) for row in LISTINGS["deeds"](None)]

    @router.post("/commands", responses={**refusals(404, 413, 422), 409: {"model": NotDone}}, response_model=Done)
    async def ask(asked: Asked, request: Request) -> Done | JSONResponse:
        """Ask a thing to do something now, and hear what came of it."""
        served.door.present()
        if asked.verb not in DEEDS:
            right = did_you_mean(asked.verb, DEEDS.names())
            raise HTTPException(404, f"no deed is called '{asked.verb}'; {right}")
        if station.find(asked.target) is None:
            raise HTTPException(404, f"nothing is at '{asked.target}' now; see GET /api/v1/station")
        problem = station.switchboard.problem(asked.verb, asked.target, asked.args)
        if problem is not None:
            raise HTTPException(422, problem)
        return answer(ask_by(request, served, asked.verb, asked.target, asked.args))

    return router


def ask_by(request: Request, served: Served, verb: str, target: str, args: Args) -> Event:
    """Send a command through the door, in the name of who asks; its outcome."""
    actor = request.client.host if request.client is not None else "unknown"
    return served.door.ask("rest", actor, verb, target, args)


def answer(event: Event) -> Done | JSONResponse:
    """What came of a command: done, or 409 with the reason."""
    seq = event.cause or 0
    if event.kind == "command.done":
        return Done(seq=seq, outcome="done", t_s=event.t)
    return JSONResponse({"detail": str(event.data["reason"]), "seq": seq, "outcome": "refused"}, 409)
