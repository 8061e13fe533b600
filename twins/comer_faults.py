"""Faults of the cars that come to a bay, and of their drivers (clauses 9.5 and 13.8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from sim.faults import Contribution, bounds, fault
from twins.bay import Bay

__all__ = ["AirConditioning", "Blocking", "UnpluggedHot", "WrongBay"]


@fault("vehicle.air_conditioning", hits=Bay, zh="充电时开启车载空调", clause="9.5.3", faces=("station", "platform"))
@dataclass(frozen=True, kw_only=True)
class AirConditioning:
    """Cars that come to the bay charge with their air conditioning on: it shows on the meter, not in the pack."""

    cooling_kw: float = field(default=3.0, metadata=bounds(low=0.1, high=20.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """So much for who comes."""
        yield bay.comers.cooling_kw.force(self.cooling_kw)


@fault("vehicle.blocking", hits=Bay, zh="充满后长时间占位", clause="5.5", faces=("station", "platform"))
@dataclass(frozen=True, kw_only=True)
class Blocking:
    """Cars that come to the bay stay plugged in for hours after the charge, and nobody else can have the bay."""

    stay_s: float = field(default=7_200.0, metadata=bounds(low=1.0, high=1e7))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """Stay on."""
        yield bay.comers.overstay_s.force(self.stay_s)


@fault("vehicle.wrong_bay", hits=Bay, zh="燃油车占用充电车位", clause="13.8", faces=("station", "platform"))
@dataclass(frozen=True, kw_only=True)
class WrongBay:
    """Cars that come to the bay have a petrol engine: they take the bay, and no energy."""

    stay_s: float = field(default=1_500.0, metadata=bounds(low=1.0, high=1e7))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """Take it for so long."""
        yield bay.comers.petrol_stay_s.force(self.stay_s)


@fault("vehicle.unplugged_hot", hits=Bay, zh="带电拔枪", clause="9.5.4", faces=("station", "platform"))
@dataclass(frozen=True, kw_only=True)
class UnpluggedHot:
    """Drivers who come to the bay pull at the plug under load; the lock holds it, and they break off."""

    after_s: float = field(default=300.0, metadata=bounds(low=0.0, high=1e6))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """So long after they have plugged in."""
        yield bay.comers.pulls_after_s.force(self.after_s)
