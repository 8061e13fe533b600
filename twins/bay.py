"""Bays: the places where vehicles stand, charge or wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sim.files import ID_PATTERN, key

__all__ = ["BayConfig", "PlaceConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceConfig:
    """A place on the station's one plan, metres from its south-west corner."""

    x_m: float = field(metadata=key("Metres east of the plan's corner.", unit="m", low=-10_000, high=10_000))
    y_m: float = field(metadata=key("Metres north of the plan's corner.", unit="m", low=-10_000, high=10_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class BayConfig:
    """One parking place: fast and slow bays are reached by an EVSE, plain and waiting bays need none."""

    id: str = field(metadata=key("Name of the bay, as in `bay[B01]`.", pattern=ID_PATTERN))
    kind: Literal["fast", "slow", "plain", "waiting"] = field(metadata=key("What the bay is for."))
    roof: Literal["canopy", "open"] = field(default="open", metadata=key("What is overhead."))
    place: PlaceConfig = field(metadata=key("Where the bay is."))
