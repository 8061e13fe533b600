"""Deeds on a real station: what they do at the same instant, beside faults, and how they are taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sim.clock import Clock
from sim.events import Command, Event, Scalar
from sim.kernel import Kernel
from sim.units import SimTime
from twins.dry_transformer import DryTransformer, FanState
from twins.evse import EvseState
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import read_station

HUNGRY: dict[str, Any] = {"capacity_kwh": 1_000.0, "soc_in_pct": 5.0, "soc_target_pct": 95.0, "power_max_kw": 400.0}
EVSE = "pile[A01].connector[1]"
WALLBOXES = """
  - id: C01
    model: ac_7_1
    feeder: F1
    evses: [{reaches: [B03]}]
    place: {x_m: 9, y_m: 0}
  - id: C02
    model: ac_22_1
    feeder: F1
    evses: [{reaches: [B04]}]
    place: {x_m: 12, y_m: 0}
"""
BAYS = """
  - {id: B03, kind: slow, roof: open, place: {x_m: 9, y_m: 3}}
  - {id: B04, kind: slow, roof: open, place: {x_m: 12, y_m: 3}}
"""
AC_22 = (
    "[{name: ac_22_1, kind: ac, rated_kw: 22, evse_count: 1, evse_max_kw: 22, no_load_loss_kw: 0.01, loss_ratio: 0.01,"
    " standby_kw: 0.01, handshake_s: 2, insulation_test_s: 0, precharge_s: 0}]"
)


class Asked:
    """A station, and somebody who asks things of it."""

    def __init__(self, path: Path) -> None:
        file = read_station(path).value
        self.kernel = Kernel(Clock(datetime(2022, 7, 13, 9), file.station.timezone), 1)
        self.station = Station(self.kernel, file, LocalPlatform(self.kernel))
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.evse = self.station.evses[0]

    def cars(self, *connectors: int, at_s: float = 10.0, stay_s: float | None = None) -> None:
        self.station.replay(tuple(ReplayRow(arrival_s=at_s, stay_s=stay_s, connector=one, **HUNGRY)
                                  for one in connectors))  # fmt: skip

    def to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def ask(self, verb: str, target: str, source: str = "modbus", **args: Scalar) -> str:
        """What came of it: an empty text, or why it was refused."""
        self.kernel.post(Command(source, "tester", verb, target, args, (source, len(self.events))))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)
        told = next(one for one in reversed(self.events) if one.kind in ("command.done", "command.refused"))
        assert (told.data["verb"], told.subject) == (verb, target)
        return str(told.data.get("reason", ""))

    def at(self, path: str) -> float:
        signal: Any = self.kernel.quantity(path)
        return float(signal.at(self.kernel.now))

    def kinds(self, kind: str) -> list[Event]:
        return [one for one in self.events if one.kind == kind]


@pytest.fixture
def asked(site_file: Callable[..., Path]) -> Callable[..., Asked]:
    """The two-outlet station with two wallboxes; `blocks` as in its file."""

    def made(**blocks: str) -> Asked:
        path = site_file(pile_models=AC_22, **blocks)
        text = path.read_text(encoding="utf-8")
        text = text.replace("\nbays:\n", f"{WALLBOXES}\nbays:{BAYS}")
        path.write_text(text, encoding="utf-8")
        return Asked(path)

    return made


# EVSEs


def test_a_limit_acts_at_once_and_folds_with_those_of_other_faces(asked: Callable[..., Asked]) -> None:
    site = asked()
    site.cars(1)
    site.to(600.0)
    before_kw = site.at(f"{EVSE}.power_kw")
    assert before_kw > 60.0
    assert site.ask("evse.limit", EVSE, limit_kw=40.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(40.0)
    assert site.ask("evse.limit", EVSE, source="rest", limit_kw=25.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(25.0)
    assert site.ask("evse.limit", EVSE, limit_kw=10.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(10.0)
    assert site.ask("evse.limit", EVSE) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(25.0), "the other face's stands"
    assert site.ask("evse.limit", EVSE, source="rest") == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(before_kw, rel=0.02)
    assert site.at("grid.power_kw") > before_kw


def test_a_limit_holds_when_a_fault_derates_and_after(asked: Callable[..., Asked]) -> None:
    site = asked(heat="{packs: false, piles: true}")
    site.cars(1)
    site.to(600.0)
    site.evse.limit("heat", 30.0)
    assert site.ask("evse.limit", EVSE, limit_kw=50.0) == ""
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(30.0)
    site.evse.limit("heat", None)
    site.kernel.advance(site.kernel.now)
    assert site.at(f"{EVSE}.power_kw") == pytest.approx(50.0)


@pytest.mark.parametrize(("box", "phases"), [("pile[C01].connector[1]", 1), ("pile[C02].connector[1]", 3)])
def test_wallboxes_are_limited_by_current_and_rest_below_six_amperes(
    asked: Callable[..., Asked], box: str, phases: int
) -> None:
    site = asked()
    site.cars(3, 4)
    site.to(600.0)
    assert site.ask("evse.limit", box, limit_a=10.0) == ""
    assert site.at(f"{box}.current_l1_a") == pytest.approx(10.0)
    assert site.at(f"{box}.current_l3_a") == pytest.approx(10.0 if phases == 3 else 0.0)
    assert site.at(f"{box}.power_kw") == pytest.approx(2.3 * phases)
    assert site.ask("evse.limit", box, limit_a=5.9) == ""
    assert (site.at(f"{box}.power_kw"), site.at(f"{box}.allowed_a")) == (0.0, 0.0)
    assert site.ask("evse.limit", box, limit_a=6.0) == ""
    assert site.at(f"{box}.current_l1_a") == pytest.approx(6.0)
    assert "limit_kw" in site.ask("evse.limit", EVSE, limit_a=10.0)


def test_a_disabled_outlet_rests_and_goes_on(asked: Callable[..., Asked]) -> None:
    site, box = asked(), "pile[C01].connector[1]"
    site.cars(3)
    site.to(600.0)
    assert site.ask("evse.limit", box, limit_a=16.0) == ""
    assert site.ask("evse.enable", box, is_on=False) == ""
    assert (site.at(f"{box}.power_kw"), site.at(f"{box}.is_enabled"), site.at(f"{box}.pilot")) == (0.0, 0.0, 3.0)
    site.to(1_200.0)
    assert site.ask("evse.enable", box, is_on=True) == ""
    assert site.at(f"{box}.current_a") == pytest.approx(16.0), "its limit stands"
    assert site.kinds("session.ended") == []


def test_a_start_serves_who_is_plugged_in_and_says_no_else(asked: Callable[..., Asked]) -> None:
    site = asked()
    site.cars(1)
    assert site.ask("evse.start", EVSE, token="CARD1") == "", "for who plugs in soon"
    site.to(600.0)
    assert site.evse.token == "CARD1"
    assert "charging" in site.ask("evse.start", EVSE)
    assert site.ask("evse.stop", EVSE) == ""
    assert site.at(f"{EVSE}.power_kw") == 0.0
    (ended,) = site.kinds("session.ended")
    assert ended.data["reason"] == "remote"
    assert "no charge is on" in site.ask("evse.stop", EVSE)
    assert "20 characters" in site.ask("evse.start", EVSE, token="x" * 21)
    assert "true or false" in site.ask("evse.enable", EVSE, is_on=1)


@pytest.mark.clause("9.4.1")
def test_no_reset_takes_a_cause_away_that_lasts(asked: Callable[..., Asked]) -> None:
    site = asked()
    assert "nothing is locked out" in site.ask("evse.reset", EVSE)
    site.station.faults.inject("pile.failed", "pile[A01]", {}, "f")
    site.to(10.0)
    assert site.evse.state.value is EvseState.FAULTED
    assert "pile_failed" in site.ask("evse.reset", EVSE), "nobody mends here: the fault lasts until it is cleared"


@pytest.mark.clause("9.4.1")
@pytest.mark.parametrize(("share", "is_mended"), [(0.99, True), (0.0, False)])
def test_a_failed_pile_is_reset_from_afar_once(asked: Callable[..., Asked], share: float, is_mended: bool) -> None:
    site = asked(reliability=f"{{reset_share: {share}}}")
    site.station.faults.inject("pile.failed", "pile[A01]", {}, "f")
    site.to(10.0)
    reason = site.ask("evse.reset", EVSE)
    assert (reason == "") is is_mended
    (reset,) = site.kinds("pile.reset")
    assert reset.data["is_mended"] is is_mended
    assert site.evse.state.value is (EvseState.AVAILABLE if is_mended else EvseState.FAULTED)
    if not is_mended:
        assert "pile_failed" in site.ask("evse.reset", EVSE)
        assert len(site.kinds("pile.reset")) == 1, "a second one is no second chance"


# The site


def test_the_site_is_limited_by_a_platform_and_given_back(asked: Callable[..., Asked]) -> None:
    site = asked()
    site.cars(1, 2)
    site.to(600.0)
    both_kw = site.at("pile[A01].power_kw")
    assert site.ask("control.limit", "control", limit_kw=50.0) == ""
    assert site.at("pile[A01].power_kw") == pytest.approx(50.0)
    assert site.at("control.site_limit_kw") == 50.0
    assert site.ask("control.limit", "control") == ""
    assert site.at("pile[A01].power_kw") == pytest.approx(both_kw, rel=0.02)


def test_the_main_breaker_opened_by_hand_darkens_the_site_until_it_is_closed(asked: Callable[..., Asked]) -> None:
    site = asked()
    site.cars(1)
    site.to(600.0)
    assert "is closed" in site.ask("grid.breaker", "grid.feed", is_closed=True)
    assert site.ask("grid.breaker", "grid.feed", is_closed=False) == ""
    assert site.at("grid.voltage_pu") == 0.0
    assert site.at("house.has_main_open") == 1.0
    site.to(601.0)
    assert site.evse.state.value is EvseState.FAULTED and site.at("grid.power_kw") == 0.0
    assert site.at(f"{EVSE}.undervoltage") == 1.0
    assert "is open" in site.ask("grid.breaker", "grid.feed", is_closed=False)
    site.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 100.0}, "o")
    assert site.ask("grid.breaker", "grid.feed", is_closed=True) == ""
    assert site.at("grid.voltage_pu") == 0.0, "the feed itself is dead now"
    site.to(702.0)
    assert site.at("grid.voltage_pu") == 1.0
    assert [one.data["by"] for kind in ("breaker.opened", "breaker.closed") for one in site.kinds(kind)] == [
        "modbus"
    ] * 2


def test_nobody_closes_from_afar_what_has_tripped(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(
        "{kind: dry, limit_share: 1.6, alarm_c: 130, trip_c: 150, reset: {below_c: 120, after_min: 20}}", share=0.7
    )
    dry.load(1.3)
    dry.run_to(2_000.0)
    (tripped,) = dry.times("transformer.tripped")
    dry.run_to(tripped + 300.0)

    def close() -> str:
        dry.kernel.post(Command("rest", "tester", "grid.breaker", "grid.feed", {"is_closed": True}, ("rest", 1)))
        dry.kernel.admit()
        dry.kernel.advance(dry.kernel.now)
        return str(dry.events[-1].data["reason"])

    assert "held open by pt100" in close()
    dry.run_to(tripped + 1_000.0)
    assert "reset at the transformer" in close(), "cool by now, but nobody has been there"
    dry.run_to(tripped + 1_201.0)
    assert dry.times("transformer.reset") == [pytest.approx(tripped + 1_200.0)]


# The transformer's controller


FANNED = "{kind: dry, fans: {af_ratio: 1.4, on_c: 110, off_c: 90}, alarm_c: 140, trip_c: 155}"


def hot(dry: Any, verb: str, **args: Scalar) -> str:
    dry.kernel.post(Command("modbus", "tester", verb, dry.path, args, ("modbus", len(dry.events))))
    dry.kernel.admit()
    dry.kernel.advance(dry.kernel.now)
    told = next(one for one in reversed(dry.events) if one.kind.startswith("command."))
    return str(told.data.get("reason", ""))


def test_fans_by_hand_cool_at_once_and_auto_gives_them_back(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(FANNED, share=0.7)
    transformer = dry.transformer
    assert isinstance(transformer, DryTransformer) and transformer.fans.value is FanState.OFF
    settles_c = dry.at("pt100_c")
    assert hot(dry, "transformer.fans", position="on") == ""
    assert transformer.fans.value is FanState.ON and dry.times("transformer.fans", state="on") == [0.0]
    dry.run_to(7_200.0)
    assert dry.at("pt100_c") < settles_c - 15.0
    assert hot(dry, "transformer.fans", position="auto") == ""
    assert transformer.fans.value is FanState.OFF
    dry.run_to(20_000.0)
    assert dry.at("pt100_c") == pytest.approx(settles_c, abs=0.5)


def test_fans_held_off_leave_alarm_and_trip_at_work(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(FANNED, share=0.7)
    assert hot(dry, "transformer.fans", position="off") == ""
    dry.load(1.4)
    dry.run_to(20_000.0)
    assert dry.times("transformer.fans") == []
    assert len(dry.times("alarm.raised", alarm="transformer_overtemperature")) == 1
    assert len(dry.times("transformer.tripped")) == 1
    transformer = dry.transformer
    assert transformer.fan_position == "off"


def test_failed_fans_do_not_turn_by_hand_either_and_do_when_mended(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(FANNED, share=0.7)
    dry.station.faults.inject("transformer.fan_failed", dry.path, {"duration_s": 600.0}, "f")
    dry.run_to(1.0)
    assert hot(dry, "transformer.fans", position="on") == ""
    assert dry.transformer.fans.value is FanState.OFF
    dry.run_to(601.0)
    assert dry.transformer.fans.value is FanState.ON


def test_set_points_move_what_the_controller_does(hot_site: Callable[..., Any]) -> None:
    dry = hot_site(FANNED, share=0.7)
    dry.run_to(10.0)
    reading_c = dry.at("pt100_c")
    assert 90.0 < reading_c < 110.0
    assert hot(dry, "transformer.set_points", fan_on_c=reading_c - 2.0, fan_off_c=60.0) == ""
    assert dry.transformer.fans.value is FanState.ON, "it reads more than that"
    assert dry.kernel.gauges[f"{dry.path}.fan_on_c"].at(dry.kernel.now) == reading_c - 2.0
    assert hot(dry, "transformer.set_points", alarm_c=reading_c - 1.0, trip_c=200.0) == ""
    assert len(dry.times("alarm.raised", alarm="transformer_overtemperature")) == 1
    assert hot(dry, "transformer.set_points", alarm_c=170.0) == ""
    dry.run_to(80.0)
    assert len(dry.times("alarm.cleared", alarm="transformer_overtemperature")) == 1, "after a minute below"
    assert hot(dry, "transformer.set_points", trip_c=dry.at("pt100_c") - 0.1, alarm_c=100.5, fan_on_c=80.0) != ""


@pytest.mark.parametrize(
    "levels",
    [{"fan_off_c": 110.0}, {"fan_on_c": 85.0}, {"fan_on_c": 145.0}, {"alarm_c": 156.0}, {"trip_c": 139.0},
     {"alarm_c": 105.0}, {"trip_c": 99.0, "alarm_c": 98.0}],
)  # fmt: skip
def test_set_points_that_a_file_may_not_have_are_refused_and_nothing_changes(
    hot_site: Callable[..., Any], levels: dict[str, float]
) -> None:
    dry = hot_site(FANNED, share=0.5)
    before = dry.transformer.heat
    assert hot(dry, "transformer.set_points", **levels) != ""
    assert dry.transformer.heat is before


def test_a_transformer_without_fans_says_so(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry}", share=0.5)
    assert "has no fans" in hot(dry, "transformer.fans", position="on")
    assert "has no fans" in hot(dry, "transformer.set_points", fan_on_c=100.0)
    assert hot(dry, "transformer.set_points", alarm_c=150.0) == ""


def test_load_control_moves_with_the_trip(hot_site: Callable[..., Any]) -> None:
    dry = hot_site("{kind: dry, load_control: {below_trip_k: 10}}", share=0.9)
    dry.run_to(10.0)
    reading_c = dry.at("pt100_c")
    assert dry.times("transformer.limited") == []
    assert hot(dry, "transformer.set_points", alarm_c=149.0, trip_c=152.0) == ""
    assert dry.transformer.guards["pt100"].near.level_c == 142.0
    assert reading_c < 142.0
    dry.load(1.15)
    dry.run_to(20_000.0)
    assert dry.times("transformer.limited"), "ten kelvin below the new trip"


# The house


HOUSE = "{lighting_kw: 4, cooling: {set_c: 29.5, kw_per_k: 0.8, rating_kw: 2}}"
SERIES = {"weather": "{series: shenzhen_2022}", "house": HOUSE,
          "station": "{id: TWO, timezone: Asia/Shanghai, operator: {name: {en: Two, zh: 二}}}"}  # fmt: skip


def test_lights_by_hand_burn_by_day_unless_a_fault_holds_them(asked: Callable[..., Asked]) -> None:
    site = asked(**SERIES)
    site.to(3_600.0)
    assert site.at("house.lighting_kw") == 0.0
    assert site.ask("house.lights", "house", position="on") == ""
    assert (site.at("house.lighting_kw"), site.at("house.are_lights_on")) == (4.0, 1.0)
    assert site.ask("house.lights", "house", position="auto") == ""
    assert site.at("house.lighting_kw") == 0.0
    site.station.faults.inject("house.lighting_stuck", "house.lights", {"position": "on", "duration_s": 60.0}, "s")
    site.to(3_601.0)
    assert site.ask("house.lights", "house", position="off") == ""
    assert site.at("house.lighting_kw") == 4.0, "stuck is stuck"
    site.to(3_700.0)
    assert site.at("house.lighting_kw") == 0.0
    site.to(16 * 3_600.0)
    assert site.at("house.lighting_kw") == 0.0, "held off at night"
    assert site.ask("house.lights", "house", position="auto") == ""
    assert site.at("house.lighting_kw") == 4.0


def test_cooling_takes_another_set_point_and_is_switched(asked: Callable[..., Asked]) -> None:
    site = asked(**SERIES)
    site.to(3_600.0)  # ten o'clock: 31 C
    assert site.at("house.cooling_kw") == pytest.approx(1.2)
    assert (site.at("house.return_c"), site.at("house.set_c")) == (pytest.approx(29.5), 29.5)
    assert site.at("house.supply_c") == pytest.approx(29.5 - 10.0 * 0.6)
    assert site.ask("house.cooling", "house", set_c=30.0) == ""
    assert site.at("house.cooling_kw") == pytest.approx(0.8)
    assert site.ask("house.cooling_switch", "house", is_on=False) == ""
    assert (site.at("house.cooling_kw"), site.at("house.is_cooling")) == (0.0, 0.0)
    assert site.at("house.return_c") == pytest.approx(31.0)
    assert site.ask("house.cooling_switch", "house", is_on=True) == ""
    assert site.at("house.cooling_kw") == pytest.approx(0.8)
    site.station.faults.inject("house.cooling_failed", "house.cooling", {"share": 0.5}, "f")
    site.to(3_601.0)
    assert site.at("house.has_cooling_failed") == 1.0
    assert site.at("house.return_c") == pytest.approx(30.5, abs=0.01), "half the cold, half the way"


def test_a_house_without_them_says_so(asked: Callable[..., Asked]) -> None:
    site = asked()
    assert "no lights" in site.ask("house.lights", "house", position="on")
    assert "no cooling" in site.ask("house.cooling", "house", set_c=20.0)
    assert "no cooling" in site.ask("house.cooling_switch", "house", is_on=False)


# Fire


FIRE = "{panel: {id: FP1}, detectors: [{id: G1, place: {x_m: 1, y_m: 1}}]}"
PANEL, GAS = "fire_panel[FP1]", "gas[G1]"


@pytest.mark.clause("9.7")
def test_the_panel_cuts_the_charging_power_until_it_is_reset(asked: Callable[..., Asked]) -> None:
    site = asked(fire=FIRE)
    site.cars(1, 2, 3)
    site.to(600.0)
    assert site.ask("fire.output", PANEL, output="power_cut", is_on=True) == ""
    assert all(evse.state.value is EvseState.FAULTED for evse in site.station.evses)
    assert site.at("pile[A01].power_kw") == 0.0 and site.at(f"{EVSE}.emergency_stop") == 1.0
    assert {one.data["reason"] for one in site.kinds("session.ended")} == {"emergency_stop"}
    assert "drives an output" in site.ask("fire.test", PANEL, is_on=True)
    assert site.ask("fire.reset", PANEL) == ""
    site.to(4_000.0)
    assert site.station.evses[3].state.value is EvseState.AVAILABLE
    log = [site.at(f"{PANEL}.event[{slot}].kind") for slot in (1, 2, 3)]
    assert log == [5.0, 7.0, 0.0] and site.at(f"{PANEL}.last_seq") == 2.0
    assert site.at(f"{PANEL}.event[1].unix_s") == site.kernel.clock.wall(SimTime(600.0)).timestamp()


def test_the_panel_logs_its_mains_and_drives_nothing_in_a_test(asked: Callable[..., Asked]) -> None:
    site = asked(fire=FIRE)
    assert site.ask("fire.test", PANEL, is_on=True) == ""
    assert "being tested" in site.ask("fire.output", PANEL, output="sounder", is_on=True)
    assert site.ask("fire.test", PANEL, is_on=False) == ""
    assert site.ask("fire.output", PANEL, output="sounder", is_on=True) == ""
    assert site.ask("fire.silence", PANEL) == ""
    assert "silent" in site.ask("fire.silence", PANEL)
    assert site.ask("fire.mode", PANEL, is_manual=True) == "" and site.at(f"{PANEL}.is_manual") == 1.0
    site.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 60.0}, "o")
    site.to(30.0)
    assert (site.at(f"{PANEL}.has_mains_lost"), site.at(f"{PANEL}.faults")) == (1.0, 1.0)
    site.to(100.0)
    assert (site.at(f"{PANEL}.has_mains_lost"), site.at(f"{PANEL}.faults")) == (0.0, 0.0)
    assert [site.at(f"{PANEL}.event[{slot}].kind") for slot in (1, 2, 3)] == [5.0, 2.0, 4.0]
    for _ in range(32):
        site.ask("fire.reset", PANEL)
    assert site.at(f"{PANEL}.event[1].seq") == 33.0 and site.at(f"{PANEL}.event[3].seq") == 35.0


def test_a_detector_alarms_by_its_levels(asked: Callable[..., Asked]) -> None:
    site = asked(fire=FIRE)
    assert site.at(f"{GAS}.alarm_level") == 0.0
    assert site.ask("gas.levels", GAS, co_low_ppm=30.0) == ""
    assert "not below" in site.ask("gas.levels", GAS, co_low_ppm=200.0)
    assert site.at(f"{GAS}.co_low_ppm") == 30.0
    (detector,) = site.station.gas_detectors
    detector.co_ppm.set(site.kernel.now, 30.0)
    assert site.at(f"{GAS}.alarm_level") == 1.0
    detector.h2_ppm.set(site.kernel.now, 500.0)
    assert site.at(f"{GAS}.alarm_level") == 2.0
