"""A second station's Modbus port plays the charger in a slot of the first, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hil.door import Door
from hil.loop import Loop
from hil.modbus.devices import bound_units
from hil.modbus.endpoint import ModbusEndpoint
from hil.modbus.unit import Code, Refusal
from hil.slots import Slots, map_problems
from sim.clock import Clock
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.units import SimTime
from twins.device_evse import DeviceEvse
from twins.device_supply import Presence
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.slot_file import read_slots
from twins.station import Station
from twins.station_file import read_station

AT, OTHER = "pile[A02].connector[1]", "pile[A01].connector[1]"
STATION = """\
voltyard: 1
station: {{id: S, timezone: Asia/Shanghai, operator: {{name: {{en: Pair, zh: 一对}}}}}}
grid:
  feed_kv: 10
  transformer: {{id: T1, rating_kva: 315, no_load_loss_kw: 0.5, load_loss_kw: 3}}
  feeders: [{{id: F1, breaker_a: 500}}]
  meter: {{id: M1, class: 0.5}}
control: {{policy: equal_share, site_limit_kw: {limit_kw}}}
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
endpoints: {endpoints}
"""
SLOTS = """\
slots: 1
station: main.yaml
things:
  - at: "{at}"
    behind: hardware
    armed: true
    max_kw: {max_kw}
    reserve_kw: {reserve_kw}
    watchdog_s: {watchdog_s}
    driver: {{kind: modbus, host: 127.0.0.1, port: {port}, unit: 1, map: {map}, poll_s: 0.1}}
  - at: "grid.meter[M1]"
    behind: shadow
    armed: true
    watchdog_s: 20
    driver: {{kind: modbus, host: 127.0.0.1, port: {port}, unit: 2, map: sdm630, poll_s: 0.1}}
"""
"""The meter is behind the same gateway, which takes one master."""
CAR: dict[str, Any] = {"capacity_kwh": 200.0, "soc_in_pct": 20.0, "soc_target_pct": 90.0, "power_max_kw": 200.0}
PLUGGING_S = 26.8
"""From a car's arrival until it is plugged."""
CLOCK = datetime(2022, 6, 14, 10)


class Side:
    """A station in real pace, to whose first connector a car is plugged `car_in_s` after the beginning."""

    def __init__(self, folder: Path, name: str, text: str, car_in_s: float, slots: str = "") -> None:
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        self.document = read_station(path)
        self.kernel = Kernel(Clock(CLOCK, "Asia/Shanghai"), 1)
        devices = {}
        if slots:
            (folder / "slots.yaml").write_text(slots, encoding="utf-8")
            self.slot_file = read_slots(folder / "slots.yaml")
            devices = self.slot_file.value.devices
        self.platform = LocalPlatform(self.kernel)
        self.station = Station(self.kernel, self.document.value, self.platform, devices)
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.recorded: list[Command] = []
        self.kernel.subscribe_commands(lambda _seq, _t, command: self.recorded.append(command))
        self.recorder = Recorder(folder / f"{name}.sqlite", "kpi")
        self.loop = Loop(self.kernel, (), self.recorder, lambda _now: None)
        self.door = Door(self.kernel)
        self.loop.serve(self.door)
        now = SimTime(PLUGGING_S)
        self.station.replay((ReplayRow(arrival_s=car_in_s, stay_s=None, connector=1, **CAR),))
        self.kernel.advance(now)
        self.kernel.jump(now)
        self.pacing = asyncio.get_running_loop().create_task(self.loop.real(SimTime(now + 60.0), 1.0))

    def kw(self, path: str) -> float:
        return float(self.station.find(path).power_kw.at(self.kernel.now))  # type: ignore[attr-defined]

    def told(self, kind: str, subject: str = AT) -> list[Event]:
        return [event for event in self.events if event.kind == kind and event.subject == subject]

    def alarms(self) -> list[object]:
        return [event.data["alarm"] for event in self.told("alarm.raised")]

    async def ended(self) -> None:
        self.loop.stop()
        await self.pacing
        self.recorder.close(self.kernel.now)


