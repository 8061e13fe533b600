"""Chargers that speak Modbus, played by another process, in slots: the platform stops one, then the process is killed.

The platform is the embedded CSMS on a real socket; what it asks by OCPP reaches the other process by Modbus.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from slot import FACE, NIMBLE, ROOT, SCENARIO, STATION
from standing import Heard

from bench_api.bench import Bench, Plan
from bench_api.paces import read_pace
from hil.loop import Loop
from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answered
from hil.slots import Slots
from scenarios.loader import load_scenario
from scenarios.slots import load_slots
from sim.events import Event
from sim.units import SimTime

UNITS = '{unit: 1, map: dc_pile, shows: "pile[X01]"}, {unit: 2, map: dc_pile, shows: "pile[X02]"}'
BUS = f"{{kind: modbus, id: bus, port: 0, devices: [{UNITS}]}}"
FIRST, SECOND = "pile[A01].connector[1]", "pile[A02].connector[1]"
CARS = "arrival_s,stay_s,connector,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n"
SLOTS = "slots: 1\nstation: main-station.yaml\nthings:\n"
SLOT = """\
  - at: "{at}"
    behind: hardware
    armed: true
    max_kw: 40
    reserve_kw: 40
    watchdog_s: 2
    driver: {{kind: modbus, host: 127.0.0.1, port: {port}, unit: {unit}, map: dc_pile, poll_s: 0.1}}
"""


class Station:
    """The station under test with its CSMS, both in this process; its only piles are the two devices."""

    def __init__(self, folder: Path, port: int) -> None:
        each = [SLOT.format(at=at, port=port, unit=unit) for unit, at in enumerate((FIRST, SECOND), start=1)]
        (folder / "slots.yaml").write_text(SLOTS + "".join(each), encoding="utf-8")
        loaded = load_scenario(folder / "main.yaml")
        self.slot_file = load_slots(folder / "slots.yaml", loaded)
        self.bench = Bench(Plan(loaded=loaded, pace=read_pace("real"), seed=1, out=folder / "out",
                                state=folder / "state", record="kpi", slots=self.slot_file))  # fmt: skip
        self.heard = Heard()
        self.events: list[Event] = []
        self.bench.kernel.subscribe(self.events.append)

    def told(self, kind: str, at: str, of: str) -> list[object]:
        return [event.data[of] for event in self.events if (event.kind, event.subject) == (kind, at)]

    def charges(self, at: str) -> bool:
        device = self.bench.run_.station.devices[at]
        return device.is_charging and device.meter.registered_kwh > 0.005

    def said(self, charge_point: str, action: str) -> Payload:
        return self.heard.last.get((charge_point, action, 1 if action == "StartTransaction" else 0), {})

    async def until(self, is_met: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not is_met():
            assert loop.time() - began < 20.0, [(event.t, event.kind, dict(event.data)) for event in self.events]
            await asyncio.sleep(0.01)

    async def play(self, story: Callable[[Station], Any]) -> None:
        bench, endpoint = self.bench, self.bench.endpoint
        assert endpoint is not None
        store = Store(None)
        system = CentralSystem(store, new_id=lambda: uuid.uuid4().hex, clock=lambda: datetime.now(UTC),
                               onlooker=self.heard)  # fmt: skip
        self.csms = Csms(system)
        await self.csms.start()
        endpoint.serve(bench.run_.station, f"{self.csms.url}/{{charge_point}}")
        loop = Loop(bench.kernel, endpoint.links, bench.recorder, lambda _now: None)
        slots = Slots(bench.kernel, self.slot_file.value.devices, bench.run_.station, self.slot_file.path.parent)
        await slots.start()
        pacing = asyncio.create_task(loop.real(SimTime(60.0), 1.0))
        try:
            await story(self)
        finally:
            await slots.close()
            loop.stop()
            await pacing
            await loop.close([link.shut for link in endpoint.links])
            await self.csms.stop()
            store.close()


@pytest.fixture
def charger(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The other process, with cars of its own; `main` and its station are beside it."""
    for name, piles, bays, endpoint in (("main", "A01..A02", "B01..B02", FACE), ("peer", "X01..X02", "B01..B02", BUS)):
        text = STATION.format(
            id=name.upper(), piles=piles, bays=bays, endpoint=endpoint, site_kw="100", model="quick", bay="fast"
        )
        (tmp_path / f"{name}-station.yaml").write_text(text, encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(SCENARIO.format(name=name, duration_h=0.1), encoding="utf-8")
    (tmp_path / "main.csv").write_text(CARS, encoding="utf-8")
    (tmp_path / "peer.csv").write_text(f"{CARS}0,600,1,200,20,90,200\n0,600,2,200,20,90,200\n", encoding="utf-8")
    command = [sys.executable, "-c", NIMBLE.replace("2.0", "0.1"), "serve", str(tmp_path / "peer.yaml"), "--free-ports",
               "--out", str(tmp_path / "peer")]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def modbus_port(process: subprocess.Popen[str]) -> int:
    """Where it listens, by its own list of wires."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "tcp://" in line:
            return int(line.partition("tcp://127.0.0.1:")[2].split()[0])
    raise AssertionError("".join(said))


def test_a_platform_stops_one_and_is_told_the_end_of_the_other(charger: subprocess.Popen[str], tmp_path: Path) -> None:
    async def story(one: Station) -> None:
        await one.until(lambda: one.charges(FIRST) and one.charges(SECOND))
        began = one.said("A01", "StartTransaction")
        assert began["idTag"] == "A01-1"
        (number,) = one.csms.system.store.open_transactions("A01", 1)
        answer = await one.csms.call("A01", "RemoteStopTransaction", {"transactionId": number})
        assert isinstance(answer, Answered) and answer.payload == {"status": "Accepted"}, answer
        await one.until(lambda: one.said("A01", "StopTransaction"))
        stopped = one.said("A01", "StopTransaction")
        assert (stopped["transactionId"], stopped["reason"]) == (number, "Remote")
        assert stopped["meterStop"] > began["meterStart"] and one.told("session.ended", FIRST, "reason") == ["remote"]
        assert one.charges(SECOND), "the other goes on"
        charger.send_signal(signal.SIGKILL)
        await one.until(lambda: one.said("A02", "StopTransaction"))
        assert one.told("session.ended", SECOND, "reason") == ["device_silent"]
        for at in (FIRST, SECOND):
            await one.until(lambda at=at: one.told("alarm.raised", at, "alarm") == ["device_silent"])
            assert [event.subject for event in one.events if event.kind == "device.lost"].count(at) == 1

    one = Station(tmp_path, modbus_port(charger))
    outcome = one.bench.run(lambda: asyncio.run(one.play(story)))
    assert "error" not in outcome.document, outcome.document
    messages = outcome.document["books"]["messages"]
    assert (messages["started"], messages["stopped"], messages["lost"]) == (2, 2, 0)
