"""Insulation ages by its hot spot: dry classes after IEC 60076-12, paper in oil after IEC 60076-7."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from types import MappingProxyType
from typing import Protocol

from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["DRY_CLASSES", "PAPERS", "Ageing", "Arrhenius", "Doubling", "Insulation"]

_KELVIN = 273.0
_MOST_LOG = 60.0  # of an ageing rate: a life in a few nanoseconds
_SAME = 1e-6
_COUNTS_WITHIN_K = 40.0  # further below its rated hot spot insulation ages at less than a hundredth of its rated rate


class Insulation(Protocol):
    """Ages at the rate 1 at `rated_c`."""

    @property
    def rated_c(self) -> float:
        """The rated hot spot."""

    def log_rate(self, hot_spot_c: float) -> float:
        """Natural logarithm of the ageing rate at this hot spot."""


@dataclass(frozen=True, slots=True)
class Arrhenius:
    """Lasts `a_h * exp(b_k / (C + 273))` hours at a constant hot spot; `a_h` 0 where no life is stated."""

    rated_c: float
    b_k: float
    a_h: float = 0.0

    @property
    def life_h(self) -> float:
        """Life at the rated hot spot."""
        return self.a_h * exp(self.b_k / (self.rated_c + _KELVIN))

    def log_rate(self, hot_spot_c: float) -> float:
        """Natural logarithm of the ageing rate at this hot spot."""
        return self.b_k / (self.rated_c + _KELVIN) - self.b_k / (hot_spot_c + _KELVIN)


@dataclass(frozen=True, slots=True)
class Doubling:
    """Ages twice as fast for each `step_k` more."""

    rated_c: float
    step_k: float

    def log_rate(self, hot_spot_c: float) -> float:
        """Natural logarithm of the ageing rate at this hot spot."""
        return (hot_spot_c - self.rated_c) * log(2.0) / self.step_k


DRY_CLASSES: Mapping[str, Arrhenius] = MappingProxyType({
    "A": Arrhenius(95.0, 15_900.0, 3.10e-14),
    "E": Arrhenius(110.0, 17_212.0, 5.48e-15),
    "B": Arrhenius(120.0, 18_115.0, 1.72e-15),
    "F": Arrhenius(145.0, 20_475.0, 9.60e-17),
    "H": Arrhenius(170.0, 22_979.0, 5.35e-18),
})  # fmt: skip
"""Thermal classes by their letters."""

PAPERS: Mapping[str, Insulation] = MappingProxyType({
    "normal": Doubling(98.0, 6.0),
    "upgraded": Arrhenius(110.0, 15_000.0),
})  # fmt: skip
"""Papers in oil."""


class Ageing:
    """Signals `ageing_rate` (1: as at the rated hot spot) and `loss_of_life_h`, its exact integral.

    While the hot spot runs nearly straight the rate is an exponential of time, rising (`tau` below 0) or falling.
    """

    def __init__(self, kernel: Kernel, path: str, insulation: Insulation) -> None:
        """Begins new. Below `counts_from_c` it hardly ages."""
        self._log_rate = insulation.log_rate
        self.counts_from_c = insulation.rated_c - _COUNTS_WITHIN_K
        self.rate = Signal(f"{path}.ageing_rate", "1")
        self.loss_h = Signal(f"{path}.loss_of_life_h", "h")
        kernel.add(self.rate, self.loss_h)

    def follow(self, now: SimTime, from_c: float, to_c: float, span_s: float) -> None:
        """From `now` on the hot spot goes from one temperature to another within `span_s`, until it is told anew."""
        begin = min(self._log_rate(from_c), _MOST_LOG)
        growth = min(self._log_rate(to_c), _MOST_LOG) - begin
        rate, lost_h = exp(begin), self.loss_h.at(now)
        if abs(growth) < _SAME:
            self.rate.set(now, rate)
            self.loss_h.set(now, lost_h, rate / SECONDS_PER_HOUR)
            return
        tau_s = -span_s / growth
        ahead_h = rate * tau_s / SECONDS_PER_HOUR
        self.rate.set(now, 0.0, 0.0, rate, tau_s)
        self.loss_h.set(now, lost_h + ahead_h, 0.0, -ahead_h, tau_s)
