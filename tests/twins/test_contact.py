"""Heat of connectors: the worked numbers of the physics sheet, section 3, on signals of a station built from a file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import pairwise
from math import ceil, exp, log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.events import Event
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.books import energy_book
from twins.connector import ConnectorConfig
from twins.contact import Contact
from twins.cooled_contact import CooledContact
from twins.replay import ReplayRow
from twins.station import Station
from twins.supply import EvseState

WarmSite = Callable[..., tuple[Kernel, Station, list[Event]]]
CONTACT = "pile[A01].connector[1].contact"
BIG_KV = 0.4 * (0.85 + 0.06 * 0.02)  # of the big vehicle that the site is given, nearly empty
OFF = "{ladder: off}"
BIG_CAR = ReplayRow(arrival_s=0.0, stay_s=None, connector=1, capacity_kwh=1_000.0, soc_in_pct=2.0, soc_target_pct=98.0,
                    power_max_kw=1_000.0)  # fmt: skip


def contact_of(station: Station) -> Contact:
    contact = station.find(CONTACT)
    assert isinstance(contact, Contact)
    return contact


def run_to(kernel: Kernel, t: float) -> SimTime:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))
    return SimTime(t)


def begins(events: list[Event]) -> SimTime:
    return next(event.t for event in events if event.kind == "session.started")


def told(events: list[Event]) -> list[str]:
    """Alarms that come (+) and go (-), why charges end, recoveries, in order."""
    signs = {"alarm.raised": "+", "alarm.cleared": "-", "session.ended": "ended ", "evse.recovered": "recovered"}
    return [signs[one.kind] + str(one.data.get("alarm", one.data.get("reason", ""))) for one in events
            if one.kind in signs]  # fmt: skip


def run_until(kernel: Kernel, events: list[Event], *alarms: str) -> list[SimTime]:
    """Run to the last of these alarms; when each came."""
    while not all(any(event.data.get("alarm") == alarm for event in events) for alarm in alarms):
        assert kernel.next_time() < 20_000.0
        kernel.advance(kernel.next_time())
    return [when(events, alarm) for alarm in alarms]


def when(events: list[Event], alarm: str, kind: str = "alarm.raised", nth: int = 0) -> SimTime:
    return [event.t for event in events if event.kind == kind and event.data.get("alarm") == alarm][nth]


@pytest.mark.parametrize(("factor", "settled_c", "at_90_s"), [(1, 69.9, None), (2, 104.8, 1_399.0), (5, 209.0, 341.0)])
def test_section_3_healthy_worn_and_loose(
    warm_site: WarmSite, factor: float, settled_c: float, at_90_s: float | None
) -> None:
    kernel, station, events = warm_site(connector=OFF)
    if factor > 1:
        station.faults.inject("connector.contact_loose", CONTACT, {"factor": factor})
    temp_c = contact_of(station).temp_c
    run_to(kernel, 100.0)
    reached = temp_c.crossing(90.0, kernel.now)
    assert (reached is None) is (at_90_s is None)
    if reached is not None:
        assert reached - begins(events) == pytest.approx(at_90_s, rel=0.005)
        assert temp_c.at(run_to(kernel, reached)) == pytest.approx(90.0, abs=1e-6)
    end = run_to(kernel, 20_000.0)
    assert station.evses[0].power_kw.at(end) == pytest.approx(250.0 * BIG_KV, rel=1e-9)
    assert temp_c.at(end) == pytest.approx(settled_c, rel=0.005)
    assert told(events) == []


@pytest.mark.parametrize(("factor", "current_a"), [(1, 314.0), (2, 222.0), (5, 140.0)])
def test_section_3_current_that_just_holds_90_c(warm_site: WarmSite, factor: float, current_a: float) -> None:
    kernel, station, _ = warm_site(connector=OFF, site_kw=BIG_KV * current_a)
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": factor})
    end = run_to(kernel, 20_000.0)
    assert station.evses[0].power_kw.at(end) == pytest.approx(BIG_KV * current_a, rel=1e-9)
    assert contact_of(station).temp_c.at(end) == pytest.approx(90.0, rel=0.005)


# Against small steps

Pieces = list[tuple[float, float, float, float]]
Air = list[tuple[float, float, float]]
NOTHING = (0.0, 0.0, 0.0, 1.0)
AIR: Air = [(0.0, 35.0, 3.0 / 3_600.0), (4_000.0, 32.0, 3.0 / 3_600.0), (8_000.0, 37.0, -3.0 / 3_600.0)]
"""Warms, drops, warms, jumps up and cools."""


def reference(
    pieces: Pieces, air: Air, end: float, ohm: float, k_w: float = 9.3, j_k: float = 96.8
) -> tuple[dict[int, float], float, float]:
    """(C at each ten seconds, the same at the end, heat in J) by the midpoint rule in steps of 0.1 s.

    The pieces are (t0, a, c, tau) of the current in A, the air is (t0, C, K/s), changing at whole ten seconds or
    with a piece.
    """
    temp_c, heat_j = air[0][1], 0.0
    at: dict[int, float] = {}
    for (t0, a, c, tau_s), t1 in zip(pieces, [*(t0 for t0, *_ in pieces[1:]), end], strict=True):
        marks = [10.0 * n for n in range(int(t0 / 10.0) + 1, int(t1 / 10.0) + 1)]
        for begin, stop in pairwise([t0, *marks, t1]):
            count = ceil((stop - begin) / 0.1)
            since_s, begun_c, slope = next(line for line in reversed(air) if line[0] <= begin)
            for n in range(count):
                step = (stop - begin) / count
                heat_w = ohm * (a + c * exp(-(begin + (n + 0.5) * step - t0) / tau_s)) ** 2
                air_c = begun_c + slope * (begin + (n + 0.5) * step - since_s)
                half_c = temp_c + 0.5 * step / j_k * (heat_w - (temp_c - air_c) / k_w)
                temp_c += step / j_k * (heat_w - (half_c - air_c) / k_w)
                heat_j += step * heat_w
            if stop < t1 or stop % 10.0 == 0.0:
                at[round(stop / 10.0)] = temp_c
    return at, temp_c, heat_j


TAPERS = (
    ReplayRow(arrival_s=0.0, stay_s=None, connector=1, capacity_kwh=75.0, soc_in_pct=10.0, soc_target_pct=98.0,
              power_max_kw=180.0),
    ReplayRow(arrival_s=6_000.0, stay_s=None, connector=1, capacity_kwh=50.0, soc_in_pct=35.0, soc_target_pct=99.0,
              power_max_kw=140.0),
)  # fmt: skip


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize(
    ("connector", "factor"),
    [
        (OFF, 1.0),
        (OFF, 6.0),
        ("{capacity_j_k: 30, ladder: off}", 6.0),
        ("{}", 5.0),
        ("{cooled: {capacity_j_k: 2000}, ladder: off}", 6.0),
    ],
)
def test_follows_a_tenth_of_a_second_and_closes(
    warm_site: WarmSite, connector: str, factor: float, packs: bool
) -> None:
    kernel, station, events = warm_site(*TAPERS, site_kw=150.0, connector=connector, packs=packs)
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": factor})
    contact, power = contact_of(station), station.evses[0].power_kw
    pieces = [NOTHING]

    def flows() -> None:
        bms = station.evses[0].bms
        amperes = (0.0, 0.0, 1.0) if power.a == 0.0 == power.c or bms is None else bms.current(power.t0, power)
        pieces.append((kernel.now, *amperes))

    station.evses[0].on_drawn = flows
    station.evses[0].on_switched = flows
    for t0, air_c, slope in AIR:
        kernel.at(SimTime(t0), partial(station.weather.air_temp_c.set, SimTime(t0), air_c, slope))
    seen, coolant = dict[int, float](), dict[int, float]()
    for n in range(1, 1_201):
        seen[n] = contact.temp_c.at(run_to(kernel, 10.0 * n))
        if isinstance(contact, CooledContact):
            coolant[n] = contact.coolant.temp_c.at(kernel.now)
    end, k_w, j_k = kernel.now, contact.config.cooled_k_w, contact.config.capacity_j_k
    steps, _, heat_j = reference(pieces, AIR, end, 60e-6 * factor, k_w, j_k)
    assert sum(c > 0.0 for _, _, c, _ in pieces) > 3, "there were tapers"
    assert max(abs(seen[n] - steps[n]) for n in seen) < 0.2
    stored_j = j_k * (seen[1_200] - AIR[0][1])
    assert stored_j + contact.rise_k.total_at(end) / k_w == pytest.approx(heat_j, rel=1e-3)
    assert max(seen.values()) > 50.0
    if isinstance(contact, CooledContact):
        cooled = contact.cooled
        ohm = 1e-6 * cooled.cable_uohm
        steps, _, _ = reference(pieces, AIR, end, ohm, 1.0 / cooled.cooler_w_k, cooled.capacity_j_k)
        assert max(abs(coolant[n] - steps[n]) for n in coolant) < 0.2
    assert ("+connector_derated" in told(events)) is (connector == "{}")


drawn_pieces = st.tuples(
    st.floats(1.0, 3_000.0), st.floats(0.0, 200.0), st.floats(-150.0, 400.0), st.floats(20.0, 5_000.0),
    st.sampled_from([0.0, -6.0, 4.0]), st.sampled_from([0.0, 3.0, -8.0]),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(drawn_pieces, min_size=1, max_size=3), st.floats(1.0, 8.0))
def test_follows_any_current_in_any_air(
    drawn: list[tuple[float, float, float, float, float, float]], factor: float
) -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 11), "UTC"), 1)
    air_c = Signal("air_temp_c", "C", 35.0)
    contact = Contact(kernel, Obedient(), ConnectorConfig(ladder="off"), air_c)
    contact.resistance_uohm.lean(contact.resistance_uohm.scale(factor))
    pieces, air, t = [NOTHING], [(0.0, 35.0, 0.0)], 0.0
    for length_s, lowest_a, c, tau_s, jump_k, air_k_h in drawn:
        a = lowest_a + max(0.0, -c)
        air.append((t, air_c.at(SimTime(t)) + jump_k, air_k_h / 3_600.0))
        air_c.set(SimTime(t), *air[-1][1:])
        contact.carry(SimTime(t), SimTime(t + length_s), a, c, tau_s)
        pieces.append((t, a, c, tau_s))
        t += length_s
        run_to(kernel, t)
        assert contact.temp_c.at(kernel.now) == pytest.approx(reference(pieces, air, t, 60e-6 * factor)[1], abs=0.2)


# What the pile does about it


class Obedient:
    """An outlet that notes what it is asked."""

    path = "pile[X].connector[1]"

    def __init__(self) -> None:
        self.alarms: set[str] = set()
        self.shares: dict[str, float] = {}
        self.holds: set[str] = set()

    def warn(self, alarm: str) -> None:
        assert alarm not in self.alarms
        self.alarms.add(alarm)

    def calm(self, alarm: str) -> None:
        self.alarms.remove(alarm)

    def derate(self, source: str, share: float | None) -> None:
        if share is None:
            del self.shares[source]
        else:
            self.shares[source] = share

    def lock_out(self, cause: str, alarm: str) -> None:
        assert cause not in self.holds
        self.holds.add(cause)

    def lift(self, cause: str) -> None:
        self.holds.remove(cause)


deeds = st.lists(
    st.tuples(
        st.sampled_from(["carry", "wear", "stick", "loosen", "air", "gust"]), st.integers(0, 600), st.floats(5.0, 900.0)
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(deeds)
def test_the_ladder_goes_by_the_sensor_whatever_happens(drawn: list[tuple[str, int, float]]) -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 11), "UTC"), 1)
    outlet = Obedient()
    air_c = Signal("air_temp_c", "C", 35.0)
    contact = Contact(kernel, outlet, ConnectorConfig(), air_c)
    worn = stuck = None
    flowing_a = 0.0
    for deed, value, wait_s in drawn:
        if deed == "carry":
            flowing_a = value
        jump_k = (value - 300.0) / 20.0 if deed == "gust" else 0.0
        air_c.set(kernel.now, air_c.at(kernel.now) + jump_k, (value - 300.0) / 40_000.0 if deed == "air" else 0.0)
        contact.carry(kernel.now, SimTime(kernel.now + wait_s), 0.4 * flowing_a, 0.6 * flowing_a, 300.0)
        if deed == "wear":
            if worn is not None:
                contact.resistance_uohm.release(worn)
            worn = contact.resistance_uohm.scale(1.0 + 0.01 * value)
            contact.resistance_uohm.lean(worn)
        elif deed in ("stick", "loosen") and stuck is not None:
            contact.sensor_c.stuck_at.release(stuck)
            stuck = None
        elif deed == "stick":
            stuck = contact.sensor_c.stuck_at.force(0.2 * value)
            contact.sensor_c.stuck_at.lean(stuck)
        kernel.advance(kernel.now)
        for _ in range(20):
            t = run_to(kernel, kernel.now + wait_s / 20.0)
            shown_c = contact.sensor_c.at(t)
            assert shown_c == pytest.approx(contact.temp_c.at(t) if stuck is None else contact.sensor_c.stuck_at.value)
            asked = (
                "connector_hot" in outlet.alarms,
                "connector_derated" in outlet.alarms and outlet.shares == {"contact_heat": 0.5},
                outlet.holds == {"connector_overtemperature"},
            )
            for threshold, level_c, is_on in zip(contact.thresholds, (80.0, 85.0, 90.0), asked, strict=True):
                assert (threshold.level_c, threshold.is_on) == (level_c, is_on)
                assert is_on or shown_c < level_c + 1e-6
                if is_on and shown_c < level_c - 5.0 - 1e-6:
                    assert threshold.since <= t < threshold.since + 60.0 + 1e-6


@pytest.mark.clause("8.4.1.2")
def test_a_loose_contact_hunts_between_half_and_full_power(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site()
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": 5})
    contact, evse = contact_of(station), station.evses[0]
    run_to(kernel, 6_000.0)
    begun, hot, derated = begins(events), when(events, "connector_hot"), when(events, "connector_derated")
    # 35 C and 174.375 K to come; then, with half the current, 43.59375 K over 35 C to settle at
    tau_s = 9.3 * 96.8
    assert hot == pytest.approx(begun - tau_s * log(1.0 - 45.0 / 174.375), abs=0.01)
    assert derated == pytest.approx(begun - tau_s * log(1.0 - 50.0 / 174.375), abs=0.01)
    cooled = derated - tau_s * log((45.0 - 43.59375) / (50.0 - 43.59375))
    lifted = when(events, "connector_derated", "alarm.cleared")
    assert lifted == pytest.approx(cooled + 60.0, rel=0.02), "half the power is not quite half the current"
    again = when(events, "connector_derated", nth=1)
    assert lifted < again < lifted + 60.0
    assert set(told(events)) == {"+connector_hot", "+connector_derated", "-connector_derated"}
    assert evse.is_charging and contact.temp_c.at(kernel.now) < 85.0 + 1e-6
    assert evse.power_kw.total_at(kernel.now) < 0.65 * 100.0 * (kernel.now - begun)
    energy_book(station, kernel.now).check()


@pytest.mark.clause("9.4.1")
def test_a_looser_contact_is_derated_then_stopped_and_serves_again_when_cool(warm_site: WarmSite) -> None:
    next_car = ReplayRow(arrival_s=400.0, stay_s=None, connector=1, capacity_kwh=60.0, soc_in_pct=20.0,
                         soc_target_pct=60.0, power_max_kw=120.0)  # fmt: skip
    kernel, station, events = warm_site(BIG_CAR, next_car)
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": 10}, "loose")
    contact, evse = contact_of(station), station.evses[0]
    derated, stopped = run_until(kernel, events, "connector_derated", "connector_overtemperature")
    assert contact.temp_c.at(stopped) == pytest.approx(90.0, abs=1e-6)
    assert stopped - derated == pytest.approx(9.3 * 96.8 * log((87.1875 - 50.0) / (87.1875 - 55.0)), rel=0.005)
    assert (evse.state.value, evse.power_kw.at(kernel.now)) == (EvseState.FAULTED, 0.0)
    assert not evse.start("REMOTE")
    cool = stopped + 9.3 * 96.8 * log(55.0 / 50.0)
    run_to(kernel, cool + 59.9)
    assert evse.state.value is EvseState.FAULTED and contact.temp_c.at(kernel.now) < 85.0
    station.faults.clear("loose")
    run_to(kernel, 20_000.0)
    assert told(events)[:5] == ["+connector_hot", "+connector_derated", "+connector_overtemperature",
                                "ended connector_overtemperature", "recovered"]  # fmt: skip
    assert told(events)[-1] == "ended target_reached" and evse.state.value is EvseState.AVAILABLE
    assert {"-connector_hot", "-connector_derated"} <= set(told(events))
    energy_book(station, kernel.now).check()


def test_the_lock_out_ends_five_kelvin_lower_after_a_minute_not_before(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site()
    contact, evse = contact_of(station), station.evses[0]
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": 10})
    _, stopped = run_until(kernel, events, "connector_derated", "connector_overtemperature")
    cool = stopped + 9.3 * 96.8 * log(55.0 / 50.0)
    run_to(kernel, stopped + 140.0)
    assert contact.temp_c.at(kernel.now) < 85.0
    evse.unplug()
    run_to(kernel, cool + 59.9)
    assert evse.state.value is EvseState.FAULTED
    run_to(kernel, cool + 60.1)
    assert evse.state.value is EvseState.AVAILABLE


def test_a_sensor_that_sticks_low_lets_the_contact_burn(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site()
    contact, evse = contact_of(station), station.evses[0]
    run_to(kernel, 300.0)
    shown_c = contact.sensor_c.at(kernel.now)
    station.faults.inject("connector.temp_sensor_stuck", CONTACT, {}, "stuck")
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": 5}, "loose")
    end = run_to(kernel, 9_000.0)
    assert contact.sensor_c.at(end) == shown_c == pytest.approx(44.0, abs=3.0)
    assert contact.temp_c.at(end) > 200.0 and evse.is_charging and told(events) == []
    station.faults.clear("stuck")
    run_to(kernel, 9_000.0)
    assert told(events) == ["+connector_hot", "+connector_derated", "+connector_overtemperature",
                            "ended connector_overtemperature"]  # fmt: skip
    assert evse.state.value is EvseState.FAULTED


def test_a_sensor_that_sticks_high_locks_a_cold_connector_out(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site()
    evse = station.evses[1]
    cold = station.find("pile[A01].connector[2].contact")
    assert isinstance(cold, Contact)
    station.faults.inject("connector.temp_sensor_stuck", cold.path, {"temp_c": 95.0, "duration_s": 1_000.0})
    run_to(kernel, 1_059.0)
    assert (evse.state.value, cold.temp_c.at(kernel.now)) == (EvseState.FAULTED, 35.0)
    run_to(kernel, 1_061.0)
    assert evse.state.value is EvseState.AVAILABLE
    gone = [event.kind for event in events if event.subject == evse.path and event.kind.startswith("alarm")]
    assert gone == ["alarm.raised"] * 3 + ["alarm.cleared"] * 2
    assert evse.ceiling_kw == evse.model.evse_max_kw, "nothing derates it any longer"


def test_levels_may_be_left_out_one_by_one(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site(connector="{ladder: {warn_c: null, derate_c: null, stop_c: 95}}")
    station.faults.inject("connector.contact_loose", CONTACT, {"factor": 5})
    run_to(kernel, 1_000.0)
    assert told(events)[:2] == ["+connector_overtemperature", "ended connector_overtemperature"]
    stopped = when(events, "connector_overtemperature")
    assert stopped - begins(events) == pytest.approx(-9.3 * 96.8 * log(1.0 - 60.0 / 174.375), abs=0.01)


def test_a_site_that_does_not_follow_it_has_none(warm_site: WarmSite, build: Callable[..., Any]) -> None:
    _, station, _ = warm_site()
    assert isinstance(station.find(CONTACT), Contact)
    for path in ("pile[A01].contact", "bay[B01].contact", "pile[A01].connector[3].contact", "link[A01].contact"):
        assert station.find(path) is None
    kernel, cold, _ = build(name="two-outlet")
    assert cold.find(CONTACT) is None
    assert not any("contact" in name for name in kernel.signals)


def test_a_current_that_flows_on_as_before_is_watched_on() -> None:
    kernel = Kernel(Clock(datetime(2022, 7, 11), "UTC"), 1)
    outlet = Obedient()
    contact = Contact(kernel, outlet, ConnectorConfig(resistance_uohm=60.0), Signal("air_temp_c", "C", 35.0))
    contact.resistance_uohm.lean(contact.resistance_uohm.scale(5.0))
    for piece in range(12):  # each too short to get to a level by itself
        kernel.advance(SimTime(60.0 * piece))
        contact.carry(SimTime(60.0 * piece), SimTime(60.0 * (piece + 1)), 250.0)
    kernel.advance(SimTime(720.0))
    assert contact.temp_c.at(SimTime(720.0)) > 90.0
    assert all(threshold.is_on for threshold in contact.thresholds)
