"""The charge in closed form against a 0.1 s integrator of the same equations; efficiency of the shipped pile."""

from __future__ import annotations

from datetime import datetime

import pytest

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.acceptance import ACCEPTANCE_MAPS
from twins.isothermal_bms import IsothermalBms
from twins.pack import Pack
from twins.station_file import pile_models

SITE = ACCEPTANCE_MAPS["site_2022"]
CASES = [
    # capacity, nameplate, soc in, target, cells C, limit
    (75.0, 180.0, 20.0, 90.0, 26.0, 150.0),
    (40.0, 50.0, 10.0, 80.0, 10.0, 150.0),
    (107.0, 250.0, 5.0, 95.0, 28.0, 86.25),
    (58.0, 120.0, 60.0, 100.0, 12.0, 60.0),
]


def reference(case: tuple[float, ...]) -> tuple[float, float]:
    """(end s, energy kWh) by steps of 0.1 s, the last one shortened."""
    capacity, nameplate, soc, target, temp_c, limit_kw = case
    strength_kw = SITE.strength_kw(capacity, nameplate)
    soc, t, energy_kwh = soc / 100.0, 0.0, 0.0
    while soc < target / 100.0:
        power = min(limit_kw, SITE.ceiling * nameplate, strength_kw * SITE.rate(temp_c) * SITE.share(soc))
        step = 0.95 * power * 0.1 / 3_600.0 / capacity
        share = min(1.0, (target / 100.0 - soc) / step)
        soc += share * step
        energy_kwh += share * power * 0.1 / 3_600.0
        t += share * 0.1
    return t, energy_kwh


@pytest.mark.parametrize("case", CASES)
def test_segments_against_the_reference_integrator(case: tuple[float, ...]) -> None:
    capacity, nameplate, soc, target, temp_c, limit_kw = case
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 1)
    bms = IsothermalBms(kernel, "bms", Pack(capacity, nameplate), SITE, soc, target, temp_c, temp_c)
    power = Signal("power_kw", "kW")
    t = SimTime(0.0)
    for _ in range(500):
        ends = bms.draw(t, limit_kw, power)
        if ends <= t:
            break
        t = ends
    end_s, energy_kwh = reference(case)
    assert t == pytest.approx(end_s, abs=1.0)
    assert power.total_at(t) / 3_600.0 == pytest.approx(energy_kwh, rel=1e-3)
    assert bms.temp_c.at(t) == temp_c
    assert 100.0 * bms.soc.at(t) == pytest.approx(target, abs=0.05)


def test_the_shipped_piles_losses_are_what_modules_have() -> None:
    model = pile_models()["dc_172_2"]

    def efficiency(load: float) -> float:
        output = load * model.rated_kw
        return output / (output * (1.0 + model.loss_ratio) + model.no_load_loss_kw)

    assert efficiency(0.2) == pytest.approx(0.92, abs=0.002)
    assert 0.949 < efficiency(0.5) < efficiency(1.0) < 0.961
