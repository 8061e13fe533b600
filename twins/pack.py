"""The pack: cells in series and parallel as one lumped node, its cooling and its heater (physics sheet, section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from sim.files import Misfit, key
from twins.cells import Chemistry, ChemistryName, chemistries, warmth

__all__ = ["Pack", "PackConfig", "refuse_unphysical"]

_MASS_KG_KWH = {"nmc": 6.25, "lfp": 7.25}
_LEAST_KG_KWH = 1.0
_HEAT_CAPACITY_J_KG_K = {"nmc": 1_000.0, "lfp": 1_050.0}
_SERIES = {("nmc", 400): 96, ("nmc", 800): 194, ("lfp", 400): 110, ("lfp", 800): 220}
_RESISTANCE_V_C = {"nmc": 0.178, "lfp": 0.178}
"""What a cell of a car's pack loses at 1 C, 25 C and half charge, in V: 0.08 ohm at 75 kWh and 350 V."""

_LEAST_W_K = 1e-3
"""No pack is quite cut off from the air: closed forms want a time constant."""
_KINK_V = 0.1
"""Between two points of the slow polarisation, its change of slope that a forecast cannot look across."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackConfig:
    """What is known of a model's battery; what is left out follows from its chemistry, platform and capacity.

    Defaults are ours (physics sheet, section 1, marked there as such) and describe no maker's car.
    """

    series_cells: int | None = field(default=None, metadata=key("Cells in series.", low=1, high=1_000))
    capacity_ah: float | None = field(
        default=None, metadata=key("Charge it holds; of the energy if left out.", unit="Ah", above=0, high=100_000)
    )
    voltage_max_v: float | None = field(
        default=None,
        metadata=key("A cell is never charged above this; its chemistry's, if left out.", unit="V", low=3, high=5),
    )
    resistance_ohm: float | None = field(
        default=None, metadata=key("Whole resistance at 25 C and half charge.", unit="ohm", above=0, high=100)
    )
    slow_share: float | None = field(
        default=None, metadata=key("Part of the resistance that is slow polarisation.", low=0, high=0.99)
    )
    activation_k: float | None = field(
        default=None, metadata=key("How its resistance falls with warmth.", unit="K", low=0, high=8_000)
    )
    entropy_mv_k: float | None = field(
        default=None, metadata=key("Open-circuit voltage of a cell by temperature.", unit="mV/K", low=-2, high=2)
    )
    current_max_a: float | None = field(
        default=None, metadata=key("What its inlet carries at most.", unit="A", above=0, high=5_000)
    )
    mass_kg: float | None = field(default=None, metadata=key("Of the pack.", unit="kg", low=1, high=20_000))
    heat_capacity_j_kg_k: float | None = field(
        default=None, metadata=key("Of its mass.", unit="J/(kg K)", low=100, high=10_000)
    )
    cooling_w_k: float | None = field(
        default=None, metadata=key("Of its coolant plate while the pump runs.", unit="W/K", low=0, high=100_000)
    )
    coolant_c: float = field(default=25.0, metadata=key("Of the coolant that comes in.", unit="C", low=-40, high=80))
    passive_w_k: float = field(default=12.0, metadata=key("To the air around.", unit="W/K", low=0, high=10_000))
    heater_kw: float = field(default=4.0, metadata=key("To warm it in the cold.", unit="kW", low=0, high=50))
    heated_to_c: float = field(
        default=0.0, metadata=key("Below this it asks for heating first.", unit="C", low=-40, high=20)
    )


class Pack:
    """The constants of a model's battery, and what follows from them. Rates are C-rates: current over capacity."""

    __slots__ = (
        "capacity_ah", "capacity_kwh", "chemistry", "coolant_c", "cooling_w_k", "current_max_a", "entropy_v_k",
        "heat_capacity_j_k", "heated_to_c", "heater_kw", "kinks", "max_v", "nominal_v", "ohmic_k", "ohmic_v",
        "passive_w_k", "platform_v", "power_max_kw", "series", "slow_k", "slow_scale", "unit_kw",
    )  # fmt: skip

    def __init__(
        self,
        capacity_kwh: float,
        power_max_kw: float,
        chemistry: ChemistryName = "nmc",
        platform_v: Literal[400, 800] = 400,
        config: PackConfig | None = None,
    ) -> None:
        """`power_max_kw` is what the car asks for at most."""
        given = config or PackConfig()
        cell = self.chemistry = chemistries()[chemistry]
        self.capacity_kwh = capacity_kwh
        self.power_max_kw = power_max_kw
        self.platform_v = platform_v
        self.series = given.series_cells or _SERIES[chemistry, platform_v]
        self.nominal_v = self.series * cell.nominal_v
        self.capacity_ah = given.capacity_ah or 1_000.0 * capacity_kwh / self.nominal_v
        self.current_max_a = inf if given.current_max_a is None else given.current_max_a
        self.max_v = cell.max_v if given.voltage_max_v is None else given.voltage_max_v
        self.unit_kw = self.series * self.capacity_ah / 1_000.0
        self._resist(cell, given, chemistry)
        self.kinks = tuple(soc for soc, bend in cell.bends() if bend * self.slow_scale > _KINK_V)
        self.entropy_v_k = cell.entropy_v_k if given.entropy_mv_k is None else given.entropy_mv_k / 1_000.0
        mass_kg = given.mass_kg or _MASS_KG_KWH[chemistry] * capacity_kwh
        self.heat_capacity_j_k = mass_kg * (given.heat_capacity_j_kg_k or _HEAT_CAPACITY_J_KG_K[chemistry])
        self.cooling_w_k = 2.0 * capacity_kwh if given.cooling_w_k is None else given.cooling_w_k
        self.coolant_c = given.coolant_c
        self.passive_w_k = max(given.passive_w_k, _LEAST_W_K)
        self.heater_kw = given.heater_kw
        self.heated_to_c = given.heated_to_c if given.heater_kw > 0.0 else -273.0

    def _resist(self, cell: Chemistry, given: PackConfig, chemistry: ChemistryName) -> None:
        whole_v = _RESISTANCE_V_C[chemistry]
        if given.resistance_ohm is not None:
            whole_v = given.resistance_ohm * self.capacity_ah / self.series
        slow_v = sum(cell.slow_v) / len(cell.slow_v)
        share = slow_v / (slow_v + cell.ohmic_v) if given.slow_share is None else given.slow_share
        self.ohmic_v = whole_v * (1.0 - share)
        self.slow_scale = whole_v * share / slow_v
        self.ohmic_k = cell.ohmic_k if given.activation_k is None else given.activation_k
        self.slow_k = cell.slow_k if given.activation_k is None else given.activation_k

    def ohmic(self, temp_c: float) -> float:
        """Volts a cell that one C-rate costs at once."""
        return self.ohmic_v * warmth(self.ohmic_k, temp_c)

    def slow(self, soc: float, temp_c: float) -> float:
        """Volts a cell that one C-rate leads to with the time constant of the slow polarisation."""
        return self.slow_scale * self.chemistry.slow(soc) * warmth(self.slow_k, temp_c)

    def rest_v(self, soc: float, temp_c: float) -> float:
        """Open-circuit voltage of a cell."""
        return self.chemistry.ocv(soc) + self.entropy_v_k * (temp_c - 25.0)


def refuse_unphysical(capacity_kwh: float, config: PackConfig, chemistry: ChemistryName) -> None:
    """Refuse a pack whose figures contradict each other: charge times voltage far from the energy stated, no mass."""
    least_kg = _LEAST_KG_KWH * capacity_kwh
    if config.mass_kg is not None and config.mass_kg < least_kg:
        right = f"at least {least_kg:g} kg, {_LEAST_KG_KWH:g} kg per kWh"
        raise Misfit("pack.mass_kg", f"{config.mass_kg:g} kg cannot hold {capacity_kwh:g} kWh", right)
    cell = chemistries()[chemistry]
    if config.capacity_ah is not None and config.series_cells is not None:
        held_kwh = config.series_cells * config.capacity_ah * cell.nominal_v / 1_000.0
        if not 0.5 * capacity_kwh <= held_kwh <= 2.0 * capacity_kwh:
            what = f"{config.capacity_ah:g} Ah in {config.series_cells} cells hold {held_kwh:.3g} kWh"
            raise Misfit("pack.capacity_ah", what, f"about {capacity_kwh / held_kwh * config.capacity_ah:.3g} Ah")
