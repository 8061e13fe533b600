"""The run that is served: let its time stand, go on, faster or slower; end it; hear how it would be judged now."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from scenarios.verdict import judgement_row, overall

__all__ = ["routes"]


class Speed(BaseModel):
    """How fast time is to go."""

    model_config = ConfigDict(extra="forbid")

    factor: Annotated[float, Field(ge=0.001, le=100_000.0)] = Field(description="Simulated seconds a second.")


class Going(BaseModel):
    """How time goes now."""

    state: Literal["running", "paused", "stopped"]
    factor: float | None = Field(description="Simulated seconds a second while it runs; null in lockstep.")
    t_s: float


class Judged(BaseModel):
    """One expectation as it stands."""

    id: str
    title: dict[str, str] | None
    clause: str
    verdict: Literal["pass", "fail", "not_judged"]
    t_s: float | None
    bound: float | int | str | None
    observed: float | int | str | None
    unit: str
    evidence: list[int | str]


class SoFar(BaseModel):
    """How the run would be judged if it ended now; its books are closed at its end only."""

    t_s: float
    verdict: Literal["pass", "fail", "inconclusive"]
    expectations: list[Judged]
    never_met: list[str] = Field(description="Faults whose target has not appeared.")


def routes(served: Served) -> APIRouter:
    """`POST /station/pause`, `/resume`, `/speed`, `/stop`; `GET /station/pace`, `/station/verdict`."""
    router = strict_router("run")
    loop = served.loop

    def going() -> Going:
        state: Literal["running", "paused", "stopped"] = "paused" if loop.is_paused else "running"
        return Going(state="stopped" if loop.is_stopped else state, factor=loop.factor, t_s=served.door.present())

    def require_clock() -> None:
        served.door.present()
        if loop.factor is None:
            raise HTTPException(409, f"the run goes in {served.pace}, not by a clock")
        if served.station.devices or served.station.instruments:
            raise HTTPException(409, "real devices stand at this station, and they live by the clock on the wall")

    @router.get("/station/pace")
    async def pace() -> Going:
        """How time goes now."""
        return going()

    @router.post("/station/pause", responses=refusals(409))
    async def pause() -> Going:
        """Let time stand. Every face still answers, and what is asked acts at this instant."""
        require_clock()
        loop.pause()
        return going()

    @router.post("/station/resume", responses=refusals(409))
    async def resume() -> Going:
        """Let time go on from where it stands."""
        require_clock()
        loop.resume()
        return going()

    @router.post("/station/speed", responses=refusals(409, 413, 422))
    async def speed(asked: Speed) -> Going:
        """Go faster or slower from this instant on; a run that is paused goes on so when it is resumed."""
        require_clock()
        if asked.factor > served.fastest:
            raise HTTPException(422, f"factor {asked.factor:g}: at most {served.fastest:g} here, so that the platform"
                                     " has a second for each of its answers")  # fmt: skip
        loop.pace(asked.factor)
        return going()

    @router.post("/station/stop", status_code=202)
    async def stop() -> Going:
        """End the run in order; its verdict and report are written, and the process ends."""
        served.door.present()
        loop.stop()
        return going()

    @router.get("/station/verdict")
    async def verdict() -> SoFar:
        """How the run would be judged if it ended now."""
        now = served.door.present()
        judgements = served.judge.finish(now)
        never_met = [one.id for one in served.station.faults.never_met()]
        word = overall(judgements, has_wrong_books=False, is_error=False, is_aborted=False, never_met=len(never_met))
        rows = [Judged(**judgement_row(one)) for one in judgements]
        return SoFar.model_validate({"t_s": now, "verdict": word, "expectations": rows, "never_met": never_met})

    return router
