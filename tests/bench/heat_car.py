"""A car's charge: the twin's pieces on steps of 0.1 s."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D
from page_figures import OURS, heading, key, label_axes, ours_on, tiles, under, write
from stepped_charges import CARS, STEP_S, Car, Drawn, Stepped, drawn, stepped

from sim.signals import Curve
from sim.units import SECONDS_PER_HOUR, SimTime

_COLUMNS = 3
_SHOWN_S = 10.0


@dataclass(frozen=True)
class Beside:
    """One charge both ways; the twin's values at the times of the steps, as far as both charge."""

    steps: Stepped
    twin: Drawn
    joints_s: list[float]
    t_s: np.ndarray
    power_kw: np.ndarray
    energy_kwh: np.ndarray
    soc: np.ndarray
    temp_c: np.ndarray

    @property
    def worst(self) -> dict[str, float]:
        """Greatest differences: power in % of that at the time, energy given so far in % of all, charge, K, the end."""
        steps, count = self.steps, len(self.t_s)
        energy_kwh = np.abs(self.energy_kwh - steps.energy_kwh[:count]).max()
        return {
            "power, %": 100.0 * float(np.abs(self.power_kw / steps.power_kw[:count] - 1.0).max()),
            "temperature, K": float(np.abs(self.temp_c - steps.temp_c[:count]).max()),
            "charge, points": 100.0 * float(np.abs(self.soc - steps.soc[:count]).max()),
            "energy so far, %": 100.0 * float(energy_kwh / steps.energy_kwh[-1]),
            "end, s": abs(self.twin.end_s - steps.end_s),
        }


_GOALS = {"power, %": 0.1, "temperature, K": 0.1, "charge, points": 0.05, "energy so far, %": 0.1, "end, s": 2.0}


def beside(car: Car) -> Beside:
    """Charge it both ways."""
    steps = stepped(car)
    parts, joints_s = list[np.ndarray](), [0.0]

    def told(piece: Drawn) -> None:
        t_s = steps.t_s[:-1]
        t_s = t_s[(t_s >= joints_s[-1]) & (t_s < piece.end_s)]
        energy_kwh = np.array([piece.power.total_at(SimTime(t)) for t in t_s]) / SECONDS_PER_HOUR
        parts.append(np.array([t_s, _values(piece.power, t_s), energy_kwh, _values(piece.bms.soc, t_s),
                               _values(piece.temp, t_s)]))  # fmt: skip
        joints_s.append(piece.end_s)

    twin = drawn(car, told)
    return Beside(steps, twin, joints_s, *np.concatenate(parts, axis=1))


def _values(curve: Curve, t_s: np.ndarray) -> np.ndarray:
    dt = t_s - curve.t0
    return curve.a + curve.b * dt + curve.c * np.exp(-dt / curve.tau)


def section(images: Path, names: Sequence[str] = tuple(CARS)) -> list[str]:
    """The page's lines; draws the figure."""
    found = {name: beside(CARS[name]) for name in names}
    lines = [
        "### A car's charge", "",
        f"The twin foresees a charge in a few pieces of closed form; the same equations (physics sheet, section 1)"
        f" stepped every {STEP_S:g} s. Greatest differences at any time of the charge. The goals are those of one"
        " piece; what is shown has added up over a whole charge.", "",
        *_drawn(found, images),
        f"| charge | pieces | {' | '.join(_GOALS)} |", f"| --- | ---: |{' ---: |' * len(_GOALS)}",
    ]  # fmt: skip
    for name, one in found.items():
        shown = (f"{value:.3f}" if value <= _GOALS[what] else f"**{value:.3f}**" for what, value in one.worst.items())
        lines.append(f"| {name} | {one.twin.pieces} | {' | '.join(shown)} |")
    return [*lines, f"| goal | | {' | '.join(f'{goal:g}' for goal in _GOALS.values())} |"]


def _drawn(found: dict[str, Beside], images: Path) -> list[str]:
    sheet, stacks = tiles(len(found), min(_COLUMNS, len(found)), (1.35, 0.95))
    every = round(_SHOWN_S / STEP_S)
    for (name, one), (powers, temps) in zip(found.items(), stacks, strict=True):
        car = CARS[name]
        note = f"{car.chemistry.upper()} {car.capacity_kwh:g} kWh, air {car.air_c:g} °C"
        heading(powers, name[0].upper() + name[1:], note)
        minutes, steps_min = one.t_s[::every] / 60.0, one.steps.t_s[::every] / 60.0
        joints = np.searchsorted(one.t_s, one.joints_s[:-1])
        for axes, stepped_values, values in (
            (powers, one.steps.power_kw, one.power_kw), (temps, one.steps.temp_c, one.temp_c)
        ):  # fmt: skip
            ours_on(axes, (steps_min, stepped_values[::every]), (minutes, values[::every]))
            axes.plot(one.t_s[joints] / 60.0, values[joints], ".", color=OURS, markersize=6)
            axes.set_xlim(0.0, 1.02 * steps_min[-1])
        powers.set_ylim(0.0, 1.12 * one.power_kw.max())
    label_axes(stacks, _COLUMNS, "Minutes", "Power (kW)", "Cells (°C)")
    joint = Line2D([], [], color=OURS, marker=".", markersize=8, linestyle="none", label="where a piece begins")
    key(sheet, under(f"steps of {STEP_S:g} s"), ("twin", OURS), joint)
    return write(sheet, images, "heat-car", "Power and temperature over six charges, the twin's pieces on small steps")
