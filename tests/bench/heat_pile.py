"""The pile: cabinet and derating on a hot afternoon, and the derating curves as they are followed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hot_afternoon import DAY, RATED_KW, STEP_S, Afternoon, afternoon
from matplotlib.ticker import MultipleLocator
from page_figures import OTHER, OURS, THIRD, heading, key, label_axes, mark, marked, ours_on, tiles, under, write

from sim.units import SimTime
from twins.derating import CURVES, STEP_K, Derating

_CASES: Mapping[str, dict[str, Any]] = {
    "Clean filters": {},
    "90 days of dust": {"dust_days": 90.0},
    "Fans stand still for 45 min": {"fails_h": (14.25, 15.0)},
}
_BY = {"module_20kw": "Air in the cabinet (°C)", "abb_terra_94_184": "Air over the station (°C)",
       "gb_default": "Air in the cabinet (°C)"}  # fmt: skip
_WORKED = {
    "module_20kw": ((55.0, 100.0), (60.0, 87.5), (65.0, 75.0), (75.0, 50.0)),
    "abb_terra_94_184": ((35.0, 100.0), (40.0, 90.0), (45.0, 85.0), (50.0, 75.0), (55.0, 65.0)),
    "gb_default": ((50.0, 100.0), (65.0, 50.0), (70.0, 0.0)),
}
_RAMP_K, _RAMP_S = 0.02, 60.0


def section(images: Path, hours: float = 8.0) -> list[str]:
    """The page's lines; draws the figures."""
    found = {name: afternoon(hours, **words) for name, words in _CASES.items()}
    lines = [
        "### Pile", "",
        f"A pile of {RATED_KW:g} kW in the open on the hottest day of the recorded series ({DAY:%Y-%m-%d}); from eleven"
        " on, each hour a vehicle that takes all it is given for fifty minutes. Beside it the sheet's equation"
        f" (section 2) in steps of {STEP_S:g} s, which follows the derating curve `gb_default` itself, where the twin"
        f" has stairs of {STEP_K:g} K: so far may the temperatures be apart; a kelvin is up to 10 points of the rating."
        " When a vehicle charges is taken from the twin.", "",
        *_draw_afternoons(found, images),
        "| greatest difference | temperature, K | share of the rating, points | energy, % |",
        "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, one in found.items():
        kelvins, points, energy = one.worst.values()
        lines.append(f"| {name} | {kelvins:.3f} | {points:.2f} | {energy:.3f} |")
    return [*lines, f"| goal | {STEP_K:g} | | |", "", *_curves(images)]


def _draw_afternoons(found: Mapping[str, Afternoon], images: Path) -> list[str]:
    sheet, stacks = tiles(len(found), len(found), (1.7, 1.2))
    for (name, one), (temps, powers) in zip(found.items(), stacks, strict=True):
        heading(temps, name)
        ours_on(temps, (one.hour, one.steps.temp_c), (one.hour, one.twin.temp_c))
        temps.plot(one.hour, one.air_c, color=THIRD, linewidth=1.5)
        ours_on(powers, (one.hour, one.steps.power_kw), (one.hour, one.twin.power_kw))
        temps.set_ylim(25.0, 75.0)
        temps.yaxis.set_major_locator(MultipleLocator(10.0))
        powers.set_ylim(0.0, 1.08 * RATED_KW)
        ticks = np.arange(np.ceil(one.hour[0] / 2.0) * 2.0, one.hour[-1] + 0.1, 2.0)
        for axes in (temps, powers):
            axes.set_xlim(one.hour[0], one.hour[-1])
            axes.set_xticks(ticks, [f"{tick:.0f}:00" for tick in ticks])
        temps.tick_params(labelbottom=False)
    label_axes(stacks, len(found), "Local time", "Cabinet (°C)", "Output (kW)")
    key(sheet, under(f"steps of {STEP_S:g} s"), ("twin", OURS), ("air", THIRD))
    says = "Temperature of a cabinet and output of its pile over a hot afternoon, the twin on small steps"
    return write(sheet, images, "heat-pile", says)


def _curves(images: Path) -> list[str]:
    lines = [
        "The curves as the twin follows them while the air slowly warms and cools: in stairs where one falls, and with"
        " a step back where it jumps (sources in `twins/derating.py`; `gb_default` is a default of ours).", "",
    ]  # fmt: skip
    sheet, stacks = tiles(len(_WORKED), len(_WORKED), (1.9,))
    rows = []
    for (name, worked), (axes,) in zip(_WORKED.items(), stacks, strict=True):
        low_c, high_c = worked[0][0] - 10.0, worked[-1][0] + 8.0
        up_c = np.arange(low_c, high_c, _RAMP_K)
        following = Derating(CURVES[name], lambda is_on: None)
        up, down = (_followed(following, way, n * len(up_c) * _RAMP_S) for n, way in enumerate((up_c, up_c[::-1])))
        curve = 100.0 * np.array([CURVES[name].share(temp_c) for temp_c in up_c])
        heading(axes, name)
        ours_on(axes, (up_c, curve), (up_c, up))
        axes.plot(up_c[::-1], down, color=OTHER, linewidth=1.5)
        for temp_c, pct in worked:
            mark(axes, temp_c, pct)
        axes.set_xlim(low_c, high_c)
        axes.set_ylim(-4.0, 108.0)
        axes.set_xlabel(_BY[name], fontsize=10)
        off = max(abs(_at(up_c, up, temp_c) - pct) for temp_c, pct in worked)
        rows.append(f"| {name} | {', '.join(f'{pct:g} at {temp_c:g}' for temp_c, pct in worked)} | {off:g} |")
    stacks[0][0].set_ylabel("Share of the rating (%)", fontsize=10)
    key(sheet, under("curve"), ("followed, warming", OURS), ("followed, cooling", OTHER), marked("point of the sheet"))
    says = "Three derating curves, and how they are followed while it warms and cools"
    return [*lines, *write(sheet, images, "heat-derating", says),
            "| curve | points of the sheet, % at °C | greatest difference of the twin there, points |",
            "| --- | --- | ---: |", *rows]  # fmt: skip


def _followed(following: Derating, way_c: np.ndarray, since_s: float) -> np.ndarray:
    """What it allows in %, all along this way."""
    shares = []
    for n, temp_c in enumerate(way_c):
        for threshold in following.thresholds:
            threshold.see(SimTime(since_s + n * _RAMP_S), float(temp_c))
        shares.append(100.0 * following.share)
    return np.array(shares)


def _at(way_c: np.ndarray, shares: np.ndarray, temp_c: float) -> float:
    return round(float(shares[np.abs(way_c - temp_c).argmin()]), 6)
