"""A run on sockets: the CSMS it is played against, the loop that paces it, and the faces beside that to its platform.

The wires of one run are put together here and nowhere else; on every way out they are closed in order.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Final

from bench_api.endpoint_rows import Row, endpoint_rows, slot_rows
from bench_api.event_ring import EventRing
from bench_api.faces import Face, Faces
from bench_api.paces import FASTEST
from bench_api.ports import modbus_ports
from bench_api.rest_face import RestFace, RestPort
from bench_api.spoken import Spoken
from hil.door import Door
from hil.event_loop import loop_factory
from hil.loop import Loop
from hil.ocpp.csms.process import CsmsProcess, spawn
from hil.ocpp.transport import PEER_ERRORS, without_credentials
from hil.slots import Slots
from scenarios.catalogue import StationCatalogue
from sim.errors import Unreachable
from sim.files import Document
from twins.slot_file import SlotConfig, SlotFile

if TYPE_CHECKING:
    from bench_api.bench import Bench

__all__ = ["Serving", "play_on_sockets"]

_SETTLE_MS: Final = 2.0
_LEAST_ANSWER_S: Final = 1.0  # of wall time, for the platform to answer a call


@dataclass(frozen=True, slots=True)
class Serving:
    """What a station shows beside its face to the platform: a REST port, if any, and Modbus ports of its file.

    `ready` is told the one list of wires, and where the embedded CSMS has its REST face, once all are up. `modbus` are
    the ports' sockets, bound already, by their ids; one that has none is not opened. None: all take their own.
    """

    rest: RestPort | None
    ready: Callable[[list[Row], str | None], None]
    modbus: Mapping[str, socket] | None = None


def play_on_sockets(bench: Bench) -> None:
    """Play to the end, or until it is stopped. Without an address for its platform the embedded CSMS is started."""
    csms: CsmsProcess | None = None
    if bench.endpoint is not None and bench.plan.csms is None:
        database = bench.plan.out / "csms.sqlite"
        for old in bench.plan.out.glob(f"{database.name}*"):
            old.unlink()  # of an earlier run in this folder
        csms = spawn(database, manner=bench.plan.manner)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_drive(bench, csms))
    finally:
        if csms is not None:
            csms.terminate()


async def _drive(bench: Bench, csms: CsmsProcess | None) -> None:
    plan, kernel, station, endpoint = bench.plan, bench.kernel, bench.run_.station, bench.endpoint
    until, face = bench.run_.duration_s, bench.run_.station.file.platform_face
    url = (csms.ocpp_url if csms is not None else plan.csms or "").rstrip("/")
    shown = without_credentials(url)[0]
    if endpoint is not None and face is not None:
        endpoint.serve(station, face.url.replace("${csms}", url))
    links = endpoint.links if endpoint is not None else []
    settle_ms = 0.0 if csms is not None else _SETTLE_MS
    bench.loop = loop = Loop(
        kernel,
        links,
        bench.recorder,
        lambda now: bench.progress(now, until),
        settle_ms=settle_ms if plan.settle_ms is None else plan.settle_ms,
        patience_s=plan.patience_s,
    )
    loop.watch(PEER_ERRORS)
    if bench.is_stopped:
        return
    slots = Slots(kernel, _devices(plan.slots), station, plan.slots.path.parent if plan.slots is not None else Path())
    try:
        await slots.start()
        async with Faces(_faces(bench, loop, shown)) as faces:
            if plan.serving is not None:
                wires = endpoint_rows(station.file, [*slot_rows(_devices(plan.slots)), *faces.rows()], shown)
                plan.serving.ready(wires, csms.api_url if csms is not None else None)
                if plan.is_endless:
                    Spoken(kernel).begin()
            if plan.pace.factor is None:
                await loop.lockstep(until)
            else:
                with _few_collections():
                    await loop.real(until, plan.pace.factor)
        if not loop.is_stopped:
            kernel.jump(until)
            if endpoint is not None and links and not endpoint.was_connected:
                raise Unreachable(f"the CSMS was never reached: {shown} had not answered when the run ended")
    finally:
        bench.restore()
        await slots.close()
        await loop.close([link.shut for link in links])


def _faces(bench: Bench, loop: Loop, csms: str) -> list[Face]:
    """What a station shows beside its face to the platform: its Modbus ports in the file's order, then REST."""
    serving = bench.plan.serving
    if serving is None:
        return []
    station, plan = bench.run_.station, bench.plan
    door = Door(bench.kernel)
    loop.serve(door)
    rest = serving.rest
    faces: list[Face] = []
    for port in modbus_ports(station, plan.loaded.station, door, serving.modbus):
        if serving.modbus is None or port.bus.config.id in serving.modbus:
            port.on_failure = loop.fail
            faces.append(port)
    if rest is None:
        return faces
    from bench_api.app import create_app  # half a second of imports, which other runs do without
    from bench_api.asked_runs import AskedRuns
    from bench_api.live import LiveFeed
    from bench_api.served import Served

    runs = AskedRuns(plan.out / "rest-runs", loop.fail)

    def wires() -> list[Row]:
        others = [*slot_rows(_devices(plan.slots)), *(row for face in faces for row in face.rows())]
        return endpoint_rows(station.file, others, csms)

    served = Served(
        scenario=plan.loaded.document.path.stem,
        station_name=plan.loaded.station.path.stem,
        pace=plan.pace.name,
        station=station,
        door=door,
        loop=loop,
        recorder=bench.recorder,
        events=EventRing(bench.kernel),
        catalogue=StationCatalogue(station.file),
        ocpp=bench.endpoint,
        endpoints=wires,
        judge=bench.judge,
        runs=runs,
        fastest=min(bench.call_timeout_s / _LEAST_ANSWER_S, FASTEST),
    )
    app = create_app(served, host=rest.host, token=rest.token)
    faces += [runs, RestFace(rest, app, loop.fail, LiveFeed(served, app))]
    return faces


def _devices(slots: Document[SlotFile] | None) -> dict[str, SlotConfig]:
    return slots.value.devices if slots is not None else {}


@contextmanager
def _few_collections() -> Iterator[None]:
    """Spare the collector all that was built before: looking through it would hold up the loop by tens of ms."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
