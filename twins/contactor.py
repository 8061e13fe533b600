"""What breaks a contactor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.evse import Evse

__all__ = ["ContactorStuck"]


@fault("pile.contactor_stuck", hits=Evse, zh="接触器卡滞", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class ContactorStuck:
    """The contactor does not follow its coil; the EVSE must not keep serving."""

    position: str = field(default="closed", metadata=bounds(choices=("closed", "open")))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """Hold the contactor where it is said to stick."""
        yield evse.contactor_closed.force(self.position == "closed")
