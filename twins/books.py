"""The energy book: what came from the grid is what reached vehicles, what was lost, and what the house took.

A truth book: each figure is the integral of its own signal, and the residual must vanish to 1e-9 of the import.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import BooksOpen
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.station import Station

__all__ = ["CLOSES_WITHIN", "EnergyBook", "energy_book"]

CLOSES_WITHIN = 1e-9


@dataclass(frozen=True, slots=True)
class EnergyBook:
    """Energies in kWh since the run's start; `residual_rel` is relative to the import."""

    grid_kwh: float
    vehicles_kwh: float
    losses_kwh: float
    auxiliaries_kwh: float
    stored_kwh: float
    residual_rel: float

    def check(self) -> None:
        """Raise `BooksOpen` unless the book closes."""
        if not abs(self.residual_rel) <= CLOSES_WITHIN:
            raise BooksOpen(
                f"the energy book is open by {self.residual_rel:.3g} of the import (limit {CLOSES_WITHIN:g})"
            )


def energy_book(station: Station, now: SimTime) -> EnergyBook:
    """The book at `now`."""

    def kwh(*unit_seconds: float) -> float:
        return sum(unit_seconds) / SECONDS_PER_HOUR

    grid_kwh = kwh(station.grid.power_kw.total_at(now))
    vehicles_kwh = kwh(*(evse.power_kw.total_at(now) for evse in station.evses))
    losses_kwh = kwh(
        station.grid.loss_kw.total_at(now), *(pile.loss_kw.total_at(now) for pile in station.piles.values())
    )
    auxiliaries_kwh = kwh(
        station.grid.house_kw.total_at(now), *(pile.standby_kw.total_at(now) for pile in station.piles.values())
    )
    residual = grid_kwh - vehicles_kwh - losses_kwh - auxiliaries_kwh
    return EnergyBook(grid_kwh, vehicles_kwh, losses_kwh, auxiliaries_kwh, 0.0, residual / max(grid_kwh, 1e-12))
