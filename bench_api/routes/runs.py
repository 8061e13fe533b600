"""Runs of scenarios beside the station that is up: begun, followed, ended, and what they leave behind."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bench_api.asked_runs import AT_ONCE, KEPT, WAITING, AskedRun, State
from bench_api.routes.events import After, Happening, Happenings, Kinds, Limit, kinds_asked
from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.run_order import Order, ordered
from bench_api.served import Served
from sim.errors import FileProblems, UsageError
from sim.reading import RECORDING, Run
from sim.rows import mapping_of

__all__ = ["routes"]

_PIECE_BYTES: Final = 1 << 20
_SHOWN_PROBLEMS: Final = 5

Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Word = Annotated[str, StringConstraints(max_length=1_000)]


class Asked(BaseModel):
    """A run to be made."""

    model_config = ConfigDict(extra="forbid", strict=True)

    scenario: Annotated[str, Field(min_length=1, max_length=200_000)] = Field(
        description="The name of a shipped scenario, or a scenario file's whole text, which names no file."
    )
    seed: Annotated[int, Field(ge=0, le=2**53)] | None = Field(None, description="Instead of the scenario's.")
    pace: Annotated[str, Field(max_length=20)] | None = Field(
        None, description="fast, lockstep, real or a number of times real time as 60x; fast, with csms lockstep."
    )
    csms: Annotated[str, Field(max_length=2_000)] | None = Field(
        None, description="Your CSMS, as ws://host:port/path; without it the embedded one, where the pace has a wire."
    )
    parameters: Annotated[dict[Name, bool | int | float | Word], Field(max_length=50)] = Field(
        default_factory=dict, description="Values of parameters that the scenario declares."
    )


class RunRow(BaseModel):
    """A run and how far it is."""

    id: str
    scenario: str
    state: State = Field(
        description="`done` has a verdict; `failed` ended without one; `stopped` was told to end before it had one."
    )
    verdict: Literal["pass", "fail", "error", "inconclusive", "aborted"] | None
    reason: str = Field(description="Why it failed, or what its verdict says of it; else empty.")
    seed: int
    pace: str
    csms: str | None
    parameters: dict[str, bool | int | float | str]
    asked_at: datetime
    duration_s: float
    simulated_s: float
    rate: float = Field(description="Simulated seconds a second.")


def routes(served: Served) -> APIRouter:
    """`GET` and `POST /runs`, `GET /runs/{id}`, `POST /runs/{id}/stop`, and what a run leaves, below `/runs/{id}`."""
    router = strict_router("runs")
    runs = served.runs
    looking = asyncio.Semaphore(1)

    def known(identity: str) -> AskedRun:
        run = runs.get(identity)
        if run is None:
            raise HTTPException(404, f"no run has the id '{identity[:100]}'; the last {KEPT} that ended are kept")
        return run

    def require_room() -> None:
        if runs.is_full:
            raise HTTPException(429, f"{AT_ONCE} runs go on and {WAITING} wait; ask again when one has ended")

    async def row(run: AskedRun) -> RunRow:
        simulated_s, rate = 0.0, 0.0
        if run.process is not None:
            async with looking:
                simulated_s, rate = await asyncio.to_thread(run.progress)
        order = run.order
        return RunRow(
            id=run.id, scenario=order.scenario, state=run.state, verdict=run.document.get("verdict"),
            reason=run.reason, seed=order.seed, pace=order.pace, csms=order.shown_csms,
            parameters=dict(order.parameters), asked_at=run.asked_at, duration_s=order.duration_s,
            simulated_s=simulated_s, rate=rate,
        )  # fmt: skip

    def left(identity: str, name: str) -> tuple[BinaryIO, int]:
        """A file of a run that has ended, open, so that it can be read though the run be forgotten; its size."""
        run = known(identity)
        if not run.has_ended:
            raise HTTPException(409, f"the run is {run.state}; it has that when it has ended")
        try:
            file = (run.folder / name).open("rb")
        except OSError:
            raise HTTPException(404, f"the run has left no {name}; {run.reason or 'it was never begun'}") from None
        return file, file.seek(0, 2)

    @router.get("/runs")
    async def every() -> list[RunRow]:
        """The runs, the oldest first."""
        return [await row(run) for run in runs.all()]

    @router.post("/runs", status_code=202, responses=refusals(413, 422, 429))
    async def ask(asked: Asked) -> RunRow:
        """Begin a run in a process of its own, or let it wait for those before it."""
        require_room()
        async with looking:
            order = await asyncio.to_thread(_ordered, asked)
        require_room()
        return await row(runs.ask(order))

    @router.get("/runs/{id}", responses=refusals(404))
    async def one(id: str) -> RunRow:
        """How far it is."""
        return await row(known(id))

    @router.post("/runs/{id}/stop", status_code=202, responses=refusals(404))
    async def stop(id: str) -> RunRow:
        """End it in order: one that has begun is `aborted`, one that waits never begins."""
        run = known(id)
        run.end()
        runs.begin_next()
        return await row(run)

    @router.get("/runs/{id}/verdict", responses=refusals(404, 409))
    async def verdict(id: str) -> dict[str, Any]:
        """Its verdict.json."""
        run = known(id)
        if not run.document:
            left(id, "verdict.json")[0].close()
        return run.document

    @router.get("/runs/{id}/report", response_class=HTMLResponse, responses=refusals(404, 409))
    async def report(id: str) -> StreamingResponse:
        """Its report, one page that needs nothing else."""
        return _sent(*left(id, "report.html"), "text/html; charset=utf-8")

    @router.get("/runs/{id}/junit", response_class=StreamingResponse, responses=_file(404, 409, kind="application/xml"))
    async def junit(id: str) -> StreamingResponse:
        """Its verdict as JUnit XML."""
        return _sent(*left(id, "junit.xml"), "application/xml")

    @router.get(
        "/runs/{id}/recording",
        response_class=StreamingResponse,
        responses=_file(404, 409, kind="application/vnd.sqlite3"),
    )
    async def recording(id: str) -> StreamingResponse:
        """Its run.sqlite."""
        return _sent(*left(id, RECORDING), "application/vnd.sqlite3", f"run-{id}.sqlite")

    @router.get("/runs/{id}/events", responses=refusals(404, 422))
    async def events(id: str, kind: Kinds, after: After = 0, limit: Limit = 1_000) -> Happenings:
        """Its events after a number, also while it runs; none is ever forgotten."""
        run, kinds = known(id), kinds_asked(kind)
        async with looking:
            found = await asyncio.to_thread(_events, run.folder, after, limit, kinds)
        return Happenings(events=found, next=found[-1].seq if found else after, oldest=0, is_complete=True)

    return router


def _ordered(asked: Asked) -> Order:
    """The order; 422 for what cannot be run."""
    with tempfile.TemporaryDirectory(prefix="voltyard-") as folder:
        try:
            return ordered(asked.scenario, asked.seed, asked.pace, asked.csms, asked.parameters, Path(folder))
        except FileProblems as refused:
            said = [str(one) for one in refused.problems[:_SHOWN_PROBLEMS]]
            more = len(refused.problems) - len(said)
            detail = "\n".join([*said, *([f"and {more} more"] if more else [])])
        except UsageError as error:
            detail = str(error).removeprefix("--")
        raise HTTPException(422, detail.replace(f"{folder}/", ""))


def _events(folder: Path, after: int, limit: int, kinds: frozenset[str]) -> list[Happening]:
    try:
        with Run(folder) as recorded:
            start = recorded.local(0.0)
            named = f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""
            rows = recorded.rows(
                f"SELECT seq, t_s, kind, subject, cause, clause, data FROM events WHERE seq > ?{named}"
                " ORDER BY seq LIMIT ?", after, *sorted(kinds), limit,
            )  # fmt: skip
            return [] if start is None else [
                Happening(seq=seq, t_s=t_s, time=recorded.local(t_s) or start, kind=what, subject=who or "",
                          data=mapping_of(data), cause=cause, clause=clause or "")
                for seq, t_s, what, who, cause, clause, data in rows
            ]  # fmt: skip
    except UsageError:  # nothing is recorded yet
        return []


def _sent(file: BinaryIO, size: int, kind: str, name: str | None = None) -> StreamingResponse:
    """An open file as it is; a page is kept from this face, for its words are of whoever wrote the scenario."""
    file.seek(0)
    headers = {"Content-Length": str(size), "X-Content-Type-Options": "nosniff"}
    headers["Content-Security-Policy"] = "sandbox allow-scripts"
    if name is not None:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return StreamingResponse(_pieces(file), media_type=kind, headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _file(*codes: int, kind: str) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return {**refusals(*codes), 200: {"description": "The file.", "content": content}}
