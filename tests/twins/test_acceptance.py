"""Physics sheet, section 1: the bands of charge acceptance, each with its rate, and 2 K between coming and going."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from math import inf

import pytest

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.acceptance import ACCEPTANCE_MAPS, HYSTERESIS_K
from twins.cell_bms import CellBms
from twins.pack import Pack, PackConfig
from twins.vehicle import VehicleModel

TABLE = {
    # (from C, to C, C-rate): the rows of the sheet, of a range the lower end
    "lfp_module_standard": (
        (-inf, 0, 0.0), (0, 5, 0.1), (5, 10, 0.1), (10, 25, 0.2), (25, 50, 0.5), (50, 60, 0.1), (60, inf, 0.0)
    ),
    "lfp_module_fast": (
        (-inf, 0, 0.0), (0, 5, 0.0), (5, 10, 0.2), (10, 25, 1.0), (25, 50, 0.75), (50, 60, 0.0), (60, inf, 0.0)
    ),
    "lfp_storage": (
        (-inf, 0, 0.0), (0, 5, 0.1), (5, 10, 0.1), (10, 15, 0.2), (15, 45, 0.5), (45, 55, 0.2), (55, inf, 0.0)
    ),
}  # fmt: skip
BANDS = [(name, *band) for name, bands in TABLE.items() for band in bands]


@pytest.mark.parametrize(("name", "low_c", "high_c", "rate"), BANDS)
def test_each_bands_rate(name: str, low_c: float, high_c: float, rate: float) -> None:
    bands = ACCEPTANCE_MAPS[name]
    assert bands.is_banded and bands.is_current
    for temp_c in (max(low_c, -40.0), max(low_c, -40.0) + 2.5, min(high_c, 90.0) - 0.01):
        assert bands.rate(temp_c) == rate
    assert [bands.share(soc) for soc in (0.0, 0.5, 0.6, 0.8, 0.9)] == pytest.approx([1.0, 1.0, 0.8, 0.4, 0.2])


@pytest.mark.parametrize("name", TABLE)
def test_going_down_a_band_holds_for_two_kelvin_more(name: str) -> None:
    bands = ACCEPTANCE_MAPS[name]
    for (_, edge_c, below), (_, _, above) in pairwise(TABLE[name]):
        if below == above:
            continue
        warm = bands.band(edge_c + 0.5, None)
        assert bands.band_rate(bands.band(edge_c - 0.1, bands.band(edge_c - 0.2, None))) == below, "not before the edge"
        assert bands.band_rate(bands.band(edge_c - HYSTERESIS_K + 0.1, warm)) == above
        assert bands.band_rate(bands.band(edge_c - HYSTERESIS_K - 0.1, warm)) == below


@pytest.mark.parametrize(("name", "low_c", "high_c", "rate"), BANDS)
def test_a_car_takes_the_current_of_its_band(name: str, low_c: float, high_c: float, rate: float) -> None:
    model = VehicleModel(name="car", capacity_kwh=60.0, dc_max_kw=120.0, acceptance=name)
    pack = Pack(model.capacity_kwh, model.dc_max_kw, model.chemistry)
    temp_c = 0.5 * (max(low_c, -20.0) + min(high_c, 70.0))
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 1)
    bms = CellBms(kernel, "bms", pack, ACCEPTANCE_MAPS[model.acceptance], 20.0, 80.0, temp_c, temp_c)
    bms.draw(SimTime(0.0), 1_000.0, Signal("power_kw", "kW"))
    taken = bms.current_a(SimTime(0.0)) / pack.capacity_ah
    assert taken == pytest.approx(rate, rel=1e-6, abs=1e-9)


def test_a_car_that_cools_through_an_edge_keeps_its_rate_for_two_kelvin() -> None:
    """Its coolant of 15 C takes it down from 26 C: 0.5 C until 23 C, then 0.2 C."""
    pack = Pack(60.0, 120.0, "lfp", config=PackConfig(coolant_c=15.0, cooling_w_k=400.0))
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 1)
    bands = ACCEPTANCE_MAPS["lfp_module_standard"]
    bms = CellBms(kernel, "bms", pack, bands, 10.0, 50.0, 26.0, 20.0)
    power, t, rates = Signal("power_kw", "kW"), SimTime(0.0), list[tuple[float, float]]()
    while (ends := bms.draw(t, 1_000.0, power)) > t:
        rates.append((bms.temp_c.at(t), bms.current_a(t) / pack.capacity_ah))
        t = ends
    turned_c = next(temp_c for temp_c, rate in rates if rate < 0.3)
    assert turned_c == pytest.approx(25.0 - HYSTERESIS_K, abs=0.05)
    assert {round(rate, 3) for _, rate in rates} == {0.5, 0.2}


@pytest.mark.parametrize("mass_kg", [60.0, 240.0])
def test_no_piece_of_a_charge_runs_across_the_edge_of_its_band(mass_kg: float) -> None:
    """A light pack in air of -40 C cools while it charges: at -2 C it stops and heats, to the very end."""
    pack = Pack(60.0, 120.0, "lfp", config=PackConfig(mass_kg=mass_kg))
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 1)
    bms = CellBms(kernel, "bms", pack, ACCEPTANCE_MAPS["lfp_module_standard"], 10.0, 90.0, -40.0, -40.0)
    power, t, coldest_c = Signal("power_kw", "kW"), SimTime(0.0), inf
    while (ends := bms.draw(t, 120.0, power)) > t:
        if bms.current_a(t) > 0.0:
            coldest_c = min(coldest_c, bms.temp_c.at(ends))
        t = ends
    assert bms.soc.at(t) == pytest.approx(0.9)
    assert -HYSTERESIS_K - 0.1 < coldest_c < 0.0
