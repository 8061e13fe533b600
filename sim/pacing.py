"""Pacing: which simulated time is due at which monotonic second, and how late something is. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from sim.units import SimTime

__all__ = ["Pacing"]


@dataclass(frozen=True, slots=True)
class Pacing:
    """`factor` simulated seconds pass a second; simulated `start` stands at monotonic second `origin_s`.

    With a factor of 0 time stands at `start`: what is later is never due, and nothing is late.
    """

    factor: float
    origin_s: float
    start: SimTime

    def due(self, monotonic_s: float) -> SimTime:
        """The simulated time that this monotonic second has reached."""
        return SimTime(self.start + (monotonic_s - self.origin_s) * self.factor)

    def deadline_s(self, t: SimTime) -> float:
        """The monotonic second at which simulated `t` is due."""
        if self.factor == 0.0:
            return self.origin_s if t <= self.start else inf
        return self.origin_s + (t - self.start) / self.factor

    def late_ms(self, t: SimTime, monotonic_s: float) -> float:
        """How late `t` is at this monotonic second, in milliseconds of wall time; 0 when it is early."""
        if self.factor == 0.0:
            return 0.0
        return max(0.0, (monotonic_s - self.deadline_s(t)) * 1000.0)
