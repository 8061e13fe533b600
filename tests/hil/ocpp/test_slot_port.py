"""A foreign charger, played on a real socket, in a slot of the public station."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hil.loop import Loop
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Answered, Rpc
from hil.ocpp.transport import WebSocketClient
from hil.slots import Slots
from scenarios.slots import find_slots
from sim.clock import Clock
from sim.errors import Unreachable
from sim.events import Event
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.units import SimTime
from twins.control import ControlConfig
from twins.device_evse import DeviceEvse
from twins.device_supply import Presence
from twins.platform import LocalPlatform
from twins.slot_file import OcppDriverConfig, SlotConfig
from twins.station import Station
from twins.station_file import find_station, read_station

ROOT = Path(__file__).resolve().parents[3]
AT = "pile[A01].connector[1]"
NOW = "2026-01-01T00:00:00Z"


class Charger:
    """A charge point that answers Accepted to all, unless it is mute."""

    def __init__(self) -> None:
        numbers = count(1)
        self.loop = asyncio.get_running_loop()
        self.rpc = Rpc(self.answer, new_id=lambda: f"c{next(numbers)}")
        self.client = WebSocketClient(self.take, lambda _code, _reason: self.rpc.closed(self.loop.time()))
        self.asked: list[tuple[str, Payload]] = []
        self.granted = asyncio.Event()
        self.is_mute = False
        self.status = "Accepted"

    def answer(self, action: str, payload: Payload, _now: float) -> Payload:
        self.asked.append((action, payload))
        if self.limits_w():
            self.granted.set()
        return {"status": self.status if action == "SetChargingProfile" else "Accepted"}

    def take(self, data: bytes) -> None:
        if not self.is_mute:
            self.rpc.received(data, self.loop.time())
            self.send()

    def send(self) -> None:
        for data in self.rpc.outgoing():
            self.client.send(data)

    async def says(self, action: str, payload: Payload) -> Payload:
        answered: asyncio.Future[Answer] = self.loop.create_future()
        self.rpc.call(action, payload, lambda answer, _now: answered.set_result(answer), self.loop.time())
        self.send()
        answer = await answered
        assert isinstance(answer, Answered), answer
        return answer.payload

    async def boots(self) -> None:
        await self.says("BootNotification", {"chargePointVendor": "Foreign", "chargePointModel": "X"})
        await self.status_is("Available")

    async def status_is(self, status: str) -> None:
        await self.says("StatusNotification", {"connectorId": 1, "status": status, "errorCode": "NoError"})

    async def starts(self, meter_wh: int = 1_000) -> int:
        await self.status_is("Preparing")
        told = {"connectorId": 1, "idTag": "TAG", "meterStart": meter_wh, "timestamp": NOW}
        return int((await self.says("StartTransaction", told))["transactionId"])

    async def measures(self, value: str, unit: str = "W", measurand: str = "Power.Active.Import") -> None:
        sampled = {"value": value, "unit": unit, "measurand": measurand}
        await self.says(
            "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": NOW, "sampledValue": [sampled]}]}
        )

    def limits_w(self, purpose: str = "TxProfile") -> list[float]:
        told = [payload["csChargingProfiles"] for action, payload in self.asked if action == "SetChargingProfile"]
        return [one["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] for one in told
                if one["chargingProfilePurpose"] == purpose]  # fmt: skip


class Bench:
    """The station, its slots and the loop that paces it."""

    def __init__(self, folder: Path, **terms: Any) -> None:
        file = read_station(find_station("public")).value
        file = replace(file, control=ControlConfig(policy="equal_share", site_limit_kw=60.0))
        self.kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
        driver = OcppDriverConfig(kind="ocpp", port=0, charge_point="X01", unit=terms.pop("unit", "W"))
        slot = SlotConfig(
            at=AT, behind="hardware", armed=True, driver=driver, **{"max_kw": 90.0, "watchdog_s": 2.0} | terms
        )
        self.station = Station(self.kernel, file, LocalPlatform(self.kernel), {AT: slot})
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.device: DeviceEvse = self.station.devices[AT]
        self.recorder = Recorder(folder / "run.sqlite", "kpi")
        self.slots = Slots(self.kernel, {AT: slot}, self.station, folder)
        self.loop = Loop(self.kernel, (), self.recorder, lambda _now: None)

    @property
    def url(self) -> str:
        return f"{self.slots.urls[0]}/X01"

    async def until(self, is_met: Callable[[], bool], within_s: float = 5.0) -> float:
        """Wall time until a condition holds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not is_met():
            assert loop.time() - began < within_s, "not in time"
            await asyncio.sleep(0.005)
        return loop.time() - began

    def alarms(self) -> list[object]:
        return [event.data["alarm"] for event in self.events if event.kind == "alarm.raised"]


