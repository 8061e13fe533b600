"""The recording: what each level keeps, the digest untouched by it, kill -9, a disk that is full."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from sim.clock import Clock
from sim.errors import RecordingFailed
from sim.events import Command
from sim.kernel import Kernel, Rank, Twin
from sim.recording import LEVELS, SESSION_COLUMNS, Recorder
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

ROOT = Path(__file__).resolve().parents[2]


class Mood(Enum):
    CALM = "calm"
    BUSY = "busy"


class Worker(Twin):
    path, rank = "worker", Rank.PILE

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.power = Signal("worker.power_kw", "kW")
        self.total = Sum("grid.power_kw", "kW", [self.power], scale=1.1, offset=0.5)
        self.mood = State("worker.mood", Mood.CALM)
        kernel.add(self.power, self.total, self.mood)

    def plan(self, now: SimTime) -> SimTime:
        draw = float(self.kernel.streams["worker"].random())
        self.power.set(now, 10.0 * draw, 0.0, draw, 60.0)
        self.mood.set(now, Mood.BUSY if draw > 0.5 else Mood.CALM)
        self.kernel.emit("worker.turned", self.path, {"draw": draw})
        return SimTime(now + 30.0 + draw)


def play(path: Path, level: str, until: float = 20_000.0) -> tuple[tuple[str, str], float]:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 5)
    worker = Worker(kernel)
    recorder = Recorder(path, level)
    recorder.attach(kernel)
    recorder.meta({"seed": 5, "scenario": "test"})
    kernel.handle("worker", lambda command, seq: kernel.touch(worker))
    kernel.touch(worker)
    kernel.post(Command("test", "me", "hurry", "worker", {"by_s": 1}))
    kernel.admit()
    end = SimTime(until)
    for hour in range(1, int(until // 1_000) + 1):
        kernel.advance(SimTime(hour * 1_000.0))
        recorder.beat(kernel.now)
    recorder.session(["S000001", *([None] * (len(SESSION_COLUMNS) - 1))])
    recorder.session(["S000001", "V000001", *([None] * (len(SESSION_COLUMNS) - 2))])
    digests = kernel.digest.finish(end, kernel.signals.values())
    recorder.close(end)
    return digests, worker.total.total_at(end)


def count(path: Path, table: str) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_levels_change_what_is_kept_and_never_the_digest(tmp_path: Path) -> None:
    digests = {level: play(tmp_path / f"{level}.sqlite", level)[0] for level in LEVELS}
    assert len(set(digests.values())) == 1
    assert [count(tmp_path / f"{level}.sqlite", "events") > 0 for level in LEVELS] == [False, True, True]
    assert [count(tmp_path / f"{level}.sqlite", "chunks") > 0 for level in LEVELS] == [False, False, True]
    assert [count(tmp_path / f"{level}.sqlite", "commands") for level in LEVELS] == [1, 1, 1]
    assert [count(tmp_path / f"{level}.sqlite", "sessions") for level in LEVELS] == [1, 1, 1]


def test_recorded_power_reintegrates_to_the_meter(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    _, total = play(path, "all")
    with sqlite3.connect(path) as connection:
        query = "SELECT c.data FROM chunks c JOIN signals s ON s.id = c.signal_id WHERE s.name = ? ORDER BY c.t0_s"
        data = b"".join(row[0] for row in connection.execute(query, ("grid.power_kw",)))
    rows = np.frombuffer(data, "<f8").reshape(-1, 5)
    assert np.all(np.diff(rows[:, 0]) > 0)
    area = 0.0
    for (t0, a, b, c, tau), t1 in zip(rows, [*rows[1:, 0], 20_000.0], strict=True):
        times = np.linspace(0.0, t1 - t0, 2_001)
        area += float(np.trapezoid(a + b * times + c * np.exp(-times / tau), times))
    assert area == pytest.approx(total, rel=1e-6)


def test_after_kill_9_the_file_opens_and_holds_what_was_committed(tmp_path: Path) -> None:
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r}); sys.path.insert(0, {str(Path(__file__).parent)!r})
import importlib.util, pathlib
spec = importlib.util.spec_from_file_location("t", {str(Path(__file__))!r})
t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)
from sim.kernel import Kernel; from sim.recording import Recorder; from sim.clock import Clock
from datetime import datetime
k = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 5); w = t.Worker(k)
r = Recorder(pathlib.Path({str(tmp_path / "run.sqlite")!r})); r.attach(k); k.touch(w)
now = 0.0
while True:
    now += 10_000.0; k.advance(now); r.flush(now); print(now, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(100):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with sqlite3.connect(tmp_path / "run.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = connection.execute("SELECT count(*), max(seq) FROM events").fetchone()
        assert kept[0] == kept[1] > 0
        assert connection.execute("SELECT count(*) FROM chunks").fetchone()[0] > 0


def test_a_full_disk_is_our_error_with_the_files_name(tmp_path: Path) -> None:
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
import importlib.util, pathlib, resource
spec = importlib.util.spec_from_file_location("t", {str(Path(__file__))!r})
t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)
from sim.errors import RecordingFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    t.play(pathlib.Path({str(tmp_path / "run.sqlite")!r}), "all", 3_000_000.0)
except RecordingFailed as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert "run.sqlite" in done.stdout and "disk full" in done.stdout


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingFailed, match="file"):
        Recorder(tmp_path / "file" / "run.sqlite")
