"""How the run stands: its time, its pace, how late it is, and what would count against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bench_api.routes.strict import strict_router
from bench_api.served import Served
from twins.device_supply import Presence
from twins.links import LinkState

__all__ = ["routes"]


class ChargePoints(BaseModel):
    """Of the station's wires to its CSMS."""

    connected: int
    all: int


class Lateness(BaseModel):
    """How late steps came, in milliseconds of wall time; null before the first."""

    p50: float | None
    p99: float | None
    max: float | None


class Health(BaseModel):
    """The run as it stands now."""

    status: Literal["ok", "degraded"]
    reasons: list[str] = Field(description="What is down, where it is degraded.")
    scenario: str
    station: str
    t_s: float = Field(description="Simulated seconds since the start.")
    time: datetime = Field(description="The same as the station's civil time.")
    wall: datetime = Field(description="The clock on the wall.")
    pace: str = Field(description="As the run was started; see GET /station/pace for how time goes now.")
    is_paused: bool = Field(description="Whether time stands.")
    lateness_ms: Lateness
    last_event: int = Field(description="Number of the latest event.")
    cars: int = Field(description="Vehicles on the site.")
    faults: dict[str, int] = Field(description="Injected faults that are armed or active.")
    charge_points: ChargePoints
    messages: dict[str, int] = Field(description="The message book: transactions told to the CSMS.")
    unsolicited: int = Field(description="Commands of the CSMS that came after the clock had moved on.")


def routes(served: Served) -> APIRouter:
    """`GET /health`."""
    router = strict_router("run")
    station, clock = served.station, served.station.kernel.clock

    @router.get("/health")
    async def health() -> Health:
        """How the run stands."""
        now = served.door.present()
        wires = station.links.values()
        book = asdict(served.ocpp.message_book()) if served.ocpp is not None else {}
        states = [injected.state for injected in station.faults.injected.values()]
        up = sum(wire.state.value is LinkState.UP for wire in wires)
        reasons = [*_down(served, len(wires) - up)]
        return Health(
            status="degraded" if reasons else "ok",
            reasons=reasons,
            scenario=served.scenario,
            station=served.station_name,
            t_s=now,
            time=clock.local(now),
            wall=datetime.now(UTC),
            pace=served.pace,
            is_paused=served.loop.is_paused,
            lateness_ms=Lateness(**served.loop.lateness.figures()),
            last_event=served.events.last,
            cars=len(station.visits.present),
            faults={state: states.count(state) for state in ("armed", "active")},
            charge_points=ChargePoints(connected=up, all=len(wires)),
            messages=book,
            unsolicited=served.loop.unsolicited,
        )

    return router


def _down(served: Served, unconnected: int) -> Iterator[str]:
    """What of the station and of the bench is not as it should be; a fault of a twin is no such thing."""
    station = served.station
    if unconnected:
        yield f"without their CSMS: {unconnected} of {len(station.links)} charge points"
    for path, device in station.devices.items():
        if device.absence:
            yield f"{path}: {device.absence}"
    for path, instrument in station.instruments.items():
        if instrument.presence.value is not Presence.PRESENT:
            yield f"{path}: {'the device is silent' if instrument.is_silent else 'the device has not been read yet'}"
    if served.recorder.is_behind:
        yield "the recording is behind: the disk is slow"
