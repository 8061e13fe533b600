"""What happened, by number: ask again after `next`, and a gap is seen by `oldest`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from sim.events import Scalar

__all__ = ["routes"]

After = Annotated[int, Query(ge=0, le=2**53 - 1, description="Events with a higher number.")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Kinds = Annotated[
    list[str],
    Query(default_factory=list, max_length=100, description="Only these kinds; may be given several times."),
]


class Happening(BaseModel):
    """One event."""

    seq: int
    t_s: float
    time: datetime = Field(description="The station's civil time.")
    kind: str
    subject: str
    data: dict[str, Scalar]
    cause: int | None = Field(description="Number of the event or command behind it.")
    clause: str


class Happenings(BaseModel):
    """Some events in their order."""

    events: list[Happening]
    next: int = Field(description="Ask for those after this number next.")
    oldest: int = Field(description="Events up to this number are forgotten: who asks after a lower one misses some.")
    is_complete: bool = Field(description="Whether nothing after the number asked for was forgotten.")


def routes(served: Served) -> APIRouter:
    """`GET /events`."""
    router = strict_router("events")
    clock = served.station.kernel.clock

    @router.get("/events", responses=refusals(422))
    async def events(kind: Kinds, after: After = 0, limit: Limit = 1_000) -> Happenings:
        """The events after a number."""
        served.door.present()
        page = served.events.after(after, limit, frozenset(kind))
        shown = [
            Happening(
                seq=one.seq, t_s=one.t, time=clock.local(one.t), kind=one.kind, subject=one.subject,
                data=dict(one.data), cause=one.cause, clause=one.clause,
            )
            for one in page.events
        ]  # fmt: skip
        return Happenings(events=shown, next=page.next, oldest=page.oldest, is_complete=after >= page.oldest)

    return router
