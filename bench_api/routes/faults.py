"""Faults: the catalogue, those that are armed or active, injecting and clearing by hand."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from bench_api.listings import LISTINGS
from bench_api.routes.commands import Args, Done, Parameter, answer, ask_by
from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from sim.errors import UsageError
from sim.events import Scalar
from sim.fault_commands import FAULT_DESK
from sim.faults import FAULTS, InjectedFault
from sim.registry import did_you_mean

__all__ = ["routes"]

Name = Annotated[str, Field(min_length=1, max_length=200)]
Identity = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.#-]+$")]


class Fault(BaseModel):
    """One entry of the catalogue."""

    name: str
    hits: str
    title: str
    title_zh: str
    clause: str
    target: str = Field(description="How the path of what it hits is written.")
    needs: str = Field(description="What the station file must have.")
    faces: list[str]
    parameters: list[Parameter]


class Active(BaseModel):
    """A fault that was injected and is not cleared."""

    id: str
    fault: str
    target: str
    state: str = Field(description="armed until its target is there, then active.")
    since_s: float
    parameters: dict[str, Scalar]


class Injection(BaseModel):
    """A fault to be injected; `id` is how it is called from then on."""

    model_config = ConfigDict(extra="forbid")

    fault: Name
    target: Name = Field(description="Path of what it hits.")
    id: Identity | None = None
    parameters: Args = {}


class Change(BaseModel):
    """Other parameters for a fault; null gives one its default, and what is not named stays."""

    model_config = ConfigDict(extra="forbid")

    parameters: Annotated[Args, Field(min_length=1)]


def routes(served: Served) -> APIRouter:
    """`GET /faults`, `/faults/active` (GET, POST; PATCH, DELETE by id), `POST /reset`."""
    router = strict_router("faults")
    board = served.station.faults

    def known(identity: str) -> InjectedFault:
        injected = board.injected.get(identity)
        if injected is None or injected.state == "cleared":
            raise HTTPException(404, f"no fault called '{identity[:100]}' is armed or active")
        return injected

    @router.get("/faults")
    async def faults() -> list[Fault]:
        """The catalogue."""
        return [Fault(**row) for row in LISTINGS["faults"](None)]

    @router.get("/faults/active")
    async def active() -> list[Active]:
        """What is armed or active."""
        served.door.present()
        return [_shown(one) for one in board.injected.values() if one.state != "cleared"]

    @router.post("/faults/active", status_code=201, responses=refusals(404, 409, 413, 422), response_model=Active)
    async def inject(injection: Injection, request: Request) -> Active | JSONResponse:
        """Inject a fault; where its target is a guest that is not there yet, it waits."""
        served.door.present()
        if injection.fault not in FAULTS:
            raise HTTPException(404, f"no fault is called '{injection.fault}'; {_near(injection.fault)}")
        real = next((path for path in served.station.devices if f"{injection.target}.".startswith(f"{path}.")), None)
        if real is not None:
            raise HTTPException(422, f"a real device stands at {real}: faults are of twins; break it where it stands")
        problem = served.catalogue.target_problem(injection.fault, injection.target)
        if problem is not None:
            raise HTTPException(422, problem)
        try:
            FAULTS.get(injection.fault).make(injection.parameters)
        except UsageError as error:
            raise HTTPException(422, str(error)) from None
        args: dict[str, Any] = {**injection.parameters, "fault": injection.fault, "target": injection.target}
        if injection.id is not None:
            args["id"] = injection.id
        event = ask_by(request, served, "fault.inject", FAULT_DESK, args)
        told = answer(event)
        return told if isinstance(told, JSONResponse) else _shown(board.injected[str(event.data["id"])])

    @router.patch("/faults/active/{identity}", responses=refusals(404, 409, 413, 422), response_model=Active)
    async def change(identity: str, change: Change, request: Request) -> Active | JSONResponse:
        """Change a fault while it runs, in one step: what it leans on is never as if the fault were not there."""
        served.door.present()
        injected = known(identity)
        try:
            injected.changed(change.parameters)
        except UsageError as error:
            raise HTTPException(422, str(error)) from None
        args: dict[str, Any] = {**change.parameters, "id": identity}
        told = answer(ask_by(request, served, "fault.change", FAULT_DESK, args))
        return told if isinstance(told, JSONResponse) else _shown(injected)

    @router.delete("/faults/active/{identity}", responses=refusals(404), response_model=Done)
    async def clear(identity: str, request: Request) -> Done | JSONResponse:
        """End a fault."""
        served.door.present()
        known(identity)
        return answer(ask_by(request, served, "fault.clear", FAULT_DESK, {"id": identity}))

    @router.post("/reset", response_model=Done)
    async def reset(request: Request) -> Done | JSONResponse:
        """End every fault."""
        return answer(ask_by(request, served, "fault.clear_all", FAULT_DESK, {}))

    return router


def _near(name: str) -> str:
    near = did_you_mean(name, FAULTS.names())
    return near if near.startswith("did") else "see GET /api/v1/faults"


def _shown(injected: InjectedFault) -> Active:
    assert injected.event is not None
    return Active(
        id=injected.id, fault=injected.spec.name, target=injected.target, state=injected.state,
        since_s=injected.event.t, parameters=_parameters(injected.fault),
    )  # fmt: skip


def _parameters(fault: Any) -> dict[str, Scalar]:
    """As JSON says them: what is endless is null."""
    return {name: None if value == float("inf") else value for name, value in asdict(fault).items()}
