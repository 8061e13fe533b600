"""247 units on one Modbus port, ten masters in another process; alone, and with twenty piles in real pace beside.

Units are meters over a real station; each master reads one after another, up to 60 registers at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from hil.door import Door
from hil.event_loop import loop_factory
from hil.lateness import Lateness
from hil.loop import Loop
from hil.modbus.devices import bound_units
from hil.modbus.registers import MappedUnit
from hil.modbus.server import ModbusServer
from scenarios.loader import find_scenario, load_scenario
from scenarios.runner import ScenarioRun
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.station_file import find_station

UNITS = 247
NOON = SimTime(12 * 3600.0)
MOST_REGISTERS = 60
GOAL_PER_S = 5_000.0
_METERS = (("sunspec_203", "grid.meter[M1]"), ("sdm630", "grid.feeder[F1].meter"), ("dtsu666", "grid.feeder[F2].meter"),
           ("iem3000", "grid.feeder[F3].meter"), ("adw300", "grid.meter[M1]"))  # fmt: skip
_FUNCTIONS = {"holding": 3, "input": 4}
_CASES = (
    ("one request open each", {"depth": 1, "rate": 0.0}),
    ("ten pipelined each", {"depth": 10, "rate": 0.0}),
    (f"{GOAL_PER_S:,.0f} a second demanded", {"depth": 1, "rate": GOAL_PER_S}),
)


class Site:
    """`quiet-day`'s station at noon with 247 meters on a port, and the reads by which they are polled."""

    def __init__(self, folder: Path) -> None:
        loaded = load_scenario(_with_meters(folder))
        self.kernel = Kernel(loaded.clock, 11)
        run = ScenarioRun(self.kernel, loaded, LocalPlatform(self.kernel))
        run.arm()
        self.recorder = Recorder(folder / "run.sqlite", "kpi")
        self.recorder.attach(self.kernel)
        self.door = Door(self.kernel)
        bound = bound_units(run.station, loaded.station, self.door)["bench"]
        self.bus = run.station.buses["bench"]
        self.server = ModbusServer(self.bus, {device.unit: unit for device, unit in bound.items()}, self.door)
        self.polls = [[device.unit, *_longest_read(unit)] for device, unit in bound.items()]
        self.kernel.advance(NOON)
        self.kernel.jump(NOON)


def _with_meters(folder: Path) -> Path:
    text = find_station("public").read_text(encoding="utf-8")
    text = text[: text.index("endpoints:")] + "endpoints:\n  - kind: modbus\n    id: bench\n    devices:\n"
    for unit in range(1, UNITS + 1):
        name, shows = _METERS[unit % len(_METERS)]
        text += f'      - {{unit: {unit}, map: {name}, shows: "{shows}"}}\n'
    (folder / "station.yaml").write_text(text, encoding="utf-8")
    scenario = find_scenario("quiet-day").read_text(encoding="utf-8").partition("expect:")[0]
    (folder / "day.yaml").write_text(scenario.replace("station: public", "station: station.yaml"), encoding="utf-8")
    return folder / "day.yaml"


def _longest_read(unit: MappedUnit) -> tuple[int, int, int]:
    """Function, first register and count of the longest run of points without a gap, up to 60 registers."""
    best = (0, 0, 0)
    most = min(MOST_REGISTERS, unit.map.registers)
    points = sorted((point.table, point.first, point.end) for point in unit.points if point.table in _FUNCTIONS)
    for table, first, _ in points:
        end = first
        for other, begins, ends in points:
            if other == table and begins == end and ends - first <= most:
                end = ends
        if end - first > best[2]:
            best = (_FUNCTIONS[table], first, end - first)
    return best


async def measure(site: Site, for_s: float, *, is_paced: bool) -> list[dict[str, Any]]:
    """Every case one after another, in one run."""
    rows = []
    loop = Loop(site.kernel, (), site.recorder, lambda _now: None)
    await site.server.start()
    pacing = None
    if is_paced:
        loop.serve(site.door)
        until = SimTime(site.kernel.now + 3600.0)
        pacing = asyncio.ensure_future(loop.real(until, 1.0))
    for name, how in _CASES:
        loop.lateness = late = Lateness()  # of this case alone
        cpu, count = process_time(), site.bus.requests
        child = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("modbus_masters.py")),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        order = {"port": site.server.port, "polls": site.polls, "for_s": for_s, **how}
        told, _ = await child.communicate(json.dumps(order).encode())
        row = {"case": name, "station": "real pace" if is_paced else "at rest"} | json.loads(told)
        row["cpu_us_per_request"] = round(1e6 * (process_time() - cpu) / (site.bus.requests - count), 1)
        row["lateness_ms"] = late.figures() if late.count else None
        rows.append(row)
    if pacing is not None:
        loop.stop()
        await pacing
    await site.server.stop()
    return rows


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each case")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for is_paced in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            site = Site(Path(folder))
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                rows += runner.run(measure(site, chosen.seconds, is_paced=is_paced))
            site.recorder.close(site.kernel.now)
    if chosen.json:
        print(json.dumps(rows, indent=1))
        return
    registers = sum(poll[3] for poll in site.polls) / len(site.polls)
    machine = f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"machine: {machine}, load {os.getloadavg()[0]:.1f}")
    print(f"{UNITS} units on one port, 10 masters, {registers:.0f} registers a read")
    for row in rows:
        late, ms = row["lateness_ms"], row["latency_ms"]
        print(f"station {row['station']}, {row['case']}: {row['requests_per_s']:,.0f} requests/s (goal 5,000), read p50"
              f" {ms['p50']} ms, p99 {ms['p99']} ms (goal 20), {row['wrong']} wrong, {row['cpu_us_per_request']} us CPU"
              f" a request" + (f", lateness p99 {late['p99']} ms (goal 20)" if late else ""))  # fmt: skip
    print("  measured: CPU of the serving process with the station; excluded: the masters' (another process)")


if __name__ == "__main__":
    main()
