"""Liquid-cooled cables: the physics sheet's section 3 with 500 A, the coolant, a pump that stops."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import pytest

from sim.errors import UsageError
from sim.events import Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.cooled_contact import CooledContact
from twins.station import Station
from twins.supply import EvseState

WarmSite = Callable[..., tuple[Kernel, Station, list[Event]]]
CONTACT = "pile[A01].connector[1].contact"
COOLED = "{{rated_a: 500, thermal_resistance_k_w: 9, cooled: {{thermal_resistance_k_w: {}}}, ladder: {}}}"
BIG_KV = 0.4 * (0.85 + 0.06 * 0.02)  # of the big vehicle that the site is given, nearly empty
SHIPPED = {"site_kw": 500.0 * BIG_KV, "model": "dc_240_2", "connector": None}


def contact_of(station: Station) -> CooledContact:
    contact = station.find(CONTACT)
    assert isinstance(contact, CooledContact)
    return contact


def run_to(kernel: Kernel, t: float) -> SimTime:
    kernel.advance(SimTime(t))
    kernel.jump(SimTime(t))
    return SimTime(t)


def found(events: list[Event]) -> list[tuple[str, str, float]]:
    kinds = ("alarm.raised", "alarm.cleared", "session.ended", "evse.recovered")
    return [(one.kind, str(one.data.get("alarm", one.data.get("reason", ""))), one.t) for one in events
            if one.kind in kinds]  # fmt: skip


@pytest.mark.parametrize("k_w", [1.5, 2.0, 2.5])
def test_section_3_with_500_a_while_the_pump_runs_and_after(warm_site: WarmSite, k_w: float) -> None:
    kernel, station, events = warm_site(site_kw=500.0 * BIG_KV, model="dc_240_2", connector=COOLED.format(k_w, "off"))
    contact, evse = contact_of(station), station.evses[0]
    end = run_to(kernel, 6_000.0)
    assert evse.power_kw.at(end) == pytest.approx(500.0 * BIG_KV, rel=1e-9)
    assert contact.rise_k.at(end) == pytest.approx(15.0 * k_w, rel=0.005)
    assert contact.coolant.temp_c.at(end) == pytest.approx(35.0 + 1_300.0 / 65.0, rel=0.005)
    station.faults.inject("connector.coolant_pump_failed", CONTACT, {"duration_s": 8_000.0})
    at_90 = contact.temp_c.crossing(90.0, kernel.now)
    assert at_90 is not None
    begun = 9.0 * 96.8 * log((135.0 - 15.0 * k_w) / (135.0 - 55.0))
    assert at_90 - 6_000.0 == pytest.approx(begun, rel=0.005)
    end = run_to(kernel, 13_999.0)
    assert contact.rise_k.at(end) == pytest.approx(135.0, rel=0.005)
    end = run_to(kernel, 17_000.0)
    assert contact.rise_k.at(end) == pytest.approx(15.0 * k_w, rel=0.005)
    assert found(events) == [], "the ladder is off"


@pytest.mark.clause("9.4.1")
def test_a_lost_flow_stops_within_five_seconds_and_locks_out_until_it_is_back(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site(**SHIPPED)
    evse = station.evses[0]
    for t in (1_000.0, 1_004.0):  # each shorter than what is waited for
        kernel.at(SimTime(t), lambda: pump(station, 3.0))
    kernel.at(SimTime(2_000.0), lambda: pump(station, 600.0))
    run_to(kernel, 2_004.9)
    assert evse.is_charging and found(events) == []
    run_to(kernel, 2_005.0)
    assert found(events) == [
        ("alarm.raised", "coolant_flow_lost", 2_005.0), ("session.ended", "coolant_flow_lost", 2_005.0),
    ]  # fmt: skip
    run_to(kernel, 2_599.0)
    assert evse.state.value is EvseState.FAULTED and evse.power_kw.at(kernel.now) == 0.0
    run_to(kernel, 2_601.0)
    assert evse.state.value is EvseState.AVAILABLE
    assert found(events)[2:] == [("evse.recovered", "", 2_600.0)]


def pump(station: Station, duration_s: float) -> None:
    station.faults.inject("connector.coolant_pump_failed", CONTACT, {"duration_s": duration_s})


def test_warm_coolant_derates_on_a_day_too_hot_for_its_cooler(warm_site: WarmSite) -> None:
    kernel, station, events = warm_site(**SHIPPED, air_c=50.0)
    contact, evse = contact_of(station), station.evses[0]
    tau_s = 8_000.0 / 65.0
    run_to(kernel, 1_000.0)
    begun = next(event.t for event in events if event.kind == "session.started")
    (kind, alarm, hot), (_, _, calm), *_ = found(events)
    assert (kind, alarm) == ("alarm.raised", "coolant_hot")
    assert hot == pytest.approx(begun - tau_s * log(1.0 - 15.0 / 20.0), abs=0.01)
    # half the current: 5 K over the air to settle at, 60 C passed on the way
    assert calm == pytest.approx(hot + tau_s * log((15.0 - 5.0) / (10.0 - 5.0)) + 60.0, rel=0.005)
    assert {alarm for _, alarm, _ in found(events)} == {"coolant_hot"}
    assert evse.is_charging and contact.coolant.temp_c.at(kernel.now) < 65.0 + 1e-6
    assert contact.temp_c.at(kernel.now) < 80.0


def test_an_uncooled_connector_has_no_pump(warm_site: WarmSite) -> None:
    _, station, _ = warm_site()
    with pytest.raises(UsageError, match="hits a CooledContact"):
        station.faults.inject("connector.coolant_pump_failed", CONTACT, {})
