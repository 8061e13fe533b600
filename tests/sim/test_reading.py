"""Recordings as the real writer leaves them: finished, growing, killed; and files that are none."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from pathlib import Path

import numpy as np
import pytest

from sim.clock import Clock
from sim.events import Command
from sim.kernel import Kernel
from sim.reading import Run, UsageError
from sim.recording import Recorder
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 7, 1, 6, 0)


class Phase(Enum):
    IDLE = "idle"
    CHARGING = "charging"


class Bench:
    """A kernel with two powers, their sum, a state and the recorder that keeps them."""

    def __init__(self, folder: Path, level: str = "all") -> None:
        self.kernel = Kernel(Clock(START, "Asia/Shanghai"), seed=1)
        self.steady = Signal("pile[1].power_kw", "kW", 7.0)
        self.curve = Signal("pile[2].power_kw", "kW", 0.0)
        self.total = Sum("grid.power_kw", "kW", [self.steady, self.curve])
        self.phase = State("pile[1].phase", Phase.IDLE)
        self.kernel.add(self.steady, self.curve, self.total, self.phase)
        self.recorder = Recorder(folder / "run.sqlite", level)
        self.recorder.meta({"schema": 1, "start": START.isoformat(), "timezone": "Asia/Shanghai"})
        self.recorder.attach(self.kernel)

    def do(self, t: float, action: Callable[[SimTime], object]) -> None:
        def act() -> None:
            action(SimTime(t))

        self.kernel.at(SimTime(t), act)

    def advance(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def finish(self, t: float) -> None:
        self.advance(t)
        self.recorder.meta({"simulated_s": t})
        self.recorder.close(SimTime(t))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """One hour with a charge in it, flushed twice on the way and closed."""
    bench = Bench(tmp_path)
    bench.do(600.0, lambda t: bench.curve.set(t, 60.0, -0.01, -20.0, 90.0))
    bench.do(600.0, lambda t: bench.phase.set(t, Phase.CHARGING))
    bench.do(1800.0, lambda t: bench.curve.set(t, 0.0))
    bench.do(1800.0, lambda t: bench.phase.set(t, Phase.IDLE))

    def stop(command: Command, seq: int) -> None:
        bench.kernel.emit("pile.stopped", command.target, {"n": 1}, cause=seq)

    bench.kernel.handle("pile[1]", stop)
    bench.kernel.emit("pile.started", "pile[1]", {"why": "卡"}, clause="GB/T 20234.1 7.1")
    bench.advance(500.0)
    bench.recorder.flush(bench.kernel.now)
    bench.kernel.post(Command("rest", "trainer", "stop", "pile[1]", {"soft": True}))
    bench.kernel.admit()
    bench.advance(1200.0)
    bench.recorder.flush(bench.kernel.now)
    bench.recorder.session(("s2", "v2", None, None, None, 900.0, *[None] * 10, "turned_away", "full", None))
    bench.recorder.session(("s1", "v1", "b1", "pile[1]", 1, 5.0, *[None] * 10, "charging", None, 7))
    bench.recorder.session(("s1", "v1", "b1", "pile[1]", 1, 5.0, *[None] * 10, "charged", "target", 7))
    bench.recorder.frame((1.5, 10**18, "cp1", "in", "call", "Boot", "m1", 20, "ok", b'{"a":1}'))
    bench.recorder.lateness(SimTime(2.0), 0.5)
    bench.recorder.verdict(("e1", "pass", 3.0, "Stops", '{"seq": 2}'))
    bench.recorder.kpi("served", 1.0, "1")
    bench.finish(3600.0)
    return bench


def test_a_series_is_the_signal(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        series = run.series("pile[2].power_kw")
        assert (series.unit, len(series), series.t_end) == ("kW", 3, 3600.0)
        dt = np.array([0.0, 1.0, 300.0, 1199.0])
        assert series.at(600.0 + dt) == pytest.approx(60.0 - 0.01 * dt - 20.0 * np.exp(-dt / 90.0))
        assert series.at([0.0, 599.0, 1800.0, 3600.0]).tolist() == [0.0] * 4
        assert np.isnan(series.at([-1.0, 3600.5])).all()
        assert series.integral(0.0, 3600.0) == pytest.approx(bench.curve.total_at(SimTime(3600.0)), rel=1e-12)
        assert series.integral(700.0, 650.0) == -series.integral(650.0, 700.0)
        peak = series.maximum()
        assert peak is not None
        turn = 90.0 * math.log(20.0 / (0.01 * 90.0))
        assert peak[0] == pytest.approx(600.0 + turn)
        assert series.means(np.array([0.0, 600.0, 1800.0, 3600.0])) * [600, 1200, 1800] == pytest.approx(
            [0.0, series.integral(600.0, 1800.0), 0.0]
        )


def test_a_signal_that_never_changes_lasts_to_the_end(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path / "run.sqlite") as run:
        assert run.series("pile[1].power_kw").integral(0.0, 3600.0) == 7.0 * 3600.0


def test_a_sum_keeps_the_energy_of_its_parts(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        parts = [run.series(f"pile[{n}].power_kw").integral(0.0, 3600.0) for n in (1, 2)]
        assert run.series("grid.power_kw").integral(0.0, 3600.0) == pytest.approx(sum(parts), rel=1e-9)


def test_a_state_has_its_words(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        phase = run.states("pile[1].phase")
        assert phase.t.tolist() == [0.0, 600.0, 1800.0]
        assert [phase.label(code) for code in phase.code] == ["idle", "charging", "idle"]
        assert phase.t_end == 3600.0


def test_names_are_found_by_glob(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        assert run.signal_names("pile[?].power_kw") == ["pile[1].power_kw", "pile[2].power_kw"]
        assert run.signal_names(kind="state") == ["pile[1].phase"]
        with pytest.raises(UsageError, match=r"no signal 'x\.power_kw'; near: grid\.power_kw"):
            run.series("x.power_kw")
        with pytest.raises(UsageError, match="is a state signal"):
            run.series("pile[1].phase")
        with pytest.raises(UsageError, match="is a segment signal"):
            run.states("grid.power_kw")


def test_every_table_comes_back(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        first, second = run.events()
        assert (first.seq, first.clause, first.data, first.cause) == (1, "GB/T 20234.1 7.1", {"why": "卡"}, None)
        (command,) = run.commands()
        assert (command.verb, command.args, command.t_s) == ("stop", {"soft": True}, 500.0)
        assert second.cause == command.seq
        assert list(run.events("pile.stop*")) == [second] == list(run.events("pile.stopped", "pile[1]"))
        assert list(run.events("pile.stop")) == list(run.events(subject="pile[2]")) == []
        assert [(s.id, s.outcome, s.transaction_id) for s in run.sessions()] == [
            ("s1", "charged", 7),
            ("s2", "turned_away", None),
        ]
        (frame,) = run.frames()
        assert (frame.seq, frame.wall_ns, frame.action, frame.body) == (1, 10**18, "Boot", '{"a":1}')
        assert [v.evidence for v in run.verdicts()] == [{"seq": 2}]
        assert [(k.name, k.value) for k in run.kpis()] == [("served", 1.0)]
        assert [(x.t_s, x.late_ms) for x in run.lateness()] == [(2.0, 0.5)]
        assert run.meta["timezone"] == "Asia/Shanghai"
        assert run.duration_s == 3600.0
        assert run.is_finished
        local = run.local(3600.0)
        assert local is not None
        assert local.isoformat() == "2026-07-01T07:00:00+08:00"


def test_a_lean_recording_has_no_signals(tmp_path: Path) -> None:
    bench = Bench(tmp_path, level="kpi")
    bench.kernel.emit("pile.started", "pile[1]")
    bench.finish(10.0)
    with Run(tmp_path) as run:
        assert run.signal_names() == []
        assert list(run.events()) == []
        assert run.duration_s == 10.0


def test_reading_leaves_nothing_beside_a_finished_run(bench: Bench, tmp_path: Path) -> None:
    with Run(tmp_path) as run:
        run.series("pile[1].power_kw")
        assert [path.name for path in tmp_path.iterdir()] == ["run.sqlite"]
        with pytest.raises(UsageError, match="readonly"):
            list(run.rows("DELETE FROM meta"))


GROWING = """
import sys
from pathlib import Path
from tests_bench import Bench
bench = Bench(Path(sys.argv[1]))
t = 0.0
while True:
    t += 1.0
    bench.do(t, lambda t: bench.curve.set(t, t))
    bench.advance(t)
    bench.kernel.emit("tick", "clock")
    bench.recorder.beat(bench.kernel.now)
