"""Ten masters in a process of their own: they poll a Modbus port as fast as it answers, or so many times a second."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from time import perf_counter, process_time
from typing import Any

MASTERS = 10


class Master(asyncio.Protocol):
    """One connection that polls units in turn. `latencies_s` are from when a request was due to its answer."""

    def __init__(self, polls: list[list[int]], first: int, depth: int) -> None:
        self._frames = [
            struct.pack(">HHBBHH", 0, 6, unit, function, start, count) for unit, function, start, count in polls
        ]
        self._sizes = [2 * count for _, _, _, count in polls]
        self._next = first
        self._depth = depth
        self._due: list[float] = []
        self._expected: list[int] = []
        self._buffer = b""
        self._is_open_ended = True
        self.latencies_s: list[float] = []
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def begin(self) -> None:
        """Keep `depth` requests open until the end."""
        for _ in range(self._depth):
            self.ask(perf_counter())

    def ask(self, due: float) -> None:
        """Send one request that was due then."""
        at = self._next
        self._next = (at + 1) % len(self._frames)
        self._transport.write(struct.pack(">H", len(self.latencies_s) & 0xFFFF) + self._frames[at])
        self._due.append(due)
        self._expected.append(self._sizes[at])

    def stop(self) -> None:
        self._depth = 0

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        now = perf_counter()
        while len(self._buffer) >= 6 and len(self._buffer) >= (end := 6 + int.from_bytes(self._buffer[4:6], "big")):
            frame, self._buffer = self._buffer[:end], self._buffer[end:]
            self.latencies_s.append(now - self._due.pop(0))
            self.wrong += frame[7] > 0x80 or frame[8] != self._expected.pop(0)
            if self._depth:
                self.ask(now)


async def poll(port: int, polls: list[list[int]], depth: int, rate: float, for_s: float) -> dict[str, Any]:
    """Poll for so long: `depth` requests open each, or with a `rate` all together so many a second, evenly."""
    loop = asyncio.get_running_loop()
    masters = []
    for number in range(MASTERS):
        master = Master(polls, number * len(polls) // MASTERS, 0 if rate else depth)
        await loop.create_connection(lambda master=master: master, "127.0.0.1", port)  # type: ignore[misc]
        masters.append(master)
    began, cpu = perf_counter(), process_time()
    if rate:
        sent = 0
        while (passed := perf_counter() - began) < for_s:
            while sent < passed * rate:
                masters[sent % MASTERS].ask(began + sent / rate)
                sent += 1
            await asyncio.sleep(0.0005)
    else:
        for master in masters:
            master.begin()
        await asyncio.sleep(for_s)
    taken_s, cpu_s = perf_counter() - began, process_time() - cpu
    latencies = sorted(late for master in masters for late in master.latencies_s)
    for master in masters:
        master.stop()
    await asyncio.sleep(0.2)
    return {
        "requests_per_s": len(latencies) / taken_s,
        "latency_ms": {name: round(1e3 * latencies[min(len(latencies) - 1, int(share * len(latencies)))], 2)
                       for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))},
        "wrong": sum(master.wrong for master in masters),
        "masters_cpu": round(cpu_s / taken_s, 2),
    }  # fmt: skip


def main() -> None:
    """Take the order from standard input, give the result on standard output."""
    order = json.load(sys.stdin)
    print(json.dumps(asyncio.run(poll(**order))))


if __name__ == "__main__":
    main()
