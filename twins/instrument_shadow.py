"""The twin of a meter or sensor beside the device that leads: what it would have shown, and the gap between.

The gap is the device's reading less the twin's value of the same instant; of registers, which begin anywhere, less
their gap at the first reading too, and less what they were set back since.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan

from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Signal
from twins.instrument import Instrument

__all__ = ["Gap", "InstrumentShadow"]


@dataclass(slots=True)
class Gap:
    """What is known of one quantity's gap, in its `unit`, over all readings that had it."""

    name: str
    unit: str
    readings: int = 0
    mean: float = 0.0
    largest: float = 0.0
    """The gap that was furthest from 0, with its sign."""


class InstrumentShadow:
    """Signals `<path>.gap.<quantity>`, one for each quantity that the twin knows."""

    def __init__(self, kernel: Kernel, device: Instrument, gauges: Iterable[Gauge]) -> None:
        """`gauges` are the twin's own, at `<path>.<name>`, where the device reads that name."""
        self._kernel = kernel
        self._device = device
        self._first: dict[str, float] = {}
        self._own: dict[str, tuple[Gauge, Signal, Gap]] = {}
        for gauge in gauges:
            name = gauge.path.removeprefix(f"{device.path}.")
            signal = Signal(f"{device.path}.gap.{name}", gauge.unit)
            kernel.add(signal)
            self._own[name] = gauge, signal, Gap(name, gauge.unit)

    @property
    def gaps(self) -> Iterator[Gap]:
        """Of every quantity that was read at least once."""
        return (gap for _, _, gap in self._own.values() if gap.readings)

    def compare(self) -> None:
        """The device has been read; a silent one leaves the gaps as they stand."""
        now = self._kernel.now
        if self._device.is_silent:
            return
        for name, (gauge, signal, gap) in self._own.items():
            value = self._device.value(name) - gauge.at(now)
            if isnan(value):
                continue
            if gauge.unit.endswith("h"):
                value -= self._device.stepped_kwh(name)
                value -= self._first.setdefault(name, value)
            signal.set(now, value)
            gap.readings += 1
            gap.mean += (value - gap.mean) / gap.readings
            gap.largest = value if abs(value) > abs(gap.largest) else gap.largest