"""


def test_a_run_is_read_while_it_grows_and_after_a_kill(tmp_path: Path) -> None:
    load = f"import importlib.util as u; s = u.spec_from_file_location('tests_bench', {__file__!r}); import sys\n"
    load += "m = u.module_from_spec(s); sys.modules['tests_bench'] = m; s.loader.exec_module(m)\n"
    child = subprocess.Popen([sys.executable, "-c", load + GROWING, str(tmp_path)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60.0
        seen = 0.0
        grown = 0
        while grown < 3 and time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.05)
            try:
                with Run(tmp_path) as run:
                    if run.signal_names() and (end := run.series("pile[2].power_kw").t_end) > seen:
                        assert not run.is_finished
                        seen, grown = end, grown + 1
            except UsageError as error:
                assert grown == 0, error
        assert grown == 3
        with Run(tmp_path) as run:
            before = run.series("pile[2].power_kw").t_end
            child.kill()
            child.wait()
            assert run.series("pile[2].power_kw").t_end >= before
    finally:
        child.kill()
        child.wait()
    with Run(tmp_path) as run:
        series = run.series("pile[2].power_kw")
        assert not run.is_finished
        assert series.t_end >= before
        times = np.arange(math.floor(series.t_end))
        assert series.at(times).tolist() == times.tolist()
        assert [event.seq for event in run.events()] == list(range(1, sum(1 for _ in run.events()) + 1))
        assert run.states("pile[1].phase").t_end >= series.t_end


def test_an_open_reader_sees_new_rows(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    with Run(tmp_path) as run:
        assert run.duration_s == 0.0
        bench.do(5.0, lambda t: bench.curve.set(t, 1.0))
        bench.finish(9.0)
        assert run.duration_s == 9.0
        assert run.series("grid.power_kw").integral(0.0, 9.0) == pytest.approx(7.0 * 9.0 + 4.0)


def edit(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recorded run here"):
        Run(tmp_path)
    with pytest.raises(UsageError, match="no recorded run here"):
        Run(tmp_path / "missing")
    path = tmp_path / "run.sqlite"
    path.write_bytes(b"")
    with pytest.raises(UsageError, match="not a recorded run"):
        Run(path)
    path.write_text("name,unit\n" * 100)
    with pytest.raises(UsageError, match=r"run\.sqlite: not a recorded run \(file is not a database\)"):
        Run(path)
    path.unlink()
    edit(path, "CREATE TABLE meta(key, value)")
    with pytest.raises(UsageError, match="no table signals, chunks"):
        Run(tmp_path)


def test_a_foreign_schema_is_refused(bench: Bench, tmp_path: Path) -> None:
    edit(tmp_path / "run.sqlite", "UPDATE meta SET value = '2' WHERE key = 'schema'")
    with pytest.raises(UsageError, match="recorded with schema 2; this Voltyard reads schema 1"):
        Run(tmp_path)


def test_a_damaged_chunk_is_named(bench: Bench, tmp_path: Path) -> None:
    edit(tmp_path / "run.sqlite", "UPDATE chunks SET data = x'00' WHERE signal_id = 1")
    with Run(tmp_path) as run, pytest.raises(UsageError, match=r"'pile\[2\]\.power_kw' has 1 bytes"):
        run.series("pile[2].power_kw")
