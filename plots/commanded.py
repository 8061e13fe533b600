"""Limits that platforms and masters set on connectors, as the events of a run tell them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.reading import Floats, Run

__all__ = ["CommandedLimits", "commanded_limits"]


@dataclass(frozen=True, slots=True)
class CommandedLimits:
    """From each of `times_s` on the sum (kW) over the connectors that were limited then, `nan` while none was.

    `connectors` is how many were limited at all.
    """

    times_s: Floats
    sum_kw: Floats
    connectors: int


def commanded_limits(run: Run) -> CommandedLimits | None:
    """Those of all connectors together; None where none was limited. Of one connector's limits the lowest counts."""
    by_source: dict[str, dict[str, float]] = {}
    steps: dict[float, float] = {}
    for event in run.events(kind="evse.limited"):
        own = by_source.setdefault(event.subject, {})
        source, limit_kw = str(event.data["by"]), event.data.get("limit_kw")
        if limit_kw is None:
            own.pop(source, None)
        else:
            own[source] = float(limit_kw)
        lowest = [min(limits.values()) for limits in by_source.values() if limits]
        steps[event.t_s] = sum(lowest) if lowest else np.nan
    if not steps:
        return None
    return CommandedLimits(np.array([*steps]), np.array([*steps.values()], dtype=np.float64), len(by_source))
