"""`make soak`: the CSMS and the station are killed with -9 at random moments, and nothing may be lost or doubled.

Prints one line a finding and exits 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from hil.ocpp.csms.process import spawn
from scenarios.loader import load_scenario
from sim.reading import Run

SCENARIO = """\
scenario: 1
title: {{en: Busy days, zh: 繁忙的几天}}
station: two-outlet
start: 2022-06-14T06:00
duration_h: {hours}
seed: 5
demand: {{sessions_per_day: 60}}
"""


def rows(path: Path, query: str) -> list[Any]:
    """What this SELECT finds."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def kill_csms(folder: Path, count: int, dice: random.Random) -> list[str]:
    """Kill the CSMS `count` times under a run of days; what went wrong."""
    scenario = folder / "busy.yaml"
    scenario.write_text(SCENARIO.format(hours=24 * 6), encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    database, killed, is_over = folder / "csms.sqlite", 0, threading.Event()
    running = [spawn(database, port=port)]

    def strike() -> None:
        nonlocal killed
        while killed < count and not is_over.wait(dice.uniform(0.02, 0.6)):
            running[0].kill()
            killed += 1
            running[0] = spawn(database, port=port)

    factor = 6 * 86_400 / (count * 0.75 + 10.0)
    thread = threading.Thread(target=strike)
    plan = Plan(loaded=load_scenario(scenario), pace=read_pace(f"{factor:.0f}x"), seed=5, out=folder / "run",
                state=folder / "state", csms=f"ws://127.0.0.1:{port}")  # fmt: skip
    thread.start()
    document = Bench(plan).run().document
    is_over.set()
    thread.join()
    running[0].terminate()
    messages = document["books"]["messages"]
    with Run(folder / "run") as run:
        told = [car for car in run.sessions() if car.started_s is not None]
    stored = rows(database, "SELECT count(*), count(DISTINCT started_at || connector) FROM transactions")
    statuses = dict(rows(database, "SELECT status, count(*) FROM transactions GROUP BY status"))
    print(f"CSMS killed {killed} times under {messages['started']} transactions: {document['verdict']}, {messages};"
          f" the CSMS holds {stored[0][0]}, {statuses}")  # fmt: skip
    wrong = []
    if document["verdict"] != "pass":
        wrong.append(f"verdict {document['verdict']}: {document.get('reason', document.get('error', ''))}")
    if stored[0][0] != stored[0][1] or stored[0][0] != messages["started"] or len(told) != messages["started"]:
        wrong.append(f"{messages['started']} started, {len(told)} recorded, the CSMS holds {stored}")
    if statuses.get("open", 0) != messages["open"]:
        wrong.append(f"open: {messages['open']} here, {statuses} there")
    return wrong


def kill_station(folder: Path, count: int, dice: random.Random) -> list[str]:
    """Kill the station `count` times with one state folder, then let one run end; what went wrong."""
    scenario = folder / "busy.yaml"
    scenario.write_text(SCENARIO.format(hours=24), encoding="utf-8")
    database, state, wrong, seen = folder / "csms.sqlite", folder / "state", [], 0
    command = [sys.executable, "-m", "voltyard", "run", str(scenario), "--state", str(state)]
    with spawn(database) as csms:
        command += ["--csms", csms.ocpp_url]
        for number in range(count):
            out = folder / f"run-{number}"
            options = ["--pace", "20000x", "--seed", str(number), "--out", str(out)]
            with subprocess.Popen(
                [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as process:
                deadline = time.monotonic() + 30.0
                while not (out / "run.sqlite").exists() and time.monotonic() < deadline:
                    time.sleep(0.01)
                time.sleep(dice.uniform(0.0, 3.0))
                process.send_signal(signal.SIGKILL)
            try:
                with Run(out) as run:
                    seen += sum(event.kind == "session.started" for event in run.events())
                check = rows(out / "run.sqlite", "PRAGMA integrity_check")
                if check != [("ok",)]:
                    wrong.append(f"{out}: {check}")
            except Exception as error:
                wrong.append(f"{out}: {error}")
        options = ["--pace", "lockstep", "--seed", "999999", "--out", str(folder / "last")]
        last = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if last.returncode != 0:
            wrong.append(f"the last run: {last.returncode} {last.stderr}")
    left = rows(state / "queue.sqlite", "SELECT count(*) FROM messages")[0][0]
    counted = "SELECT sum(started), sum(stopped), sum(lost) FROM counters"
    ((started, stopped, lost),) = rows(state / "queue.sqlite", counted)
    ((held, distinct),) = rows(database, "SELECT count(*), count(DISTINCT started_at || id_tag) FROM transactions")
    statuses = dict(rows(database, "SELECT status, count(*) FROM transactions GROUP BY status"))
    reasons = dict(rows(database, "SELECT reason, count(*) FROM transactions GROUP BY reason"))
    print(f"station killed {count} times: {seen} starts in the recordings, {started} in the queue's count,"
          f" {stopped} stopped, {lost} lost, {left} messages left;"
          f" the CSMS holds {held}, {statuses}, {reasons}")  # fmt: skip
    if left or lost or started != stopped or held != started or distinct != held or statuses.get("open"):
        wrong.append("the queue and the CSMS do not agree")
    if seen > held:
        wrong.append("a recorded start never reached the CSMS")
    return wrong


def main() -> None:
    """Both, each in a folder that goes away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    wrong = []
    for kill in (kill_csms, kill_station):
        with tempfile.TemporaryDirectory() as folder:
            wrong += kill(Path(folder), chosen.kills, random.Random(chosen.seed))
    print("\n".join(wrong) or "nothing lost, nothing doubled")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
