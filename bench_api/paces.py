"""The paces of a run by name: fast, real, lockstep, or N times real time as 60x."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from scenarios.loader import LoadedScenario
from sim.errors import UsageError

__all__ = ["FASTEST", "Pace", "check_wire", "read_pace"]

FASTEST: Final = 100_000.0
"""The highest factor of a pace."""

_TIMES = re.compile(r"(\d+(?:\.\d+)?)x", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pace:
    """`name` as it was given; `factor` simulated seconds a second in real pace, None in the others."""

    name: str
    factor: float | None = None

    @property
    def has_wire(self) -> bool:
        """Whether sockets are open in this pace."""
        return self.name != "fast"


def read_pace(text: str) -> Pace:
    """The pace of this name; UsageError for another word."""
    if text in ("fast", "lockstep"):
        return Pace(text)
    if text == "real":
        return Pace(text, 1.0)
    match = _TIMES.fullmatch(text)
    if match is None or not 0.001 <= float(match[1]) <= FASTEST:
        raise UsageError(f"--pace {text!r}: fast, real, lockstep or a number of times real time such as 60x")
    return Pace(text, float(match[1]))


def check_wire(pace: Pace, csms: str | None, loaded: LoadedScenario) -> None:
    """UsageError where a wire is asked for that this pace or this station has not."""
    if csms is not None and not pace.has_wire:
        raise UsageError("--csms needs sockets, and --pace fast opens none; use lockstep, real or a pace such as 60x")
    if pace.has_wire and loaded.station.value.platform_face is None:
        raise UsageError(f"{loaded.station.path}: no endpoint, so no wire for --pace {pace.name}; use fast or add one")
