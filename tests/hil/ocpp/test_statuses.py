from __future__ import annotations

from typing import Any

import pytest


def test_a_lost_connection_needs_no_new_boot_and_only_the_last_status_is_told(online: Any) -> None:
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
    assert (action, payload["status"], payload["timestamp"]) == ("StatusNotification", "Preparing", desk.stamp(5.0))


@pytest.mark.parametrize("ends_by", ["loss", "time-out"])
def test_a_status_that_was_not_answered_is_told_again(online: Any, ends_by: str) -> None:
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


def test_a_status_is_not_told_again_once_a_later_one_was_answered(online: Any) -> None:
    desk = online()
    desk.point.status(1, "Preparing", "NoError", 0.0)
    desk.point.outgoing()
    desk.point.tick(30.0)
    desk.point.status(1, "Charging", "NoError", 31.0)
    desk.exchange()
    desk.run(600.0)
    assert [payload.get("status") for _, payload in desk.take()] == ["Charging", None]


def test_after_the_boot_statuses_carry_the_clock_that_its_answer_has_set(make_desk: Any) -> None:
    desk = make_desk()
    offset_s = [0.0]
    desk.point.statuses._stamp = lambda now: desk.stamp(now + offset_s[0])
    desk.point._on_time = lambda _stamp, _now: offset_s.__setitem__(0, 1e8)
    desk.point.status(2, "Preparing", "NoError", 0.0)
    desk.connect()
    told = [payload for action, payload in desk.take() if action == "StatusNotification"]
    assert [payload["status"] for payload in told] == ["Available", "Available", "Preparing"]
    assert {payload["timestamp"] for payload in told} == {desk.stamp(1e8)}
