"""One cell charged at constant current, then constant voltage: the pack's own code beside reference cells.

`voltyard physics pack-charge`. The cells are those of the shipped open-circuit curves: 4.967 Ah NMC, 2.3 Ah LFP.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Literal

from sim.clock import Clock
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.acceptance import AcceptanceMap
from twins.cell_bms import CellBms
from twins.cells import chemistries
from twins.pack import Pack, PackConfig
from twins.trial_rows import MOST_ROWS, refuse_many_rows

__all__ = ["AREA_M2", "CELL_AH", "PackCharge", "PackChargeParameters", "charge_cell"]

CELL_AH = {"nmc": 4.967, "lfp": 2.3}
AREA_M2 = 0.00531
_HEAT_CAPACITY_J_K = {"nmc": 159.0, "lfp": 80.0}
"""Fitted beside the reference charges of NMC, which run warm; LFP: its mass at 1050 J/(kg K)."""
_END_C = 1.0 / 20.0
_UNLIMITED_KW = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class PackChargeParameters:
    """How the cell is charged, from the temperature of the air around it."""

    chemistry: Literal["nmc", "lfp"] = field(default="nmc", metadata=key("Kind of cell."))
    c_rate: float = field(
        default=1.0, metadata=key("Current over capacity; the charge ends at 0.05.", unit="1/h", above=0.05, high=10)
    )
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

    def __post_init__(self) -> None:
        """Refuse a voltage that the cell has at rest already."""
        cell = chemistries()[self.chemistry]
        rest_v = cell.ocv(self.soc_start_pct / 100.0) + cell.entropy_v_k * (self.ambient_c - 25.0)
        if self.voltage_max_v is not None and self.voltage_max_v <= rest_v:
            what = f"{self.voltage_max_v:g} V is not above the open-circuit voltage at the start"
            raise Misfit("voltage_max_v", what, f"more than {rest_v:.4g} V, or less charge at the start")


Row = tuple[float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class PackCharge:
    """The charge until it ended; rows as `columns`, per cell.

    `ended` is full (the current has fallen to C/20) or the alarm by which the BMS ended the charge.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    ended: str


def charge_cell(given: PackChargeParameters) -> PackCharge:
    """Charge one cell; rows at each step, and at the end. Raises `Misfit` where that is too many."""
    bms = _bms(given)
    power = Signal("power_kw", "kW")
    rows: list[Row] = []
    t, due_s, least_a = SimTime(0.0), 0.0, _END_C * CELL_AH[given.chemistry] * (1.0 + 1e-9)
    while (ends := bms.draw(t, inf, power)) > t:
        is_over = bms.current_a(ends) <= least_a
        if is_over:
            ends = _fallen(bms, t, ends, least_a)
        while due_s < ends:
            if len(rows) < MOST_ROWS:
                rows.append(_row(bms, SimTime(due_s)))
            due_s += given.step_s
        t = ends
        if is_over:
            break
    refuse_many_rows(t, given.step_s)
    return PackCharge(_COLUMNS, [*rows, _row(bms, t)], bms.alarm or "full")


def _bms(given: PackChargeParameters) -> CellBms:
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
    return CellBms(kernel, "cell", pack, takes_all, given.soc_start_pct, 100.0, given.ambient_c, given.ambient_c)


def _fallen(bms: CellBms, begins: SimTime, ends: SimTime, least_a: float) -> SimTime:
    """When the current, which only falls in a piece, comes to `least_a`."""
    for _ in range(60):
        middle = SimTime(0.5 * (begins + ends))
        if bms.current_a(middle) > least_a:
            begins = middle
        else:
            ends = middle
    return ends


_COLUMNS = ("t_s", "current_a", "voltage_v", "soc_pct", "temp_c")


def _row(bms: CellBms, t: SimTime) -> Row:
    return t, bms.current_a(t), bms.voltage_v(t), 100.0 * bms.soc.at(t), bms.temp_c.at(t)
