from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.schemas import Violation, actions, check_call, check_result, is_date_time

START = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2022-07-11T12:00:00.000Z"}


def profile(limit: float) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            },
        },
    }


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


def code(violation: Violation | None) -> str | None:
    return violation.code if violation is not None else None


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("Heartbeat", {}, None),
        ("Heartbeat", {"x": 1}, "FormationViolation"),
        ("Nonsense", {}, "NotImplemented"),
        ("../Heartbeat", {}, "NotImplemented"),
        ("HeartbeatResponse", {}, "NotImplemented"),
        ("StartTransaction", START, None),
        ("StartTransaction", START | {"idTag": 5}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"connectorId": "1"}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"connectorId": True}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"connectorId": 1.5}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 2**63}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"meterStart": 1e300}, "TypeConstraintViolation"),
        ("StartTransaction", START | {"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ("StartTransaction", START | {"timestamp": "yesterday"}, "PropertyConstraintViolation"),
        ("StartTransaction", {"connectorId": 1}, "OccurenceConstraintViolation"),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Odd"}, "PropertyConstraintViolation"),
        ("UpdateFirmware", {"location": "no url", "retrieveDate": START["timestamp"]}, "PropertyConstraintViolation"),
        ("SetChargingProfile", profile(16.1), None),
        ("SetChargingProfile", profile(16.15), "PropertyConstraintViolation"),
        ("Reset", {"type": nested(1000)}, "FormationViolation"),
        ("Reset", {"type": {1, 2}}, "FormationViolation"),
        ("SetChargingProfile", profile(inf), "TypeConstraintViolation"),
        ("SetChargingProfile", profile(nan), "TypeConstraintViolation"),
    ],
)
def test_requests(action: str, payload: dict[str, Any], expected: str | None) -> None:
    assert code(check_call(action, payload)) == expected


def test_answers() -> None:
    assert check_result("Heartbeat", {"currentTime": "2022-07-11T12:00:00Z"}) is None
    assert code(check_result("Heartbeat", {})) == "OccurenceConstraintViolation"
    assert code(check_result("Nonsense", {})) == "NotImplemented"
    violation = check_result("StartTransaction", {"transactionId": "1", "idTagInfo": {"status": "Accepted"}})
    assert violation is not None
    assert "transactionId" in violation.description


@given(st.integers(0, 4_000_000))
def test_limits_rounded_to_one_decimal_pass(tenths: int) -> None:
    assert check_call("SetChargingProfile", profile(tenths / 10)) is None
    assert check_call("SetChargingProfile", profile(round(tenths * 0.1, 1))) is None


@given(st.floats(0.0, 1e6))
def test_any_float_passes_after_rounding(limit: float) -> None:
    assert check_call("SetChargingProfile", profile(round(limit, 1))) is None


def test_every_schema_compiles_and_refuses_what_it_does_not_know() -> None:
    assert len(actions()) == 39
    for action in actions():
        for check in (check_call, check_result):
            violation = check(action, {"noSuchField": 1})
            assert violation is not None, action
            assert len(violation.description) <= 255


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-07-11T12:00:00Z", True),
        ("2022-07-11T12:00:00.123456+08:00", True),
        ("2022-07-11T12:00:00", True),
        ("2022-07-11T12:00:00.1234567Z", True),
        ("2022-02-30T12:00:00Z", False),
        ("2022-07-11 12:00:00Z", False),
        ("2022-07-11", False),
        ("2022-W28-1T12:00:00Z", False),
        ("20220711T120000Z", False),
        ("", False),
    ],
)
def test_times(text: str, expected: bool) -> None:
    assert is_date_time(text) is expected
