"""One cell charged at constant current, then constant voltage: the pack's own code beside reference cells.

`voltyard physics pack-charge`. The cells are those of the shipped open-circuit curves: 4.967 Ah NMC, 2.3 Ah LFP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Literal

from sim.clock import Clock
from sim.files import key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.acceptance import AcceptanceMap
from twins.cell_bms import CellBms
from twins.cells import chemistries
from twins.pack import Pack, PackConfig

__all__ = ["AREA_M2", "CELL_AH", "PackCharge", "PackChargeParameters", "charge_cell"]

CELL_AH = {"nmc": 4.967, "lfp": 2.3}
AREA_M2 = 0.00531
_HEAT_CAPACITY_J_K = {"nmc": 159.0, "lfp": 80.0}
"""Fitted beside the reference charges of NMC, which run warm; LFP: its mass at 1050 J/(kg K)."""
_END_C = 1.0 / 20.0
_MOST_ROWS = 100_000
_UNLIMITED_KW = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class PackChargeParameters:
    """How the cell is charged, from the temperature of the air around it."""

    chemistry: Literal["nmc", "lfp"] = field(default="nmc", metadata=key("Kind of cell."))
    c_rate: float = field(default=1.0, metadata=key("Current over capacity.", unit="1/h", above=0, high=10))
    ambient_c: float = field(
        default=25.0, metadata=key("Air around, and the cell's start.", unit="C", low=-30, high=60)
    )
    cooling_w_m2k: float = field(
        default=10.0, metadata=key("From its surface to the air.", unit="W/(m2 K)", low=0, high=1e4)
    )
    soc_start_pct: float = field(default=10.0, metadata=key("Charge at the start.", unit="%", low=0, high=99))
    voltage_max_v: float | None = field(
        default=None, metadata=key("Held from here on; the chemistry's, if left out.", unit="V", low=3, high=5)
    )
    step_s: float = field(default=60.0, metadata=key("Between two rows.", unit="s", low=0.1, high=36_000))


@dataclass(frozen=True, slots=True)
class PackCharge:
    """The charge until the current has fallen to C/20; rows as `columns`, per cell."""

    columns: tuple[str, ...]
    rows: list[tuple[float, float, float, float, float]]


def charge_cell(given: PackChargeParameters) -> PackCharge:
    """Charge one cell; rows at each step, and at the end."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 0)
    nominal_ah = CELL_AH[given.chemistry]
    cell = chemistries()[given.chemistry]
    whole_v = cell.ohmic_v + sum(cell.slow_v) / len(cell.slow_v)
    config = PackConfig(
        series_cells=1, capacity_ah=nominal_ah, voltage_max_v=given.voltage_max_v, resistance_ohm=whole_v / nominal_ah,
        current_max_a=given.c_rate * nominal_ah, mass_kg=1.0, heat_capacity_j_kg_k=_HEAT_CAPACITY_J_K[given.chemistry],
        cooling_w_k=0.0, passive_w_k=given.cooling_w_m2k * AREA_M2, heater_kw=0.0,
    )  # fmt: skip
    takes_all = AcceptanceMap(shares=((0.0, 1.0), (1.0, 1.0)), rates=((-60.0, 20.0), (90.0, 20.0)), is_current=True)
    pack = Pack(nominal_ah * cell.nominal_v / 1_000.0, _UNLIMITED_KW, given.chemistry, config=config)
    power = Signal("power_kw", "kW")
    bms = CellBms(kernel, "cell", pack, takes_all, given.soc_start_pct, 100.0, given.ambient_c, given.ambient_c)
    rows: list[tuple[float, float, float, float, float]] = []
    t, due_s, least_a = SimTime(0.0), 0.0, _END_C * nominal_ah
    while len(rows) < _MOST_ROWS:
        ends = bms.draw(t, inf, power)
        if ends <= t:
            break
        while due_s < ends:
            row = _row(bms, SimTime(due_s))
            if row[1] <= least_a * (1.0 + 1e-9):
                return PackCharge(_COLUMNS, rows)
            rows.append(row)
            due_s += given.step_s
        t = ends
    rows.append(_row(bms, t))
    return PackCharge(_COLUMNS, rows)


_COLUMNS = ("t_s", "current_a", "voltage_v", "soc_pct", "temp_c")


def _row(bms: CellBms, t: SimTime) -> tuple[float, float, float, float, float]:
    return t, bms.current_a(t), bms.voltage_v(t), 100.0 * bms.soc.at(t), bms.temp_c.at(t)
