"""The temperatures at which a station acts on heat, kept with a recording so that figures can draw them as lines."""

from __future__ import annotations

from twins.connector import LadderConfig
from twins.evse import Evse
from twins.station import Station
from twins.transformer_heat import DryHeatConfig

__all__ = ["heat_levels"]


def heat_levels(station: Station) -> dict[str, dict[str, float]]:
    """Of each signal that something goes by: what is done (`alarm`, `derate`, `stop`, `trip`) and from where on, in C.

    Nothing stands for what is not followed, or is never done. A cabinet that derates by the air outside has no such
    level of its own.
    """
    levels: dict[str, dict[str, float]] = {}
    transformer = station.grid.config.transformer
    heat, path = transformer.heat, f"grid.transformer[{transformer.id}]"
    if isinstance(heat, DryHeatConfig):
        levels[f"{path}.pt100_c"] = {"alarm": heat.alarm_c, "trip": heat.trip_c}
    elif heat is not None:
        levels[f"{path}.top_oil_c"] = {"alarm": heat.alarm_top_oil_c, "trip": heat.trip_top_oil_c}
        levels[f"{path}.winding_c"] = {"alarm": heat.alarm_hot_spot_c, "trip": heat.trip_hot_spot_c}
    for pile in station.piles.values():
        if pile.cabinet is not None:
            curve, stop_c = pile.cabinet.config.curve, pile.cabinet.config.inlet_cutoff_c
            full_c = max((temp_c for temp_c, pct in curve.points if pct >= 100.0), default=None)
            derates = {} if curve.is_by_air or full_c is None else {"derate": full_c}
            levels[f"{pile.path}.cabinet_temp_c"] = derates | {"stop": stop_c}
        for evse in pile.evses:
            ladder = evse.contact.config.ladder if isinstance(evse, Evse) and evse.contact is not None else None
            if isinstance(ladder, LadderConfig):
                rungs = {"alarm": ladder.warn_c, "derate": ladder.derate_c, "stop": ladder.stop_c}
                levels[f"{evse.path}.contact_temp_c"] = {name: c for name, c in rungs.items() if c is not None}
    return levels
