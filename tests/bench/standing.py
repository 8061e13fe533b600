"""A station that stands still at instants of its run with all its faces up: OCPP, Modbus and REST on real sockets."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from bench_api.app import create_app
from bench_api.asked_runs import AskedRuns
from bench_api.bench import Bench, Plan
from bench_api.endpoint_rows import endpoint_rows
from bench_api.event_ring import EventRing
from bench_api.faces import Faces
from bench_api.paces import read_pace
from bench_api.ports import modbus_ports
from bench_api.rest_face import RestFace, RestPort
from bench_api.served import Served
from hil.door import Door
from hil.listening import bound
from hil.loop import Loop
from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answered
from scenarios.catalogue import StationCatalogue
from scenarios.loader import load_scenario
from sim.units import SimTime
from twins.links import charge_points

__all__ = ["Standing", "stand"]

Work = Callable[["Standing"], Awaitable[None]]


class Heard:
    """What charge points have said last, by charge point, action and connector; whoever waits for one is told."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, str, int], Payload] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.violations: list[str] = []
        self.closings: Counter[str] = Counter()
        self.is_up: set[str] = set()
        self.forbids_violations = True
        self._awaited: dict[tuple[str, str, int], asyncio.Future[Payload]] = {}

    def opened(self, charge_point: str) -> None:
        self.is_up.add(charge_point)

    def closed(self, charge_point: str) -> None:
        self.is_up.discard(charge_point)
        self.closings[charge_point] += 1

    def violated(self, charge_point: str, action: str, verdict: str) -> None:
        assert not self.forbids_violations, f"{charge_point} said an {action} that is {verdict}"
        self.violations.append(verdict)

    def heard(self, charge_point: str, action: str, payload: Payload, answer: Payload) -> None:
        key = charge_point, action, payload.get("connectorId", 0)
        self.last[key] = payload
        self.counts[charge_point, action] += 1
        if (awaited := self._awaited.pop(key, None)) is not None:
            awaited.set_result(payload)

    def next(self, charge_point: str, action: str, connector: int) -> asyncio.Future[Payload]:
        """The next of these."""
        return self._awaited.setdefault((charge_point, action, connector), asyncio.get_running_loop().create_future())


