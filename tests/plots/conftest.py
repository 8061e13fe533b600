"""Recordings made row by row to the contract's tables, so that figures are tested on days of our choosing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from math import inf
from pathlib import Path
from struct import pack

import pytest

TABLES = """
CREATE TABLE meta(key PRIMARY KEY, value);
CREATE TABLE signals(id PRIMARY KEY, name, unit, kind);
CREATE TABLE chunks(signal_id, t0_s, t1_s, n, data BLOB);
CREATE TABLE events(seq PRIMARY KEY, t_s, kind, subject, cause, clause, data);
CREATE TABLE commands(seq PRIMARY KEY, t_s, source, actor, verb, target, args);
CREATE TABLE frames(seq PRIMARY KEY, t_s, wall_ns, link, direction, kind, action, message_id, bytes, verdict, body);
CREATE TABLE sessions(id PRIMARY KEY, vehicle, bay, pile, connector, arrived_s, plugged_s, started_s, stopped_s,
    left_s, soc_in_pct, soc_out_pct, energy_true_kwh, energy_registered_kwh, cost_cny, power_max_kw, outcome,
    stop_reason, transaction_id);
CREATE TABLE verdicts(id, verdict, t_s, title, evidence);
CREATE TABLE lateness(t_s, late_ms);
CREATE TABLE kpis(name, value, unit);
"""
DAY_S = 86400.0
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes `run.sqlite` from {signal: segments}, session rows, events (t, kind, subject, data) and meta."""

    def written(
        signals: dict[str, list[tuple[float, ...]]] | None = None,
        sessions: list[tuple[object, ...]] | None = None,
        events: list[tuple[float, str, str, dict[str, object]]] | None = None,
        **meta: str,
    ) -> Path:
        db = sqlite3.connect(tmp_path / "run.sqlite")
        db.executescript(TABLES)
        facts = {"schema": "1", "start": "2022-07-11T00:00:00", "timezone": "Asia/Shanghai", "simulated_s": str(DAY_S)}
        db.executemany("INSERT INTO meta VALUES(?, ?)", (facts | meta).items())
        for i, (name, rows) in enumerate((signals or {}).items()):
            data = b"".join(pack("<5d", *row) for row in rows)
            db.execute("INSERT INTO signals VALUES(?, ?, 'kW', 'segment')", (i, name))
            db.execute("INSERT INTO chunks VALUES(?, ?, ?, ?, ?)", (i, rows[0][0], DAY_S, len(rows), data))
        rows = (
            (seq, t, kind, who, None, "", json.dumps(data)) for seq, (t, kind, who, data) in enumerate(events or [])
        )
        db.executemany("INSERT INTO events VALUES(?, ?, ?, ?, ?, ?, ?)", rows)
        db.executemany(f"INSERT INTO sessions VALUES({','.join('?' * 19)})", sessions or [])
        db.commit()
        db.close()
        return tmp_path

    return written


def flat(t: float, kw: float) -> tuple[float, ...]:
    return (t, kw, 0.0, 0.0, inf)


@pytest.fixture
def day(write: Write) -> Path:
    """Two connectors, a taper, a waiting car, one turned away, one that failed; and a hostile pile id."""
    one = [flat(0, 0), (36000.0, 20.0, 0.0, 100.0, 900.0), flat(39600, 0)]
    two = [flat(0, 0), flat(37800, 50), flat(41400, 0)]
    grid = [flat(0, 2), (36000.0, 22.0, 0.0, 105.0, 900.0), flat(37800, 90), flat(39600, 52), flat(41400, 2)]
    rest = (20.0, 80.0, 42.4, 42.3, 50.0, 120.0)
    sessions: list[tuple[object, ...]] = [
        ("S1", "V1", "B1", "A&<1>", 1, 35900.0, 35920.0, 36000.0, 39600.0, 40000.0, *rest, "charged", "target", 1),
        ("S2", "V2", "B2", "A&<1>", 2, 36000.0, 37700.0, 37800.0, 41400.0, None, *rest, "charging", None, 2),
        ("S3", "V3", None, None, None, 37000.0, *[None] * 10, "turned_away", "full", None),
        ("S4", "V4", "B1", "A&<1>", 1, 50000.0, 50020.0, None, None, 50300.0, *[None] * 6, "failed", "alarm", None),
    ]
    return write(
        {
            "grid.power_kw": grid,
            "pile[A&<1>].connector[1].power_kw": one,
            "pile[A&<1>].connector[2].power_kw": two,
            "control.site_limit_kw": [flat(0, 172.5)],
        },
        sessions,
    )
