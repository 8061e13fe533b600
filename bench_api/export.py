"""A recorded run as plain tables: CSV for everybody, Parquet where `pyarrow` is installed.

One file a table of the recording; `samples` holds every signal's value at each segment's start and end, a state's as
its code (the words stand in `meta`, key `state_labels`). Of `chunks` the binary column is left out: `samples` holds it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import UsageError
from sim.reading import TABLES, Run

__all__ = ["FORMATS", "SAMPLE_COLUMNS", "export_run"]

FORMATS = ("csv", "parquet")
SAMPLE_COLUMNS = ("name", "unit", "t_s", "value")


def export_run(run: Path | str, to: str, out: Path | str, signals: str = "*") -> list[Path]:
    """Write the recording `run` (a folder or its `run.sqlite`) into the folder `out`; returns the files written.

    `to` is `csv` or `parquet`; `signals` is a glob of the names that `samples` shall hold. Raises `UsageError` for a
    run that cannot be read, an unknown format, a glob without match, a missing `pyarrow` and a folder not writable.
    """
    if to not in FORMATS:
        raise UsageError(f"cannot export to '{to}'; known: {', '.join(FORMATS)}")
    arrow = _arrow() if to == "parquet" else None
    with Run(run) as recording:
        names = recording.signal_names(signals)
        if not names and signals != "*":
            raise UsageError(f"{recording.path}: no signal matches '{signals}'; `*` stands for any text")
        folder = Path(out)
        written = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for table in TABLES:
                columns = _columns(recording, table)
                rows = recording.rows(f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid")
                written.append(_write(folder / f"{table}.csv", columns, (tuple(map(_cell, row)) for row in rows)))
            written.append(_write(folder / "samples.csv", SAMPLE_COLUMNS, _samples(recording, names)))
            return written if arrow is None else [_to_parquet(arrow, path) for path in written]
        except OSError as error:
            raise UsageError(f"{folder}: cannot be written ({error}); give a folder that can") from error


def _columns(recording: Run, table: str) -> tuple[str, ...]:
    found = recording.rows("SELECT name, type FROM pragma_table_info(?)", table)
    return tuple(name for name, kind in found if (table, kind) != ("chunks", "BLOB"))


def _cell(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _samples(recording: Run, names: Sequence[str]) -> Iterator[tuple[str, str, float, float]]:
    states = set(recording.signal_names(kind="state"))
    for name in names:
        if name in states:
            state = recording.states(name)
            times = np.repeat(np.append(state.t, state.t_end), 2)[1:-1]
            for t, code in zip(times.tolist(), np.repeat(state.code, 2).tolist(), strict=True):
                yield name, "", t, code
        else:
            series = recording.series(name)
            times, values = series.value_at_starts_and_ends()
            for t, value in zip(times.tolist(), values.tolist(), strict=True):
                yield name, series.unit, t, value


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow.csv"), import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            "parquet needs the package 'pyarrow', which is not installed; `pip install pyarrow`, or export to csv"
        ) from None


def _to_parquet(arrow: tuple[Any, Any], path: Path) -> Path:
    reader, writer = arrow
    table = reader.read_csv(path, parse_options=reader.ParseOptions(newlines_in_values=True))
    writer.write_table(table, path.with_suffix(".parquet"))
    path.unlink()
    return path.with_suffix(".parquet")
