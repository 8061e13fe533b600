from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bay import Occupancy
from twins.books import energy_book
from twins.control import ControlConfig
from twins.device_book import device_books, register_steps
from twins.device_evse import DeviceEvse
from twins.device_supply import Presence
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.slot_file import OcppDriverConfig, SlotConfig
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.supply import EvseState

AT, OTHER = "pile[A01].connector[1]", "pile[A02].connector[1]"
SITE_KW = 60.0


class Port:
    """A device that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def limit(self, limit_kw: float) -> None:
        self.asked.append(("limit", round(limit_kw, 6)))

    def start(self, token: str) -> None:
        self.asked.append(("start", token))

    def stop(self, reason: str) -> None:
        self.asked.append(("stop", reason))

    def make_safe(self) -> None:
        self.asked.append(("make_safe",))


class Slot:
    """A station of 60 kW with a device at its first outlet, played by hand."""

    def __init__(self, *, blocked: frozenset[str] = frozenset(), **terms: Any) -> None:
        file = read_station(find_station("public")).value
        file = replace(file, control=ControlConfig(policy="equal_share", site_limit_kw=SITE_KW))
        driver = OcppDriverConfig(kind="ocpp", port=9_000, charge_point="X01")
        slot = SlotConfig(at=AT, armed=True, driver=driver, **{"behind": "hardware", "max_kw": 120.0} | terms)
        self.kernel = Kernel(Clock(datetime(2022, 6, 14, 8), file.station.timezone), 1)
        self.platform = LocalPlatform(self.kernel, blocked)
        self.station = Station(self.kernel, file, self.platform, {AT: slot})
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.device = self.station.devices[AT]
        self.port = self.device.port = Port()
        self._numbers = count(1)
        self.to(0.0)

    def says(self, verb: str, **args: Any) -> None:
        key = ("slot", next(self._numbers))
        self.kernel.post(Command("slot", "X01", verb, f"{AT}.device", args, key))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)

    def to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def beats(self, until: float) -> None:
        while self.kernel.now < until:
            self.to(min(self.kernel.now + 3.0, until))
            self.says("heard")

    def joins(self) -> None:
        self.says("joined", vendor="V", model="M")
        self.says("status", state="available", code="NoError")

    def begins(self, token: str = "TAG", register_kwh: float = 5.0) -> None:
        self.says("status", state="preparing", code="NoError")
        self.says("began", token=token, register_kwh=register_kwh)

    def obeys(self) -> None:
        """It confirms the last limit."""
        kw = [asked[1] for asked in self.port.asked if asked[0] == "limit"][-1]
        self.says("limited", limit_kw=kw, is_obeyed=True)

    def car(self, t: float) -> None:
        """A simulated car that takes all it gets comes to the other outlet."""
        row = ReplayRow(arrival_s=t, stay_s=None, connector=2, capacity_kwh=1_000.0, soc_in_pct=5.0,
                        soc_target_pct=95.0, power_max_kw=400.0)  # fmt: skip
        self.station.replay((row,))

    def kinds(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    def alarms(self) -> list[tuple[str, object]]:
        return [(one.kind.partition(".")[2], one.data["alarm"]) for one in self.events if one.kind.startswith("alarm.")]

    @property
    def other_kw(self) -> float:
        return self.station.piles["A02"].evses[0].power_kw.at(self.kernel.now)


@pytest.fixture
def slot() -> Callable[..., Slot]:
    return Slot


def test_a_charge_of_a_device_is_the_stations(slot: Callable[..., Slot]) -> None:
    played = slot(max_kw=60.0)
    device, bay = played.device, played.station.bays["B01"]
    assert (device.presence.value, device.state.value) == (Presence.UNKNOWN, EvseState.UNAVAILABLE)
    played.joins()
    assert (device.presence.value, device.state.value) == (Presence.PRESENT, EvseState.AVAILABLE)
    played.begins()
    assert device.state.value is EvseState.CHARGING and bay.occupied.value is Occupancy.OCCUPIED
    assert played.port.asked == [("limit", 60.0)]
    played.obeys()
    played.says("reading", power_kw=40.0, register_kwh=5.0, soc=0.3, voltage_v=400.0, current_a=100.0)
    for t in (5.0, 10.0, 15.0, 20.0):
        played.to(t)
        played.says("reading", power_kw=40.0, register_kwh=5.0 + 40.0 * t / 3600.0, soc=0.31)
    feeder = played.station.grid.feeders[played.station.piles["A01"].config.feeder]
    assert device.power_kw.at(played.kernel.now) == 40.0 and feeder.at(played.kernel.now) > 40.0
    assert device.vehicle_at(played.kernel.now) == (0.31, None) and device.voltage_v(played.kernel.now) == 400.0
    metered_kw = played.kernel.gauges[f"{AT}.metered_kw"]
    assert metered_kw.at(played.kernel.now) == 40.0, "by its own meter, not with the error of the one in its place"
    played.says("ended", reason="driver", register_kwh=5.0 + 40.0 * 20.0 / 3600.0)
    played.says("status", state="finishing", code="NoError")
    played.to(30.0)
    (row,) = played.station.visits.present.values()
    assert (row.outcome, row.stop_reason, row.pile, row.connector, row.bay) == ("charged", "driver", "A01", 1, "B01")
    assert row.energy_true_kwh == pytest.approx(40.0 * 20.0 / 3600.0) == row.energy_registered_kwh
    assert (row.soc_in_pct, row.soc_out_pct) == (30.0, 31.0)
    assert row.cost_cny > 0.0 and row.power_max_kw == 40.0
    played.says("status", state="available", code="NoError")
    assert bay.occupied.value is Occupancy.FREE and not played.station.visits.present
    assert device.vehicle_at(played.kernel.now) == (None, None)
    assert played.station.money.check(played.kernel.now) == []
    energy_book(played.station, played.kernel.now).check()
    assert (played.platform.begun, played.platform.stopped, played.platform.misordered) == (1, 1, 0)


def test_others_wait_until_a_device_has_confirmed_less(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.car(1.0)
    played.joins()
    played.begins()
    assert played.port.asked[-1] == ("limit", SITE_KW)
    played.obeys()
    while played.station.piles["A02"].evses[0].state.value is not EvseState.CHARGING:
        played.beats(played.kernel.now + 1.0)
    assert played.port.asked[-1] == ("limit", pytest.approx(SITE_KW / 2)) and played.other_kw == 0.0
    played.beats(played.kernel.now + 2.0)
    assert played.other_kw == 0.0
    played.obeys()
    assert played.other_kw == pytest.approx(SITE_KW / 2)


def test_silence_frees_the_power_raises_the_alarm_and_ends_the_transaction(slot: Callable[..., Slot]) -> None:
    played = slot(watchdog_s=8.0)
    played.car(1.0)
    played.joins()
    played.begins()
    played.obeys()
    while not played.other_kw:
        played.beats(played.kernel.now + 1.0)
        if played.device.told_kw * 0.99 > played.device.granted_kw:
            played.obeys()
    played.says("reading", power_kw=25.0, register_kwh=5.0)
    began = played.kernel.now
    played.says("lost")
    played.to(began + 7.9)
    assert played.other_kw == pytest.approx(SITE_KW / 2) and played.alarms() == []
    played.to(began + 8.1)
    assert played.other_kw == pytest.approx(SITE_KW) and played.alarms() == [("raised", "device_silent")]
    (ended,) = played.kinds("session.ended")
    assert ended.data["reason"] == "device_silent" and played.device.power_kw.at(played.kernel.now) == 0.0
    assert (played.device.state.value, played.device.presence.value) == (EvseState.FAULTED, Presence.SILENT)
    assert played.platform.stopped == 1
    (book,) = device_books(played.station, played.kernel.now)
    assert book.held_kwh == pytest.approx(25.0 * 8.0 / 3600.0) and book.residual_kwh == pytest.approx(0.0, abs=1e-9)


def test_a_reserve_is_kept_while_nothing_is_granted(slot: Callable[..., Slot]) -> None:
    played = slot(reserve_kw=10.0)
    played.car(1.0)
    while not played.other_kw:
        played.to(played.kernel.now + 1.0)
    assert played.other_kw == pytest.approx(SITE_KW - 10.0)
    played.joins()
    played.begins()
    played.obeys()
    assert played.other_kw == pytest.approx(SITE_KW / 2)
    played.to(played.kernel.now + 20.0)
    assert played.other_kw == pytest.approx(SITE_KW - 10.0)


def test_who_returns_still_charging_is_stopped_and_counted_outside(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.obeys()
    played.says("reading", power_kw=50.0, register_kwh=5.0)
    played.to(30.0)
    played.says("reading", power_kw=30.0, register_kwh=5.2)
    assert played.alarms() == [("raised", "device_silent"), ("cleared", "device_silent")]
    assert played.device.power_kw.at(played.kernel.now) == 30.0  # what flows is what flows
    for t in (33.0, 36.0):
        played.to(t)
        played.says("reading", power_kw=30.0, register_kwh=5.2)
    assert ("stop", "device_over_limit") in played.port.asked
    played.says("ended", reason="remote", register_kwh=5.25)
    (book,) = device_books(played.station, played.kernel.now)
    assert book.outside_kwh == pytest.approx(0.25) and book.registered_kwh == 0.0
    assert played.station.money.check(played.kernel.now) == []
    assert (played.platform.begun, played.platform.stopped) == (1, 1)


@pytest.mark.parametrize(
    "reading", [{"power_kw": -5.0}, {"power_kw": 500.0}, {"register_kwh": 4.0}, {"register_kwh": 9_000.0}, {"soc": 7.0}]
)
def test_nonsense_becomes_an_alarm_and_is_not_believed(slot: Callable[..., Slot], reading: dict[str, float]) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.obeys()
    played.says("reading", power_kw=50.0, register_kwh=5.0)
    played.to(1.0)
    played.says("reading", **reading)
    assert played.alarms() == [("raised", "device_nonsense")] and played.device.power_kw.at(played.kernel.now) == 50.0
    assert played.device.energy_kwh(played.kernel.now) == 0.0
    played.to(2.0)
    played.says("reading", power_kw=51.0, register_kwh=5.01)
    assert played.alarms()[-1] == ("cleared", "device_nonsense") and played.device.is_charging


@pytest.mark.parametrize("to_kwh", [0.0, 9_000.0])
def test_a_register_that_goes_on_from_elsewhere_is_its_new_base(slot: Callable[..., Slot], to_kwh: float) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.obeys()
    played.says("reading", power_kw=50.0, register_kwh=5.0)
    for number in range(3):
        played.to(number + 1.0)
        assert register_steps(played.station) == []
        played.says("reading", power_kw=50.0, register_kwh=to_kwh + 0.01 * number)
    (step,) = register_steps(played.station)
    assert (step.from_kwh, step.to_kwh, step.at_s) == (5.0, to_kwh + 0.02, 3.0)
    assert played.alarms() == [("raised", "device_nonsense"), ("cleared", "device_nonsense")]
    played.to(4.0)
    played.says("reading", power_kw=50.0, register_kwh=to_kwh + 0.03)
    assert played.device.energy_kwh(played.kernel.now) == pytest.approx(0.01) and played.device.is_charging


def test_a_register_that_jumps_about_is_never_believed(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.says("reading", register_kwh=5.0)
    for number in range(6):
        played.says("reading", register_kwh=(0.0, 70.0)[number % 2])
    assert register_steps(played.station) == [] and played.alarms() == [("raised", "device_nonsense")]


def test_who_was_away_may_be_another_device(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.says("reading", register_kwh=5.0)
    played.says("lost")
    played.joins()
    played.says("reading", register_kwh=0.5)
    (step,) = register_steps(played.station)
    assert (step.from_kwh, step.to_kwh) == (5.0, 0.5)
    assert played.alarms() == [("raised", "device_nonsense"), ("cleared", "device_nonsense")]


def test_who_goes_on_with_nonsense_counts_as_gone_until_it_makes_sense(slot: Callable[..., Slot]) -> None:
    played = slot(watchdog_s=6.0)
    played.joins()
    played.begins()
    for t in range(9):
        played.to(float(t))
        played.says("nonsense", what="power_kw: 'NaN'")
        played.says("status", state="charging", code="NoError")
    assert played.device.is_silent and ("stop", "device_silent") in played.port.asked
    assert ("raised", "device_silent") in played.alarms()
    played.says("reading", power_kw=0.0, register_kwh=5.0)
    assert not played.device.is_silent


def test_a_token_that_the_platform_refuses_gets_no_power(slot: Callable[..., Slot]) -> None:
    played = slot(blocked=frozenset({"TAG"}))
    played.joins()
    played.begins()
    assert played.port.asked == [("stop", "not_authorised")] and played.platform.begun == 0
    played.says("ended", reason="remote", register_kwh=5.0)
    played.says("status", state="available", code="NoError")
    assert played.kinds("session.started") == [] and played.device.state.value is EvseState.AVAILABLE


def test_the_platform_starts_and_stops_a_device(slot: Callable[..., Slot]) -> None:
    played = slot(blocked=frozenset({"TAG"}))  # it asks nobody about a token that the platform has sent
    assert not played.device.start("TAG")
    played.joins()
    assert played.device.start("TAG") and played.port.asked == [("start", "TAG")]
    played.begins()
    assert played.device.is_charging
    assert played.device.stop("remote") and played.port.asked[-1] == ("stop", "remote")
    played.says("ended", reason="device", register_kwh=5.0)
    assert played.kinds("session.ended")[0].data["reason"] == "remote"
    assert not played.device.stop("remote")


def test_who_takes_no_limit_may_not_charge(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.says("limited", limit_kw=100.0, is_obeyed=False)
    assert played.alarms() == [("raised", "device_unlimited")] and played.port.asked[-1] == ("stop", "device_unlimited")


def test_what_is_drawn_beyond_a_limit_is_taken_from_the_others_and_told(slot: Callable[..., Slot]) -> None:
    played = slot(max_kw=30.0)
    played.car(1.0)
    played.joins()
    played.begins()
    played.obeys()
    while not played.other_kw:
        played.beats(played.kernel.now + 1.0)
    assert played.other_kw == pytest.approx(SITE_KW - 30.0)
    for _ in range(8):
        played.to(played.kernel.now + 1.0)
        played.says("reading", power_kw=50.0)
    assert played.other_kw == pytest.approx(SITE_KW - 50.0) and played.alarms() == [("raised", "device_over_limit")]
    played.says("reading", power_kw=30.0)
    assert played.other_kw == pytest.approx(SITE_KW - 30.0) and played.alarms()[-1] == ("cleared", "device_over_limit")


def test_a_lock_out_grants_nothing_and_stops(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.obeys()
    played.station.faults.inject("pile.failed", "pile[A01]", {}, "down")
    played.to(1.0)
    assert played.port.asked[-2:] == [("stop", "pile_failed"), ("limit", 0.0)]
    assert played.alarms() == [("raised", "pile_failed")]


def test_simulated_drivers_leave_it_alone(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.station.draw_demand(400.0, 4 * 3600.0)
    for t in range(0, 4 * 3600, 8):
        played.to(float(t))
        played.says("heard")
    assert not played.device.power_kw.total_at(played.kernel.now)
    assert len(played.kinds("session.started")) > 10
    assert all(event.subject != AT for event in played.kinds("session.started"))


def test_a_shadow_records_the_gap(slot: Callable[..., Slot]) -> None:
    played = slot(behind="shadow", vehicle="lfp_60_400v")
    played.joins()
    played.begins()
    played.obeys()
    played.says("reading", power_kw=50.0, register_kwh=5.0, soc=0.3)
    now = played.kernel.now
    twin_kw, gap_kw = (played.kernel.signals[f"{AT}.{name}"].at(now) for name in ("twin_kw", "gap_kw"))
    assert twin_kw > 10.0 and gap_kw == pytest.approx(50.0 - twin_kw)
    played.to(9.0)
    played.says("ended", reason="driver", register_kwh=5.1)
    assert played.kernel.signals[f"{AT}.twin_kw"].at(played.kernel.now) == 0.0
    (book,) = device_books(played.station, played.kernel.now)
    assert book.twin_kwh == pytest.approx(twin_kw * 9.0 / 3600.0, rel=0.01)


_WORDS = st.one_of(
    st.tuples(st.just("joined"), st.just({"vendor": "V", "model": "M"})),
    st.tuples(st.just("status"), st.fixed_dictionaries({
        "state": st.sampled_from([state.value for state in EvseState]), "code": st.just("NoError")})),
    st.tuples(st.just("reading"), st.fixed_dictionaries({}, optional={
        "power_kw": st.floats(-10.0, 200.0), "register_kwh": st.floats(-1.0, 20.0), "soc": st.floats(-1.0, 2.0)})),
    st.tuples(st.just("began"), st.fixed_dictionaries({
        "token": st.sampled_from(["TAG", "BAD"]), "register_kwh": st.floats(0.0, 20.0)})),
    st.tuples(st.just("ended"), st.fixed_dictionaries({
        "reason": st.sampled_from(["driver", "device"]), "register_kwh": st.floats(0.0, 20.0)})),
    st.tuples(st.just("limited"), st.fixed_dictionaries({
        "limit_kw": st.floats(0.0, 200.0), "is_obeyed": st.booleans()})),
    st.tuples(st.sampled_from(["heard", "lost"]), st.just({})),
    st.tuples(st.just("nonsense"), st.just({"what": "x"})),
)  # fmt: skip


def test_a_second_charge_of_a_vehicle_is_a_session_of_its_own(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.joins()
    played.begins()
    played.says("ended", reason="driver", register_kwh=5.0)
    played.begins()
    played.says("began", token="TAG", register_kwh=5.0)  # without an end of the one before
    sessions = [event.data["session"] for event in played.kinds("session.started")]
    assert len(set(sessions)) == 3 and played.platform.begun == 3 and played.platform.misordered == 0
    assert [event.data["reason"] for event in played.kinds("session.ended")] == ["driver", "device_fault"]
    assert played.station.money.check(played.kernel.now) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 12.0), _WORDS), max_size=25))
def test_whatever_a_device_says_the_books_close(said: list[tuple[float, tuple[str, dict[str, Any]]]]) -> None:
    played = Slot(blocked=frozenset({"BAD"}))
    played.car(1.0)
    for wait_s, (verb, args) in said:
        played.to(played.kernel.now + wait_s)
        played.says(verb, **args)
        device: DeviceEvse = played.device
        assert device.granted_kw <= SITE_KW and device.claim_kw <= 200.0
    now = played.kernel.now
    energy_book(played.station, now).check()
    assert played.station.money.check(now) == []
    assert played.platform.misordered == 0 and played.platform.begun == played.platform.stopped + len(
        played.platform.open
    )
    (book,) = device_books(played.station, now)
    assert abs(book.reported_kwh - book.held_kwh - book.registered_kwh - book.outside_kwh - book.residual_kwh) < 1e-9


def test_what_is_still_seen_above_a_confirmed_limit_is_waited_for(slot: Callable[..., Slot]) -> None:
    played = slot()
    played.car(1.0)
    played.joins()
    played.begins()
    played.obeys()
    played.says("reading", power_kw=SITE_KW)
    while played.station.piles["A02"].evses[0].state.value is not EvseState.CHARGING:
        played.beats(played.kernel.now + 1.0)
    played.obeys()
    assert played.other_kw == 0.0 and played.device.told_kw == pytest.approx(SITE_KW)
    played.says("reading", power_kw=SITE_KW / 2)
    assert played.other_kw == pytest.approx(SITE_KW / 2) and played.alarms() == []


@pytest.mark.parametrize(
    ("verb", "args"),
    [("evse.limit", {"limit_kw": 5.0}), ("evse.enable", {"is_on": False}), ("evse.start", {}), ("evse.stop", {})],
)
def test_what_a_device_that_is_not_there_is_asked_is_not_done(
    verb: str, args: dict[str, Any], slot: Callable[..., Slot]
) -> None:
    played = slot()
    numbers = count(1)

    def refused() -> object:
        before = list(played.port.asked)
        key = ("rest", next(numbers))
        played.kernel.post(Command("rest", "me", verb, AT, args, key))
        played.kernel.admit()
        played.kernel.advance(played.kernel.now)
        outcome = [one for one in played.events if one.kind in ("command.done", "command.refused")][-1]
        if outcome.kind == "command.refused":
            assert played.port.asked == before
        return outcome.data.get("reason")

    assert refused() == "the device has not joined"
    played.joins()
    if verb != "evse.start":
        played.begins()
    played.says("lost")
    assert refused() == "the connection to the device is lost"
    played.says("heard")
    assert refused() is None
    played.to(played.kernel.now + 30.0)
    assert refused() == "the device is silent"
