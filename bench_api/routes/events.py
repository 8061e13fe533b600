"""What happened, by number: ask again after `next`, and a gap is seen by `oldest`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, Field

from bench_api.routes.refusals import refusals
from bench_api.routes.strict import strict_router
from bench_api.served import Served
from hil.ocpp.planned_point import WIRE_KINDS
from hil.ocpp.platform_events import PLATFORM_KINDS
from scenarios.catalogue import EVENT_KINDS
from sim.events import Scalar
from sim.globs import pattern_of
from sim.nearest import nearest

__all__ = ["After", "Happening", "Happenings", "Kinds", "Limit", "kinds_asked", "routes"]

_KINDS: Final = (*EVENT_KINDS, *WIRE_KINDS, *PLATFORM_KINDS)
_LONGEST_KIND: Final = 100

After = Annotated[int, Query(ge=0, le=2**53 - 1, description="Events with a higher number.")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Kinds = Annotated[
    list[str],
    Query(
        default_factory=list,
        max_length=100,
        description="Only these kinds, as in `alarm.raised` or `alarm.*`; may be given several times.",
    ),
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
        page = served.events.after(after, limit, kinds_asked(kind))
        shown = [
            Happening(
                seq=one.seq, t_s=one.t, time=clock.local(one.t), kind=one.kind, subject=one.subject,
                data=dict(one.data), cause=one.cause, clause=one.clause,
            )
            for one in page.events
        ]  # fmt: skip
        return Happenings(events=shown, next=page.next, oldest=page.oldest, is_complete=after >= page.oldest)

    return router


def kinds_asked(asked: list[str]) -> frozenset[str]:
    """The kinds that are asked for; 422 where one cannot be."""
    found: set[str] = set()
    for one in asked:
        pattern = pattern_of(one[:_LONGEST_KIND])
        kinds = {kind for kind in _KINDS if pattern.fullmatch(kind)}
        if not kinds:
            near = nearest(one, _KINDS)
            right = f"did you mean '{near}'?" if near is not None else f"known: {', '.join(_KINDS)}"
            raise HTTPException(422, f"no event is of kind '{one[:_LONGEST_KIND]}'; {right}")
        found |= kinds
    return frozenset(found)