class Standing:
    """What stands, and clients of each of its faces. `connectors` are (charge point, its number) by an EVSE's path."""

    def __init__(self, bench: Bench, csms: Csms, heard: Heard, loop: Loop, rest: httpx2.AsyncClient) -> None:
        self.station = bench.run_.station
        self.kernel = bench.kernel
        self.heard = heard
        assert bench.endpoint is not None
        self.points = {point.engine.identity: point for point in bench.endpoint.points}
        self._csms = csms
        self._loop = loop
        self._rest = rest
        self._stirred = asyncio.Event()
        self._masters: dict[str, AsyncModbusTcpClient] = {}
        rouse = self.kernel.on_post

        def posted() -> None:
            rouse()
            self._stirred.set()

        self.kernel.on_post = posted
        face, piles = self.station.file.platform_face, self.station.piles
        assert face is not None
        points = charge_points(face, {name: len(pile.evses) for name, pile in piles.items()})
        self.connectors = {
            piles[pile].evses[number - 1].path: (identity, own)
            for identity, pile, numbers in points
            for own, number in enumerate(numbers, start=1)
        }

    async def to(self, t_s: float) -> None:
        """Play on in lockstep with the CSMS, and stand at `t_s`."""
        await self._loop.lockstep(SimTime(t_s))
        self.kernel.jump(SimTime(t_s))

    async def still(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this while no time passes: what comes by the wire acts at this instant."""
        doing = asyncio.ensure_future(work)
        doing.add_done_callback(lambda _done: self._stirred.set())
        while not doing.done():
            self._stirred.clear()
            await self._loop.lockstep(self.kernel.now)
            await self._stirred.wait()
        await doing

    # Clients

    async def signals(self) -> dict[str, float | str | None]:
        """All that REST reads at this instant."""
        body = (await self._rest.get("signals", params={"with_values": True})).json()
        assert body["t_s"] == self.kernel.now
        return dict(body["values"])

    async def endpoints(self) -> list[dict[str, Any]]:
        """The one list of wires."""
        return list((await self._rest.get("endpoints")).json())

    async def call(self, charge_point: str, action: str, **payload: Any) -> Payload:
        """The CSMS asks a charge point, which accepts."""
        answer = await self._csms.call(charge_point, action, payload)
        assert isinstance(answer, Answered) and answer.payload["status"] == "Accepted", (charge_point, action, answer)
        return answer.payload

    async def triggered(self, evse: str, action: str) -> Payload:
        """What its charge point says of an EVSE when it is asked for such a message."""
        charge_point, connector = self.connectors[evse]
        said = self.heard.next(charge_point, action, connector)
        await self.call(charge_point, "TriggerMessage", requestedMessage=action, connectorId=connector)
        return await said

    async def read(self, row: Mapping[str, Any], first: int, count: int) -> list[int]:
        """Registers, or bits, of a table of the list of wires."""
        master = self._masters.get(row["url"])
        if master is None:
            address = urlsplit(row["url"])
            framer = FramerType.RTU if row["protocol"] == "modbus-rtu-tcp" else FramerType.SOCKET
            master = AsyncModbusTcpClient(str(address.hostname), port=address.port or 0, framer=framer)
            assert await master.connect()
            self._masters[row["url"]] = master
        ask = {"holding": master.read_holding_registers, "input": master.read_input_registers,
               "coil": master.read_coils, "discrete": master.read_discrete_inputs}[row["table"]]  # fmt: skip
        answer = await ask(first, count=count, device_id=row["unit"])
        assert not answer.isError(), (row["device"], row["table"], first, count, answer)
        if row["table"] in ("holding", "input"):
            return [*answer.registers]
        return [int(bit) for bit in answer.bits[:count]]

    def hang_up(self) -> None:
        """Close the masters' connections."""
        for master in self._masters.values():
            master.close()


def stand(scenario: Path | str, folder: Path, act: Work) -> None:
    """Put a scenario's station up in `folder` and let `act` play it and look at it; raises what that raises."""
    raised: list[BaseException] = []
    plan = Plan(loaded=load_scenario(scenario), pace=read_pace("lockstep"), seed=21, out=folder, state=folder / "state",
                record="kpi")  # fmt: skip
    bench = Bench(plan)

    def play() -> None:
        try:
            asyncio.run(_stand(bench, act))
        except BaseException as error:
            raised.append(error)

    bench.run(play)
    if raised:
        raise raised[0]


async def _stand(bench: Bench, act: Work) -> None:
    plan, kernel, station, endpoint = bench.plan, bench.kernel, bench.run_.station, bench.endpoint
    assert endpoint is not None
    heard, store = Heard(), Store(None)
    csms = Csms(
        CentralSystem(
            store, new_id=lambda: uuid.uuid4().hex, clock=lambda: datetime.now(UTC), onlooker=heard, heartbeat_s=86_400
        )
    )
    await csms.start()
    endpoint.serve(station, f"{csms.url}/{{charge_point}}")
    loop = Loop(kernel, endpoint.links, bench.recorder, lambda _now: None, settle_ms=0.0)
    door = Door(kernel)
    loop.serve(door)
    try:
        with closing(bound("127.0.0.1", 0)) as listening:
            port = RestPort(listening, "127.0.0.1")
            ports = modbus_ports(station, plan.loaded.station, door)
            served = Served(
                scenario="standing", station_name="standing", pace="lockstep", station=station, door=door, loop=loop,
                recorder=bench.recorder, events=EventRing(kernel), catalogue=StationCatalogue(station.file),
                ocpp=endpoint, judge=bench.judge, fastest=1.0, runs=AskedRuns(plan.out / "rest-runs", loop.fail),
                endpoints=lambda: endpoint_rows(station.file, [row for face in ports for row in face.rows()]),
            )  # fmt: skip
            app = create_app(served, host="127.0.0.1", token=None)
            async with (
                Faces([*ports, RestFace(port, app, loop.fail)]),
                httpx2.AsyncClient(base_url=f"{port.url}/api/v1", timeout=20.0) as rest,
            ):
                standing = Standing(bench, csms, heard, loop, rest)
                try:
                    await act(standing)
                finally:
                    standing.hang_up()
    finally:
        await loop.close([link.shut for link in endpoint.links])
        await csms.stop()
        store.close()