@asynccontextmanager
async def running(folder: Path, **terms: Any) -> AsyncIterator[tuple[Bench, Charger]]:
    bench = Bench(folder, **terms)
    await bench.slots.start()
    pacing = asyncio.create_task(bench.loop.real(SimTime(60.0), 1.0))
    charger = Charger()
    try:
        await charger.client.connect(bench.url)
        yield bench, charger
    finally:
        await bench.slots.close()
        bench.loop.stop()
        await pacing
        bench.recorder.close(bench.kernel.now)


@pytest.fixture
def played(tmp_path: Path) -> Callable[..., None]:
    def play(story: Callable[[Bench, Charger], Coroutine[Any, Any, None]], **terms: Any) -> None:
        async def whole() -> None:
            async with running(tmp_path, **terms) as (bench, charger):
                await story(bench, charger)

        asyncio.run(whole())

    return play


def test_a_charger_joins_is_limited_and_counts(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        await bench.until(lambda: len(charger.asked) >= 4)
        asked = [action for action, _ in charger.asked]
        assert asked == ["SetChargingProfile", "ChangeConfiguration", "ChangeAvailability", "TriggerMessage"]
        assert charger.limits_w("TxDefaultProfile") == [5_000.0]
        number = await charger.starts()
        assert await bench.until(lambda: bool(charger.limits_w())) < 1.0
        profile = next(
            p["csChargingProfiles"]
            for a, p in charger.asked
            if a == "SetChargingProfile" and p["csChargingProfiles"]["stackLevel"]
        )
        assert profile["transactionId"] == number and profile["chargingSchedule"]["duration"] <= 2
        assert charger.limits_w()[-1] == 60_000.0
        await charger.measures("59.9", "kW")
        assert await bench.until(lambda: bench.device.power_kw.at(bench.kernel.now) == 59.9) < 1.0
        assert bench.station.grid.power_kw.at(bench.kernel.now) > 59.9
        bench.station.control.limit("test", 20.0)
        assert await bench.until(lambda: charger.limits_w()[-1] == 20_000.0) < 1.0
        wanted = {"requestedMessage": "MeterValues", "connectorId": 1}
        assert await bench.until(lambda: ("TriggerMessage", wanted) in charger.asked) < 1.0
        assert bench.device.told_kw > 59.9  # it has said that it obeys; it is not seen yet
        await charger.measures("19900")
        assert await bench.until(lambda: bench.device.told_kw < 20.1) < 1.0
        count_before = len(charger.limits_w())
        await bench.until(lambda: len(charger.limits_w()) >= count_before + 3)  # renewed before it lapses
        assert bench.device.stop("remote")
        await bench.until(lambda: ("RemoteStopTransaction", {"transactionId": number}) in charger.asked)
        told = {"transactionId": number, "meterStop": 1_010, "timestamp": NOW, "reason": "Remote"}
        await charger.says("StopTransaction", told)
        await bench.until(lambda: any(event.kind == "session.ended" for event in bench.events))
        (ended,) = [event for event in bench.events if event.kind == "session.ended"]
        assert ended.data["reason"] == "remote" and ended.data["energy_kwh"] == pytest.approx(0.01)

    played(story, reserve_kw=5.0)


def test_amperes_are_of_the_voltage_that_is_reported(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        await charger.starts()
        await bench.until(lambda: bool(charger.limits_w()))
        assert charger.limits_w() == [60.0]  # of what could be a kilovolt
        await charger.measures("400", "V", "Voltage")
        await bench.until(lambda: charger.limits_w()[-1] == 150.0)

    played(story, unit="A")


@pytest.mark.parametrize("value", ["NaN", "inf", "-4000", "1e9", "lots"])
def test_nonsense_is_an_alarm(played: Callable[..., None], value: str) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        await charger.starts()
        await charger.measures("10000")
        await charger.measures(value)
        await bench.until(lambda: bench.alarms() == ["device_nonsense"])
        assert bench.device.power_kw.at(bench.kernel.now) == 10.0
        await charger.measures("11000")
        await bench.until(lambda: bench.device.power_kw.at(bench.kernel.now) == 11.0)

    played(story)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[]", b'[2,"1","MeterValues",{"connectorId":"x"}]', b"{" * 5_000])
def test_garbage_is_an_alarm_and_no_more(played: Callable[..., None], data: bytes) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        charger.client.send(data)
        await bench.until(lambda: bench.alarms() == ["device_nonsense"])

    played(story)


def test_pulling_its_plug_frees_the_power_and_ends_the_transaction(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        await charger.starts()
        await charger.measures("50000")
        await bench.until(lambda: bench.device.power_kw.at(bench.kernel.now) == 50.0)
        charger.client.abort()
        assert await bench.until(lambda: bench.alarms() == ["device_silent"]) < 2.2
        (ended,) = [event for event in bench.events if event.kind == "session.ended"]
        assert ended.data["reason"] == "device_silent"
        assert bench.device.power_kw.at(bench.kernel.now) == 0.0 and not bench.station.control._active
        again = Charger()
        await again.client.connect(bench.url)
        await again.boots()
        await bench.until(lambda: bench.device.presence.value is Presence.PRESENT)

    played(story)


def test_a_connection_lost_for_a_moment_changes_nothing(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        number = await charger.starts()
        await bench.until(lambda: bool(charger.limits_w()))
        charger.client.abort()
        again = Charger()
        await again.client.connect(bench.url)
        await again.boots()
        await bench.until(lambda: len(again.limits_w()) >= 2)
        granted = [told["csChargingProfiles"] for action, told in again.asked if action == "SetChargingProfile"]
        assert granted[-1]["transactionId"] == number and again.limits_w()[-1] == 60_000.0
        assert bench.device.is_charging and bench.alarms() == []

    played(story)


def test_who_is_up_already_is_asked_to_boot(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await bench.until(lambda: bool(charger.asked))
        assert charger.asked == [("TriggerMessage", {"requestedMessage": "BootNotification"})]

    played(story)


def test_a_charger_that_refuses_limits_is_stopped(played: Callable[..., None]) -> None:
    async def story(bench: Bench, charger: Charger) -> None:
        await charger.boots()
        await bench.until(lambda: len(charger.asked) >= 4)
        charger.status = "Rejected"
        number = await charger.starts()
        await bench.until(lambda: ("RemoteStopTransaction", {"transactionId": number}) in charger.asked)
        assert "device_unlimited" in bench.alarms()

    played(story)


def test_the_way_out_makes_it_safe(tmp_path: Path) -> None:
    async def whole() -> None:
        async with running(tmp_path) as (bench, charger):
            await charger.boots()
            number = await charger.starts()
            await bench.until(lambda: bool(charger.limits_w()))
            before = len(charger.asked)
        actions = [action for action, _ in charger.asked[before:] if action != "SetChargingProfile"]
        assert actions == ["RemoteStopTransaction", "ChangeAvailability"]
        assert charger.limits_w("TxDefaultProfile")[-1] == 0.0
        assert charger.asked[-1] == ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
        assert ("RemoteStopTransaction", {"transactionId": number}) in charger.asked

    asyncio.run(whole())


def test_a_signal_makes_it_safe_and_the_recording_repeats_it(tmp_path: Path) -> None:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    slots = tmp_path / "slots.yaml"
    text = find_slots("foreign-charger").read_text(encoding="utf-8")
    slots.write_text(text.replace("port: 9100", f"port: {port}"), encoding="utf-8")

    async def whole() -> None:
        command = [
            sys.executable,
            "-m",
            "voltyard",
            "run",
            "foreign-charger",
            "--slots",
            slots,
            "--out",
            tmp_path / "run",
        ]
        bench = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL)
        charger = Charger()
        try:
            await _connected(charger, f"ws://127.0.0.1:{port}/A01")
            await charger.boots()
            number = await charger.starts()
            await asyncio.wait_for(charger.granted.wait(), 5.0)
            assert charger.limits_w() == [60_000.0]
            await charger.measures("50000")
            bench.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(bench.wait(), 20.0) == 4
        finally:
            if bench.returncode is None:
                bench.kill()
        assert ("RemoteStopTransaction", {"transactionId": number}) in charger.asked
        assert charger.limits_w("TxDefaultProfile")[-1] == 0.0
        assert charger.asked[-1] == ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})

    asyncio.run(whole())
    again = subprocess.run(
        [sys.executable, "-m", "voltyard", "replay", tmp_path / "run"], cwd=ROOT, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr


def test_a_stranger_is_told_of_once_and_cannot_write_on_the_terminal(
    played: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(bench: Bench, _charger: Charger) -> None:
        port = bench.slots._ports[0]  # what it hears of who connects
        for _ in range(3):
            port.opened("\x1b[2Jx\n" + 100 * "y")

    played(story)
    (line,) = capsys.readouterr().err.splitlines()
    assert "'\\x1b[2Jx\\nyyy" in line and len(line) < 150 and "known there: X01" in line


async def _connected(charger: Charger, url: str) -> None:
    for _ in range(200):
        try:
            await charger.client.connect(url)
        except Unreachable:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("nobody listens on the slot's port")


def test_the_way_out_waits_for_no_charger_that_is_mute(tmp_path: Path) -> None:
    async def whole() -> None:
        loop = asyncio.get_running_loop()
        async with running(tmp_path) as (bench, charger):
            await charger.boots()
            await bench.until(lambda: len(charger.asked) >= 4)
            charger.is_mute = True
            began = loop.time()
        assert loop.time() - began < 6.0

    asyncio.run(whole())
