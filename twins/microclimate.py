"""The air on the site: hotter in the open under the sun than under a canopy; and the sensors that say what it is.

One figure for all open places: `weather + open_air_k * sun / 1000 W/m2`. Who stands under a canopy has the weather's
air. A car that waits in the open soaks (clause 9.5.2): its battery makes for `soak_k` over the air, by `soak_h`. An
unshielded sensor reads too much in the sun. All figures are ours, and predict no site.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from math import exp, inf, isnan, nan
from typing import Literal

from sim.faults import Contribution, bounds, fault
from sim.files import ID_PATTERN, key
from sim.gauges import Gauge
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.bay import PlaceConfig
from twins.instrument import Instrument
from twins.sensor import CUT_WIRE_C, Reading
from twins.weather import Weather

__all__ = [
    "EnvSensor", "EnvSensorBroken", "EnvSensorConfig", "EnvSensorState", "EnvSensorStuck", "MicroClimate",
    "MicroClimateConfig",
]  # fmt: skip

FULL_SUN_W_M2 = 1_000.0

Roof = Literal["canopy", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSensorConfig:
    """One environment sensor: temperature, humidity, wind and sun at its place."""

    id: str = field(metadata=key("Name of the sensor, as in `env[E1]`.", pattern=ID_PATTERN))
    place: PlaceConfig = field(metadata=key("Where it stands."))
    roof: Roof = field(default="open", metadata=key("What is overhead."))
    radiation_k: float = field(
        default=3.0,
        metadata=key("What its thermometer reads too much under 1000 W/m2; 0 with a shield.", unit="K", low=0, high=20),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroClimateConfig:
    """What the sun does to places in the open, and what is measured of it."""

    open_air_k: float = field(
        default=3.0, metadata=key("How much it warms their air under 1000 W/m2.", unit="K", low=0, high=20)
    )
    soak_k: float = field(
        default=25.0,
        metadata=key("How much it warms batteries that wait there, in the end.", unit="K", low=0, high=60),
    )
    soak_h: float = field(default=3.0, metadata=key("Time constant of that.", unit="h", above=0, high=100))
    sensors: tuple[EnvSensorConfig, ...] = field(default=(), metadata=key("Environment sensors.", count=(0, 100)))


_NONE = MicroClimateConfig(open_air_k=0.0, soak_k=0.0, soak_h=inf)


class MicroClimate(Twin):
    """Signal `microclimate.open_air_c`, where a file asks for it; `sensors` by id.

    Without the block, or with `open_air_k: 0`, all places have the weather's air.
    """

    rank = Rank.GRID
    path = "microclimate"

    def __init__(
        self, kernel: Kernel, config: MicroClimateConfig | None, weather: Weather, waiting: Sequence[Roof]
    ) -> None:
        """`waiting` are the roofs of the waiting bays; who waits at a site without any stands in the open."""
        config = config or _NONE
        self.config = config
        self._weather = weather
        self._open_share = waiting.count("open") / len(waiting) if waiting else 1.0
        self._share = config.open_air_k / FULL_SUN_W_M2
        self._open_air_c = weather.air_temp_c
        if config.open_air_k > 0.0:
            self._open_air_c = Signal("microclimate.open_air_c", "C")
            kernel.add(self._open_air_c)
            self.plan(kernel.now)
            for part in (weather.air_temp_c, weather.sun_w_m2):
                part.watch(partial(kernel.touch, self))
        self.sensors = {one.id: EnvSensor(kernel, one, self.air_c(one.roof), weather) for one in config.sensors}

    def plan(self, now: SimTime) -> SimTime:
        """Take the lines that air and sun run along now."""
        air, sun, share = self._weather.air_temp_c, self._weather.sun_w_m2, self._share
        self._open_air_c.set(now, air.at(now) + share * sun.at(now), air.b + share * sun.b)
        return FOREVER

    def air_c(self, roof: Roof) -> Signal:
        """The air at a place."""
        return self._open_air_c if roof == "open" else self._weather.air_temp_c

    def soaked_k(self, now: SimTime, came_with_k: float, waited_s: float) -> float:
        """How much over the air by the sun a battery is that came with so much, and waited: on average over the bays.

        The sun of now counts for the whole wait.
        """
        left = exp(-waited_s / (self.config.soak_h * SECONDS_PER_HOUR))
        settles_k = self.config.soak_k * self._open_share * self._weather.sun_w_m2.at(now) / FULL_SUN_W_M2
        return came_with_k * left + settles_k * (1.0 - left)


class EnvSensorState(Enum):
    """Whether a sensor answers; one that is stuck does."""

    OK = "ok"
    SILENT = "silent"


class EnvSensor:
    """What is measured: `env[ID].temp_c`, `humidity_pct`, `wind_m_s`, `sun_w_m2`, sums of what really is; `state`.

    While it is silent it reads what a cut wire reads: -50 C and nothing else. Alarm `env_sensor_broken`.
    """

    def __init__(self, kernel: Kernel, config: EnvSensorConfig, air_c: Signal, weather: Weather) -> None:
        """`air_c` is the air at its place."""
        self.path = f"env[{config.id}]"
        self.config = config
        self._kernel = kernel
        in_sun = 1.0 if config.roof == "open" else 0.0
        error = Sum("", "K", [weather.sun_w_m2], scale=in_sun * config.radiation_k / FULL_SUN_W_M2)
        self.temp_c = self._reading("temp_c", "C", [air_c, error], cut_wire=CUT_WIRE_C)
        self.humidity_pct = self._reading("humidity_pct", "%", [weather.humidity_pct])
        self.wind_m_s = self._reading("wind_m_s", "m/s", [weather.wind_m_s])
        self.sun_w_m2 = self._reading("sun_w_m2", "W/m2", [weather.sun_w_m2], scale=in_sun)
        self.readings = (self.temp_c, self.humidity_pct, self.wind_m_s, self.sun_w_m2)
        self.state = State(f"{self.path}.state", EnvSensorState.OK)
        kernel.add(*self.readings, self.state)

    def follow(self, device: Instrument) -> None:
        """A real device stands here: what it reads is what this sensor says; the rest stays the twin's.

        What it has told once and tells no more is that of a cut wire, as temperature and humidity of a silent one are.
        """
        for reading, names in self._read_as:
            value = next((told for name in names if not isnan(told := device.value(name))), nan)
            is_missed = device.is_silent and reading in (self.temp_c, self.humidity_pct)
            if not isnan(value) or is_missed or reading.reported is not None:
                reading.report(value)

    def own_gauges(self) -> Iterator[Gauge]:
        """What it says itself, by each name that a device's map may have for it."""
        for reading, names in self._read_as:
            yield from (Gauge(f"{self.path}.{name}", reading.unit, reading.would_be) for name in names)

    @property
    def _read_as(self) -> tuple[tuple[Reading, tuple[str, ...]], ...]:
        return (
            (self.temp_c, ("read_c", "temp_c")), (self.humidity_pct, ("read_pct", "humidity_pct")),
            (self.wind_m_s, ("wind_m_s",)), (self.sun_w_m2, ("sun_w_m2",)),
        )  # fmt: skip

    def _reading(
        self, name: str, unit: str, parts: Sequence[Signal | Sum], scale: float = 1.0, cut_wire: float = 0.0
    ) -> Reading:
        return Reading(self._kernel, f"{self.path}.{name}", unit, parts, self._changed, scale, cut_wire)

    def _changed(self) -> None:
        is_broken = self.temp_c.is_broken.value
        if self.state.set(self._kernel.now, EnvSensorState.SILENT if is_broken else EnvSensorState.OK):
            data = {"alarm": "env_sensor_broken"}
            if is_broken:
                self._kernel.emit("alarm.raised", self.path, data, clause="8.4.1.3")
            else:
                self._kernel.emit("alarm.cleared", self.path, data, clause="8.4.1.3")


@fault("env.sensor_stuck", hits=EnvSensor, zh="环境传感器卡值", clause="8.4.1.3", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class EnvSensorStuck:
    """An environment sensor says the same whatever the weather: what it said last; lights that go by it stay."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, sensor: EnvSensor) -> Iterable[Contribution]:
        """Hold what it says."""
        yield from (reading.stick() for reading in sensor.readings)


@fault("env.sensor_broken", hits=EnvSensor, zh="环境传感器断线", clause="8.4.1.3", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class EnvSensorBroken:
    """An environment sensor says nothing: an alarm is raised, and lights that go by it burn."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, sensor: EnvSensor) -> Iterable[Contribution]:
        """Cut its wire."""
        yield from (reading.is_broken.force(True) for reading in sensor.readings)
