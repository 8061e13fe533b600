"""The house: what the site draws beside charging. A constant base, lights from dusk to dawn, cooling on hot days.

Lights go by the sun on level ground, as a twilight switch does; the sun's height alone would not know of clouds.
Cooling follows the air as the weather has it, straight from corner to corner. Thresholds and ratings are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import ID_PATTERN, Misfit, did_you_mean, key
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SimTime

__all__ = ["Cooling", "CoolingConfig", "CoolingFailed", "House", "HouseConfig", "LightingStuck", "Lights"]

_NEAR_K = _NEAR_W_M2 = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingConfig:
    """Cooling of staff and control room: so much for each kelvin that the air is above `set_c`, up to its rating."""

    set_c: float = field(metadata=key("Air temperature outside from which on it runs.", unit="C", low=-20, high=60))
    kw_per_k: float = field(metadata=key("What it draws for each kelvin above.", unit="kW/K", above=0, high=1_000))
    rating_kw: float = field(metadata=key("What it draws at most.", unit="kW", above=0, high=10_000))

    @property
    def full_c(self) -> float:
        """From this air temperature on it draws its rating."""
        return self.set_c + self.rating_kw / self.kw_per_k


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseConfig:
    """What comes and goes with the weather, beside the constant `grid.house_load_kw`."""

    path_form = "house"

    lighting_kw: float = field(
        default=0.0, metadata=key("Lights of the site, from dusk to dawn.", unit="kW", low=0, high=10_000)
    )
    dusk_w_m2: float = field(
        default=10.0, metadata=key("Sun on level ground at which they go on.", unit="W/m2", low=0, high=500)
    )
    dawn_w_m2: float = field(default=20.0, metadata=key("Sun at which they go off.", unit="W/m2", above=0, high=1_000))
    twilight_sensor: str | None = field(
        default=None,
        metadata=key("The environment sensor that they go by; the sun itself if left out.", pattern=ID_PATTERN),
    )
    cooling: CoolingConfig | None = field(default=None, metadata=key("Cooling of its rooms; none if left out."))

    def __post_init__(self) -> None:
        """Refuse lights that would go off as soon as they are on."""
        if self.dawn_w_m2 <= self.dusk_w_m2:
            right = f"more than dusk_w_m2, {self.dusk_w_m2:g} W/m2"
            raise Misfit("dawn_w_m2", f"{self.dawn_w_m2:g} W/m2 is no more than dusk", right)

    @property
    def most_kw(self) -> float:
        """What lights and cooling may draw together."""
        return self.lighting_kw + (self.cooling.rating_kw if self.cooling is not None else 0.0)

    def misfits(self, has_sun: bool, roofs: Mapping[str, str]) -> Iterator[Misfit]:
        """What does not go together with the weather and the environment sensors; `roofs` says what is over each."""
        name = self.twilight_sensor
        if name is not None and name not in roofs:
            yield Misfit("twilight_sensor", f"unknown environment sensor {name}", did_you_mean(name, roofs))
        elif name is not None and roofs[name] == "canopy":
            yield Misfit("twilight_sensor", f"{name} stands under a canopy: it sees no sun", "one in the open")
        if self.lighting_kw > 0.0 and not has_sun:
            right = "weather.latitude_deg or weather.sun_w_m2; or leave the lights out"
            yield Misfit("lighting_kw", "this weather has no sun: the lights would burn for ever", right)


class Lights(Twin):
    """Burn from dusk to dawn. Signal `house.lighting_kw`; events `house.lights_on`, `house.lights_off`.

    The knob `switch` is `auto`, or what they are held at. In an outage the site is dark.
    """

    rank = Rank.GRID
    path = "house.lights"

    def __init__(self, kernel: Kernel, config: HouseConfig, sun_w_m2: Signal | Sum) -> None:
        """`sun_w_m2` is what they see of the sun."""
        self._kernel = kernel
        self._config = config
        self._sun_w_m2 = sun_w_m2
        self._is_live = True
        self._is_dark = self._is_lit = self._is_dark_at_first(kernel.now)
        self.power_kw = Signal("house.lighting_kw", "kW", config.lighting_kw if self._is_lit else 0.0)
        self.switch: Knob[str] = Knob("auto", partial(kernel.touch, self))
        sun_w_m2.watch(partial(kernel.touch, self))
        kernel.touch(self)

    @property
    def is_lit(self) -> bool:
        """Whether they burn."""
        return self._is_lit

    def turn(self, position: str) -> None:
        """Their switch: `on`, `off`, or `auto` from dusk to dawn; a fault may hold it elsewhere."""
        self.switch.rebase(position)
        self._kernel.touch(self)

    def energise(self, is_live: bool) -> None:
        """They have voltage, or not."""
        self._is_live = is_live
        self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Switch them; when it is dusk or dawn next."""
        sun, config, switch = self._sun_w_m2, self._config, self.switch.value
        level = sun.at(now)
        if self._is_dark:
            self._is_dark = level < config.dawn_w_m2 - _NEAR_W_M2
        else:
            self._is_dark = level <= config.dusk_w_m2 + _NEAR_W_M2
        is_lit = self._is_live and (self._is_dark if switch == "auto" else switch == "on")
        if is_lit is not self._is_lit:
            self._is_lit = is_lit
            self.power_kw.set(now, config.lighting_kw if is_lit else 0.0)
            self._tell(round(level, 3))
        return sun.crossing(config.dawn_w_m2 if self._is_dark else config.dusk_w_m2, now) or FOREVER

    def _tell(self, level: float) -> None:
        if self._is_lit:
            self._kernel.emit("house.lights_on", self.path, {"sun_w_m2": level}, clause="5.6")
        else:
            self._kernel.emit("house.lights_off", self.path, {"sun_w_m2": level}, clause="5.6")

    def _is_dark_at_first(self, now: SimTime) -> bool:
        """Between the two thresholds it is what it was before: night while the sun climbs, day while it sinks."""
        sun, config = self._sun_w_m2, self._config
        level = sun.at(now)
        is_climbing = sun.at(SimTime(now + 1.0)) > level
        return level <= config.dusk_w_m2 or (level < config.dawn_w_m2 and is_climbing)


