from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from hil.ocpp.queue import Counters, TransactionQueue
from hil.ocpp.rpc import BadPayload


def test_a_session_with_its_values_and_its_stop(online: Any) -> None:
    desk = online(MeterValuesSampledData="Energy.Active.Import.Register,SoC,Temperature")
    desk.point.started(1, "S1", "TAG", 1000.7, 0.0)
    desk.exchange()
    desk.run(130.0)
    desk.point.ended(1, "S1", 2000.7, "EVDisconnected", 130.0)
    desk.exchange()
    start, first, second, stop = desk.take()
    assert start[1] == {"connectorId": 1, "idTag": "TAG", "meterStart": 1000, "timestamp": desk.stamp(0.0)}
    assert [(value[1]["transactionId"], value[1]["meterValue"][0]["timestamp"]) for value in (first, second)] == [
        (100, desk.stamp(60.0)), (100, desk.stamp(120.0)),
    ]  # fmt: skip
    sampled = first[1]["meterValue"][0]["sampledValue"]
    assert [(one["measurand"], one["value"], one["unit"]) for one in sampled] == [
        ("Energy.Active.Import.Register", "1060", "Wh"), ("SoC", "40.0", "Percent"),
    ]  # fmt: skip
    expected = {"transactionId": 100, "meterStop": 2000, "timestamp": desk.stamp(130.0), "reason": "EVDisconnected"}
    assert stop == ("StopTransaction", expected)
    assert desk.point.counters == Counters(started=1, stopped=1, open=0, lost=0)


def test_offline_the_whole_session_waits_and_comes_in_order(online: Any) -> None:
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


def test_a_session_name_used_again_does_not_get_the_number_of_its_forerunner(online: Any) -> None:
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


def test_refusals_are_tried_again_later_each_time_and_then_given_up(online: Any) -> None:
    desk = online(TransactionMessageAttempts="3", TransactionMessageRetryInterval="10", MeterValueSampleInterval="0")
    desk.script["StartTransaction"] = desk.refuse
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


def test_losses_and_time_outs_are_no_attempts(online: Any) -> None:
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


def test_a_killed_station_stops_what_ran_with_reason_power_loss(make_desk: Any, tmp_path: Path) -> None:
    queue = TransactionQueue(tmp_path / "queue.sqlite")
    desk = make_desk(queue)
    desk.connect()
    desk.point.started(1, "S1", "TAG", 0, 0.0)
    desk.exchange()
    desk.run(60.0)
    queue.close()
    again = make_desk(TransactionQueue(tmp_path / "queue.sqlite"))
    assert [one.session for one in again.point.recovered] == ["S1"]
    again.connect()
    ((_, stop),) = again.take("StopTransaction")
    assert stop == {"transactionId": 100, "meterStop": 1060, "timestamp": desk.stamp(60.0), "reason": "PowerLoss"}


def test_what_could_never_be_sent_is_not_queued(online: Any) -> None:
    desk = online()
    with pytest.raises(BadPayload, match="idTag"):
        desk.point.started(1, "S1", "x" * 21, 0, 0.0)
    assert desk.point.counters.started == 0
