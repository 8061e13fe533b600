"""Exports of a run that the real writer wrote, read back with the standard library."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path

import pytest

from bench_api.export import export_run
from sim.clock import Clock
from sim.errors import UsageError
from sim.kernel import Kernel
from sim.reading import TABLES
from sim.recording import Recorder
from sim.signals import Signal, State
from sim.units import SimTime


class Door(Enum):
    SHUT = "shut"
    OPEN = "open"


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    kernel = Kernel(Clock(datetime(2026, 7, 1), "Asia/Shanghai"), seed=1)
    power, door = Signal("pile.power_kw", "kW", 2.0), State("pile.door", Door.SHUT)
    kernel.add(power, door)
    recorder = Recorder(tmp_path / "run" / "run.sqlite")
    recorder.meta({"schema": 1, "simulated_s": 100.0})
    recorder.attach(kernel)
    kernel.at(SimTime(40.0), lambda: power.set(SimTime(40.0), 4.0, 0.5))

    def open_door() -> None:
        door.set(SimTime(60.0), Door.OPEN)

    kernel.at(SimTime(60.0), open_door)
    kernel.emit("pile.opened", "pile", {"why": 'a "key",\nand a card 卡'})
    kernel.advance(SimTime(100.0))
    recorder.close(SimTime(100.0))
    return tmp_path / "run"


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_csv_has_a_file_for_each_table_and_the_samples(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    written = export_run(recorded, "csv", out)
    assert [path.name for path in written] == [*(f"{table}.csv" for table in TABLES), "samples.csv"]
    assert sorted(out.iterdir()) == sorted(written)
    assert read(out / "samples.csv") == [
        ["name", "unit", "t_s", "value"],
        *(["pile.door", "", t, code] for t, code in (("0.0", "0"), ("60.0", "0"), ("60.0", "1"), ("100.0", "1"))),
        *(
            ["pile.power_kw", "kW", t, v]
            for t, v in (("0.0", "2.0"), ("40.0", "2.0"), ("40.0", "4.0"), ("100.0", "34.0"))
        ),
    ]
    header, event = read(out / "events.csv")
    assert header == ["seq", "t_s", "kind", "subject", "cause", "clause", "data"]
    assert float(event.pop(1)) == 0.0
    assert event == ["1", "pile.opened", "pile", "", "", '{"why":"a \\"key\\",\\nand a card 卡"}']
    assert read(out / "chunks.csv")[0] == ["signal_id", "t0_s", "t1_s", "n"]
    assert read(out / "signals.csv")[1:] == [["0", "pile.power_kw", "kW", "segment"], ["1", "pile.door", "", "state"]]
    assert read(out / "lateness.csv") == [["t_s", "late_ms"]]


def test_the_glob_chooses_the_samples(recorded: Path, tmp_path: Path) -> None:
    export_run(recorded / "run.sqlite", "csv", tmp_path / "out", "*_kw")
    assert {row[0] for row in read(tmp_path / "out" / "samples.csv")[1:]} == {"pile.power_kw"}
    with pytest.raises(UsageError, match="no signal matches 'pump"):
        export_run(recorded, "csv", tmp_path / "none", "pump*")
    assert not (tmp_path / "none").exists()


def test_parquet_without_pyarrow_names_it(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="'pyarrow', which is not installed"):
        export_run(recorded, "parquet", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_parquet_holds_the_same_samples(recorded: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    written = export_run(recorded, "parquet", tmp_path / "out")
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".parquet"}
    assert len(written) == len(TABLES) + 1
    table = parquet.read_table(tmp_path / "out" / "samples.parquet")
    assert table.column("value").to_pylist()[-1] == 34.0


def test_what_cannot_be_done_is_said(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot export to 'xlsx'; known: csv, parquet"):
        export_run(recorded, "xlsx", tmp_path / "out")
    with pytest.raises(UsageError, match="no recorded run here"):
        export_run(tmp_path / "nowhere", "csv", tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        export_run(recorded, "csv", tmp_path / "file")
