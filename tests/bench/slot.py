"""A second Voltyard plays a charger in a slot of the first, on sockets only: how fast the site's allocation reaches it.

Two cars share a site's power: one at a simulated outlet, one at the other process's, which is a DC pile that speaks
OCPP or a wallbox with a fail-safe that is polled by Modbus. Each round that process is killed while it charges. Times
are of the first station's recording, whose clock is the wall's.
"""

from __future__ import annotations

import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scenarios.verdict import EXIT_CODES
from sim.errors import UsageError
from sim.reading import Run

__all__ = ["MODBUS", "OCPP", "WATCHDOG_S", "Measured", "Wire", "play"]

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5
WATCHDOG_S = 3.0
NIMBLE = "import voltyard; voltyard.open(); import twins.charging; twins.charging.PLUG_S = 2.0; voltyard.main()"
"""Drivers of both stations plug in after two seconds instead of 25, which by the clock are only waited for."""
AT, OTHER = "pile[A02].connector[1]", "pile[A01].connector[1]"
STATION = """\
voltyard: 1
station: {{id: {id}, timezone: Asia/Shanghai, operator: {{name: {{en: Looped back, zh: 回环}}}}}}
grid:
  feed_kv: 10
  transformer: {{id: T1, rating_kva: 315, no_load_loss_kw: 0.5, load_loss_kw: 3}}
  feeders: [{{id: F1, breaker_a: 500}}]
  meter: {{id: M1, class: 0.5}}
control: {{policy: equal_share, site_limit_kw: {site_kw}}}
piles:
  - {{id: {piles}, model: {model}, feeder: F1, evses: [{{reaches: [B01]}}], place: {{x_m: 0, y_m: 0, step_x_m: 3}}}}
bays: [{{id: {bays}, kind: {bay}, place: {{x_m: 0, y_m: 1, step_x_m: 3}}}}]
weather: {{monthly_mean_c: [20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20]}}
demand: {{arrivals: {{profile: two_peaks, sessions_per_day: 1}}, vehicles: [{{model: lfp_60_400v, share: 1}}]}}
tariff: {{energy_cny_kwh: 1, service_cny_kwh: 0.5}}
pile_models:
  - {{name: quick, rated_kw: 120, evse_count: 1, evse_max_kw: 120, no_load_loss_kw: 0.5, loss_ratio: 0.04,
     standby_kw: 0.05, handshake_s: 0, insulation_test_s: 0, precharge_s: 0}}
  - {{name: ac_22, kind: ac, rated_kw: 22, evse_count: 1, evse_max_kw: 22, no_load_loss_kw: 0.01, loss_ratio: 0.01,
     standby_kw: 0.01, handshake_s: 0, insulation_test_s: 0, precharge_s: 0}}
endpoints: [{endpoint}]
"""
FACE = '{kind: ocpp, version: "1.6", charge_points: per_cabinet, url: "${csms}/{charge_point}"}'
UNIT = '{{kind: modbus, id: bus, port: {port}, devices: [{{unit: 1, map: keba_p30, shows: "pile[X01].connector[1]"}}]}}'
SCENARIO = """\
scenario: 1
title: {{en: Looped back, zh: 回环}}
station: {name}-station.yaml
start: 2022-06-14T10:00
duration_h: {duration_h}
seed: 1
demand: {{replay: {name}.csv}}
"""
CAR = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n{t},,1,200,20,90,200\n"
SLOTS = f"""\
slots: 1
station: main-station.yaml
things:
  - at: "{AT}"
    behind: hardware
    armed: true
    max_kw: {{max_kw}}
    watchdog_s: {WATCHDOG_S:g}
    driver: {{driver}}
"""


@dataclass(frozen=True)
class Wire:
    """How the second process is reached, and what both share."""

    model: str
    bay: str
    site_kw: float
    max_kw: float
    freed_kw: float
    """The other has the freed power once it draws more than this."""
    driver: str
    command: tuple[str, ...]


OCPP = Wire("quick", "fast", 100.0, 120.0, 80.0, "{{kind: ocpp, port: {port}, charge_point: X01}}",
            ("run", "--pace", "real", "--csms", "ws://127.0.0.1:{port}"))  # fmt: skip
MODBUS = Wire("ac_22", "slow", 30.0, 22.0, 20.0,
              "{{kind: modbus, host: 127.0.0.1, port: {port}, map: keba_p30, poll_s: 0.5}}",
              ("serve", "--port", "0"))  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Of one round: delays in s; what became of the transaction."""

    join_s: float
    """From the device's start to its confirmed limit."""
    lowered_s: float
    """From the other car's start until the device reports that it draws its new share."""
    shared_s: float
    """From the other car's start until that has its share."""
    freed_s: float
    """From the kill until the other car has all."""
    alarms: list[str]
    ended: list[str]
    """Reasons of the device's ended sessions."""
    stopped: int
    """Transactions of the device that the CSMS under test knows as stopped."""
    most_kw: float
    """The most that both were seen to draw together."""


