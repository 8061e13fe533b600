from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.frames import Call, CallError, Result
from hil.ocpp.redaction import HIDDEN, redact
from hil.ocpp.schemas import actions

SECRET = "s3cret"


def body(action: str, payload: dict[str, Any]) -> Any:
    return orjson.loads(redact(Call("1", action, payload)))[3]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        ("ChangeConfiguration", {"key": ["HeartbeatInterval"], "value": SECRET}),
        ("ChangeConfiguration", {"value": SECRET}),
        ("DataTransfer", {"vendorId": "v", "data": SECRET}),
        ("GetDiagnostics", {"location": f"ftp://user:{SECRET}@host/x?token={SECRET}#{SECRET}"}),
        ("UpdateFirmware", {"location": f"user:{SECRET}@host", "retrieveDate": "x"}),
        ("UpdateFirmware", {"location": [SECRET]}),
        ("SignedUpdateFirmware", {"firmware": {"location": f"https://{SECRET}@h/f", "signature": SECRET}}),
        ("GetLog", {"log": {"remoteLocation": f"ftp://{SECRET}@h/"}}),
        ("Heartbeat", {"anything": SECRET}),
        ("Authorize", {"other": {"idTag": SECRET}}),
        ("NoSuchAction", {"status": SECRET}),
    ],
)
def test_secrets_never_pass(action: str, payload: dict[str, Any]) -> None:
    assert SECRET not in redact(Call("1", action, payload))


def test_configuration_read_back_hides_the_same_keys() -> None:
    answer = {
        "configurationKey": [
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
            {"key": "AuthorizationKey", "readonly": False, "value": SECRET},
        ],
        "unknownKey": ["Foo"],
    }
    shown = orjson.loads(redact(Result("1", answer), "GetConfiguration"))[2]
    assert shown["configurationKey"][0]["value"] == "300"
    assert shown["configurationKey"][1] == {"key": "AuthorizationKey", "readonly": False, "value": HIDDEN}
    assert shown["unknownKey"] == ["Foo"]


def test_what_a_run_is_judged_by_stays() -> None:
    start = {"connectorId": 1, "idTag": "T1", "meterStart": 5, "timestamp": "2022-07-11T12:00:00.000Z"}
    assert body("StartTransaction", start) == start
    values = {
        "connectorId": 1,
        "transactionId": 7,
        "meterValue": [{"timestamp": "2022-07-11T12:00:00Z", "sampledValue": [{"value": "5", "unit": "Wh"}]}],
    }
    assert body("MeterValues", values) == values
    schedule = {"chargingSchedulePeriod": [{"limit": 7.1}]}
    profile = {"connectorId": 1, "csChargingProfiles": {"chargingSchedule": schedule}}
    assert body("SetChargingProfile", profile) == profile
    assert body("GetDiagnostics", {"location": "ftp://u:p@host:21/up"}) == {"location": "ftp://host:21/up"}


def test_refusals_keep_their_code_and_hide_what_may_quote() -> None:
    error = CallError("1", "PropertyConstraintViolation", SECRET, {"a": SECRET})
    assert orjson.loads(redact(error, "ChangeConfiguration")) == [4, "1", error.code, HIDDEN, HIDDEN]
    assert orjson.loads(redact(CallError("1", "NotSupported", "why"), "Reset")) == [4, "1", "NotSupported", "why", {}]
    assert SECRET not in redact(error, None)
    assert orjson.loads(redact(Result("1", {"status": SECRET}))) == [3, "1", HIDDEN]


NAMES = ["data", "password", "csr", "certificateChain", "x", "signature", "techInfo"]
TREES = st.recursive(st.just(SECRET), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(NAMES), inner))


@given(st.sampled_from(sorted(actions())), TREES)
def test_fields_nobody_listed_are_hidden_at_any_depth(action: str, value: Any) -> None:
    shown = redact(Call("1", action, {"unlisted": value, "data": value, "techInfo": value}))
    assert SECRET not in shown


def test_every_action_has_its_list() -> None:
    for action in actions():
        assert orjson.loads(redact(Call("1", action, {})))[3] == {}
