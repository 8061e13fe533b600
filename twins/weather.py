"""The weather over the station: stated, by the month, or a recorded series with a fit for days without a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from math import inf
from typing import Literal, NamedTuple

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.sun import Sun, clear_sky_w_m2
from twins.weather_fit import AIR_TEMP_C, HUMIDITY_PCT
from twins.weather_series import Hour, Rain, hour_number, shenzhen_2022

__all__ = ["Weather", "WeatherConfig", "WeatherShifted"]

_SERIES = {"shenzhen_2022": shenzhen_2022}
_SERIES_LATITUDE_DEG, _LATITUDE_DEG = 22.5, 30.0
_SERIES_WEST_DEG = 6.0  # Shenzhen lies this far west of its zone's meridian: at noon its sun is 24 minutes behind
_HUMIDITY_PCT, _WIND_M_S = 60.0, 2.0

# 1 - 0.75 n^3.4 (Kasten and Czeplak, 1980) for a sky covered to n = 0, 6/8, 7/8 and wholly; the covers are assumed
_CLEARNESS = {Rain.NONE: 1.0, Rain.LIGHT: 0.718, Rain.MODERATE: 0.524, Rain.HEAVY: 0.25}


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherConfig:
    """Where the air temperature comes from, exactly one of three; beside a stated one, what else is stated."""

    monthly_mean_c: tuple[float, ...] | None = field(
        default=None, metadata=key("Mean air temperature of January to December.", unit="C", count=(12, 12))
    )
    air_temp_c: float | None = field(
        default=None, metadata=key("Constant air temperature.", unit="C", low=-60, high=60)
    )
    series: Literal["shenzhen_2022"] | None = field(
        default=None, metadata=key("A recorded series, by the station's clock; other days by its fit.")
    )
    warmer_k: float = field(
        default=0.0,
        metadata=key("Added to a series' air: a heat wave, or below 0 a cold spell.", unit="K", low=-60, high=20),
    )
    humidity_pct: float | None = field(
        default=None, metadata=key("Stated relative humidity; 60 if left out.", unit="%", low=0, high=100)
    )
    wind_m_s: float | None = field(
        default=None, metadata=key("Stated wind; 2 if left out.", unit="m/s", low=0, high=60)
    )
    rain_class: int | None = field(
        default=None, metadata=key("Stated rain: 0 none, 1 light, 2 moderate, 3 heavy; 0 if left out.", low=0, high=3)
    )
    sun_w_m2: float | None = field(
        default=None,
        metadata=key("Stated sun on level ground, instead of one that rises and sets.", unit="W/m2", low=0, high=1_400),
    )
    latitude_deg: float | None = field(
        default=None,
        metadata=key(
            "Latitude for the sun, north positive. Left out: 22.5 with a series, 30 with monthly means, and with a"
            " constant air temperature no sun.",
            unit="deg",
            low=-90,
            high=90,
        ),
    )
    longitude_deg: float | None = field(
        default=None,
        metadata=key(
            "Longitude for the sun, east positive; the time zone's meridian if left out (6 west of it with a series).",
            unit="deg",
            low=-180,
            high=180,
        ),
    )

    def __post_init__(self) -> None:
        """Refuse none or several sources, what a series or the sky settles, and months that no place on earth has."""
        given = [name for name in ("monthly_mean_c", "air_temp_c", "series") if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} given" if given else "none of monthly_mean_c, air_temp_c and series given"
            raise Misfit("", what, "exactly one of monthly_mean_c, air_temp_c and series")
        for month, mean_c in enumerate(self.monthly_mean_c or ()):
            if not -60 <= mean_c <= 60:
                raise Misfit(f"monthly_mean_c[{month}]", f"{mean_c:g} C is out of range", "-60 to 60 C")
        if self.series is not None:
            for name in ("humidity_pct", "wind_m_s", "rain_class", "sun_w_m2"):
                if getattr(self, name) is not None:
                    raise Misfit(name, "has no meaning beside series", "leave it out: the series says it")
        elif self.warmer_k != 0.0:
            raise Misfit("warmer_k", "given without a series", "leave it out, and state the temperature that you want")
        if self.sun_w_m2 is not None and self.latitude_deg is not None:
            raise Misfit("sun_w_m2", "given beside latitude_deg", "one of the two: a stated sun, or one that moves")
        if self.longitude_deg is not None and self.latitude_deg is None:
            raise Misfit("longitude_deg", "given without latitude_deg", "both, or neither")

    @property
    def sun_latitude_deg(self) -> float | None:
        """Where the sun rises and sets; None where it is stated."""
        if self.series is not None or self.latitude_deg is not None:
            return _SERIES_LATITUDE_DEG if self.latitude_deg is None else self.latitude_deg
        return _LATITUDE_DEG if self.air_temp_c is None and self.sun_w_m2 is None else None

    @property
    def has_sun(self) -> bool:
        """Whether there is one, stated or moving."""
        return self.sun_w_m2 is not None or self.sun_latitude_deg is not None


class _Knot(NamedTuple):
    """What a whole hour of the clock begins with; between two of them the weather runs straight."""

    t: SimTime
    hour: Hour | None
    clearness: float
    height: float


class Weather:
    """The air over the station, and the sun.

    Signals `weather.air_temp_c`, `weather.humidity_pct`, `weather.wind_m_s` and `weather.sun_w_m2` (global irradiance
    on level ground, 0 at night), state `weather.rain_class` (none, light, moderate, heavy). A series and the sun are
    straight lines from one whole hour of the station's clock to the next. `is_synthetic` turns true, with the event
    `weather.synthetic`, in the first hour that begins without a record. What is constant plans nothing.
    The knob `warmer_k` is added to the air of a series.
    """

    path = path_form = "weather"

    def __init__(self, kernel: Kernel, config: WeatherConfig) -> None:
        """Begins as the calendar of the station says."""
        self._kernel = kernel
        self._config = config
        humidity_pct = _HUMIDITY_PCT if config.humidity_pct is None else config.humidity_pct
        wind_m_s = _WIND_M_S if config.wind_m_s is None else config.wind_m_s
        self.air_temp_c = Signal("weather.air_temp_c", "C", config.air_temp_c or 0.0)
        self.humidity_pct = Signal("weather.humidity_pct", "%", humidity_pct)
        self.wind_m_s = Signal("weather.wind_m_s", "m/s", wind_m_s)
        self.sun_w_m2 = Signal("weather.sun_w_m2", "W/m2", config.sun_w_m2 or 0.0)
        self.rain = State("weather.rain_class", tuple(Rain)[config.rain_class or 0])
        kernel.add(self.air_temp_c, self.humidity_pct, self.wind_m_s, self.sun_w_m2, self.rain)
        self.warmer_k: Knob[float] = Knob(config.warmer_k, lambda: None)
        self.series = config.series
        self.is_synthetic = False
        self._series = _SERIES[config.series]() if config.series is not None else None
        self._sun = self._place()
        if config.monthly_mean_c is not None:
            self._month(config.monthly_mean_c)
        if self._series is not None or self._sun is not None:
            whole_hour = kernel.clock.local(kernel.now).replace(minute=0, second=0, microsecond=0)
            self._before = self._after = self._knot(kernel.clock.seconds(whole_hour.astimezone(UTC)))
            self._turn()

    def _place(self) -> Sun | None:
        config, clock = self._config, self._kernel.clock
        latitude_deg = config.sun_latitude_deg
        if latitude_deg is None:
            return None
        longitude_deg = config.longitude_deg
        if longitude_deg is None:
            local = clock.local(SimTime(0.0))
            standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
            longitude_deg = standard / timedelta(hours=1) * 15.0 - (_SERIES_WEST_DEG if config.series else 0.0)
        return Sun(clock.start, latitude_deg, longitude_deg)

    def _month(self, means_c: tuple[float, ...]) -> None:
        now, clock = self._kernel.now, self._kernel.clock
        local = clock.local(now)
        self.air_temp_c.set(now, means_c[local.month - 1])
        first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (first + timedelta(days=32)).replace(day=1)
        self._kernel.at(clock.seconds(following.astimezone(UTC)), lambda: self._month(means_c))

    def _knot(self, t: SimTime) -> _Knot:
        hour = self._series.at(hour_number(self._kernel.clock.local(t))) if self._series is not None else None
        clearness = _CLEARNESS[self.rain.value if hour is None else hour.rain]
        return _Knot(t, hour, clearness, self._sun.height(t) if self._sun is not None else 0.0)

    def _turn(self) -> None:
        now = self._kernel.now
        if now >= self._after.t:
            self._before, self._after = self._after, self._knot(SimTime(self._after.t + SECONDS_PER_HOUR))
            self._blow(now)
        self._kernel.at(self._after.t if self._sun is None else self._shine(self._sun, now), self._turn)

    def _blow(self, now: SimTime) -> None:
        here, there = self._before.hour, self._after.hour
        if here is None or there is None:
            return
        signals = (self.air_temp_c, self.humidity_pct, self.wind_m_s)
        more = (self.warmer_k.value, 0.0, 0.0)
        for signal, begins, ends, extra in zip(signals, here[:3], there[:3], more, strict=True):
            slope = (ends - begins) / SECONDS_PER_HOUR
            signal.set(now, begins + extra + slope * (now - self._before.t), slope)
        self.rain.set(now, here.rain)
        if here.is_synthetic and not self.is_synthetic:
            self.is_synthetic = True
            self._kernel.at(now, self._say_synthetic)  # at the run's start nobody listens yet

    def _say_synthetic(self) -> None:
        spreads = {"air_temp_spread_c": AIR_TEMP_C.spread, "humidity_spread_pct": HUMIDITY_PCT.spread}
        self._kernel.emit("weather.synthetic", "weather", {"series": self.series or "", **spreads})

    def _shine(self, sun: Sun, now: SimTime) -> SimTime:
        """Follow the sun from `now` to the end of the hour or to where it rises or sets; returns when that is."""
        before, after = self._before, self._after
        if before.height <= 0.0 and after.height <= 0.0:
            self.sun_w_m2.set(now, 0.0)
            return after.t
        begin, end = before.t, after.t
        first = before.clearness * clear_sky_w_m2(before.height)
        last = after.clearness * clear_sky_w_m2(after.height)
        if before.height <= 0.0 or after.height <= 0.0:
            crossing = sun.crossing(begin, before.height, end, after.height)
            if now < crossing:
                end, last = crossing, 0.0
            else:
                begin, first = crossing, 0.0
        slope = (last - first) / (end - begin)
        self.sun_w_m2.set(now, first + slope * (now - begin), slope)
        return end


@fault("weather.shifted", hits=Weather, zh="气温突变", clause="5.1", faces=("station", "wire"), needs="weather.series")
@dataclass(frozen=True, kw_only=True)
class WeatherShifted:
    """The air of a recorded series is warmer by so much, or colder, from the next whole hour of the clock on."""

    warmer_k: float = field(default=10.0, metadata=bounds(low=-60.0, high=20.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, weather: Weather) -> Iterable[Contribution]:
        """Shift it."""
        yield weather.warmer_k.add(self.warmer_k)
