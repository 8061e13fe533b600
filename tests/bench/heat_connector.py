"""The connector: its contact on the closed form at constant current, and on steps of 0.1 s while a car charges."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from math import exp
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from matplotlib.ticker import MultipleLocator
from page_figures import OTHER, OURS, THIRD, heading, key, mark, marked, ours_on, tiles, under, write
from stepped_charges import CARS, STEP_S, Drawn, drawn, stepped

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.connector import ConnectorConfig
from twins.contact import Contact
from twins.contact_curve import ContactParameters, ContactResult, run_contact

_AIR_C, _CURRENT_A = 35.0, 250.0
_KINDS = {"healthy": (1.0, 69.9, None), "worn": (2.0, 104.8, 1_399.0), "loose": (5.0, 209.0, 341.0)}
"""Factor of the resistance; where the sheet has it settle (C), and when at 90 C (s)."""
_COLOURS = {"healthy": THIRD, "worn": OURS, "loose": OTHER}
_CAR, _FACTOR = CARS["its own map"], 2.0
_UNHELD = ConnectorConfig(ladder="off")
_STEP_GOAL_K, _WORKED_PCT = 0.15, 0.5
_WARMS_K_H, _DROPS_S, _DROPS_K = 3.0, 1_200.0, 6.0


def section(images: Path, hours: float = 2.0) -> list[str]:
    """The page's lines; draws the figure."""
    found = {name: run_contact(ContactParameters(current_a=_CURRENT_A, ambient_c=_AIR_C, factor=factor, step_s=10.0,
                                                 duration_s=hours * SECONDS_PER_HOUR, connector=_UNHELD))
             for name, (factor, *_) in _KINDS.items()}  # fmt: skip
    t_s, twin_c, steps_c = charging()
    worst_k = float(np.abs(twin_c - steps_c).max())
    lines = [
        "### Connector", "",
        f"A contact of 60 uohm (healthy), twice that (worn) and five times (loose) in air of {_AIR_C:g} °C, the ladder"
        f" of actions off. Left: {_CURRENT_A:g} A, beside the closed form, with the numbers of the sheet (section 3,"
        f" goal {_WORKED_PCT:g} %). Right: a worn one while a car charges and its current tapers, in air that warms by"
        f" {_WARMS_K_H:g} K an hour and drops by {_DROPS_K:g} K at once after {_DROPS_S / 60.0:g} min, beside steps of"
        f" {STEP_S:g} s of car and contact.", "",
        *_drawn(found, t_s, twin_c, steps_c, images),
        "| contact | settles, °C | sheet | 90 °C after, s | sheet | greatest difference from the closed form, K |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, one in found.items():
        factor, settled_c, at_90_s = _KINDS[name]
        reached_s = one.reached_s["90"]
        off_k = max(abs(temp_c - _closed_c(factor, t)) for t, _, temp_c in one.rows)
        shown = ["never" if time_s is None else f"{time_s:.0f}" for time_s in (reached_s, at_90_s)]
        lines.append(f"| {name} | {one.settled_c:.1f} | {settled_c:g} | {shown[0]} | {shown[1]} | {off_k:.1e} |")
    return [*lines, "", f"While the car charges the twin is {worst_k:.3f} K beside the steps at most (goal"
                        f" {_STEP_GOAL_K:g} K)."]  # fmt: skip


def _closed_c(factor: float, t: float) -> float:
    settled_k = 1e-6 * _UNHELD.resistance_uohm * factor * _CURRENT_A**2 * _UNHELD.thermal_resistance_k_w
    return _AIR_C + settled_k * (1.0 - exp(-t / (_UNHELD.thermal_resistance_k_w * _UNHELD.capacity_j_k)))


def charging() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(seconds, the twin's temperature, that of the steps) of a worn contact through a car's whole charge."""
    kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 1)
    air = Signal("air_temp_c", "C", _CAR.air_c)
    contact = Contact(kernel, SimpleNamespace(path="connector"), _UNHELD, air)
    for t in (0.0, _DROPS_S):
        kernel.at(SimTime(t), partial(air.set, SimTime(t), _air_c(t), _WARMS_K_H / SECONDS_PER_HOUR))
    contact.resistance_uohm.lean(contact.resistance_uohm.scale(_FACTOR))
    t_s, twin_c = [0.0], [_CAR.air_c]

    def told(piece: Drawn) -> None:
        contact.carry(kernel.now, piece.end_s, *piece.bms.current(kernel.now, piece.power))
        while t_s[-1] + 10.0 < piece.end_s:
            run_to(t_s[-1] + 10.0)
            t_s.append(kernel.now)
            twin_c.append(contact.temp_c.at(kernel.now))
        run_to(piece.end_s)

    def run_to(t: float) -> None:
        kernel.advance(SimTime(t))
        kernel.jump(SimTime(t))

    drawn(_CAR, told)
    ohm, each = 1e-6 * _UNHELD.resistance_uohm * _FACTOR, round(10.0 / STEP_S)
    temp_c, temps_c = _CAR.air_c, []
    for n, rate in enumerate(stepped(_CAR).rate):
        temps_c.append(temp_c)
        heat_w = ohm * (rate * _CAR.pack.capacity_ah) ** 2
        given_w = (temp_c - _air_c(n * STEP_S)) / _UNHELD.thermal_resistance_k_w
        temp_c += STEP_S * (heat_w - given_w) / _UNHELD.capacity_j_k
    steps_c = np.array(temps_c)[::each]
    count = min(len(t_s), len(steps_c))
    return np.array(t_s)[:count], np.array(twin_c)[:count], steps_c[:count]


def _air_c(t: float) -> float:
    return _CAR.air_c + _WARMS_K_H * t / SECONDS_PER_HOUR - (_DROPS_K if t >= _DROPS_S else 0.0)


def _drawn(found: dict[str, ContactResult], t_s: np.ndarray, twin_c: np.ndarray, steps_c: np.ndarray,
           images: Path) -> list[str]:  # fmt: skip
    sheet, ((steady,), (tapering,)) = tiles(2, 2, (2.5,))
    heading(steady, "Constant current", f"{_CURRENT_A:g} A, air {_AIR_C:g} °C")
    for name, one in found.items():
        factor, settled_c, at_90_s = _KINDS[name]
        times, _, temps = np.array(one.rows).T
        closed = np.array([_closed_c(factor, t) for t in times])
        ours_on(steady, (times / 60.0, closed), (times / 60.0, temps), _COLOURS[name])
        steady.annotate(f"{name}, settles at {settled_c:g} °C", (times[-1] / 60.0, temps[-1]), (0, 7), "data",
                        "offset points", fontsize=10, color=_COLOURS[name], ha="right")  # fmt: skip
        if at_90_s is not None:
            mark(steady, at_90_s / 60.0, 90.0, f"{at_90_s:g} s", (11, -1) if name == "loose" else (7, -13))
    steady.set_ylim(25.0, 235.0)
    heading(tapering, "A car's charge, worn contact", f"{_CAR.capacity_kwh:g} kWh, air that warms, then drops")
    ours_on(tapering, (t_s / 60.0, steps_c), (t_s / 60.0, twin_c), OURS)
    for axes, every_c, every_min in ((steady, 50.0, 30.0), (tapering, 25.0, 10.0)):
        axes.yaxis.set_major_locator(MultipleLocator(every_c))
        axes.xaxis.set_major_locator(MultipleLocator(every_min))
        axes.set_xlabel("Minutes", fontsize=10)
        axes.set_xlim(left=0.0)
    steady.set_ylabel("Contact (°C)", fontsize=10)
    key(sheet, under("closed form; right: steps of 0.1 s"), ("healthy", THIRD), ("worn", OURS), ("loose", OTHER),
        marked("90 °C by the sheet"))  # fmt: skip
    says = "Temperature of contacts over time on the closed form, and of a worn one while a car charges on small steps"
    return write(sheet, images, "heat-connector", says)
