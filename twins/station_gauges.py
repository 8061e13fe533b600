"""What the station's devices show beside the signals of its twins: every gauge of a station but those of meters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sim.gauges import Gauge
from twins.dry_transformer import DryTransformer
from twins.env_gauges import env_gauges
from twins.evse_gauges import evse_gauges
from twins.house_gauges import house_gauges
from twins.pile_gauges import pile_gauges
from twins.transformer_gauges import transformer_gauges

if TYPE_CHECKING:
    from twins.station import Station

__all__ = ["station_gauges"]


def station_gauges(station: Station) -> Iterator[Gauge]:
    """Of piles and their outlets, the transformer's controller, environment sensors and the house."""
    for pile in station.piles.values():
        yield from pile_gauges(pile, station.kernel.clock)
        for evse in pile.evses:
            yield from evse_gauges(evse)
    if isinstance(station.grid.transformer, DryTransformer):
        yield from transformer_gauges(station.grid.transformer, station.weather.air_temp_c)
    for sensor in station.microclimate.sensors.values():
        yield from env_gauges(sensor)
    yield from house_gauges(station.house, station.grid)
