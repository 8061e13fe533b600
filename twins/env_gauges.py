"""What a transmitter of temperature and humidity shows of an environment sensor: its readings, dew point, levels.

Dew point after Magnus, over water, with the coefficients of Sonntag (1990): 17.62 and 243.12 C. A sensor that says
nothing shows nothing. Levels are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log, nan
from typing import Final

from sim.gauges import Gauge
from sim.units import SimTime
from twins.evse_gauges import serial_of
from twins.microclimate import EnvSensor

__all__ = ["HUMIDITY_LEVELS_PCT", "TEMP_LEVELS_C", "dew_point_c", "env_gauges"]

_MAGNUS, _MAGNUS_C = 17.62, 243.12

TEMP_LEVELS_C: Final = ((-5.0, 40.0), (-10.0, 45.0), (-20.0, 50.0))
"""(lowest, highest) beyond which a temperature is an alert, a warning, critical."""
HUMIDITY_LEVELS_PCT: Final = ((20.0, 80.0), (10.0, 90.0), (5.0, 95.0))
"""The same of humidity: piles are to work up to 95 %."""

_WORDS: Final = ("alert", "warning", "critical")


def dew_point_c(temp_c: float, humidity_pct: float) -> float:
    """The dew point of air; `nan` where it is quite dry, or nothing is known of it."""
    if not humidity_pct > 0.0:
        return nan
    share = log(humidity_pct / 100.0) + _MAGNUS * temp_c / (_MAGNUS_C + temp_c)
    return _MAGNUS_C * share / (_MAGNUS - share)


def env_gauges(sensor: EnvSensor) -> Iterator[Gauge]:
    """Every gauge of one sensor, by paths such as `env[E1].dew_point_c`."""
    path, temp, humidity = sensor.path, sensor.temp_c, sensor.humidity_pct

    def temp_c(t: SimTime) -> float:
        return nan if temp.is_broken.value else temp.at(t)

    def humidity_pct(t: SimTime) -> float:
        return nan if humidity.is_broken.value else humidity.at(t)

    yield Gauge(f"{path}.read_c", "C", temp_c)
    yield Gauge(f"{path}.read_pct", "%", humidity_pct)
    yield _constant(f"{path}.serial", "1", serial_of(path))
    yield Gauge(f"{path}.dew_point_c", "C", lambda t: dew_point_c(temp_c(t), humidity_pct(t)))
    yield Gauge(f"{path}.temp_level", "1", lambda t: _level(temp_c(t), TEMP_LEVELS_C))
    yield Gauge(f"{path}.humidity_level", "1", lambda t: _level(humidity_pct(t), HUMIDITY_LEVELS_PCT))
    for levels, name, unit in ((TEMP_LEVELS_C, "temp", "c"), (HUMIDITY_LEVELS_PCT, "humidity", "pct")):
        for word, (low, high) in zip(_WORDS, levels, strict=True):
            yield _constant(f"{path}.{name}_{word}_low_{unit}", "C" if unit == "c" else "%", low)
            yield _constant(f"{path}.{name}_{word}_high_{unit}", "C" if unit == "c" else "%", high)


def _constant(path: str, unit: str, value: float) -> Gauge:
    return Gauge(path, unit, lambda _t: value)


def _level(value: float, levels: tuple[tuple[float, float], ...]) -> float:
    """0 normal, 1 alert, 2 warning, 3 critical; `nan` of nothing."""
    return nan if value != value else float(sum(not low <= value <= high for low, high in levels))
