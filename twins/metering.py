"""The meters of a station: one at its boundary, one on each feeder; and on which phase each outlet hangs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.kernel import Kernel
from sim.sums import Sum
from twins.grid import Grid
from twins.meter import Busbar, Meter
from twins.pile import Pile
from twins.supply import ONE_PHASE_KW

__all__ = ["site_meters"]


def site_meters(kernel: Kernel, grid: Grid, piles: Iterable[Pile]) -> Mapping[str, Meter]:
    """Every meter by its path.

    Outlets of one phase hang on L1, L2, L3 and again on L1 in the order of the file; each carries its share of what
    its cabinet draws for itself.
    """
    by_feeder: dict[str, list[list[Sum]]] = {feeder: [[], [], []] for feeder in grid.feeders}
    number = 0
    for pile in piles:
        if pile.model.kind != "ac" or pile.model.evse_max_kw > ONE_PHASE_KW:
            continue
        own_kw = Sum("", "kW", [pile.loss_kw, pile.standby_kw], scale=1.0 / len(pile.evses))
        for evse in pile.evses:
            by_feeder[pile.config.feeder][number % 3].append(Sum("", "kW", [evse.power_kw, own_kw]))
            number += 1
    config = grid.config
    busbar = Busbar(grid.feed.voltage_pu, config.power_factor, config.frequency_hz)
    meters = []
    for feeder in config.feeders:
        on_phases = [Sum("", "kW", parts) for parts in by_feeder[feeder.id]]
        path, power_kw = f"grid.feeder[{feeder.id}].meter", grid.feeders[feeder.id]
        meters.append(Meter(kernel, path, power_kw, on_phases, busbar, feeder.meter.error_pct))
    on_phases = [Sum("", "kW", [part for one in by_feeder.values() for part in one[phase]]) for phase in range(3)]
    path = f"grid.meter[{config.meter.id}]"
    meters.append(Meter(kernel, path, grid.power_kw, on_phases, busbar, config.meter.error_pct))
    return {meter.path: meter for meter in meters}
