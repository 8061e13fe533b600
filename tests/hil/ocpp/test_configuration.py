from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from hil.ocpp.configuration import Configuration
from sim.errors import UsageError


def test_keys_are_found_whatever_their_case() -> None:
    configuration = Configuration(1)
    assert configuration.change("heartbeatINTERVAL", "77") == "Accepted"
    assert configuration.listed(["HEARTBEATinterval"])["configurationKey"] == [
        {"key": "HeartbeatInterval", "readonly": False, "value": "77"}
    ]


def test_configuration_is_told_and_takes_effect(online: Any) -> None:
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


def test_an_override_that_no_key_takes_is_named(make_desk: Any) -> None:
    with pytest.raises(UsageError, match="HeartbeatIntervall"):
        make_desk(configuration={"HeartbeatIntervall": "5"})
