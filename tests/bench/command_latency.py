"""From a written limit to its effect in the twin, at real pace: `python tests/bench/command_latency.py`.

The station has twenty piles, all charging, its face to the embedded CSMS and its Modbus ports; a client in a process of
its own limits one outlet after another, by REST and by Modbus (function 6) in turn. Measured by the one monotonic clock
of the machine: from just before the request is written to the new segment of the outlet's power, to the answer, and to
the answer of the pile's voltage and current read next; meanwhile how late the loop is.
Between two commands the client asks a bare echo in another process: what the machine itself takes, so that other work
on it moves both. `--pollers N` more clients read every signal of the station ten times a second each.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import platform
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from bench_api.rest_face import RestPort
from bench_api.socket_play import Serving
from hil.lateness import Lateness
from hil.listening import bound
from scenarios.loader import load_scenario
from sim.events import Command
from sim.units import SimTime
from twins.station_file import find_station

WARM_S = 100.0
GOAL_MS = 5.0
ROW = "{arrival_s},,{connector},{capacity_kwh},20,95,{power_max_kw}\n"
SCENARIO = """\
scenario: 1
title: {en: All piles charge, zh: 全部充电}
station: busy.yaml
start: 2022-07-06T10:00
duration_h: 24
seed: 1
demand: {replay: cars.csv}
"""


def busy_station(folder: Path) -> Path:
    """A scenario in which every outlet of `public` charges a large battery from its first minute on."""
    text = re.sub(r"port: \d+", "port: 0", find_station("public").read_text(encoding="utf-8"))
    (folder / "busy.yaml").write_text(text, encoding="utf-8")
    rows = [
        ROW.format(arrival_s=number, connector=number + 1, capacity_kwh=200, power_max_kw=150) for number in range(20)
    ]
    head = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"
    (folder / "cars.csv").write_text(head + "".join(rows))
    path = folder / "busy-day.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


class Client:
    """One keep-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._base = parts.path
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        self._connection.connect()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = json.dumps(body) if body is not None else None
        self._connection.request(method, f"{self._base}/{path}", data, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())


class Master:
    """One connection to the piles' Modbus port: frames by hand, so that no library's time is measured."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._connection = socket.create_connection((str(parts.hostname), parts.port or 0))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, unit: int, function: int, first: int, value: int) -> bytes:
        """What follows the function in the answer."""
        self._connection.sendall(struct.pack(">HHHBBHH", 1, 0, 6, unit, function, first, value))
        answer = self._connection.recv(260)
        assert answer[7] == function, answer.hex()
        return answer[8:]


def command(url: str, count: int, gap_s: float) -> dict[str, list[Any]]:
    """`rows`: (face, sent, answered, the meter read: nanoseconds; whether it showed the limit); outlets in turn.

    `bare`: the round trips to an echo, one between two commands, in milliseconds.
    """
    echoing = subprocess.Popen([sys.executable, __file__, "--echo"], stdout=subprocess.PIPE)
    assert echoing.stdout is not None
    bare, connection = list[float](), socket.create_connection(("127.0.0.1", int(echoing.stdout.readline())))
    client = Client(url)
    _, plan = client.ask("GET", "station")
    outlets = [evse["path"] for pile in plan["piles"] for evse in pile["evses"]
               if evse["state"] == "charging" and pile["kind"] == "dc"]  # fmt: skip
    _, wires = client.ask("GET", "endpoints")
    units = {path.removesuffix(".allowed_kw"): row for row in wires for path in row["signals"].values()
             if row["table"] == "holding" and path.endswith(".allowed_kw")}  # fmt: skip
    master = Master(units[outlets[0]]["url"])

    def by_rest(outlet: str, limit_kw: float) -> None:
        body = {"verb": "evse.limit", "target": outlet, "args": {"limit_kw": limit_kw}}
        status, done = client.ask("POST", "commands", body)
        assert status == 200, done

    def by_modbus(outlet: str, limit_kw: float) -> None:
        master.ask(units[outlet]["unit"], 6, 1020, round(10.0 * limit_kw))

    # the lower of both faces' limits holds, so that each of the four changes the power
    turns: list[tuple[str, Callable[[str, float], None], float]] = [
        ("REST", by_rest, 20.0), ("Modbus", by_modbus, 12.0), ("Modbus", by_modbus, 30.0), ("REST", by_rest, 30.0)
    ]  # fmt: skip
    shown_kw = (20.0, 12.0, 20.0, 30.0)
    rows = []
    for number in range(count):
        face, write, limit_kw = turns[number % 4]
        outlet = outlets[number // 4 % len(outlets)]
        sent = time.monotonic_ns()
        write(outlet, limit_kw)
        answered = time.monotonic_ns()
        _, volts, amps = struct.unpack(">BHH", master.ask(units[outlet]["unit"], 4, 1003, 2))
        read = time.monotonic_ns()
        is_there = abs(volts * amps / 100_000.0 - shown_kw[number % 4]) < 0.01 * shown_kw[number % 4] + 0.1
        rows.append((face, sent, answered, read, is_there))
        pause_s = 0.5 * gap_s * (0.5 + (number * 0.618) % 1.0)
        time.sleep(pause_s)
        bare.append(round_trip(connection))
        time.sleep(pause_s)
    echoing.kill()
    return {"rows": rows, "bare": bare}


def echo() -> None:
    """Answer what comes: the least that a socket and two processes cost on this machine."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())


