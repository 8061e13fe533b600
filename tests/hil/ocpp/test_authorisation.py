from __future__ import annotations

from typing import Any

import pytest

from hil.ocpp.frames import Payload


def test_an_authorisation_before_the_boot_waits_for_it(make_desk: Any) -> None:
    desk, said = make_desk(), list[str]()
    desk.point.authorise(1, "TAG", 0.0, lambda status, _now: said.append(status))
    assert said == []
    desk.connect()
    assert [action for action, _ in desk.calls][:2] == ["BootNotification", "StatusNotification"]
    assert ("Authorize", {"idTag": "TAG"}) in desk.calls
    assert said == ["Accepted"]


@pytest.mark.parametrize("end", ["refused", "lost", "rejected", "silent"])
def test_an_authorisation_before_the_boot_is_decided_offline_when_that_fails(make_desk: Any, end: str) -> None:
    desk, said = make_desk(), list[str]()
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


def authorised(desk: Any, id_tag: str) -> str:
    said: list[str] = []
    desk.point.authorise(1, id_tag, desk.now, lambda status, _now: said.append(status))
    desk.exchange()
    (status,) = said
    return status


def test_identifiers_are_asked_for_and_the_cache_serves_offline(online: Any) -> None:
    desk = online()
    info: dict[str, Payload] = {
        "OLD": {"status": "Accepted", "expiryDate": desk.stamp(100.0)}, "BAD": {"status": "Blocked"},
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


def test_a_connection_lost_while_asking_decides_by_the_cache(online: Any) -> None:
    desk = online()
    said: list[str] = []
    desk.point.authorise(1, "TAG", 0.0, lambda status, _now: said.append(status))
    assert said == []
    desk.lose()
    assert said == ["Invalid"]


def test_an_identifier_refused_at_the_start_ends_the_session(online: Any) -> None:
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
