"""The recorded site beside its twin: a section of docs/validation.md."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path
from statistics import fmean, median

import numpy as np
from page_figures import OTHER, OURS, heading, key, tiles, write
from site_replay import Charge, Replayed, recorded, replayed
from site_steps import against_reference

MONTHS = {4: "April", 5: "May", 6: "June", 7: "July", 8: "August", 9: "September", 10: "October", 11: "November",
          12: "December"}  # fmt: skip


def overlaps(charges: Sequence[Charge]) -> list[float]:
    """For each session the share of its stay during which the other outlet had a session too."""
    shares = []
    ordered = sorted(range(len(charges)), key=lambda index: charges[index].arrived_s)
    longest = max((charge.left_s - charge.arrived_s for charge in charges), default=0.0)
    starts = [charges[index].arrived_s for index in ordered]
    for one in charges:
        low = np.searchsorted(starts, one.arrived_s - longest)
        high = np.searchsorted(starts, one.left_s)
        others = (charges[ordered[position]] for position in range(int(low), int(high)))
        shared_s = sum(
            max(0.0, min(one.left_s, other.left_s) - max(one.arrived_s, other.arrived_s))
            for other in others
            if other.outlet != one.outlet
        )
        shares.append(shared_s / max(one.left_s - one.arrived_s, 1.0))
    return shares


def figures(charges: Sequence[Charge]) -> dict[str, float]:
    """What the page compares."""
    shares = overlaps(charges)
    single = [charge for charge, share in zip(charges, shares, strict=True) if share == 0.0]
    shared = [charge for charge, share in zip(charges, shares, strict=True) if share > 0.5]
    found: dict[str, float] = {"sessions": len(charges), "single": len(single), "overlapped": len(shared)}
    found["energy median, kWh"] = median(charge.energy_kwh for charge in charges)
    found["stay median, min"] = median(charge.stay_s for charge in charges) / 60.0
    if single and shared:
        means = [fmean(charge.mean_kw for charge in group) for group in (single, shared)]
        peaks = [median(charge.peak_kw for charge in group) for group in (single, shared)]
        found |= {
            "mean power single, kW": means[0], "mean power overlapped, kW": means[1],
            "ratio of mean powers": means[1] / means[0], "median peak single, kW": peaks[0],
            "median peak overlapped, kW": peaks[1], "ratio of peaks": peaks[1] / peaks[0],
        }  # fmt: skip
    for month, name in MONTHS.items():
        peaks = [charge.peak_kw for charge in charges if charge.month == month]
        if peaks:
            found[f"median peak {name} ({len(peaks)}), kW"] = median(peaks)
    if winter := winter_ratio(charges):
        found["median peak, December over June"] = winter
    return found


def winter_ratio(charges: Sequence[Charge]) -> float | None:
    """The median peak of December over that of June, where there are both."""
    june, december = ([one.peak_kw for one in charges if one.month == month] for month in (6, 12))
    return median(december) / median(june) if june and december else None


def section(images: Path, count: int | None = None) -> list[str]:
    """The page's lines of the first `count` sessions (all, if None); draws the figure."""
    run, real = replayed(count), recorded()
    measured = [figures(charges) for charges in (real, run.charges)]
    lines = [
        f"{run.cpu_s:.1f} s CPU for {len(run.sessions)} sessions ({run.plans / len(run.sessions):.0f} plans a session)."
        " The sessions of 2022 of the two-outlet site (`twins/data/desl`) come to the station `two-outlet` as they"
        " came: arrival, outlet, pack, charge in and target, requested peak. When a car has what it came for it leaves,"
        " so the stay, the powers and the peaks are outputs. Bounded packs: 8 to 120 kWh.", "",
        "Definitions: mean power is energy over stay (the recorded one in whole minutes);"
        " *single*: no overlap with a stay at the other outlet;"
        " *overlapped*: more than half of the stay overlaps; means are arithmetic, peaks medians.", "",
        "| | recorded | twin |", "| --- | ---: | ---: |",
    ]  # fmt: skip
    lines += [f"| {name} | {' | '.join(_shown(one.get(name)) for one in measured)} |" for name in _names(*measured)]
    lines += [
        "", f"Energy book over the whole replay: open by {run.residual_rel:.1e} of the import (limit 1e-9).", "",
        *_draw_months(real, run.charges, images),
        "What this proves, and what not: the acceptance curve, the share of the nameplate, the warmth factor, the"
        " charge that a recorded kWh stands for, the blocks of modules and the minutes before and after charging were"
        " **fitted to these same sessions**. That energy agrees is nearly given, since the recorded pack size follows"
        " from it. The ratio of mean powers of overlapped to single sessions was not fitted by itself and stays above"
        " the recorded one; no fixed sharing rule that was tried (max-min, halves, first come) comes nearer. Air"
        " temperatures are monthly means of the region, not the site's: a cold morning within a mild month is not"
        " there, and December has twelve sessions.", "",
    ]  # fmt: skip
    return [*lines, *_steps_lines(run)]


def _steps_lines(run: Replayed) -> list[str]:
    lines = [
        "### Segments against steps", "",
        "The twin plans each charge as a few closed-form segments. The same equations stepped every 0.1 s, for every"
        " charge that reached its target or was full; when the other outlet charged beside it is taken from the twin."
        " A full battery trickles: for the same charge the instant of its end is a matter of tens of seconds.", "",
        "| | 99th percentile | worst | goal |", "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    goals = {"energy, %": 0.1, "SOC at the twin's end, points": 0.05}
    for name, values in against_reference(run).items():
        goal = goals.get(name, inf)
        shown = (f"{value:.3g}" if value <= goal else f"**{value:.3g}**" for value in values)
        lines.append(f"| {name} | {' | '.join(shown)} | {goals.get(name, '')} |")
    return lines


def _draw_months(real: Sequence[Charge], twin: Sequence[Charge], images: Path) -> list[str]:
    """Median peak power by month with its quartiles."""
    sheet, ((axes,),) = tiles(1, 1, (2.4,))
    ratios = [winter_ratio(charges) for charges in (real, twin)]
    note = "dots: median; lines: middle half of the sessions"
    if None not in ratios:
        note += f"; December over June: recorded {ratios[0]:.2f}, twin {ratios[1]:.2f}"
    heading(axes, "Peak power of a session", note)
    for charges, shift, colour in ((real, -0.09, OTHER), (twin, 0.09, OURS)):
        for month in MONTHS:
            peaks = [one.peak_kw for one in charges if one.month == month]
            if peaks:
                axes.plot([month + shift] * 2, np.quantile(peaks, (0.25, 0.75)), color=colour, linewidth=2.0)
                axes.plot(month + shift, median(peaks), "o", color=colour, markersize=8)
    counts = [sum(one.month == month for one in real) for month in MONTHS]
    axes.set_xticks(list(MONTHS), [f"{name}\n{count or 'no'} sessions" for name, count in
                                   zip(MONTHS.values(), counts, strict=True)], linespacing=1.35)  # fmt: skip
    axes.set_xlim(3.5, 12.5)
    axes.set_ylim(0.0, 175.0)
    axes.set_ylabel("Power (kW)", fontsize=10)
    key(sheet, ("recorded", OTHER), ("twin", OURS))
    return write(sheet, images, "site-months", "Median peak power of a session by month, recorded and of the twin")


def _names(*tables: dict[str, float]) -> list[str]:
    months = [name for table in tables for name in table if name.startswith("median peak ") and "(" in name]
    return list(dict.fromkeys([name for table in tables for name in table if name not in months] + months))


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value == int(value) and value > 12 else f"{value:.3g}"
