"""What a dry transformer's temperature controller shows: its sensors, relays and set-points.

It has a Pt100 in each winding. Ours has one winding that stands for three under a balanced load: all three show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import Final

from sim.gauges import Gauge
from sim.signals import Signal
from sim.units import SimTime
from twins.dry_transformer import DryTransformer, FanState
from twins.warm_transformer import SensorState

__all__ = ["transformer_gauges"]

COLDEST_C, HOTTEST_C = -40.0, 200.0
"""What the controller can show."""

_WINDINGS: Final = ("a", "b", "c")


def transformer_gauges(transformer: DryTransformer, air_c: Signal) -> Iterator[Gauge]:
    """Every gauge of its controller; `air_c` is the air around it. A sensor that is broken shows nothing."""
    path, reading, guard = transformer.path, transformer.pt100_c, transformer.guards["pt100"]

    def winding_c(t: SimTime) -> float:
        return nan if reading.is_broken.value else _shown(reading.at(t))

    for winding in _WINDINGS:
        yield Gauge(f"{path}.winding_{winding}_c", "C", winding_c)
    yield Gauge(f"{path}.ambient_c", "C", lambda t: _shown(air_c.at(t)))
    yield Gauge(f"{path}.has_broken_sensor", "1", lambda _t: float(transformer.sensor.value is SensorState.BROKEN))
    yield Gauge(f"{path}.are_fans_on", "1", lambda _t: float(transformer.fans.value is FanState.ON))
    yield Gauge(f"{path}.has_alarm", "1", lambda _t: float(guard.alarm.is_on))
    yield Gauge(f"{path}.has_tripped", "1", lambda _t: float(guard.trip.is_on))
    yield Gauge(f"{path}.fan_on_c", "C", lambda _t: transformer.heat.fans.on_c if transformer.heat.fans else nan)
    yield Gauge(f"{path}.fan_off_c", "C", lambda _t: transformer.heat.fans.off_c if transformer.heat.fans else nan)
    yield Gauge(f"{path}.alarm_c", "C", lambda _t: transformer.heat.alarm_c)
    yield Gauge(f"{path}.trip_c", "C", lambda _t: transformer.heat.trip_c)


def _shown(temp_c: float) -> float:
    return min(max(temp_c, COLDEST_C), HOTTEST_C)
