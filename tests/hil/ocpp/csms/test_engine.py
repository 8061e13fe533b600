from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hil.ocpp.csms.engine import CSMS_ACTIONS, CentralSystem, Session
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Call, CallError, Payload, Result, encode, parse
from hil.ocpp.rpc import Answer, Answered
from hil.ocpp.schemas import actions

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
START = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": "2022-07-11T12:00:00.000Z"}
STOP = {"transactionId": 1, "meterStop": 900, "timestamp": "2022-07-11T12:30:00.000Z", "reason": "EVDisconnected"}
VALUES = [{"timestamp": "2022-07-11T12:10:00.000Z", "sampledValue": [{"value": "300", "unit": "Wh"}]}]


class Talk:
    """A charge point's words and what it is answered, without a socket."""

    def __init__(self, system: CentralSystem, identity: str = "CP1", *, boot: bool = True) -> None:
        self.session: Session = system.open(identity)
        self.store = system.store
        self.numbers = count(1)
        if boot:
            self.says("BootNotification", BOOT)

    def says(self, action: str, payload: Payload) -> Payload | str:
        """The answer's payload, or the code of the refusal."""
        identity = f"m{next(self.numbers)}"
        self.session.rpc.received(encode(Call(identity, action, payload)), 0.0)
        (data,) = self.session.rpc.outgoing()
        frame = parse(data)
        assert frame.id == identity
        if isinstance(frame, CallError):
            return frame.code
        assert isinstance(frame, Result)
        return frame.payload

    def broken_rules(self) -> list[str]:
        return [row["rule"] for row in self.store.rows("SELECT rule FROM violations ORDER BY seq")]


def make(store: Store | None = None, **options: Any) -> CentralSystem:
    numbers = count(1)
    clock = datetime(2022, 7, 11, 12, tzinfo=UTC)
    return CentralSystem(store or Store(), new_id=lambda: f"c{next(numbers)}", clock=lambda: clock, **options)


@pytest.fixture
def talk() -> Talk:
    return Talk(make())


def test_boot_comes_first_and_is_remembered_over_connections() -> None:
    system = make(heartbeat_s=60)
    first = Talk(system, boot=False)
    assert first.says("Heartbeat", {}) == "SecurityError"
    answer = {"status": "Accepted", "currentTime": "2022-07-11T12:00:00.000Z", "interval": 60}
    assert first.says("BootNotification", BOOT) == answer
    assert first.says("Heartbeat", {}) == {"currentTime": "2022-07-11T12:00:00.000Z"}
    first.session.closed(1.0)
    again = Talk(system, boot=False)
    assert again.says("Heartbeat", {}) == {"currentTime": "2022-07-11T12:00:00.000Z"}
    assert again.broken_rules() == ["boot_first"]
    assert Talk(system, "CP2", boot=False).says("Heartbeat", {}) == "SecurityError"


def test_a_start_told_again_gets_the_same_transaction(talk: Talk) -> None:
    started = {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
    assert talk.says("StartTransaction", START) == started
    assert talk.says("StartTransaction", START) == started
    assert talk.says("StartTransaction", START | {"timestamp": "2022-07-11T20:00:00+08:00"}) == started
    other = talk.says("StartTransaction", START | {"connectorId": 2})
    assert isinstance(other, dict)
    assert other["transactionId"] == 2
    assert talk.broken_rules() == []


def test_a_stop_told_again_changes_nothing(talk: Talk) -> None:
    talk.says("StartTransaction", START)
    assert talk.says("StopTransaction", STOP | {"idTag": "T1"}) == {"idTagInfo": {"status": "Accepted"}}
    assert talk.says("StopTransaction", STOP) == {}
    assert talk.broken_rules() == []
    assert talk.says("StopTransaction", STOP | {"meterStop": 901}) == {}
    assert talk.broken_rules() == ["stop_differs"]
    (row,) = talk.store.rows("SELECT * FROM transactions")
    assert (row["meter_stop_wh"], row["reason"], row["status"]) == (900, "EVDisconnected", "stopped")


def test_data_sent_with_a_stop_is_kept_once(talk: Talk) -> None:
    talk.says("StartTransaction", START)
    for _ in range(2):
        talk.says("StopTransaction", STOP | {"transactionData": VALUES})
    assert talk.store.rows("SELECT transaction_id, connector FROM meter_values") == [
        {"transaction_id": 1, "connector": 1}
    ]


@pytest.mark.parametrize(
    ("words", "rules"),
    [
        ([("StopTransaction", STOP | {"transactionId": 9})], ["unknown_transaction"]),
        ([("StartTransaction", START), ("StopTransaction", STOP | {"meterStop": 99})], ["meter_backwards"]),
        ([("StartTransaction", START), ("StartTransaction", START | {"meterStart": 101})], ["start_while_open"]),
        ([("MeterValues", {"connectorId": 1, "transactionId": 9, "meterValue": VALUES})], ["unknown_transaction"]),
        ([("MeterValues", {"connectorId": 1, "meterValue": VALUES})], []),
        (
            [
                ("StartTransaction", START),
                ("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": VALUES}),
                ("MeterValues", {"connectorId": 2, "transactionId": 1, "meterValue": VALUES}),
                ("StopTransaction", STOP),
                ("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": VALUES}),
            ],
            ["wrong_connector", "values_after_stop"],
        ),
    ],
)
def test_rules_of_transactions(talk: Talk, words: list[tuple[str, Payload]], rules: list[str]) -> None:
    for action, payload in words:
        assert isinstance(talk.says(action, payload), dict)
    assert talk.broken_rules() == rules


