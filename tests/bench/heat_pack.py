"""The battery: our cell on the reference cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from page_figures import OURS, heading, key, label_axes, ours_on, tiles, under, write
from reference_cells import CASES, GOAL_K, GOAL_MV, GOAL_PCT, Compared, compared

from sim.units import SECONDS_PER_HOUR

_COLUMNS = 4
_SPAN_K = 12.0


def section(images: Path, cases: Sequence[str] = CASES) -> list[str]:
    found = {case: compared(case) for case in cases}
    lines = [
        "### Battery", "",
        "One cell charged at constant current, then constant voltage: `voltyard physics pack-charge` on charges"
        " computed with PyBaMM (`twins/data/pack/pybamm_cases.csv`; NMC: O'Regan 2022, LFP: Prada 2013, both DFN)."
        f" While both charge: root mean square of the voltage (goal {GOAL_MV:g} mV), greatest difference of temperature"
        f" (goal {GOAL_K:g} K), time to 80 % (goal {GOAL_PCT:g} %).", "",
        *_drawn(found, images),
        "| case | RMSE, mV | greatest dT, K | time to 80 %, % | end of charge, % | within |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]  # fmt: skip
    for case, one in found.items():
        lines.append(f"| {case}, {_what(one)} | {one.rmse_mv:.1f} | {one.worst_k:+.2f} | {one.to_80_pct:+.1f} |"
                     f" {one.end_pct:+.1f} | {'yes' if one.is_within else '**no**'} |")  # fmt: skip
    return [
        *lines, "",
        "What this proves, and what not: resistances, their warmth and the heat capacity (159 J/K for NMC, where the"
        " reference cell has 70 to 90) were **fitted to these same charges**; that they lie near is how well one"
        " polarisation and one node can follow a full model, no prediction for another cell. The LFP references keep"
        " their temperature, so they say nothing of its heat. The end of a charge, a trickle, has no goal.",
    ]  # fmt: skip


def _what(one: Compared) -> str:
    return f"{one.chemistry.upper()} {one.c_rate:g} C at {one.ambient_c:g} °C"


def _drawn(found: dict[str, Compared], images: Path) -> list[str]:
    sheet, stacks = tiles(len(found), min(_COLUMNS, len(found)), (1.35, 1.05))
    for (case, one), (volts, temps) in zip(found.items(), stacks, strict=True):
        hours = [side["t_s"] / SECONDS_PER_HOUR for side in (one.reference, one.ours)]
        heading(volts, case, _what(one))
        for axes, name in ((volts, "voltage_v"), (temps, "temp_c")):
            ours_on(axes, (hours[0], one.reference[name]), (hours[1], one.ours[name]))
            axes.set_xlim(0.0, 1.03 * max(hour[-1] for hour in hours))
        low_c = np.floor(one.ambient_c) - 1.0
        temps.set_ylim(low_c, low_c + _SPAN_K)
        volts.set_ylim(*((3.2, 4.4) if one.chemistry == "nmc" else (3.1, 3.7)))
    label_axes(stacks, _COLUMNS, "Hours", "Cell voltage (V)", "Cell (°C)")
    key(sheet, under("reference (PyBaMM)"), ("ours", OURS))
    says = "Voltage and temperature of a cell over time in seven charges, ours on the reference"
    return write(sheet, images, "heat-battery", says)
