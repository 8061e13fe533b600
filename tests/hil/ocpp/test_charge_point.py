"""Boot, heartbeats and connections of one charge point; and a whole life of it at our own CSMS."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from math import inf
from typing import Any

import pytest

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.store import Store


def test_boot_then_statuses_then_heartbeats(make_desk: Any) -> None:
    desk = make_desk()
    assert desk.point.next_connect_at == 0.0
    desk.connect()
    assert desk.point.next_connect_at == inf
    boot, *statuses = desk.take()
    expected = {"chargePointModel": "Model", "chargePointVendor": "Vendor", "firmwareVersion": "1.0"}
    assert boot == ("BootNotification", expected)
    assert [(action, payload["connectorId"]) for action, payload in statuses] == [
        ("StatusNotification", connector) for connector in (0, 1, 2)
    ]
    desk.run(1800.0)
    assert desk.names() == ["Heartbeat"] * 3


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_nothing_is_said_before_the_boot_is_accepted(make_desk: Any, status: str) -> None:
    desk = make_desk(configuration={"MeterValueSampleInterval": "0"})
    desk.boot |= {"status": status, "interval": 20}
    desk.connect()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.point.status(1, "Charging", "NoError", 0.0)
    desk.run(59.0)
    assert desk.names() == ["BootNotification"] * 3
    assert desk.ask("RemoteStartTransaction", {"idTag": "T"}) == {"status": "Rejected"}
    desk.boot["status"] = "Accepted"
    desk.run(60.0)
    assert desk.names() == ["BootNotification", *["StatusNotification"] * 3, "StartTransaction"]


def test_an_unanswered_boot_is_tried_again(make_desk: Any) -> None:
    desk = make_desk()
    desk.script["BootNotification"] = desk.refuse
    desk.connect()
    desk.run(59.0)
    assert desk.names() == ["BootNotification"]
    del desk.script["BootNotification"]
    desk.run(60.0)
    assert desk.names()[0] == "BootNotification"


def back_after(point: ChargePoint, outage_s: float) -> float:
    """How long after the CSMS is back this station connects; the connection was lost at 1000 s."""
    point.connected(0.0)
    point.lost(1000.0)
    while point.next_connect_at < 1000.0 + outage_s:
        before = point.next_connect_at
        point.refused(before)
        assert before < point.next_connect_at <= before + 10.3 + 1e-9
    return point.next_connect_at - 1000.0 - outage_s


@pytest.mark.parametrize("outage_s", [5.0, 30.0, 120.0, 600.0])
def test_a_thousand_stations_come_back_soon_and_spread(make_point: Any, outage_s: float) -> None:
    waits = sorted(back_after(make_point(f"CP{number:04d}"), outage_s) for number in range(1000))
    assert waits[949] <= 10.0
    assert max(sum(t <= wait < t + 1.0 for wait in waits) for t in waits) <= 100


def test_heartbeats_do_not_pile_up_at_a_csms_that_is_mute(make_desk: Any) -> None:
    desk = make_desk()
    desk.boot = desk.boot | {"interval": 10}
    desk.connect()
    assert desk.point.rpc is not None
    for now in range(10, 40, 10):
        desk.point.tick(float(now))
    assert desk.point.rpc.waiting_count == 0


def test_a_station_put_on_hold_keeps_its_messages(online: Any) -> None:
    desk = online()
    desk.boot |= {"status": "Pending", "interval": 20}
    desk.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    assert desk.names() == ["BootNotification"]
    desk.boot["status"] = "Accepted"
    desk.run(20.0)
    assert desk.names()[-1] == "StartTransaction"


def test_our_own_central_system_finds_nothing_to_object_to(make_desk: Any) -> None:
    store, ids = Store(), count(1)
    desk = make_desk()
    system = CentralSystem(
        store, new_id=lambda: f"c{next(ids)}", clock=lambda: desk.start + timedelta(seconds=desk.now), heartbeat_s=60
    )
    for _ in range(2):
        session = system.open("CP1")
        desk.wire = session.rpc
        desk.point.connected(desk.now)
        desk.exchange()
        for status in ("Preparing", "Charging"):
            desk.point.status(1, status, "NoError", desk.now)
        desk.point.started(1, "S1", "TAG", 1000 + desk.now, desk.now)
        desk.exchange()
        desk.run(desk.now + 200.0)
        desk.lose()
        session.closed(desk.now)
        desk.run(desk.now + 100.0)
        desk.point.ended(1, "S1", 1000 + desk.now, "Remote", desk.now)
        for status in ("Finishing", "Available"):
            desk.point.status(1, status, "NoError", desk.now)
    desk.wire = system.open("CP1").rpc
    desk.point.connected(desk.now)
    desk.exchange()
    assert store.rows("SELECT * FROM violations") == []
    expected = [{"meter_start_wh": 1000, "meter_stop_wh": 1300}, {"meter_start_wh": 1300, "meter_stop_wh": 1600}]
    assert store.rows("SELECT meter_start_wh, meter_stop_wh FROM transactions ORDER BY id") == expected
    assert store.rows("SELECT count(*) n FROM meter_values") == [{"n": 10}]