def round_trip(connection: socket.socket) -> float:
    """Milliseconds to the echo and back."""
    sent = time.monotonic_ns()
    connection.sendall(b"x" * 300)
    assert connection.recv(4096)
    return (time.monotonic_ns() - sent) / 1e6


def poll(url: str) -> None:
    """Read everything ten times a second until the station is gone."""
    client = Client(url)
    while True:
        client.ask("GET", "signals?with_values=true")
        time.sleep(0.1)


def percentiles(values: Sequence[float]) -> str:
    """Median, 99th percentile and largest, in milliseconds."""
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"p50 {statistics.median(ordered):.2f} ms, p99 {p99:.2f} ms, max {ordered[-1]:.2f} ms"


def measure(count: int, gap_s: float, pollers: int) -> None:
    """Run the station, the clients beside it, and print the figures."""
    effects: list[int | None] = []
    rows: list[tuple[str, int, int, int, bool]] = []
    bare: list[float] = []
    figures: list[dict[str, float | None]] = []
    with tempfile.TemporaryDirectory() as scratch, closing(bound("127.0.0.1", 0)) as listening:
        folder, port = Path(scratch), RestPort(listening, "127.0.0.1")
        url = f"{port.url}/api/v1"

        def talk() -> None:
            time.sleep(WARM_S)
            here = [sys.executable, __file__, "--url", url]
            others = [subprocess.Popen([*here, "--poll"], stderr=subprocess.DEVNULL) for _ in range(pollers)]
            time.sleep(2.0 if pollers else 0.0)
            assert bench.loop is not None
            bench.loop.lateness = Lateness()
            told = subprocess.run([*here, "--count", str(count), "--gap", str(gap_s)], capture_output=True, check=False)
            figures.append(bench.loop.lateness.figures())
            for other in others:
                other.kill()
                other.wait()
            bench.stop()
            answer = json.loads(told.stdout)
            rows.extend(answer["rows"])
            bare.extend(answer["bare"])

        def asked(_seq: int, _t: SimTime, order: Command) -> None:
            if order.source in ("rest", "modbus"):
                effects.append(None)

        def changed() -> None:
            if effects and effects[-1] is None:
                effects[-1] = time.monotonic_ns()

        talking = threading.Thread(target=talk)
        bench = Bench(Plan(loaded=load_scenario(busy_station(folder)), pace=read_pace("real"), seed=1,
                           out=folder / "run", state=folder / "state", is_endless=True,
                           serving=Serving(port, lambda _wires, _csms: talking.start())))  # fmt: skip
        bench.kernel.subscribe_commands(asked)
        for evse in bench.run_.station.evses:
            evse.power_kw.watch(changed)
        document = bench.run().document
        talking.join()
    assert "error" not in document, document["error"]
    assert len(effects) == len(rows)
    late = figures[0]
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; "
          f"{count} commands, one each {1000 * gap_s:.0f} ms, {pollers} pollers")  # fmt: skip
    for face in ("REST", "Modbus"):
        own = [(effect, *row[1:]) for effect, row in zip(effects, rows, strict=True) if row[0] == face]
        acted = [(effect - sent) / 1e6 for effect, sent, *_ in own if effect is not None]
        shown = sum(row[-1] for row in own)
        print(f"{face}, write to effect ({len(acted)} of {len(own)} changed the power): {percentiles(acted)}")
        print(f"{face}, write to answer: {percentiles([(done - sent) / 1e6 for _, sent, done, *_ in own])}")
        print(f"{face}, write to the meter read ({shown} showed the limit): "
              f"{percentiles([(read - sent) / 1e6 for _, sent, _, read, _ in own])}")  # fmt: skip
    print(f"a bare echo in between, there and back: {percentiles(bare)}")
    print(f"loop lateness: p50 {late['p50']} ms, p99 {late['p99']} ms, max {late['max']} ms")
    print(f"goal {GOAL_MS:g} ms p99")


def main() -> None:
    """The whole measurement, or one of its clients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--gap", type=float, default=0.05, help="mean seconds between two commands")
    parser.add_argument("--pollers", type=int, default=0)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--echo", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--poll", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.echo:
        echo()
    elif chosen.url and chosen.poll:
        poll(chosen.url)
    elif chosen.url:
        print(json.dumps(command(chosen.url, chosen.count, chosen.gap)))
    else:
        measure(chosen.count, chosen.gap, chosen.pollers)


if __name__ == "__main__":
    main()
