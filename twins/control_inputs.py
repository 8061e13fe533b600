"""What the power allocation is told from outside: what the grid carries for the piles, and what energy costs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sim.kernel import Kernel
from sim.units import FOREVER
from twins.control import Control
from twins.grid import Grid
from twins.house import House
from twins.pile import Pile
from twins.sharing import Prices
from twins.tariff import Tariff, TariffConfig

__all__ = ["set_budgets", "tell_prices"]

_A_DAY_S = 86_400.0


def set_budgets(control: Control, grid: Grid, house: House, piles: Sequence[Pile]) -> None:
    """What the grid carries, in kilowatts of output: with every module on, and each kilowatt at the worst ratio."""
    by_feeder: dict[str, list[Pile]] = {}
    for pile in piles:
        by_feeder.setdefault(pile.config.feeder, []).append(pile)
    for pile in piles:
        budgets = {pile.path: pile.model.rated_kw} if len(pile.evses) > 1 else {}
        feeder = pile.config.feeder
        budgets[f"grid.feeder[{feeder}]"] = _output(grid.feeder_limit_kw(feeder), 0.0, by_feeder[feeder])
        for evse in pile.evses:
            control.watch(evse, budgets)

    def limit_load() -> None:
        for source, limit_kw in grid.load_limits_kw().items():
            control.limit(source, _output(limit_kw, house.most_kw, piles))

    grid.transformer.on_limit = limit_load
    limit_load()


def tell_prices(kernel: Kernel, control: Control, config: TariffConfig, tariff: Tariff) -> None:
    """Tell a control that minds the time of use, now and at each turn, whether energy is dear and when it falls."""
    if not control.minds_prices:
        return
    now = kernel.now
    mean_cny = config.energy_cny_kwh + config.service_cny_kwh
    price_cny, turns = tariff.period_at(now).price_cny_kwh, tariff.next_change(now)
    cheaper = turns
    while cheaper < now + _A_DAY_S and tariff.period_at(cheaper).price_cny_kwh >= price_cny:
        cheaper = tariff.next_change(cheaper)
    control.reprice(Prices(price_cny > mean_cny and cheaper < FOREVER, cheaper))
    if turns < FOREVER:
        kernel.at(turns, partial(tell_prices, kernel, control, config, tariff))


def _output(limit_kw: float, house_kw: float, piles: Sequence[Pile]) -> float:
    room_kw = limit_kw - house_kw - sum(pile.fixed_kw for pile in piles)
    return max(0.0, room_kw / max(pile.input_ratio for pile in piles))
