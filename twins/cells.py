"""Cells: open-circuit voltage, resistances and their warmth, of the two chemistries that cars have.

Open-circuit curves and reference charges were computed with PyBaMM (`twins/data/pack`: O'Regan 2022 for NMC, Prada 2013
for LFP). The other figures are fitted to those charges by least squares, the worst case weighted most; the ohmic part
of NMC is what the voltage jumps by when the current begins. They describe those cells and are no prediction for a car.
Resistances are in volts at one C-rate, so that cells of any size share them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Literal

__all__ = ["KELVIN", "WARM_K", "Chemistry", "ChemistryName", "chemistries", "warmth"]

ChemistryName = Literal["lfp", "nmc"]

KELVIN = 273.15
WARM_K = 1.0 / (25.0 + KELVIN)
_CURVES = Path(__file__).parent / "data" / "pack" / "pybamm_ocv.csv"


@dataclass(frozen=True, slots=True)
class Chemistry:
    """One kind of cell. `ocv_v` has a value each 0.02 of the state of charge, `slow_v` each 0.1.

    `ohmic_v` and `slow_v` are volts at 1 C and 25 C; `ohmic_k`, `slow_k` the activation in K; `slow_s` the time
    constant of the slow polarisation; `entropy_v_k` how the open-circuit voltage moves with temperature.
    """

    ocv_v: tuple[float, ...]
    max_v: float
    min_v: float
    nominal_v: float
    ohmic_v: float
    ohmic_k: float
    slow_v: tuple[float, ...]
    slow_k: float
    slow_s: float
    entropy_v_k: float

    def ocv(self, soc: float) -> float:
        """Open-circuit voltage at 25 C; straight between the points, and beyond them."""
        place = soc * 50.0
        at = int(place) if place > 0.0 else 0
        if at > 49:
            at = 49
        below = self.ocv_v[at]
        return below + (self.ocv_v[at + 1] - below) * (place - at)

    def slow(self, soc: float) -> float:
        """Slow polarisation in volts that one C-rate leads to at 25 C."""
        place = soc * 10.0
        at = int(place) if place > 0.0 else 0
        if at > 9:
            at = 9
        below = self.slow_v[at]
        return below + (self.slow_v[at + 1] - below) * (place - at)

    def bends(self) -> Iterator[tuple[float, float]]:
        """(charge, how far the slow polarisation turns there, in V a tenth of the charge)."""
        for at in range(1, 10):
            before, here, after = self.slow_v[at - 1 : at + 2]
            yield at / 10.0, abs(after - 2.0 * here + before)


def warmth(activation_k: float, temp_c: float) -> float:
    """How much higher a resistance is than at 25 C."""
    return exp(activation_k * (1.0 / (temp_c + KELVIN) - WARM_K))


@cache
def chemistries() -> Mapping[str, Chemistry]:
    """The chemistries by name."""
    curves: dict[str, list[float]] = {}
    with _CURVES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["parameter_set"], []).append(float(row["ocv_V"]))
    return {
        "nmc": Chemistry(
            ocv_v=tuple(curves["ORegan2022"]), max_v=4.2, min_v=2.8, nominal_v=3.65, ohmic_v=0.1132, ohmic_k=3_300.0,
            slow_v=(0.4487, 0.4564, 0.0972, 0.1014, 0.1429, 0.3305, 0.2351, 0.3351, 0.0599, 0.0530, 0.0798),
            slow_k=196.0, slow_s=716.0, entropy_v_k=-0.000184,
        ),
        "lfp": Chemistry(
            ocv_v=tuple(curves["Prada2013"]), max_v=3.65, min_v=2.5, nominal_v=3.2, ohmic_v=0.0576, ohmic_k=2_500.0,
            slow_v=(0.1679, 0.1679, 0.0683, 0.0751, 0.0306, 0.0226, 0.0375, 0.0586, 0.0310, 0.0341, 0.0479),
            slow_k=2_500.0, slow_s=15.0, entropy_v_k=0.0,
        ),
    }  # fmt: skip
