"""What a charge point keeps for its CSMS: the configuration keys it reads, and the cache of identifiers.

OCPP 1.6 edition 2, sections 3.5.1 (authorization cache), 5.3 and 5.8 (Change- and GetConfiguration) and 9 (the keys).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from hil.ocpp.charging_profiles import MAX_PERIODS, MAX_PROFILES, MAX_STACK_LEVEL
from hil.ocpp.frames import Payload
from hil.ocpp.meter_values import MEASURANDS
from sim.errors import UsageError

__all__ = ["Configuration", "IdTagCache"]

_MAX_S: Final = 2**31 - 1
_MAX_VALUE_CHARS: Final = 500


@dataclass(frozen=True, slots=True)
class _Key:
    kind: Literal["whole", "flag", "names", "text"]
    default: str
    low: int = 0
    high: int = _MAX_S
    is_read_only: bool = False


_KEYS: Final = {
    "AllowOfflineTxForUnknownId": _Key("flag", "false"),
    "AuthorizationCacheEnabled": _Key("flag", "true"),
    "AuthorizeRemoteTxRequests": _Key("flag", "false"),
    "ChargeProfileMaxStackLevel": _Key("text", str(MAX_STACK_LEVEL), is_read_only=True),
    "ChargingScheduleAllowedChargingRateUnit": _Key("text", "Power", is_read_only=True),
    "ChargingScheduleMaxPeriods": _Key("text", str(MAX_PERIODS), is_read_only=True),
    "HeartbeatInterval": _Key("whole", "300", low=1),
    "LocalAuthorizeOffline": _Key("flag", "true"),
    "LocalPreAuthorize": _Key("flag", "false"),
    "MaxChargingProfilesInstalled": _Key("text", str(MAX_PROFILES), is_read_only=True),
    "MeterValueSampleInterval": _Key("whole", "60"),
    "MeterValuesSampledData": _Key(
        "names", "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC,Temperature"
    ),
    "NumberOfConnectors": _Key("text", "", is_read_only=True),
    "StopTransactionOnInvalidId": _Key("flag", "true"),
    "SupportedFeatureProfiles": _Key("text", "Core,RemoteTrigger,SmartCharging", is_read_only=True),
    "TransactionMessageAttempts": _Key("whole", "3", low=1),
    "TransactionMessageRetryInterval": _Key("whole", "60"),
}


_SPELT: Final = {name.casefold(): name for name in _KEYS}
"""Keys are compared without regard to case (7.29, CiString)."""


class Configuration:
    """The keys of one charge point; intervals in s.

    Raises:
        UsageError: an override names no key, or its value is out of range.
    """

    def __init__(
        self, connector_count: int, overrides: Mapping[str, str] | None = None, *, takes_a: bool = False
    ) -> None:
        """`takes_a`: limits in amperes are taken beside those in watts."""
        self._values = {name: key.default for name, key in _KEYS.items()}
        if takes_a:
            self._values["ChargingScheduleAllowedChargingRateUnit"] = "Current,Power"
        self._values["NumberOfConnectors"] = str(connector_count)
        for name, value in (overrides or {}).items():
            if self.change(name, value) != "Accepted":
                known = ", ".join(name for name, key in _KEYS.items() if not key.is_read_only)
                raise UsageError(f"configuration {name}: {value!r} cannot be set; keys that can be: {known}")

    def whole(self, name: str) -> int:
        """The value of a key that is a whole number."""
        return int(self._values[name])

    def flag(self, name: str) -> bool:
        """The value of a key that is true or false."""
        return self._values[name] == "true"

    def names(self, name: str) -> list[str]:
        """The value of a key that is a list."""
        return [part for part in self._values[name].split(",") if part]

    def change(self, name: str, value: str) -> Literal["Accepted", "Rejected", "NotSupported"]:
        """Set a key as ChangeConfiguration does."""
        name = _SPELT.get(name.casefold(), name)
        key = _KEYS.get(name)
        if key is None:
            return "NotSupported"
        normal = None if key.is_read_only else _normal(key, value.strip())
        if normal is None:
            return "Rejected"
        self._values[name] = normal
        return "Accepted"

    def listed(self, wanted: Iterable[str]) -> Payload:
        """The answer to GetConfiguration; nothing wanted means all."""
        asked = list(dict.fromkeys(_SPELT.get(name.casefold(), name) for name in wanted)) or list(_KEYS)
        known = [
            {"key": name, "readonly": _KEYS[name].is_read_only, "value": self._values[name]}
            for name in asked
            if name in _KEYS
        ]
        unknown = [name for name in asked if name not in _KEYS]
        return {"configurationKey": known, "unknownKey": unknown}


class IdTagCache:
    """What the CSMS last said of each identifier; these are compared without regard to case."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._known: dict[str, Payload] = {}

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, id_tag: str, info: Payload) -> None:
        """Remember an idTagInfo."""
        # ConcurrentTx is about the moment, not about the identifier.
        if info["status"] != "ConcurrentTx":
            self._known[id_tag.casefold()] = info

    def status(self, id_tag: str, present: str) -> str | None:
        """The status at `present` (ISO 8601), Expired past its expiryDate; None when unknown or the cache is off."""
        info = self._known.get(id_tag.casefold())
        if info is None or not self._configuration.flag("AuthorizationCacheEnabled"):
            return None
        expiry = info.get("expiryDate")
        if info["status"] == "Accepted" and expiry is not None and _moment(expiry) <= _moment(present):
            return "Expired"
        return str(info["status"])

    def offline_status(self, id_tag: str, present: str) -> str:
        """What an identifier may do while the CSMS cannot be asked."""
        known = self.status(id_tag, present)
        if known is not None and (known != "Accepted" or self._configuration.flag("LocalAuthorizeOffline")):
            return known
        is_open = known is None and self._configuration.flag("AllowOfflineTxForUnknownId")
        return "Accepted" if is_open else "Invalid"

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


def _normal(key: _Key, value: str) -> str | None:
    """The value as it is kept, or None when the key cannot take it."""
    if len(value) > _MAX_VALUE_CHARS:
        return None
    if key.kind == "flag":
        return value.lower() if value.lower() in ("true", "false") else None
    if key.kind == "whole":
        if not (value.isascii() and value.isdigit()) or len(value) > 10:
            return None
        return str(int(value)) if key.low <= int(value) <= key.high else None
    names = [part.strip() for part in value.split(",")] if value else []
    if len(set(names)) < len(names) or not set(names) <= set(MEASURANDS):
        return None
    return ",".join(names)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
