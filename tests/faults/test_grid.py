"""Faults of the medium-voltage feed: what trips, what the meter reads, and what the platform is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from standing import Standing

FIRST = "pile[A01].connector[1]"
METER, HOUSE, PILE = 1, 33, 11
MAINS, FAULT_BITS = 5, 1001
MAINS_LOST = 1 << 15


@pytest.mark.clause("8.4.1.1")
@pytest.mark.fault("grid.sag")
@pytest.mark.parametrize(("residual_pu", "trips"), [(0.6, True), (0.88, False)])
def test_a_sag_trips_who_cannot_ride_through_it(residual_pu: float, trips: bool, played: Any, car: Any) -> None:
    site = played(car(0, 1))
    site.to(600.0)
    (plain,) = site.read(METER, "input", 0)[:1]
    site.inject("grid.sag", "grid.feed", residual_pu=residual_pu, duration_s=0.5)
    site.to(600.4)
    assert (site.state("grid.feed.state"), site.at("grid.voltage_pu")) == ("sag", residual_pu)
    assert site.read(METER, "input", 0)[0] < plain
    assert (site.at(f"{FIRST}.power_kw") == 0.0) is trips
    assert bool(site.read(PILE, "input", FAULT_BITS)[0] & MAINS_LOST) is trips
    assert site.platform.stopped == trips
    site.to(601.0)
    assert site.of("grid.restored")


@pytest.mark.clause("8.4.1.1")
@pytest.mark.fault("grid.outage")
def test_an_outage_darkens_the_house_and_the_meter_and_piles_come_back_in_turn(played: Any, car: Any) -> None:
    site = played(car(0, 1))
    site.to(600.0)
    site.inject("grid.outage", "grid.feed", duration_s=60.0)
    site.to(610.0)
    assert site.read(METER, "input", 0, 2) == [0, 0]
    assert site.read(HOUSE, "discrete", MAINS) == [0]
    assert (site.at("grid.house_kw"), site.at("grid.power_kw")) == (0.0, 0.0)
    assert site.of("session.ended", FIRST)[0].data["reason"] == "power_lost"
    assert site.platform.stopped == 1
    site.to(720.0)
    assert sorted({event.t for event in site.of("evse.recovered")}) == [690.0, 695.0, 700.0]


@pytest.mark.fault("grid.outage")
def test_the_platform_is_told_of_an_outage(on_wires: Callable[..., None], car: Any) -> None:
    async def act(up: Standing) -> None:
        await up.to(120.0)
        up.station.faults.inject("grid.outage", "grid.feed", {})
        await up.to(121.0)
        said = up.heard.last["A01", "StatusNotification", 1]
        assert (said["status"], said["errorCode"]) == ("Faulted", "UnderVoltage")
        assert up.heard.last["A01", "StopTransaction", 0]["reason"] == "PowerLoss"
        now = await up.signals()
        assert (now["grid.feed.state"], now["grid.voltage_pu"]) == ("outage", 0.0)

    on_wires(act, car(0, 1))