class Cooling(Twin):
    """Follows the air. Signal `house.cooling_kw`; the knob `share` is what it gives of what it should.

    `config` has the set-point in force; `is_on` is its switch.
    """

    rank = Rank.GRID
    path = "house.cooling"

    def __init__(self, kernel: Kernel, config: CoolingConfig, air_c: Signal) -> None:
        """`air_c` is the weather's."""
        self._kernel = kernel
        self.config = config
        self.is_on = True
        self._air_c = air_c
        self._is_live = True
        self.power_kw = Signal("house.cooling_kw", "kW", within=(0.0, config.rating_kw))
        self.share: Knob[float] = Knob(1.0, partial(kernel.touch, self))
        air_c.watch(partial(kernel.touch, self))
        kernel.touch(self)

    def room_c(self, now: SimTime) -> float:
        """The air of its rooms: as far below the air outside as what it draws makes them (they hold no heat)."""
        return self._air_c.at(now) - self.power_kw.at(now) / self.config.kw_per_k

    def turn(self, is_on: bool) -> None:
        """Switch it on, to follow the air, or off."""
        self.is_on = is_on
        self._kernel.touch(self)

    def set_point(self, set_c: float) -> None:
        """Cool from another air temperature on."""
        self.config = replace(self.config, set_c=set_c)
        self._kernel.touch(self)

    def energise(self, is_live: bool) -> None:
        """It has voltage, or not."""
        self._is_live = is_live
        self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Take the line that the air runs along; when it comes to a corner next."""
        config, air = self.config, self._air_c
        low_c, high_c = config.set_c, config.full_c
        temp_c, slope = air.at(now), air.b
        share = self.share.value if self._is_live and self.is_on else 0.0
        if temp_c < low_c - _NEAR_K or (temp_c <= low_c + _NEAR_K and slope <= 0.0):
            self.power_kw.set(now, 0.0)
            turns_c = low_c
        elif temp_c > high_c + _NEAR_K or (temp_c >= high_c - _NEAR_K and slope >= 0.0):
            self.power_kw.set(now, share * config.rating_kw)
            turns_c = high_c
        else:
            kw_per_k = share * config.kw_per_k
            self.power_kw.set(now, kw_per_k * max(0.0, temp_c - low_c), kw_per_k * slope)
            turns_c = high_c if slope > 0.0 else low_c
        return air.crossing(turns_c, now) or FOREVER


class House:
    """Signals `grid.house_kw`, which is all of it, and `house.base_kw`; `lights` and `cooling` where there are such."""

    path = "house"

    def __init__(
        self, kernel: Kernel, base_kw: float, config: HouseConfig | None, air_c: Signal, sun_w_m2: Signal | Sum
    ) -> None:
        """`air_c` is the weather's, `sun_w_m2` what the lights see of the sun; without a block there is the base."""
        config = config or HouseConfig()
        self.most_kw = base_kw + config.most_kw
        self._kernel = kernel
        self._base = base_kw
        self.base_kw = Signal("house.base_kw", "kW", base_kw)
        self.lights = Lights(kernel, config, sun_w_m2) if config.lighting_kw > 0.0 else None
        self.cooling = Cooling(kernel, config.cooling, air_c) if config.cooling is not None else None
        parts = [self.base_kw, *(part.power_kw for part in self.parts)]
        self.power_kw = Sum("grid.house_kw", "kW", parts)
        kernel.add(*parts, self.power_kw)

    @property
    def parts(self) -> list[Lights | Cooling]:
        """What may fail."""
        return [part for part in (self.lights, self.cooling) if part is not None]

    def energise(self, is_live: bool) -> None:
        """The busbar has voltage, or not."""
        self.base_kw.set(self._kernel.now, self._base if is_live else 0.0)
        for part in self.parts:
            part.energise(is_live)


@fault("house.cooling_failed", hits=Cooling, zh="站房空调故障", clause="6", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class CoolingFailed:
    """The cooling of staff and control room draws only a share of what it should, and cools as little."""

    share: float = field(default=0.0, metadata=bounds(low=0.0, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, cooling: Cooling) -> Iterable[Contribution]:
        """Throttle it."""
        yield cooling.share.scale(self.share)


@fault("house.lighting_stuck", hits=Lights, zh="场站照明失控", clause="5.6", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class LightingStuck:
    """The site's lights do not follow dusk and dawn: they burn all day, or the site is dark at night."""

    position: str = field(default="on", metadata=bounds(choices=("on", "off")))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, lights: Lights) -> Iterable[Contribution]:
        """Hold the switch."""
        yield lights.switch.force(self.position)
