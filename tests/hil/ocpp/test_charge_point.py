from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.configuration import Configuration
from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Frame, Payload
from hil.ocpp.meter_values import Sample
from hil.ocpp.queue import Counters, TransactionQueue
from hil.ocpp.rpc import Answer, Answered, BadPayload, CallRefused, Direction, Rpc
from sim.errors import UsageError

START = datetime(2022, 7, 11, 12, tzinfo=UTC)


def stamp(now: float) -> str:
    return (START + timedelta(seconds=now)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Plug:
    """A connector of a twin that does as it is told, and notes it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.is_willing = True
        self.availability = "Accepted"

    def sample(self, now: float) -> Sample:
        return Sample(energy_wh=1000.9 + now, power_w=7000.0, current_a=10.0, voltage_v=700.0, soc_pct=40.0)

    def start(self, id_tag: str, now: float) -> bool:
        self.asked.append(("start", id_tag))
        return self.is_willing

    def stop(self, now: float) -> bool:
        self.asked.append(("stop",))
        return self.is_willing

    def set_available(self, is_available: bool, now: float) -> str:
        self.asked.append(("available", is_available))
        return self.availability

    def unlock(self, now: float) -> str:
        return "Unlocked"


class Pile:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def deauthorised(self, connector_id: int, session: str, now: float) -> None:
        self.heard.append(("deauthorised", connector_id, session))

    def reset(self, kind: str, now: float) -> None:
        self.heard.append(("reset", kind))


class Desk:
    """A scripted CSMS and the wire to it; time moves only by `run`."""

    def __init__(self, queue: TransactionQueue | None = None, configuration: dict[str, str] | None = None) -> None:
        self.plugs = {1: Plug(), 2: Plug()}
        self.pile = Pile()
        self.now = 0.0
        self.calls: list[tuple[str, Payload]] = []
        self.script: dict[str, Callable[[Payload], Payload]] = {}
        self.boot: Payload = {"status": "Accepted", "currentTime": stamp(0.0), "interval": 600}
        self.numbers = count(100)
        self.wire: Rpc | None = None
        self.point = ChargePoint(
            "CP1", "Model", "Vendor", "1.0", self.plugs, queue or TransactionQueue(), stamp, lambda: 1.0,
            listener=self.pile, configuration=configuration,
        )  # fmt: skip

    def answer(self, action: str, payload: Payload, _now: float) -> Payload:
        self.calls.append((action, payload))
        if action in self.script:
            return self.script[action](payload)
        if action == "BootNotification":
            return self.boot
        if action == "Heartbeat":
            return {"currentTime": stamp(self.now)}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        if action == "StartTransaction":
            return {"transactionId": next(self.numbers), "idTagInfo": {"status": "Accepted"}}
        return {}

    def connect(self) -> None:
        ids = count(1)
        self.wire = Rpc(self.answer, new_id=lambda: f"c{next(ids)}", on_frame=self.seen)
        self.point.connected(self.now)
        self.exchange()

    def seen(self, _direction: Direction, _frame: Frame | None, data: bytes, verdict: str) -> None:
        assert verdict == "ok", data

    def exchange(self) -> None:
        while self.wire is not None:
            out, back = self.point.outgoing(), self.wire.outgoing()
            if not out and not back:
                return
            for data in out:
                self.wire.received(data, self.now)
            for data in back:
                self.point.received(data, self.now)

    def lose(self) -> None:
        self.wire = None
        self.point.lost(self.now)

    def run(self, until: float) -> None:
        while self.point.next_timer() <= until:
            self.now = max(self.now, self.point.next_timer())
            self.point.tick(self.now)
            self.exchange()
        self.now = until

    def ask(self, action: str, payload: Payload) -> Payload:
        answers: list[Answer] = []
        assert self.wire is not None
        self.wire.call(action, payload, lambda answer, _now: answers.append(answer), self.now)
        self.exchange()
        (answer,) = answers
        assert isinstance(answer, Answered), answer
        return answer.payload

    def take(self, *actions: str) -> list[tuple[str, Payload]]:
        taken, self.calls = self.calls, []
        return [call for call in taken if not actions or call[0] in actions]

    def names(self) -> list[str]:
        return [action for action, _ in self.take()]


def online(**configuration: str) -> Desk:
    desk = Desk(configuration=configuration)
    desk.connect()
    desk.take()
    return desk


def refuse(_payload: Payload) -> Payload:
    raise CallRefused("InternalError", "not now")


def test_boot_then_statuses_then_heartbeats() -> None:
    desk = Desk()
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
def test_nothing_is_said_before_the_boot_is_accepted(status: str) -> None:
    desk = Desk(configuration={"MeterValueSampleInterval": "0"})
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


def test_an_unanswered_boot_is_tried_again() -> None:
    desk = Desk()
    desk.script["BootNotification"] = refuse
    desk.connect()
    desk.run(59.0)
    assert desk.names() == ["BootNotification"]
    del desk.script["BootNotification"]
    desk.run(60.0)
    assert desk.names()[0] == "BootNotification"


def back_after(identity: str, outage_s: float) -> float:
    """How long after the CSMS is back this station connects; the connection was lost at 1000 s."""
    point = ChargePoint(
        identity, "Model", "Vendor", "1.0", {1: Plug()}, TransactionQueue(), stamp, lambda: 0.5, listener=Pile()
    )
    point.connected(0.0)
    point.lost(1000.0)
    while point.next_connect_at < 1000.0 + outage_s:
        before = point.next_connect_at
        point.refused(before)
        assert before < point.next_connect_at <= before + 10.3 + 1e-9
    return point.next_connect_at - 1000.0 - outage_s


@pytest.mark.parametrize("outage_s", [5.0, 30.0, 120.0, 600.0])
def test_a_thousand_stations_come_back_soon_and_spread(outage_s: float) -> None:
    waits = sorted(back_after(f"CP{number:04d}", outage_s) for number in range(1000))
    assert waits[949] <= 10.0
    assert max(sum(t <= wait < t + 1.0 for wait in waits) for t in waits) <= 100


def test_an_authorisation_before_the_boot_waits_for_it() -> None:
    desk, said = Desk(), list[str]()
    desk.point.authorise(1, "TAG", 0.0, lambda status, _now: said.append(status))
    assert said == []
    desk.connect()
    assert [action for action, _ in desk.calls][:2] == ["BootNotification", "StatusNotification"]
    assert ("Authorize", {"idTag": "TAG"}) in desk.calls
    assert said == ["Accepted"]


@pytest.mark.parametrize("end", ["refused", "lost", "rejected", "silent"])
def test_an_authorisation_before_the_boot_is_decided_offline_when_that_fails(end: str) -> None:
    desk, said = Desk(), list[str]()
    desk.point.authorise(1, "TAG", 0.0, lambda status, _now: said.append(status))
    if end == "refused":
        desk.point.refused(1.0)
    elif end == "lost":
        desk.point.connected(0.0)
        desk.point.lost(1.0)
    elif end == "rejected":
        desk.boot = desk.boot | {"status": "Rejected"}
        desk.connect()
    else:
        assert desk.point.next_timer() == 30.0
        desk.point.tick(30.0)
    assert said == ["Invalid"]


def test_heartbeats_do_not_pile_up_at_a_csms_that_is_mute() -> None:
    desk = Desk()
    desk.boot = desk.boot | {"interval": 10}
    desk.connect()
    assert desk.point.rpc is not None
    for now in range(10, 40, 10):
        desk.point.tick(float(now))
    assert desk.point.rpc.waiting_count == 0


def test_keys_are_found_whatever_their_case() -> None:
    configuration = Configuration(1)
    assert configuration.change("heartbeatINTERVAL", "77") == "Accepted"
    assert configuration.listed(["HEARTBEATinterval"])["configurationKey"] == [
        {"key": "HeartbeatInterval", "readonly": False, "value": "77"}
    ]


def test_a_lost_connection_needs_no_new_boot_and_only_the_last_status_is_told() -> None:
    desk = online()
    for status in ("Preparing", "Charging"):
        desk.point.status(1, status, "NoError", desk.now)
    desk.exchange()
    assert [payload["status"] for _, payload in desk.take()] == ["Preparing", "Charging"]
    desk.lose()
    for status in ("Finishing", "Available", "Preparing"):
        desk.point.status(1, status, "NoError", 5.0)
    desk.connect()
    ((action, payload),) = desk.take()
    assert (action, payload["status"], payload["timestamp"]) == ("StatusNotification", "Preparing", stamp(5.0))


@pytest.mark.parametrize("ends_by", ["loss", "time-out"])
def test_a_status_that_was_not_answered_is_told_again(ends_by: str) -> None:
    desk = online()
    desk.point.status(1, "Preparing", "NoError", 0.0)
    assert len(desk.point.outgoing()) == 1
    if ends_by == "loss":
        desk.lose()
        desk.connect()
    else:
        desk.point.tick(30.0)
        desk.run(600.0)
        assert desk.calls.pop(0)[0] == "Heartbeat"
    assert [payload["status"] for _, payload in desk.take()] == ["Preparing"]
    desk.lose()
    desk.connect()
    assert desk.names() == []


def test_a_status_is_not_told_again_once_a_later_one_was_answered() -> None:
    desk = online()
    desk.point.status(1, "Preparing", "NoError", 0.0)
    desk.point.outgoing()
    desk.point.tick(30.0)
    desk.point.status(1, "Charging", "NoError", 31.0)
    desk.exchange()
    desk.run(600.0)
    assert [payload.get("status") for _, payload in desk.take()] == ["Charging", None]


def test_a_session_with_its_values_and_its_stop() -> None:
    desk = online(MeterValuesSampledData="Energy.Active.Import.Register,SoC,Temperature")
    desk.point.started(1, "S1", "TAG", 1000.7, 0.0)
    desk.exchange()
    desk.run(130.0)
    desk.point.ended(1, "S1", 2000.7, "EVDisconnected", 130.0)
    desk.exchange()
    start, first, second, stop = desk.take()
    assert start[1] == {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": stamp(0.0)}
    assert [(value[1]["transactionId"], value[1]["meterValue"][0]["timestamp"]) for value in (first, second)] == [
        (100, stamp(60.0)), (100, stamp(120.0)),
    ]  # fmt: skip
    sampled = first[1]["meterValue"][0]["sampledValue"]
    assert [(one["measurand"], one["value"], one["unit"]) for one in sampled] == [
        ("Energy.Active.Import.Register", "1060", "Wh"), ("SoC", "40.0", "Percent"),
    ]  # fmt: skip
    expected = {"transactionId": 100, "meterStop": 2000, "timestamp": stamp(130.0), "reason": "EVDisconnected"}
    assert stop == ("StopTransaction", expected)
    assert desk.point.counters == Counters(started=1, stopped=1, open=0, lost=0)


def test_offline_the_whole_session_waits_and_comes_in_order() -> None:
    desk = online()
    desk.lose()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.run(60.0)
    desk.point.ended(1, "S1", 50, "Local", 61.0)
    desk.point.started(1, "S2", "TAG", 50, 62.0)
    desk.now = 63.0
    desk.connect()
    names = [(action, payload.get("transactionId")) for action, payload in desk.take()]
    expected = [("StartTransaction", None), ("MeterValues", 100), ("StopTransaction", 100), ("StartTransaction", None)]
    assert names == expected
    assert desk.point.transactions.with_id(101) is desk.point.transactions.running[1]


def test_a_session_name_used_again_does_not_get_the_number_of_its_forerunner() -> None:
    desk = online()
    desk.lose()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.point.ended(1, "S1", 50, "Local", 1.0)
    desk.point.started(1, "S1", "TAG", 50, 2.0)
    desk.now = 3.0
    desk.point.connected(3.0)
    (start,) = desk.point.outgoing()
    assert b'"meterStart":0' in start
    number = orjson.loads(start)[1]
    desk.point.received(orjson.dumps([3, number, {"transactionId": 8, "idTagInfo": {"status": "Accepted"}}]), 3.0)
    assert desk.point.transactions.running[1].transaction_id is None
    assert b'"transactionId":8' in desk.point.outgoing()[0]


def test_a_station_put_on_hold_keeps_its_messages() -> None:
    desk = online()
    desk.boot |= {"status": "Pending", "interval": 20}
    desk.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    assert desk.names() == ["BootNotification"]
    desk.boot["status"] = "Accepted"
    desk.run(20.0)
    assert desk.names()[-1] == "StartTransaction"


def test_our_own_central_system_finds_nothing_to_object_to() -> None:
    store, ids = Store(), count(1)
    desk = Desk()
    system = CentralSystem(
        store, new_id=lambda: f"c{next(ids)}", clock=lambda: START + timedelta(seconds=desk.now), heartbeat_s=60
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


def test_refusals_are_tried_again_later_each_time_and_then_given_up() -> None:
    desk = online(TransactionMessageAttempts="3", TransactionMessageRetryInterval="10", MeterValueSampleInterval="0")
    desk.script["StartTransaction"] = refuse
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    seen = [(desk.now, desk.names())]
    for until in (9.9, 10.0, 29.9, 30.0):
        desk.run(until)
        seen.append((until, desk.names()))
    start = ["StartTransaction"]
    assert seen == [(0.0, start), (9.9, []), (10.0, start), (29.9, []), (30.0, start)]
    assert desk.point.counters == Counters(started=1, stopped=0, open=0, lost=1)
    desk.point.ended(1, "S1", 50, "Local", 31.0)
    desk.exchange()
    assert desk.names() == []


def test_losses_and_time_outs_are_no_attempts() -> None:
    desk = online(TransactionMessageAttempts="1", TransactionMessageRetryInterval="5")
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    for _ in range(5):
        assert len(desk.point.outgoing()) == 1
        desk.lose()
        desk.point.connected(desk.now)
    assert len(desk.point.outgoing()) == 1
    desk.point.tick(desk.now + 30.0)
    assert desk.point.outgoing() == []
    desk.point.tick(desk.now + 35.0)
    assert len(desk.point.outgoing()) == 1
    assert desk.point.counters.open == 1


def test_a_killed_station_stops_what_ran_with_reason_power_loss(tmp_path: Path) -> None:
    queue = TransactionQueue(tmp_path / "queue.sqlite")
    desk = Desk(queue)
    desk.connect()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    desk.run(60.0)
    queue.close()
    again = Desk(TransactionQueue(tmp_path / "queue.sqlite"))
    assert [one.session for one in again.point.recovered] == ["S1"]
    again.connect()
    ((_, stop),) = again.take("StopTransaction")
    assert stop == {"transactionId": 100, "meterStop": 1060, "timestamp": stamp(60.0), "reason": "PowerLoss"}


def test_an_identifier_refused_at_the_start_ends_the_session() -> None:
    desk = online()
    desk.script["StartTransaction"] = lambda _: {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    assert desk.pile.heard == [("deauthorised", 1, "S1")]
    assert desk.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "False"}) == {
        "status": "Accepted"
    }
    desk.point.started(2, "S2", "TAG", 0, 0.0)
    desk.exchange()
    assert len(desk.pile.heard) == 1


def authorised(desk: Desk, id_tag: str) -> str:
    said: list[str] = []
    desk.point.authorise(1, id_tag, desk.now, lambda status, _now: said.append(status))
    desk.exchange()
    (status,) = said
    return status


def test_identifiers_are_asked_for_and_the_cache_serves_offline() -> None:
    desk = online()
    info: dict[str, Payload] = {
        "OLD": {"status": "Accepted", "expiryDate": stamp(100.0)}, "BAD": {"status": "Blocked"},
    }  # fmt: skip
    desk.script["Authorize"] = lambda payload: {"idTagInfo": info.get(payload["idTag"], {"status": "Accepted"})}
    assert [authorised(desk, tag) for tag in ("TAG", "OLD", "BAD")] == ["Accepted", "Accepted", "Blocked"]
    desk.lose()
    desk.now = 50.0
    assert [authorised(desk, tag) for tag in ("tag", "OLD", "BAD", "NEW")] == [
        "Accepted", "Accepted", "Blocked", "Invalid",
    ]  # fmt: skip
    desk.now = 100.0
    assert authorised(desk, "OLD") == "Expired"
    desk.connect()
    assert desk.ask("ClearCache", {}) == {"status": "Accepted"}
    desk.lose()
    assert authorised(desk, "TAG") == "Invalid"
    desk.point.configuration.change("AllowOfflineTxForUnknownId", "true")
    assert [authorised(desk, tag) for tag in ("TAG", "BAD")] == ["Accepted", "Accepted"]


def test_a_connection_lost_while_asking_decides_by_the_cache() -> None:
    desk = online()
    said: list[str] = []
    desk.point.authorise(1, "TAG", 0.0, lambda status, _now: said.append(status))
    assert said == []
    desk.lose()
    assert said == ["Invalid"]


def test_remote_start_and_stop_reach_the_connector() -> None:
    desk = online()
    assert desk.ask("RemoteStartTransaction", {"idTag": "T", "connectorId": 2}) == {"status": "Accepted"}
    assert desk.plugs[2].asked == [("start", "T")]
    desk.point.started(2, "S1", "T", 0, 0.0)
    desk.exchange()
    assert desk.ask("RemoteStartTransaction", {"idTag": "T", "connectorId": 2}) == {"status": "Rejected"}
    assert desk.ask("RemoteStartTransaction", {"idTag": "T", "connectorId": 3}) == {"status": "Rejected"}
    assert desk.ask("RemoteStartTransaction", {"idTag": "U"}) == {"status": "Accepted"}
    assert desk.plugs[1].asked == [("start", "U")]
    assert desk.ask("RemoteStopTransaction", {"transactionId": 100}) == {"status": "Accepted"}
    assert desk.plugs[2].asked[-1] == ("stop",)
    assert desk.ask("RemoteStopTransaction", {"transactionId": 99}) == {"status": "Rejected"}
    desk.plugs[1].is_willing = False
    assert desk.ask("RemoteStartTransaction", {"idTag": "U"}) == {"status": "Rejected"}


def test_a_remote_start_asks_for_the_identifier_when_told_to() -> None:
    desk = online(AuthorizeRemoteTxRequests="true")
    desk.script["Authorize"] = lambda payload: {"idTagInfo": {"status": payload["idTag"]}}
    for tag in ("Blocked", "Accepted"):
        assert desk.ask("RemoteStartTransaction", {"idTag": tag, "connectorId": 1}) == {"status": "Accepted"}
    assert desk.plugs[1].asked == [("start", "Accepted")]


def test_configuration_is_told_and_takes_effect() -> None:
    desk = online()
    listed = desk.ask("GetConfiguration", {})
    keys = {one["key"]: (one["value"], one["readonly"]) for one in listed["configurationKey"]}
    assert keys["NumberOfConnectors"] == ("2", True)
    assert keys["HeartbeatInterval"] == ("600", False)
    some = desk.ask("GetConfiguration", {"key": ["Nonsense", "MeterValueSampleInterval"]})
    assert (len(some["configurationKey"]), some["unknownKey"]) == (1, ["Nonsense"])
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    changes = [
        ("MeterValueSampleInterval", "10", "Accepted"), ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValuesSampledData", "Nonsense", "Rejected"), ("MeterValuesSampledData", "Voltage, SoC", "Accepted"),
        ("NumberOfConnectors", "3", "Rejected"), ("Nonsense", "3", "NotSupported"),
        ("HeartbeatInterval", "25", "Accepted"), ("LocalPreAuthorize", "perhaps", "Rejected"),
    ]  # fmt: skip
    for key, value, expected in changes:
        assert desk.ask("ChangeConfiguration", {"key": key, "value": value}) == {"status": expected}
    desk.take()
    desk.run(29.0)
    assert Counter(action for action, _ in desk.calls) == {"MeterValues": 2, "Heartbeat": 1}
    value = desk.take("MeterValues")[0][1]["meterValue"][0]["sampledValue"]
    assert [one["measurand"] for one in value] == ["Voltage", "SoC"]


def test_an_override_that_no_key_takes_is_named() -> None:
    with pytest.raises(UsageError, match="HeartbeatIntervall"):
        Desk(configuration={"HeartbeatIntervall": "5"})


def test_availability_of_the_whole_waits_for_the_last_session() -> None:
    desk = online()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.plugs[1].availability = "Scheduled"
    desk.exchange()
    desk.take()
    assert desk.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}) == {"status": "Scheduled"}
    assert desk.plugs[1].asked == desk.plugs[2].asked == [("available", False)]
    assert desk.take("StatusNotification") == []
    desk.point.ended(1, "S1", 5, "Local", 1.0)
    desk.exchange()
    ((_, payload),) = desk.take("StatusNotification")
    assert (payload["connectorId"], payload["status"]) == (0, "Unavailable")
    assert desk.ask("RemoteStartTransaction", {"idTag": "T"}) == {"status": "Rejected"}
    assert desk.ask("ChangeAvailability", {"connectorId": 7, "type": "Operative"}) == {"status": "Rejected"}


def test_a_reset_is_answered_then_done_and_boots_again() -> None:
    desk = online()
    assert desk.ask("Reset", {"type": "Soft"}) == {"status": "Accepted"}
    assert desk.pile.heard == [("reset", "Soft")]
    assert desk.point.wants_close
    desk.lose()
    assert not desk.point.wants_close
    desk.connect()
    assert desk.names() == ["BootNotification", *["StatusNotification"] * 3]


def test_triggers_and_other_requests() -> None:
    desk = online()
    asked = {"BootNotification": 1, "Heartbeat": 1, "StatusNotification": 3, "MeterValues": 2}
    for wanted, times in asked.items():
        assert desk.ask("TriggerMessage", {"requestedMessage": wanted}) == {"status": "Accepted"}
        assert len(desk.take(wanted)) == times
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    assert desk.ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}) == {"status": "Accepted"}
    ((_, values),) = desk.take("MeterValues")
    assert (values["transactionId"], values["meterValue"][0]["sampledValue"][0]["context"]) == (100, "Trigger")
    nowhere = {"requestedMessage": "MeterValues", "connectorId": 9}
    assert desk.ask("TriggerMessage", nowhere) == {"status": "Rejected"}
    firmware = {"requestedMessage": "FirmwareStatusNotification"}
    assert desk.ask("TriggerMessage", firmware) == {"status": "NotImplemented"}
    assert desk.ask("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    assert desk.ask("UnlockConnector", {"connectorId": 9}) == {"status": "NotSupported"}


@pytest.mark.parametrize(("action", "code"), [("GetLocalListVersion", "NotSupported"), ("Nonsense", "NotImplemented")])
def test_what_is_not_offered_is_refused_by_its_code(action: str, code: str) -> None:
    desk = online()
    desk.point.received(b'[2,"x","%s",{}]' % action.encode(), 0.0)
    assert b'[4,"x","%s"' % code.encode() in desk.point.outgoing()[0]


def test_what_could_never_be_sent_is_not_queued() -> None:
    desk = online()
    with pytest.raises(BadPayload, match="idTag"):
        desk.point.started(1, "S1", "x" * 21, 0, 0.0)
    assert desk.point.counters.started == 0


class Ledger:
    """A CSMS that outlives its connections: the same start told again is the same transaction."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.log: list[tuple[str, int, Payload]] = []
        self.refusals: Counter[bytes] = Counter()
        self.refuse_next = 0
        self._numbers: dict[bytes, int] = {}

    def answer(self, action: str, payload: Payload, _now: float) -> Payload:
        if action == "BootNotification":
            return {"status": "Accepted", "currentTime": stamp(0.0), "interval": 600}
        if action == "Heartbeat":
            return {"currentTime": stamp(0.0)}
        if action == "StatusNotification":
            return {}
        key = orjson.dumps((action, payload))
        if self.refuse_next and self.refusals[key] < 2:
            self.refuse_next -= 1
            self.refusals[key] += 1
            raise CallRefused("InternalError", "not now")
        if action == "StartTransaction":
            number = self._numbers.setdefault(key, len(self._numbers) + 1)
            self._note(action, number, payload)
            return {"transactionId": number, "idTagInfo": {"status": "Accepted"}}
        self._note(action, payload["transactionId"], payload)
        return {}

    def _note(self, action: str, number: int, payload: Payload) -> None:
        entry = (action, number, payload)
        if entry in self.log:
            assert entry == self.log[-1], "told again out of its order"
        else:
            self.log.append(entry)


class Weather(RuleBasedStateMachine):
    """Whatever the network, the CSMS and the mains do, the books of the CSMS come out complete and in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.queue = TransactionQueue(Path(self.folder.name) / "queue.sqlite")
        self.ledger = Ledger()
        self.now = 0.0
        self.begun: list[int] = []
        self.running: dict[int, str] = {}
        self.wire: Rpc | None = None
        self.hears, self.speaks = True, True
        self.boot()

    def boot(self) -> None:
        self.point = ChargePoint(
            "CP1", "Model", "Vendor", "1.0", {1: Plug(), 2: Plug()}, self.queue, stamp, lambda: 0.0,
            listener=Pile(), configuration={"TransactionMessageRetryInterval": "5"}, now=self.now,
        )  # fmt: skip
        self.sessions = count(1)

    def seen(self, _direction: Direction, _frame: Frame | None, data: bytes, verdict: str) -> None:
        assert verdict == "ok", data

    @rule(connector=st.sampled_from((1, 2)))
    def switch(self, connector: int) -> None:
        session = self.running.pop(connector, None)
        if session is not None:
            self.point.ended(connector, session, 100_000, "Local", self.now)
            return
        session = self.running[connector] = f"S{next(self.sessions)}"
        self.begun.append(len(self.begun) + 1)
        self.point.started(connector, session, "TAG", self.begun[-1], self.now)

    @rule(messages=st.integers(1, 9))
    def carry(self, messages: int) -> None:
        for _ in range(messages):
            if self.wire is None:
                return
            for data in self.point.outgoing():
                if self.hears:
                    self.wire.received(data, self.now)
            for data in self.wire.outgoing():
                if self.speaks:
                    self.point.received(data, self.now)

    @rule(seconds=st.sampled_from((1.0, 7.0, 61.0)))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.point.next_timer() <= until:
            self.now = max(self.now, self.point.next_timer())
            self.point.tick(self.now)
        self.now = until

    @precondition(lambda self: self.wire is None)
    @rule(is_refused=st.booleans())
    def connect(self, is_refused: bool) -> None:
        self.now = max(self.now, self.point.next_connect_at)
        if is_refused:
            self.point.refused(self.now)
            return
        ids = count(1)
        self.wire = Rpc(self.ledger.answer, new_id=lambda: f"c{next(ids)}", on_frame=self.seen)
        self.point.connected(self.now)

    @precondition(lambda self: self.wire is not None)
    @rule(is_sent=st.booleans(), is_answered=st.booleans())
    def lose(self, is_sent: bool, is_answered: bool) -> None:
        assert self.wire is not None
        for data in self.point.outgoing() if is_sent else ():
            self.wire.received(data, self.now)
        for data in self.wire.outgoing() if is_answered else ():
            self.point.received(data, self.now)
        self.wire = None
        self.point.lost(self.now)

    @rule(hears=st.booleans(), speaks=st.booleans())
    def fall_silent(self, hears: bool, speaks: bool) -> None:
        self.hears, self.speaks = hears, speaks

    @rule(times=st.integers(1, 4))
    def refuse(self, times: int) -> None:
        self.ledger.refuse_next = times

    @rule()
    def power_cut(self) -> None:
        self.queue.close()
        self.wire = None
        self.running.clear()
        self.queue = TransactionQueue(Path(self.folder.name) / "queue.sqlite")
        self.boot()

    def teardown(self) -> None:
        self.hears = self.speaks = True
        self.ledger.refuse_next = 0
        for connector in list(self.running):
            self.switch(connector)
        for _ in range(300):
            if self.wire is None:
                self.connect(is_refused=False)
            self.carry(9)
            if self.queue.head("CP1") is None:
                break
            self.wait(61.0)
        total = len(self.begun)
        assert self.point.counters == Counters(started=total, stopped=total, open=0, lost=0)
        self.check_books()
        self.queue.close()
        self.folder.cleanup()

    def check_books(self) -> None:
        log = self.ledger.log
        assert [payload["meterStart"] for action, _, payload in log if action == "StartTransaction"] == self.begun
        for number in range(1, len(self.begun) + 1):
            kinds = [action for action, owner, _ in log if owner == number]
            expected = ["StartTransaction", *["MeterValues"] * (len(kinds) - 2), "StopTransaction"]
            assert kinds == expected
        stamps = [
            payload["meterValue"][0]["timestamp"] if action == "MeterValues" else payload["timestamp"]
            for action, _, payload in log
            if payload.get("reason") != "PowerLoss"
        ]
        assert stamps == sorted(stamps)


TestWeather = Weather.TestCase
TestWeather.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
