"""What warms a body, as straight lines: losses of powers that decay in exponentials, and the sun on walls.

The line of a loss has the energy of the piece that it stands for, exactly; within the piece it may leave the body at
most `TOLERANCE_K` beside what the exponential would.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import exp, inf
from typing import Protocol

from sim.signals import Signal
from sim.units import FOREVER, SimTime

__all__ = ["SUN_MAX_W_M2", "TOLERANCE_K", "HeatLine", "LossLine", "PowerWriter", "SunLine"]

TOLERANCE_K = 0.1
SUN_MAX_W_M2 = 600.0

_WORST = 72.0 * 3.0**0.5
"""A parabola's chord, shifted to its mean, is off in energy by (bend of the heat) x length^3 / this at most."""

_NEAR_W_M2 = 1e-6
_LEAST_W = 1e-6


class PowerWriter(Protocol):
    """Who writes a power: its piece ends when it is woken."""

    power_kw: Signal
    wake_at: SimTime


class HeatLine(ABC):
    """`heat_w + slope_w_s * (t - since)`, from a signal, until its next segment."""

    __slots__ = ("_signal", "_until", "_version", "heat_w", "since", "slope_w_s")

    def __init__(self, signal: Signal) -> None:
        """Nothing, until `follow` is called."""
        self._signal = signal
        self._version = -1
        self._until = FOREVER
        self.heat_w = self.slope_w_s = 0.0
        self.since = SimTime(0.0)

    def follow(self, now: SimTime) -> SimTime:
        """Take another line if the signal has another segment or this one is used up; when it will be."""
        if self._signal.version != self._version or now >= self._until:
            self._version, self.since = self._signal.version, now
            self._until = self._take(now)
        return self._until

    @abstractmethod
    def _take(self, now: SimTime) -> SimTime:
        """Set the line that begins now; until when it holds."""


class LossLine(HeatLine):
    """What a signal of power loses in a body of some heat capacity; `is_on` while there is power."""

    __slots__ = ("_capacity_j_k", "_outlet", "_w_per_kw", "is_on")

    def __init__(self, power_kw: Signal, w_per_kw: float, outlet: PowerWriter | None, capacity_j_k: float) -> None:
        """`outlet` writes the power, if it plans ahead when its pieces end."""
        super().__init__(power_kw)
        self._w_per_kw = w_per_kw
        self._outlet = outlet
        self._capacity_j_k = capacity_j_k
        self.is_on = False

    def _take(self, now: SimTime) -> SimTime:
        power, w_per_kw = self._signal, self._w_per_kw
        self.is_on = power.a != 0.0 or power.b != 0.0 or power.c != 0.0
        self.heat_w = w_per_kw * (power.a + power.b * (now - power.t0))
        self.slope_w_s = w_per_kw * power.b
        if power.c == 0.0:
            return FOREVER
        swing_w, tau_s = w_per_kw * power.c * exp(-(now - power.t0) / power.tau), power.tau
        if abs(swing_w) < _LEAST_W:
            return FOREVER
        longest_s = (_WORST * TOLERANCE_K * self._capacity_j_k * tau_s**2 / abs(swing_w)) ** (1.0 / 3.0)
        ends = self._outlet.wake_at if self._outlet is not None else FOREVER
        length_s = ends - now if ends > now else inf
        until = FOREVER
        if length_s > longest_s:
            length_s, until = longest_s, SimTime(now + longest_s)
        fallen_w = swing_w * (1.0 - exp(-length_s / tau_s))
        self.slope_w_s -= fallen_w / length_s
        self.heat_w += fallen_w * (tau_s / length_s + 0.5)
        return until


class SunLine(HeatLine):
    """What the sun on level ground warms walls by: no more than `SUN_MAX_W_M2` falls on them."""

    __slots__ = ("_area_m2",)

    def __init__(self, sun_w_m2: Signal, area_m2: float) -> None:
        """`area_m2` counts in the share that walls take in."""
        super().__init__(sun_w_m2)
        self._area_m2 = area_m2

    def _take(self, now: SimTime) -> SimTime:
        level, slope = self._signal.at(now), self._signal.b
        if level > SUN_MAX_W_M2 + _NEAR_W_M2 or (slope > 0.0 and level > SUN_MAX_W_M2 - _NEAR_W_M2):
            self.heat_w, self.slope_w_s = SUN_MAX_W_M2 * self._area_m2, 0.0
        else:
            self.heat_w, self.slope_w_s = level * self._area_m2, slope * self._area_m2
        return self._signal.crossing(SUN_MAX_W_M2, now) or FOREVER