class Pair:
    """The station under test, and the one that plays the charger at a port of its own."""

    def __init__(self, folder: Path, name: str, limit_kw: float, other_in_s: float) -> None:
        model, bay = ("quick", "fast") if name == "dc_pile" else ("ac_22", "slow")
        shows = "pile[X01]" if name == "dc_pile" else "pile[X01].connector[1]"
        devices = f'{{unit: 1, map: {name}, shows: "{shows}"}}, {{unit: 2, map: sdm630, shows: "grid.meter[M1]"}}'
        endpoints = f"[{{kind: modbus, id: bus, connections: 1, devices: [{devices}]}}]"
        told = {"model": model, "bay": bay}
        peer = STATION.format(limit_kw=500, piles="X01", bays="B01", endpoints=endpoints, **told)
        self.folder, self.map = folder, name
        self.peer = Side(folder, "peer", peer, 0.3)
        self.other_in_s = other_in_s
        units = bound_units(self.peer.station, self.peer.document, self.peer.door)
        self.unit = next(iter(units["bus"].values()))
        (bus,) = self.peer.station.buses.values()
        self.port = ModbusEndpoint(bus, units["bus"], self.peer.door, folder)
        self.main_text = STATION.format(limit_kw=limit_kw, piles="A01..A02", bays="B01..B02", endpoints="[]", **told)

    async def start(self, kw: float, reserve_kw: float, watchdog_s: float) -> None:
        await self.port.start()
        self.number = number = int(self.port.url.rpartition(":")[2])
        slots = SLOTS.format(at=AT, max_kw=kw, reserve_kw=reserve_kw, watchdog_s=watchdog_s, map=self.map, port=number)
        self.main = Side(self.folder, "main", self.main_text, self.other_in_s, slots)
        assert map_problems(self.main.slot_file, self.main.station) == []
        self.device: DeviceEvse = self.main.station.devices[AT]
        self.slots = Slots(self.main.kernel, self.main.slot_file.value.devices, self.main.station, self.folder)
        await self.slots.start()

    async def until(self, is_met: Callable[[], object], within_s: float = 5.0) -> float:
        """Wall time until a condition holds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not is_met():
            said = [(round(e.t, 2), e.kind, dict(e.data)) for e in self.main.events if e.subject == AT]
            figures = self.main.kw(AT), self.device.told_kw, self.charger.ceiling_kw
            assert loop.time() - began < within_s, ("not in time", figures, said)
            await asyncio.sleep(0.005)
        return loop.time() - began

    async def end(self) -> None:
        await self.slots.close()
        await self.port.stop()
        for side in (self.main, self.peer):
            await side.ended()

    @property
    def charger(self) -> Any:
        return self.peer.station.evses[0]


Story = Callable[[Pair], Coroutine[Any, Any, None]]


@pytest.fixture
def played(tmp_path: Path) -> Callable[..., None]:
    def play(
        story: Story, name: str = "dc_pile", kw: float = 80.0, limit_kw: float = 100.0, other_in_s: float = 2.0,
        reserve_kw: float | None = None, watchdog_s: float = 2.0,
    ) -> None:  # fmt: skip
        @asynccontextmanager
        async def paired() -> AsyncIterator[Pair]:
            pair = Pair(tmp_path, name, limit_kw, other_in_s)
            await pair.start(kw, kw if reserve_kw is None else reserve_kw, watchdog_s)
            try:
                yield pair
            finally:
                await pair.end()

        async def whole() -> None:
            async with paired() as pair:
                await story(pair)

        asyncio.run(whole())

    return play


async def charges(pair: Pair, least_kw: float) -> None:
    await pair.until(lambda: pair.device.is_charging and pair.main.kw(AT) >= least_kw)


def test_a_dc_pile_joins_shares_is_limited_and_is_stopped(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await pair.until(lambda: pair.main.told("device.joined"))
        (joined,) = pair.main.told("device.joined")
        assert joined.data == {"vendor": "Voltyard", "model": "DC pile"}
        await charges(pair, 79.0)
        assert pair.device.token == "A02-1" and pair.device.meter.value("soc") == pytest.approx(0.2, abs=0.01)
        assert pair.main.station.grid.power_kw.at(pair.main.kernel.now) > 79.0
        await pair.until(lambda: pair.main.kw(OTHER) > 49.0)
        assert pair.charger.ceiling_kw == pytest.approx(50.0, abs=0.11), "whole tenths of a kilowatt"
        assert pair.device.told_kw == pytest.approx(50.0), "confirmed by what was read back and seen"
        assert pair.main.kw(AT) < 50.1
        assert pair.device.stop("remote")
        await pair.until(lambda: pair.main.told("session.ended"))
        (ended,) = pair.main.told("session.ended")
        assert ended.data["reason"] == "remote" and float(ended.data["energy_kwh"]) > 0.0
        assert [event.data["reason"] for event in pair.peer.events if event.kind == "session.ended"] == ["remote"]
        await pair.until(lambda: pair.main.kw(OTHER) > 19.0)
        assert pair.main.alarms() == []
        meter, grid_kw = pair.main.kernel.gauges["grid.meter[M1].power_kw"], pair.peer.station.grid.power_kw
        seen = pytest.approx(grid_kw.at(pair.peer.kernel.now), abs=0.5)
        await pair.until(lambda: meter.at(pair.main.kernel.now) == seen)
        silences = [one for one in pair.main.told("alarm.raised", "grid.meter[M1]") if one.t > PLUGGING_S]
        assert silences == [], "one connection serves both units"

    played(story, watchdog_s=20.0)


@pytest.mark.parametrize("name", ["abb_terra_ac", "alfen_ng9", "phoenix_em_cp"])
def test_ac_piles_of_three_makers_are_driven_by_their_maps_alone(played: Callable[..., None], name: str) -> None:
    async def story(pair: Pair) -> None:
        await pair.until(lambda: pair.main.told("device.joined"))
        await charges(pair, 15.0)
        kw_per_a = 3 * 0.23
        await pair.until(lambda: abs(pair.charger.ceiling_kw - 16.0) < kw_per_a)
        await pair.until(lambda: pair.device.told_kw == pytest.approx(16.0))
        pair.main.station.control.limit("test", 10.0)
        await pair.until(lambda: pair.device.told_kw == pytest.approx(10.0))
        await pair.until(lambda: pair.main.kw(AT) <= 10.0)
        assert 9.0 < pair.charger.power_kw.at(pair.peer.kernel.now) <= 10.0
        pair.main.station.control.limit("test", 3.0)  # less than 6 A: it rests, and its transaction goes on
        await pair.until(lambda: pair.main.kw(AT) == 0.0 and pair.device.told_kw == pytest.approx(3.0))
        heard = len(pair.main.recorded)
        await pair.until(lambda: len(pair.main.recorded) >= heard + 3)
        pair.main.station.control.limit("test", 10.0)
        await pair.until(lambda: pair.main.kw(AT) > 9.0)
        assert pair.main.told("session.ended") == [] and len(pair.main.told("session.started")) == 1
        assert pair.device.stop("remote")
        await pair.until(lambda: pair.main.told("session.ended"))
        assert pair.main.told("session.ended")[0].data["reason"] == "remote" and pair.main.alarms() == []
        assert pair.charger.power_kw.at(pair.peer.kernel.now) == 0.0

    played(story, name, 16.0, other_in_s=60.0)


def test_a_port_that_closes_is_silence(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 79.0)
        await pair.until(lambda: pair.main.kw(OTHER) > 49.0)
        await pair.port.stop()
        assert await pair.until(lambda: pair.main.alarms() == ["device_silent"]) < 2.4
        assert len(pair.main.told("device.lost")) == 1
        assert pair.main.told("session.ended")[0].data["reason"] == "device_silent"
        await pair.until(lambda: pair.main.kw(OTHER) < 21.0)  # it keeps what it may still draw
        assert pair.charger.is_charging, "nothing in it falls back by itself"
        object.__setattr__(pair.port.bus.config, "port", pair.number)
        await pair.port.start()
        await pair.until(lambda: pair.device.presence.value is Presence.PRESENT)
        await pair.until(lambda: not pair.charger.is_charging)
        assert len(pair.main.told("session.started")) == 1, "what it did meanwhile is of no transaction"

    played(story)


@pytest.mark.parametrize(
    ("what", "said"),
    [("exceptions", "exception 4"), ("no_state", "step 77"), ("negative", "current_a -")],
)
def test_nonsense_is_an_alarm_and_in_the_end_silence(played: Callable[..., None], what: str, said: str) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 79.0)
        honest = pair.unit.read

        def read(table: Any, first: int, count: int) -> Any:
            words = list(honest(table, first, count))
            if what == "exceptions":
                raise Refusal(Code.FAILURE)
            if first <= 1000 < first + count:
                words[1000 - first] = {"no_state": 77}.get(what, words[1000 - first])
                words[1004 - first] = {"negative": 0x9000}.get(what, words[1004 - first])
            return words

        pair.unit.read = read  # type: ignore[method-assign]
        await pair.until(lambda: "device_nonsense" in pair.main.alarms())
        (event,) = pair.main.told("device.nonsense")
        if what == "negative":
            assert "can be" in str(event.data["what_said"])
        else:
            assert said in str(event.data["what_said"])
        await pair.until(lambda: "device_silent" in pair.main.alarms())
        pair.unit.read = honest  # type: ignore[method-assign]
        await pair.until(lambda: pair.device.presence.value is Presence.PRESENT and not pair.charger.is_charging)

    played(story)


def test_a_fail_safe_is_the_lease_of_its_grants(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 15.0)
        fail_safe = pair.charger.fail_safe
        assert (fail_safe.timeout_s, fail_safe.limit_a) == (1.0, pytest.approx(6.0, abs=0.2))
        await pair.port.stop()
        await pair.until(lambda: fail_safe.has_fallen)
        assert pair.main.alarms() == [], "it falls before it counts as gone"
        assert pair.charger.power_kw.at(pair.peer.kernel.now) == pytest.approx(4.2, abs=0.1)
        await pair.until(lambda: pair.main.alarms() == ["device_silent"])
        assert pair.main.station.control._held[AT] == pytest.approx(4.2)

    played(story, "keba_p30", 16.0, other_in_s=60.0, reserve_kw=4.2)


def test_who_is_held_at_nothing_wants_to_charge_once_it_is_plugged(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 15.0)
        await pair.until(lambda: pair.device.told_kw == pytest.approx(16.0))
        assert pair.device.stop("remote")
        await pair.until(lambda: pair.main.told("session.ended"))
        assert pair.charger.ceiling_kw == 0.0, "its map has no stop: it is held, and not begun again"
        heard = len(pair.main.recorded)
        await pair.until(lambda: len(pair.main.recorded) >= heard + 10)
        assert len(pair.main.told("session.started")) == 1
        assert pair.device.start("CARD")
        await pair.until(lambda: len(pair.main.told("session.started")) == 2 and pair.main.kw(AT) > 15.0)
        assert pair.device.token == "CARD"

    played(story, "keba_p30", 16.0, other_in_s=60.0, reserve_kw=0.0)


def test_what_it_raises_is_raised_here(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 79.0)
        pair.peer.station.piles["X01"].lock_out("emergency_stop", "emergency_stop")
        await pair.until(lambda: pair.main.told("session.ended"))
        assert pair.main.told("session.ended")[0].data["reason"] == "device_fault"
        await pair.until(lambda: pair.main.alarms() == ["emergency_stop", "device_fault"])
        (told,) = [event for event in pair.main.told("alarm.raised") if event.data["alarm"] == "device_fault"]
        assert told.data["code"] == "emergency_stop" and "emergency_stop" in pair.device.alarms
        pair.peer.station.piles["X01"].lift("emergency_stop")
        assert "emergency_stop" in pair.device.alarms, "out of order for it, until the vehicle has left"
        pair.charger.unplug()
        await pair.until(lambda: pair.device.alarms == frozenset())

    played(story, other_in_s=60.0)


@pytest.mark.parametrize("name", ["dc_pile", "abb_terra_ac", "keba_p30"])
def test_the_way_out_makes_it_safe(played: Callable[..., None], name: str) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 15.0)
        assert await _timed(pair.slots.make_safe()) < 1.0
        assert pair.charger.ceiling_kw == 0.0
        await pair.until(lambda: pair.charger.power_kw.at(pair.peer.kernel.now) == 0.0)
        assert pair.charger.is_charging is (name == "keba_p30"), "without a stop it rests at nothing"

    played(story, name, 16.0, other_in_s=60.0)


def test_the_way_out_waits_for_no_charger_that_is_gone(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        await charges(pair, 15.0)
        await pair.port.stop()
        assert await _timed(pair.slots.make_safe()) < 4.0

    played(story, other_in_s=60.0)


def test_a_limit_that_it_forgets_is_told_anew(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        pair.main.station.control.limit("test", 10.0)
        await charges(pair, 9.0)
        await pair.until(lambda: pair.charger.ceiling_kw <= 10.0)
        pair.charger.limit("modbus", None)
        await pair.until(lambda: pair.charger.ceiling_kw > 10.0)
        await pair.until(lambda: pair.charger.ceiling_kw <= 10.0)
        assert pair.device.is_charging

    played(story, "alfen_ng9", 16.0, other_in_s=60.0)


def test_who_takes_no_limit_may_not_charge(played: Callable[..., None]) -> None:
    async def story(pair: Pair) -> None:
        honest = pair.unit.write

        def write(table: Any, first: int, values: Any) -> None:
            if first == 1020:
                raise Refusal(Code.FAILURE)
            honest(table, first, values)

        pair.unit.write = write  # type: ignore[method-assign]
        await pair.until(lambda: "device_unlimited" in pair.main.alarms())
        await pair.until(lambda: pair.peer.told("session.ended", "pile[X01].connector[1]"))

    played(story, other_in_s=60.0)


async def _timed(made: Coroutine[Any, Any, None]) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await made
    return loop.time() - began
