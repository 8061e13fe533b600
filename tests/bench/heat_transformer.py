"""The transformer: steps of load and a busy evening on steps of 0.1 s, and the worked numbers of the sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from page_figures import OTHER, OURS, heading, key, label_axes, mark, marked, ours_on, tiles, under, write
from stepped_transformers import EVENING, FANS, STEP_S, Course, Dry, Oil, busy_evening, stepped

from sim.units import SECONDS_PER_HOUR
from twins.transformer_heat import DryHeatConfig, OilHeatConfig
from twins.transformer_trial import LoadStep, TransformerParameters, run_transformer

_DRY = DryHeatConfig(kind="dry", alarm_c=280.0, trip_c=290.0)
_OIL = OilHeatConfig(kind="oil", alarm_top_oil_c=280.0, trip_top_oil_c=290.0, alarm_hot_spot_c=280.0,
                    trip_hot_spot_c=290.0)  # fmt: skip
_AIR_C, _LOW, _HIGH, _ROW_S = 40.0, 0.7, 1.3, 10.0
_GOAL_K, _GOAL_PCT, _WORKED_PCT = 0.5, 1.0, 0.5
_DRY_POINTS = ((0.0, 110.6), (10.0, 144.5), (20.0, 168.8), (30.0, 186.2))
_OIL_POINTS = ((0.0, 88.32), (60.0, 122.72), (120.0, 131.62), (240.0, 142.56))
_TOP_OIL_POINTS = ((0.0, 75.33), (60.0, 87.74), (120.0, 96.63), (240.0, 107.56))
_PT100_POINTS = ((12.9, 130.0), (24.6, 150.0))
_STEADY: tuple[tuple[DryHeatConfig | OilHeatConfig, float, float, float, float], ...] = (
    (_OIL, 1.0, 20.0, 98.0, 1.0), (_OIL, 1.0, 40.0, 118.0, 10.08), (_OIL, 1.2, 40.0, 141.4, 150.6),
    (_DRY, 1.0, 40.0, 165.0, 9.36), (_DRY, 1.1, 40.0, 185.6, 76.0), (_DRY, 1.2, 40.0, 207.3, 576.0),
)  # fmt: skip
"""What it is, load over rating, air; hot spot and ageing rate by the sheet."""


def section(images: Path, hours: float = 6.0) -> list[str]:
    """The page's lines; draws the figure."""
    both = {
        "Dry": _step(_DRY, Dry(_LOW), 1.0),
        "In oil": _step(_OIL, Oil(_LOW, _AIR_C), min(hours, 5.0)),
        "Busy evening": busy_evening(hours, replace(_DRY, fans=FANS)),
    }
    evening_in_oil = {"Busy evening, in oil": busy_evening(hours, _OIL)}
    lines = [
        "### Transformer", "",
        f"A dry one of class F (IEC 60076-12) and one in oil (IEC 60076-7), air {_AIR_C:g} °C, whose load steps from"
        f" {_LOW:g} to {_HIGH:g} of the rating: `voltyard physics transformer` beside the standards' equations in steps"
        f" of {STEP_S:g} s, with the numbers of the sheet (section 4). Then a dry one of 630 kVA with fans, whose load"
        f" is that of the public station on the evening of {EVENING:%Y-%m-%d}, 600 vehicles a day, and one in oil in"
        " its place, whose oil lags the air of that evening; the steps are given load and air, and switch the fans"
        " themselves.", "",
        *_drawn(both, images),
        "| greatest difference | hot spot, K | what is read, K | loss of life in the end, % |",
        "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, (twin, steps) in (both | evening_in_oil).items():
        pairs = ((twin.hot_spot_c, steps.hot_spot_c), (twin.reading_c, steps.reading_c))
        kelvins = [float(np.abs(ours - theirs).max()) for ours, theirs in pairs]
        lost_pct = 100.0 * float(twin.lost_h[-1] / steps.lost_h[-1] - 1.0)
        lines.append(f"| {name} | {kelvins[0]:.3f} | {kelvins[1]:.3f} | {lost_pct:+.2f} |")
    lines += [f"| goal | {_GOAL_K:g} | {_GOAL_K:g} | {_GOAL_PCT:g} |", "", *_points_lines(both), ""]
    lines += ["| steady | load | air, °C | hot spot, °C | sheet | ageing rate | sheet |",
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for heat, share, air_c, hot_c, rate in _STEADY:
        ours = run_transformer(_steady(heat, share, air_c))["rows"][-1]
        lines.append(f"| {heat.kind} | {share:g} | {air_c:g} | {ours[2]:.2f} | {hot_c:g} | {ours[4]:.4g} | {rate:g} |")
    return lines


def _steady(heat: DryHeatConfig | OilHeatConfig, share: float, air_c: float) -> TransformerParameters:
    return TransformerParameters(heat=heat, ambient_c=air_c, load=(LoadStep(at_min=0.0, share=share),), hours=1.0)


def _step(heat: DryHeatConfig | OilHeatConfig, winding: Dry | Oil, hours: float) -> tuple[Course, Course]:
    """(twin, steps) from the step of the load on, which comes with the first row."""
    load = (LoadStep(at_min=0.0, share=_LOW), LoadStep(at_min=_ROW_S / 60.0, share=_HIGH))
    ran = run_transformer(TransformerParameters(heat=heat, ambient_c=_AIR_C, load=load, step_s=_ROW_S,
                                                hours=hours + _ROW_S / SECONDS_PER_HOUR))  # fmt: skip
    t_s, _, hot_c, reading_c, _, lost_h = np.array(ran["rows"][1:]).T
    t_s, lost_h = t_s - t_s[0], lost_h - lost_h[0]
    return Course(t_s, hot_c, reading_c, lost_h), stepped(winding, t_s, [_HIGH] * len(t_s), [_AIR_C] * len(t_s))


def _points_lines(both: dict[str, tuple[Course, Course]]) -> list[str]:
    """How far the twin is from the marked points, in % of their temperature."""
    (dry, _), (oil, _) = both["Dry"], both["In oil"]
    curves = ((dry, dry.hot_spot_c, _DRY_POINTS), (dry, dry.reading_c, _PT100_POINTS),
              (oil, oil.hot_spot_c, _OIL_POINTS), (oil, oil.reading_c, _TOP_OIL_POINTS))  # fmt: skip
    off = [abs(np.interp(minutes * 60.0, one.t_s, values) / temp_c - 1.0) for one, values, points in curves
           for minutes, temp_c in points if minutes * 60.0 <= one.t_s[-1]]  # fmt: skip
    return [f"From the {len(off)} marked points the twin is {100.0 * max(off):.2f} % away at most (goal"
            f" {_WORKED_PCT:g} %)."]  # fmt: skip


def _drawn(both: dict[str, tuple[Course, Course]], images: Path) -> list[str]:
    sheet, stacks = tiles(3, 3, (1.9, 1.0))
    notes = (f"load {_LOW:g} to {_HIGH:g}, air {_AIR_C:g} °C", f"load {_LOW:g} to {_HIGH:g}, air {_AIR_C:g} °C",
             "public station, dry")  # fmt: skip
    for (name, (twin, steps)), note, (temps, lost) in zip(both.items(), notes, stacks, strict=True):
        per_min = 60.0 if name == "Dry" else SECONDS_PER_HOUR
        times, theirs = twin.t_s / per_min, steps.t_s / per_min
        heading(temps, name, note)
        ours_on(temps, (theirs, steps.reading_c), (times, twin.reading_c), OTHER)
        ours_on(temps, (theirs, steps.hot_spot_c), (times, twin.hot_spot_c))
        ours_on(lost, (theirs, steps.lost_h), (times, twin.lost_h))
        for axes in (temps, lost):
            axes.set_xlim(0.0, 1.02 * times[-1])
    label_axes(stacks, 3, "Hours", "Temperature (°C)", "Loss of life (h)")
    stacks[0][1].set_xlabel("Minutes", fontsize=10)
    stacks[2][1].set_xlabel(f"Hours from {EVENING:%H:%M}", fontsize=10)
    for at, points, per_min in ((0, _DRY_POINTS + _PT100_POINTS, 1.0), (1, _OIL_POINTS + _TOP_OIL_POINTS, 60.0)):
        for minutes, temp_c in points:
            mark(stacks[at][0], minutes / per_min, temp_c)
    key(sheet, under(f"steps of {STEP_S:g} s"), ("twin, hot spot", OURS), ("twin, Pt100 or top oil", OTHER),
        marked("point of the sheet"))  # fmt: skip
    says = "Temperatures and loss of life of transformers after a step of load and over a busy evening, on small steps"
    return write(sheet, images, "heat-transformer", says)
