"""What fails at the meter of an outlet: it drifts, its register stops counting or is turned back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.evse import Evse

__all__ = ["MeterDrift", "MeterRolledBack", "MeterStuck"]


@fault("pile.meter_drift", hits=Evse, zh="电能表漂移", clause="10.2.6", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class MeterDrift:
    """The meter drifts: it counts this many times what flows, and shows power and current so as well."""

    factor: float = field(default=1.1, metadata=bounds(low=0.01, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """A wrong gain of its currents."""
        yield evse.register.gain.scale(self.factor)


@fault("pile.meter_stuck", hits=Evse, zh="电能表停走", clause="10.2.6", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class MeterStuck:
    """The energy register stands still while current flows; power and current are shown as they are."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """No counting."""
        yield evse.register.is_counting.force(False)


@fault("pile.meter_rolled_back", hits=Evse, zh="电能表读数倒退", clause="10.2.6", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class MeterRolledBack:
    """The energy register is turned back once, to 0 at most; it counts on from there, also when the fault is over."""

    by_kwh: float = field(default=10.0, metadata=bounds(low=0.001, high=1e6))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """So much less on it."""
        yield evse.register.back_kwh.add(self.by_kwh)
