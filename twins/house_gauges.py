"""What the house's I/O module and air conditioner show: whether outputs do as they are told, temperatures, a code.

Air comes from the conditioner as far below the room's as it cools: 10 K at its rating (ours).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import Final

from sim.gauges import Gauge
from sim.units import SimTime
from twins.breaker import BreakerState
from twins.grid import Grid
from twins.house import Cooling, House

__all__ = ["house_gauges"]

_SUPPLY_K: Final = 10.0


def house_gauges(house: House, grid: Grid) -> Iterator[Gauge]:
    """Every gauge of the house's module; of what the station has not, flags are 0 and numbers `nan`."""
    lights, cooling = house.lights, house.cooling
    breaker, feed_pu = grid.transformer.breaker.state, grid.feed.voltage_pu
    yield Gauge("house.are_lights_on", "1", lambda _t: float(lights is not None and lights.is_lit))
    yield Gauge("house.are_lights_auto", "1", lambda _t: float(lights is not None and lights.switch.value == "auto"))
    yield Gauge("house.is_cooling_on", "1", lambda _t: float(cooling is not None and cooling.is_on))
    yield Gauge("house.is_cooling", "1", lambda t: float(cooling is not None and cooling.power_kw.at(t) > 0.0))
    yield Gauge("house.has_main_open", "1", lambda _t: float(breaker.value is BreakerState.OPEN))
    yield Gauge("house.has_mains", "1", lambda t: float(feed_pu.at(t) > 0.0))
    yield Gauge("house.set_c", "C", lambda _t: cooling.config.set_c if cooling is not None else nan)
    yield Gauge("house.return_c", "C", lambda t: cooling.room_c(t) if cooling is not None else nan)
    yield Gauge("house.supply_c", "C", lambda t: _supply_c(cooling, t) if cooling is not None else nan)
    yield Gauge("house.has_cooling_failed", "1", lambda _t: float(cooling is not None and cooling.share.value < 1.0))


def _supply_c(cooling: Cooling, t: SimTime) -> float:
    return cooling.room_c(t) - _SUPPLY_K * cooling.power_kw.at(t) / cooling.config.rating_kw
