"""The outlets' meters against what truly flowed: what faults explain of the difference, and what nothing does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.units import SimTime
from twins.evse import Evse

if TYPE_CHECKING:
    from twins.station import Station

__all__ = ["ExplainedMeter", "explained_meters", "unexplained_meters"]


@dataclass(frozen=True, slots=True)
class ExplainedMeter:
    """The register of `place` shows `kwh` more than its class error makes of what flowed; `faults` leaned on it."""

    place: str
    kwh: float
    faults: Sequence[str]


def explained_meters(station: Station, now: SimTime) -> list[ExplainedMeter]:
    """Of every simulated outlet whose register faults have put wrong."""
    return [
        ExplainedMeter(evse.path, excess_kwh, movers) for evse, excess_kwh, movers in _wrong(station, now) if movers
    ]


def unexplained_meters(station: Station, now: SimTime) -> list[str]:
    """In words, of every simulated outlet whose register is wrong though no fault has leaned on it."""
    return [
        f"meter of {evse.path}: {evse.energy_kwh(now):.6f} kWh registered, of {evse.true_energy_kwh(now):.6f} kWh that "
        f"flowed: {excess_kwh:+.6f} kWh beside its error"
        for evse, excess_kwh, movers in _wrong(station, now)
        if not movers
    ]


def _wrong(station: Station, now: SimTime) -> Iterator[tuple[Evse, float, list[str]]]:
    for evse in station.evses:
        if isinstance(evse, Evse) and (excess_kwh := evse.register.excess_kwh(now)):
            yield evse, excess_kwh, [*evse.register.movers]
