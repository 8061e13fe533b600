from __future__ import annotations

from typing import Any

import pytest


def test_remote_start_and_stop_reach_the_connector(online: Any) -> None:
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


def test_a_remote_start_asks_for_the_identifier_when_told_to(online: Any) -> None:
    desk = online(AuthorizeRemoteTxRequests="true")
    desk.script["Authorize"] = lambda payload: {"idTagInfo": {"status": payload["idTag"]}}
    for tag in ("Blocked", "Accepted"):
        assert desk.ask("RemoteStartTransaction", {"idTag": tag, "connectorId": 1}) == {"status": "Accepted"}
    assert desk.plugs[1].asked == [("start", "Accepted")]


def test_availability_of_the_whole_waits_for_the_last_session(online: Any) -> None:
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


def test_a_reset_is_answered_then_done_and_boots_again(online: Any) -> None:
    desk = online()
    assert desk.ask("Reset", {"type": "Soft"}) == {"status": "Accepted"}
    assert desk.pile.heard == [("reset", "Soft")]
    assert desk.point.wants_close
    desk.lose()
    assert not desk.point.wants_close
    desk.connect()
    assert desk.names() == ["BootNotification", *["StatusNotification"] * 3]


def test_triggers_and_other_requests(online: Any) -> None:
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
def test_what_is_not_offered_is_refused_by_its_code(online: Any, action: str, code: str) -> None:
    desk = online()
    desk.point.received(b'[2,"x","%s",{}]' % action.encode(), 0.0)
    assert b'[4,"x","%s"' % code.encode() in desk.point.outgoing()[0]
