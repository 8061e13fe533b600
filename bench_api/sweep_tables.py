"""A sweep for people (a table of its main figures) and for other tools (CSV, a row a run)."""

from __future__ import annotations

import csv
import io
import math
import sys
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from scenarios.estimates import Estimate
from scenarios.search import Sweep
from scenarios.verdict import VERDICTS

__all__ = ["print_tables", "write_csv"]

MAIN: Final = (
    "arrivals", "served", "turned_away", "reneged", "wait_mean_s", "wait_p95_s", "utilisation_pct",
    "availability_pct", "energy_kwh", "peak_kw",
)  # fmt: skip
_WIDE: Final = 110  # columns of a terminal that hold every column of the table
_NOISE: Final = 1e-9  # what rounding may leave of nothing


def print_tables(sweep: Sweep) -> None:
    """Settings with their verdicts, then each main figure setting by setting; Markdown where no terminal shows it."""
    if sys.stdout.isatty():
        console = Console(highlight=False)
        console.print(_settings(sweep, box.SIMPLE_HEAD, "\n"))
        if sweep.units:
            console.print(_figures(sweep, box.SIMPLE_HEAD, is_wide=console.width >= _WIDE))
        console.print(_legend(sweep), style="dim")
        return
    tables = [_settings(sweep, box.MARKDOWN, " ")]
    if sweep.units:
        tables.append(_figures(sweep, box.MARKDOWN, is_wide=True))
    sys.stdout.write("\n\n".join([*map(_markdown, tables), _legend(sweep)]) + "\n")


def write_csv(sweep: Sweep, path: Path) -> None:
    """One row a run: number of the setting, its changes, seed, verdict, key figures, event digest; OSError if not."""
    keys = [key for key, _ in sweep.settings[0].changes]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["setting", *keys, "seed", "verdict", *sweep.units, "event_digest"])
        for (setting, seed), result in sweep.results.items():
            values = [value for _, value in setting.changes]
            figures = [result.figures.get(name) for name in sweep.units]
            writer.writerow([setting.number, *values, seed, result.verdict, *figures, result.event_digest])


def _settings(sweep: Sweep, style: box.Box, between: str) -> Table:
    table = _table(style, "setting", "changes", "runs", *VERDICTS)
    for setting in sweep.settings:
        verdicts = sweep.verdicts(setting)
        counts = [str(verdicts[verdict] or "-") for verdict in VERDICTS]
        table.add_row(str(setting.number), setting.said(between), str(sum(verdicts.values())), *counts)
    return table


def _figures(sweep: Sweep, style: box.Box, *, is_wide: bool) -> Table:
    is_compared = len(sweep.settings) > 1
    more, against = ["sd", "min", "max"] * is_wide, ["against setting 1"] * is_compared
    table = _table(style, "figure", "setting", "mean", *more, "n", *against)
    estimates = [sweep.estimates(setting) for setting in sweep.settings]
    differences = [sweep.differences(setting) for setting in sweep.settings]
    for name in [name for name in MAIN if name in sweep.units] or sweep.units:
        for at, setting in enumerate(sweep.settings):
            one, other = estimates[at][name], differences[at][name]
            row = [name, str(setting.number), _interval(one)]
            row += list(map(_number, (one.sd, one.min, one.max))) * is_wide + [str(one.n)]
            row += [f"{_interval(other, '+')} {'*' if other.excludes_zero else ' '}" if at else ""] * is_compared
            table.add_row(*row, end_section=style is not box.MARKDOWN and setting is sweep.settings[-1])
    return table


def _table(style: box.Box, *headings: str) -> Table:
    table = Table(box=style)
    for heading in headings:
        is_text = heading in ("figure", "changes")
        table.add_column(heading, justify="left" if is_text else "right", no_wrap=heading != "changes", overflow="fold")
    return table


def _markdown(table: Table) -> str:
    console = Console(file=io.StringIO(), width=10_000, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.strip() for line in captured.get().splitlines() if line.strip())


def _legend(sweep: Sweep) -> str:
    seeds = f"{len(sweep.seeds)} seeds, {sweep.seeds[0]} to {sweep.seeds[-1]}"
    said = f"{seeds}; ± is the 95 % interval of the mean"
    if len(sweep.settings) > 1:
        said += "; differences are paired by seed, * where the interval excludes 0"
    return said


def _interval(one: Estimate, sign: str = "-") -> str:
    """The mean to the second digit of the half-width."""
    if one.mean is None:
        return "-"
    half = one.half_width
    if half is None:
        return _number(one.mean, sign)
    if half <= _NOISE * max(1.0, abs(one.mean)):
        return f"{_number(one.mean, sign)} ± 0"
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{one.mean:{sign}.{decimals}f} ± {half:.{decimals}f}"


def _number(value: float | None, sign: str = "-") -> str:
    if value is None:
        return "-"
    return f"{0.0 if abs(value) <= _NOISE else value:{sign}.5g}"
