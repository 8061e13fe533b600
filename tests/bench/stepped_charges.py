"""Charges of cars, in pieces by the twin, and by the sheet's equations (section 1) in steps of 0.1 s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import exp, inf, sqrt

import numpy as np

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import ACCEPTANCE_MAPS, AcceptanceMap
from twins.cell_bms import CellBms
from twins.cells import ChemistryName
from twins.pack import Pack

STEP_S = 0.1
COOLER_K = 5.0
"""How much cooler the air is than the cells that come."""
_LONGEST_S = 40_000.0
_TRICKLE_C = 0.02
_EV = ACCEPTANCE_MAPS["ev_fast"]
_MODULE = AcceptanceMap(
    shares=((0.0, 1.0), (1.0, 1.0)), is_current=True, is_banded=True,
    rates=((0.0, 0.1), (10.0, 0.2), (12.0, 0.5), (45.0, 0.2), (55.0, 0.0)),
)  # fmt: skip


@dataclass(frozen=True)
class Car:
    """What comes, what it wants, what the pile gives at most."""

    chemistry: ChemistryName
    acceptance: AcceptanceMap
    capacity_kwh: float
    nameplate_kw: float
    soc_pct: float
    target_pct: float
    temp_c: float
    limit_kw: float

    @property
    def air_c(self) -> float:
        return self.temp_c - COOLER_K

    @property
    def pack(self) -> Pack:
        return Pack(self.capacity_kwh, self.nameplate_kw, self.chemistry)


CARS = {
    "the pile's limit": Car("nmc", _EV, 75.0, 140.0, 15.0, 80.0, 30.0, 60.0),
    "its own map": Car("nmc", _EV, 75.0, 200.0, 10.0, 95.0, 28.0, 250.0),
    "its highest voltage": Car("lfp", _EV, 60.0, 110.0, 20.0, 100.0, 25.0, 250.0),
    "a cold battery": Car("nmc", _EV, 60.0, 120.0, 30.0, 85.0, 6.0, 250.0),
    "the site's map": Car("nmc", ACCEPTANCE_MAPS["site_2022"], 58.0, 120.0, 20.0, 90.0, 15.0, 150.0),
    "a map of bands": Car("lfp", _MODULE, 60.0, 120.0, 30.0, 60.0, 8.0, 250.0),
}


@dataclass(frozen=True)
class Stepped:
    """By steps: its end, and at the start of each step power, charge (0 to 1), temperature, C-rate; kWh up to there."""

    end_s: float
    t_s: np.ndarray
    power_kw: np.ndarray
    soc: np.ndarray
    temp_c: np.ndarray
    rate: np.ndarray
    energy_kwh: np.ndarray
    heat_kwh: np.ndarray


def stepped(car: Car) -> Stepped:
    """The whole charge; the last row is what the last step led to."""
    pack, acceptance = car.pack, car.acceptance
    cell, strength_kw = pack.chemistry, acceptance.strength_kw(car.capacity_kwh, car.nameplate_kw)
    temp_c, soc, slow_v, t, energy_kwh, heat_kwh, band = car.temp_c, car.soc_pct / 100.0, 0.0, 0.0, 0.0, 0.0, None
    power_kw = rate = 0.0
    rows = []
    while soc < car.target_pct / 100.0 and t < _LONGEST_S:
        cold = 1.0 / (temp_c + 273.15) - 1.0 / 298.15
        ohmic_v = pack.ohmic_v * exp(pack.ohmic_k * cold)
        inner_v = cell.ocv(soc) + pack.entropy_v_k * (temp_c - 25.0) + slow_v
        band = acceptance.band(temp_c, band) if acceptance.is_banded else None
        allowed = acceptance.rate(temp_c) if band is None else acceptance.band_rate(band)
        wanted_kw = min(car.limit_kw, car.nameplate_kw * acceptance.ceiling)
        if acceptance.is_current:
            rate = allowed * acceptance.share(soc)
        else:
            rate, wanted_kw = inf, min(wanted_kw, strength_kw * allowed * acceptance.share(soc))
        wanted_v = wanted_kw / pack.unit_kw
        rate = min(rate, 2.0 * wanted_v / (inner_v + sqrt(inner_v**2 + 4.0 * ohmic_v * wanted_v)))
        rate = min(rate, (pack.max_v - inner_v) / ohmic_v)
        if rate < _TRICKLE_C and inner_v + rate * ohmic_v > pack.max_v - 1e-6:
            break
        power_kw = rate * (inner_v + rate * ohmic_v) * pack.unit_kw
        heat_kw = rate * (rate * ohmic_v + slow_v + pack.entropy_v_k * (temp_c + 273.15)) * pack.unit_kw
        rows.append((t, power_kw, soc, temp_c, rate, energy_kwh, heat_kwh))
        slow_at_v = rate * pack.slow_scale * cell.slow(soc) * exp(pack.slow_k * cold)
        cooling_kw = (pack.cooling_w_k * max(0.0, temp_c - 25.0) + pack.passive_w_k * (temp_c - car.air_c)) / 1_000.0
        slow_v += STEP_S * (slow_at_v - slow_v) / cell.slow_s
        soc += STEP_S * rate / SECONDS_PER_HOUR
        temp_c += 1_000.0 * STEP_S * (heat_kw - cooling_kw) / pack.heat_capacity_j_k
        energy_kwh += STEP_S * power_kw / SECONDS_PER_HOUR
        heat_kwh += STEP_S * heat_kw / SECONDS_PER_HOUR
        t += STEP_S
    rows.append((t, power_kw, soc, temp_c, rate, energy_kwh, heat_kwh))
    return Stepped(t, *np.array(rows).T)


@dataclass(frozen=True)
class Drawn:
    """By the twin: its BMS and signals as the charge has left them, when it ended, in how many pieces."""

    bms: CellBms
    power: Signal
    heat: Signal
    temp: Signal
    end_s: SimTime
    pieces: int


def drawn(car: Car, told: Callable[[Drawn], None] = lambda piece: None) -> Drawn:
    """The whole charge in pieces; `told` each one while its signals are those of the piece, which ends at `end_s`."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 1)
    power, heat, temp = Signal("power_kw", "kW"), Signal("heat_kw", "kW"), Signal("temp_c", "C")
    bms = CellBms(kernel, "bms", car.pack, car.acceptance, car.soc_pct, car.target_pct, car.temp_c, car.air_c,
                  heat_kw=heat, cell_temp_c=temp)  # fmt: skip
    t, pieces = SimTime(0.0), 0
    while (ends := bms.draw(t, car.limit_kw, power)) > t:
        t, pieces = ends, pieces + 1
        told(Drawn(bms, power, heat, temp, t, pieces))
    return Drawn(bms, power, heat, temp, t, pieces)
