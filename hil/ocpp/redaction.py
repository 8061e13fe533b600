"""Frames as they may be recorded: of every action only the fields listed here, everything else as `***`.

An allow-list, because a field forgotten must be hidden rather than shown. Values of configuration keys are shown for
the keys of OCPP 1.6 section 9 alone; addresses lose their credentials and their query.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import orjson

from hil.ocpp.frames import Call, CallError, Frame

__all__ = ["HIDDEN", "redact"]

HIDDEN: Final = "***"


def redact(frame: Frame, action: str | None = None) -> str:
    """The frame as JSON text without secrets.

    Args:
        frame: what was sent or received, valid or not.
        action: of answers, the action they answer; None when nobody knows, which hides the whole payload.
    """
    if isinstance(frame, Call):
        return _text([2, frame.id, frame.action, _shown(frame.payload, frame.action)])
    if isinstance(frame, CallError):
        said = frame.description if action in _FIELDS and action not in _SECRETIVE else HIDDEN
        return _text([4, frame.id, frame.code, said, HIDDEN if frame.details else {}])
    return _text([3, frame.id, _shown(frame.payload, action)])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCHEDULE: Final = (
    "connectorId chargingProfileId transactionId stackLevel chargingProfilePurpose chargingProfileKind recurrencyKind"
    " validFrom validTo duration startSchedule chargingRateUnit startPeriod limit numberPhases minChargingRate status"
)
_TAG_INFO: Final = "idTag status expiryDate parentIdTag"
_SAMPLES: Final = "connectorId transactionId timestamp value context format measurand phase location unit"

_LISTED: Final = {
    "Authorize": _words(_TAG_INFO),
    "BootNotification": _words(
        "chargePointVendor chargePointModel chargePointSerialNumber chargeBoxSerialNumber firmwareVersion meterType"
        " meterSerialNumber status currentTime interval"
    ),
    "CancelReservation": _words("reservationId status"),
    "CertificateSigned": _words("status"),
    "ChangeAvailability": _words("connectorId type status"),
    "ChangeConfiguration": _words("key value status"),
    "ClearCache": _words("status"),
    "ClearChargingProfile": _words("id connectorId chargingProfilePurpose stackLevel status"),
    "DataTransfer": _words("vendorId messageId status"),
    "DeleteCertificate": _words("hashAlgorithm serialNumber status"),
    "DiagnosticsStatusNotification": _words("status"),
    "ExtendedTriggerMessage": _words("requestedMessage connectorId status"),
    "FirmwareStatusNotification": _words("status"),
    "GetCompositeSchedule": _words(f"{_SCHEDULE} scheduleStart"),
    "GetConfiguration": _words("key readonly value unknownKey"),
    "GetDiagnostics": _words("location retries retryInterval startTime stopTime fileName"),
    "GetInstalledCertificateIds": _words("certificateType hashAlgorithm serialNumber status"),
    "GetLocalListVersion": _words("listVersion"),
    "GetLog": _words(
        "logType requestId retries retryInterval remoteLocation oldestTimestamp latestTimestamp status filename"
    ),
    "Heartbeat": _words("currentTime"),
    "InstallCertificate": _words("certificateType status"),
    "LogStatusNotification": _words("status requestId"),
    "MeterValues": _words(_SAMPLES),
    "RemoteStartTransaction": _words(f"{_SCHEDULE} idTag"),
    "RemoteStopTransaction": _words("transactionId status"),
    "ReserveNow": _words("connectorId expiryDate idTag parentIdTag reservationId status"),
    "Reset": _words("type status"),
    "SecurityEventNotification": _words("type timestamp"),
    "SendLocalList": _words(f"{_TAG_INFO} listVersion updateType"),
    "SetChargingProfile": _words(_SCHEDULE),
    "SignCertificate": _words("status"),
    "SignedFirmwareStatusNotification": _words("status requestId"),
    "SignedUpdateFirmware": _words("retries retryInterval requestId location retrieveDateTime installDateTime status"),
    "StartTransaction": _words(f"{_TAG_INFO} connectorId meterStart reservationId timestamp transactionId"),
    "StatusNotification": _words("connectorId errorCode info status timestamp vendorId vendorErrorCode"),
    "StopTransaction": _words(f"{_TAG_INFO} {_SAMPLES} meterStop reason"),
    "TriggerMessage": _words("requestedMessage connectorId status"),
    "UnlockConnector": _words("connectorId status"),
    "UpdateFirmware": _words("location retries retrieveDate retryInterval"),
}
_CONTAINERS: Final = _words(
    "idTagInfo meterValue sampledValue configurationKey csChargingProfiles chargingProfile chargingSchedule"
    " chargingSchedulePeriod localAuthorizationList transactionData certificateHashData log firmware"
)
_FIELDS: Final = {action: fields | _CONTAINERS for action, fields in _LISTED.items()}
_ADDRESSES: Final = _words("location remoteLocation")
_ADDRESSING: Final = _words("GetDiagnostics GetLog SignedUpdateFirmware UpdateFirmware")
_CONFIGURING: Final = _words("ChangeConfiguration GetConfiguration")
# Their error descriptions may quote what was sent.
_SECRETIVE: Final = _words(
    "CertificateSigned ChangeConfiguration DataTransfer GetConfiguration GetDiagnostics GetLog InstallCertificate"
    " SignCertificate SignedUpdateFirmware UpdateFirmware"
)
_OPEN_KEYS: Final = _words(
    "AllowOfflineTxForUnknownId AuthorizationCacheEnabled AuthorizeRemoteTxRequests BlinkRepeat"
    " ClockAlignedDataInterval ConnectionTimeOut ConnectorPhaseRotation ConnectorPhaseRotationMaxLength"
    " GetConfigurationMaxKeys HeartbeatInterval LightIntensity LocalAuthorizeOffline LocalPreAuthorize"
    " MaxEnergyOnInvalidId MeterValuesAlignedData MeterValuesAlignedDataMaxLength MeterValuesSampledData"
    " MeterValuesSampledDataMaxLength MeterValueSampleInterval MinimumStatusDuration NumberOfConnectors ResetRetries"
    " StopTransactionOnEVSideDisconnect StopTransactionOnInvalidId StopTxnAlignedData StopTxnAlignedDataMaxLength"
    " StopTxnSampledData StopTxnSampledDataMaxLength SupportedFeatureProfiles SupportedFeatureProfilesMaxLength"
    " TransactionMessageAttempts TransactionMessageRetryInterval UnlockConnectorOnEVSideDisconnect"
    " WebSocketPingInterval LocalAuthListEnabled LocalAuthListMaxLength SendLocalListMaxLength"
    " ReserveConnectorZeroSupported ChargeProfileMaxStackLevel ChargingScheduleAllowedChargingRateUnit"
    " ChargingScheduleMaxPeriods ConnectorSwitch3to1PhaseSupported MaxChargingProfilesInstalled SecurityProfile"
)


def _shown(payload: dict[str, Any], action: str | None) -> Any:
    fields = _FIELDS.get(action) if action is not None else None
    return HIDDEN if fields is None else _kept(payload, action, fields)


def _kept(value: Any, action: str | None, fields: frozenset[str]) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: _field(name, inner, value, action, fields) for name, inner in value.items()}
    if kind is list:
        return [_kept(inner, action, fields) for inner in value]
    return value


def _field(name: str, value: Any, around: dict[str, Any], action: str | None, fields: frozenset[str]) -> Any:
    if name not in fields:
        return HIDDEN
    if action in _ADDRESSING and name in _ADDRESSES:
        return _address(value)
    if action in _CONFIGURING and name == "value":
        key = around.get("key")
        return value if isinstance(key, str) and key in _OPEN_KEYS and isinstance(value, str) else HIDDEN
    return _kept(value, action, fields)


def _address(value: Any) -> str:
    """A URL without credentials, query and fragment."""
    try:
        parts = urlsplit(value)
        if parts.scheme and parts.hostname:
            return str(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))
    except (ValueError, TypeError, AttributeError):
        pass
    return HIDDEN


def _text(parts: list[Any]) -> str:
    return orjson.dumps(parts).decode()