def play(folder: Path, wire: Wire = OCPP) -> Measured:
    """One round, some 15 s of wall time."""
    port = _free_port()
    is_ours = wire is OCPP  # the port that the first process listens on
    told = {"site_kw": f"{wire.site_kw:g}", "model": wire.model, "bay": wire.bay}
    endpoint = FACE if is_ours else UNIT.format(port=port)
    driver = wire.driver.format(port=port)
    files = {
        "main-station.yaml": STATION.format(id="MAIN", piles="A01..A02", bays="B01..B02", endpoint=FACE, **told),
        "peer-station.yaml": STATION.format(id="PEER", piles="X01", bays="B01", endpoint=endpoint, **told),
        "main.yaml": SCENARIO.format(name="main", duration_h=0.1), "main.csv": CAR.format(t=7),
        "peer.yaml": SCENARIO.format(name="peer", duration_h=0.1), "peer.csv": CAR.format(t=0),
        "slots.yaml": SLOTS.format(max_kw=f"{wire.max_kw:g}", driver=driver),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    main = _voltyard("run", folder / "main.yaml", "--slots", folder / "slots.yaml", "--out", folder / "out")
    if is_ours:
        _wait_for(port)
    else:
        _wait_for_recording(folder / "out" / "run.sqlite")
    verb, *options = (word.format(port=port) for word in wire.command)
    peer = _voltyard(verb, folder / "peer.yaml", *options, "--out", folder / "peer")
    try:
        _until(folder / "out", main, lambda run: _is_shared(run, wire))
        peer.send_signal(signal.SIGKILL)
        _until(folder / "out", main, _is_freed)
        main.send_signal(signal.SIGTERM)
        assert main.wait(60.0) == EXIT_CODES["aborted"]
    finally:
        for process in (main, peer):
            process.kill()
            process.wait()
    return _measured(folder / "out", wire)


def _measured(out: Path, wire: Wire) -> Measured:
    with Run(out) as run:
        events = list(run.events())
        commands = [(row.t_s, row.verb, row.args) for row in run.commands() if row.source == "slot"]
        other_kw, device_kw = (_rows(out, f"{path}.power_kw") for path in (OTHER, AT))
    began = next(t for t, verb, _ in commands if verb == "began")
    limited = next(t for t, verb, _ in commands if verb == "limited" and t >= began)
    rival = next(event.t_s for event in events if event.kind == "session.started" and event.subject == OTHER)
    lowered = next(t for t, kw in device_kw if t >= rival and 0.0 < kw < 0.51 * wire.site_kw)
    shared = next(t for t, kw in other_kw if t >= rival and kw > 0.45 * wire.site_kw)
    lost = next(event.t_s for event in events if event.kind == "device.lost")
    freed = next(t for t, kw in other_kw if t >= lost and kw > wire.freed_kw)
    together = [kw + next((own for t_own, own in reversed(other_kw) if t_own <= t), 0.0) for t, kw in device_kw]
    with sqlite3.connect(out / "csms.sqlite") as database:
        (stopped,) = database.execute(
            "SELECT count(*) FROM transactions WHERE charge_point = 'A02' AND status = 'stopped'"
        ).fetchone()
    mine = [event for event in events if event.subject == AT]
    return Measured(
        limited - began, lowered - rival, shared - rival, freed - lost,
        [str(event.data["alarm"]) for event in mine if event.kind == "alarm.raised"],
        [str(event.data["reason"]) for event in mine if event.kind == "session.ended"], stopped, max(together),
    )  # fmt: skip


def _rows(out: Path, name: str) -> list[tuple[float, float]]:
    """(start, value there) of every recorded segment of a signal."""
    with sqlite3.connect(out / "run.sqlite") as database:
        (number,) = database.execute("SELECT id FROM signals WHERE name = ?", (name,)).fetchone()
        chunks = database.execute("SELECT data FROM chunks WHERE signal_id = ? ORDER BY t0_s", (number,)).fetchall()
    return [(t, a + c) for (data,) in chunks for t, a, _, c, _ in struct.iter_unpack("<5d", data)]


def _until(out: Path, main: subprocess.Popen[bytes], is_so: Callable[[Run], bool]) -> None:
    """Until the recording says so while it is written."""
    while main.poll() is None:
        try:
            with Run(out) as run:
                if is_so(run):
                    return
        except (UsageError, sqlite3.OperationalError):
            pass
        time.sleep(0.1)
    raise AssertionError("the run ended before that")


def _is_shared(run: Run, wire: Wire) -> bool:
    """The other car charges, and the device has reported since that it draws less."""
    rival = next((event.t_s for event in run.events("session.started", OTHER)), None)
    share_kw = 0.51 * wire.site_kw
    return rival is not None and any(
        row.verb == "reading" and row.t_s >= rival and 0.0 < float(row.args.get("power_kw") or 0.0) < share_kw
        for row in run.commands() if row.source == "slot"
    )  # fmt: skip


def _is_freed(run: Run) -> bool:
    """The device's transaction has been ended, and told to the CSMS under test."""
    return any(event.subject == AT for event in run.events("session.ended")) and any(
        frame.action == "StopTransaction" and frame.link == "A02" and frame.kind == "result" for frame in run.frames()
    )


def _voltyard(*words: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", NIMBLE, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens on the slot's port")


def _wait_for_recording(path: Path) -> None:
    for _ in range(400):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError("the first process has not begun")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def main() -> None:
    """Print the medians and the worst of all rounds, wire by wire."""
    for name, wire in (("OCPP", OCPP), ("Modbus", MODBUS)):
        print(name)
        _print(wire)


def _print(wire: Wire) -> None:
    rounds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            rounds.append(play(Path(folder), wire))
    for name, title in (
        ("join_s", "from a device's start to its confirmed limit"),
        ("lowered_s", "from another's start until the device reports its smaller share"),
        ("shared_s", "from another's start until that has its share"),
        ("freed_s", f"from the lost plug until its power is with the others (watchdog {WATCHDOG_S:g} s)"),
        ("most_kw", f"most that both drew together, of {wire.site_kw:g} kW"),
    ):
        values = [float(getattr(one, name)) for one in rounds]
        print(f"| {title} | {statistics.median(values):.3f} | {max(values):.3f} |")
    for one in rounds:
        print(one)


if __name__ == "__main__":
    main()
