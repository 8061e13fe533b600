"""A detector of gases, smoke and heat. Only a fault gives off gas yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

from sim.deeds import CannotDo, deed
from sim.faults import Contribution, Knob, bounds, fault
from sim.files import ID_PATTERN, key
from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import SimTime
from twins.bay import PlaceConfig

__all__ = ["GasDetector", "GasDetectorConfig", "GasDetectorPoisoned", "GasLeak", "GasLevels", "SetGasLevels"]


_ALARMS = {1: "gas_low", 2: "gas_high"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GasDetectorConfig:
    """One detector on the fire panel's loop."""

    path_form = "gas[ID]"

    id: str = field(metadata=key("Name of the detector, as in `gas[G1]`.", pattern=ID_PATTERN))
    place: PlaceConfig = field(metadata=key("Where it hangs."))
    roof: Literal["canopy", "open"] = field(default="canopy", metadata=key("What is overhead."))


@dataclass(frozen=True, slots=True, kw_only=True)
class GasLevels:
    """From which gas on it alarms, low and high; defaults of ours."""

    co_low_ppm: float = 50.0
    co_high_ppm: float = 150.0
    h2_low_ppm: float = 100.0
    h2_high_ppm: float = 400.0

    @property
    def are_in_order(self) -> bool:
        """Whether each low level is below its high one."""
        return self.co_low_ppm < self.co_high_ppm and self.h2_low_ppm < self.h2_high_ppm


class GasDetector:
    """What it senses at its place is written by what gives it off: `co_ppm`, `h2_ppm`, `lel_pct`, `smoke_db_m`.

    Gauges of these names, `temp_c`, `alarm_level` (0 normal, 1 low, 2 high) and its levels.
    Knobs: `gas_ppm` of carbon monoxide at its place, `sensitivity` (1 is sound). Alarms `gas_low`, `gas_high`;
    `on_alarm(level)` hears of each change of level.
    """

    def __init__(self, kernel: Kernel, config: GasDetectorConfig, air_c: Signal) -> None:
        """`air_c` is the air at its place."""
        self.path = f"gas[{config.id}]"
        self.config = config
        self.levels = GasLevels()
        self.co_ppm = Curve(0.0)
        self.h2_ppm = Curve(0.0)
        self.lel_pct = Curve(0.0)
        self.smoke_db_m = Curve(0.0)
        self._air_c = air_c
        self._kernel = kernel
        self._level = 0
        self.on_alarm: Callable[[int], None] = lambda level: None
        self.gas_ppm: Knob[float] = Knob(0.0, self._sense)
        self.sensitivity: Knob[float] = Knob(1.0, self._sense)
        kernel.show_later(self._gauges)

    def alarm_level(self, t: SimTime) -> int:
        """0 normal, 1 low, 2 high: of the gas that is further."""
        levels, co_ppm, h2_ppm = self.levels, self.co_ppm.at(t), self.h2_ppm.at(t)
        is_low = co_ppm >= levels.co_low_ppm or h2_ppm >= levels.h2_low_ppm
        is_high = co_ppm >= levels.co_high_ppm or h2_ppm >= levels.h2_high_ppm
        return 2 if is_high else int(is_low)

    def judge(self) -> None:
        """Alarm where a level is reached, and tell where it is over."""
        before, level = self._level, self.alarm_level(self._kernel.now)
        if level == before:
            return
        self._level = level
        if before:
            self._kernel.emit("alarm.cleared", self.path, {"alarm": _ALARMS[before]}, clause="9.7")
        if level:
            self._kernel.emit("alarm.raised", self.path, {"alarm": _ALARMS[level]}, clause="9.7")
        self.on_alarm(level)

    def _sense(self) -> None:
        self.co_ppm.set(self._kernel.now, self.gas_ppm.value * self.sensitivity.value)
        self.judge()

    def _gauges(self) -> Iterator[Gauge]:
        path = self.path
        yield Gauge(f"{path}.co_ppm", "ppm", self.co_ppm.at)
        yield Gauge(f"{path}.h2_ppm", "ppm", self.h2_ppm.at)
        yield Gauge(f"{path}.lel_pct", "%", self.lel_pct.at)
        yield Gauge(f"{path}.smoke_db_m", "dB/m", self.smoke_db_m.at)
        yield Gauge(f"{path}.temp_c", "C", self._air_c.at)
        yield Gauge(f"{path}.alarm_level", "1", lambda t: float(self.alarm_level(t)))
        yield Gauge(f"{path}.co_low_ppm", "ppm", lambda _t: self.levels.co_low_ppm)
        yield Gauge(f"{path}.co_high_ppm", "ppm", lambda _t: self.levels.co_high_ppm)
        yield Gauge(f"{path}.h2_low_ppm", "ppm", lambda _t: self.levels.h2_low_ppm)
        yield Gauge(f"{path}.h2_high_ppm", "ppm", lambda _t: self.levels.h2_high_ppm)


@deed("gas.levels", on=GasDetector, zh="气体报警值整定")
@dataclass(frozen=True, kw_only=True)
class SetGasLevels:
    """Set from how much gas on a detector alarms; left out: as it is. Refused unless each low one is below its high."""

    co_low_ppm: float = field(default=inf, metadata=bounds(low=1.0, high=5_000.0))
    co_high_ppm: float = field(default=inf, metadata=bounds(low=1.0, high=5_000.0))
    h2_low_ppm: float = field(default=inf, metadata=bounds(low=1.0, high=40_000.0))
    h2_high_ppm: float = field(default=inf, metadata=bounds(low=1.0, high=40_000.0))

    def do(self, detector: GasDetector, source: str) -> None:
        """All of them, or none."""
        names = ("co_low_ppm", "co_high_ppm", "h2_low_ppm", "h2_high_ppm")
        given = {name: value for name in names if (value := getattr(self, name)) < inf}
        levels = replace(detector.levels, **given)
        if not levels.are_in_order:
            raise CannotDo("a low level is not below its high one")
        detector.levels = levels
        detector.judge()


@fault(
    "gas.leak",
    hits=GasDetector,
    zh="可燃有毒气体泄漏",
    clause="9.7",
    faces=(
        "station",
        "wire",
    ),
)
@dataclass(frozen=True, kw_only=True)
class GasLeak:
    """Carbon monoxide stands at a detector, as before a battery burns; a stated amount, no model of fire."""

    co_ppm: float = field(default=200.0, metadata=bounds(low=1.0, high=5_000.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, detector: GasDetector) -> Iterable[Contribution]:
        """Add it."""
        yield detector.gas_ppm.add(self.co_ppm)


@fault(
    "gas.sensor_poisoned",
    hits=GasDetector,
    zh="气体探测器中毒失灵",
    clause="9.4.2",
    faces=(
        "station",
        "wire",
    ),
)
@dataclass(frozen=True, kw_only=True)
class GasDetectorPoisoned:
    """The cell of a detector is worn or poisoned: it senses only a share of the gas, and alarms too late or never."""

    share: float = field(default=0.1, metadata=bounds(low=0.0, high=0.99))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, detector: GasDetector) -> Iterable[Contribution]:
        """Dull it."""
        yield detector.sensitivity.scale(self.share)