def test_a_charge_point_cannot_stop_anothers_transaction() -> None:
    system = make()
    mine, other = Talk(system), Talk(system, "CP2")
    mine.says("StartTransaction", START)
    other.says("StopTransaction", STOP)
    assert mine.store.rows("SELECT status FROM transactions") == [{"status": "open"}]
    assert mine.broken_rules() == ["unknown_transaction"]


@pytest.mark.parametrize(
    ("statuses", "rules"),
    [
        (["Available", "Preparing", "Charging", "SuspendedEV", "Charging", "Finishing", "Available"], []),
        (["Charging", "Charging", "SuspendedEVSE", "Faulted", "Finishing"], []),
        (["Available", "Finishing"], ["status_order"]),
        (["Finishing", "Charging"], ["status_order"]),
        (["Charging", "Preparing", "Charging"], ["status_order"]),
    ],
)
def test_order_of_statuses(talk: Talk, statuses: list[str], rules: list[str]) -> None:
    for status in statuses:
        assert talk.says("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": status}) == {}
    assert talk.broken_rules() == rules
    (row,) = talk.store.rows("SELECT status FROM connectors")
    assert row["status"] == statuses[-1]


def test_the_whole_charge_point_is_never_charging(talk: Talk) -> None:
    talk.says("StatusNotification", {"connectorId": 0, "errorCode": "NoError", "status": "Charging"})
    assert talk.broken_rules() == ["status_of_whole"]


def test_connectors_that_cannot_be_are_refused(talk: Talk) -> None:
    status = {"connectorId": -1, "errorCode": "NoError", "status": "Available"}
    assert talk.says("StatusNotification", status) == "PropertyConstraintViolation"
    assert talk.says("StartTransaction", START | {"connectorId": 0}) == "PropertyConstraintViolation"
    assert talk.says("MeterValues", {"connectorId": -1, "meterValue": VALUES}) == "PropertyConstraintViolation"


def test_tags(talk: Talk) -> None:
    talk.store.set_id_tag("bad", "Blocked")
    assert talk.says("Authorize", {"idTag": "BAD"}) == {"idTagInfo": {"status": "Blocked"}}
    assert talk.says("Authorize", {"idTag": "unknown"}) == {"idTagInfo": {"status": "Accepted"}}
    assert talk.says("StartTransaction", START | {"idTag": "bad"}) == {
        "transactionId": 1,
        "idTagInfo": {"status": "Blocked"},
    }


def test_every_action_gets_the_right_kind_of_answer(talk: Talk) -> None:
    plain: dict[str, Payload] = {
        "DataTransfer": {"vendorId": "v"},
        "DiagnosticsStatusNotification": {"status": "Idle"},
        "FirmwareStatusNotification": {"status": "Idle"},
        "LogStatusNotification": {"status": "Idle"},
        "SecurityEventNotification": {"type": "x", "timestamp": "2022-07-11T12:00:00Z"},
        "SignedFirmwareStatusNotification": {"status": "Idle"},
        "SignCertificate": {"csr": "x"},
    }
    for action, payload in plain.items():
        assert isinstance(talk.says(action, payload), dict), action
    assert talk.says("ClearCache", {}) == "NotSupported"
    assert set(CSMS_ACTIONS) <= actions()


def test_times_at_the_edge_of_the_calendar_are_kept(talk: Talk) -> None:
    for number, at in enumerate(("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")):
        assert isinstance(talk.says("StartTransaction", START | {"connectorId": number + 1, "timestamp": at}), dict)


def test_broken_messages_are_violations_and_messages_are_counted(talk: Talk) -> None:
    assert talk.says("Heartbeat", {"x": 1}) == "FormationViolation"
    talk.session.rpc.received(b"junk", 0.0)
    talk.says("Heartbeat", {})
    assert talk.broken_rules() == ["FormationViolation", "FormationViolation"]
    talk.store.flush_counts()
    counted = talk.store.rows("SELECT action, verdict, n FROM messages WHERE action = 'Heartbeat' ORDER BY verdict")
    assert [(row["verdict"], row["n"]) for row in counted] == [("FormationViolation", 1), ("ok", 1)]


def test_calls_to_the_charge_point_go_through_its_session(talk: Talk) -> None:
    answers: list[Answer] = []
    talk.session.rpc.call("Reset", {"type": "Soft"}, lambda answer, _now: answers.append(answer), 0.0)
    assert talk.session.rpc.outgoing() == [b'[2,"c1","Reset",{"type":"Soft"}]']
    talk.session.rpc.received(b'[3,"c1",{"status":"Accepted"}]', 0.0)
    assert answers == [Answered({"status": "Accepted"})]


def test_a_store_that_cannot_write_refuses_and_recovers(tmp_path: Path) -> None:
    store = Store(tmp_path / "small.sqlite")
    talk = Talk(make(store))
    (row,) = store.rows("PRAGMA page_count")
    store.rows(f"PRAGMA max_page_count={row['page_count']}")
    heavy = {"connectorId": 1, "meterValue": [{**VALUES[0], "sampledValue": [{"value": "x" * 30_000}]}]}
    assert talk.says("MeterValues", heavy) == "InternalError"
    assert talk.says("StopTransaction", STOP | {"transactionData": [heavy["meterValue"][0]]}) != "GenericError"
    store.rows("PRAGMA max_page_count=100000")
    assert talk.says("MeterValues", heavy) == {}
    assert isinstance(talk.says("StartTransaction", START), dict)
