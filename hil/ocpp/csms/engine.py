"""The central system's side of OCPP 1.6 without any I/O: what each charge point may say, and what it is answered.

OCPP 1.6 edition 2, section 4 (operations initiated by the charge point) and the table of status changes in section 4.9.
A rule that is broken is kept as a violation; the message is refused only where the specification leaves no sense in it.
Every answer stands on what is already committed, so that a charge point may say anything again after a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import orjson

from hil.ocpp.csms.manners import PLAIN, Manner
from hil.ocpp.csms.operator import Operator
from hil.ocpp.csms.store import Store, StoredTransaction
from hil.ocpp.frames import Call, CallError, Frame, Payload
from hil.ocpp.rpc import Amiss, CallRefused, Direction, Rpc

__all__ = ["CSMS_ACTIONS", "CentralSystem", "Onlooker", "Session"]

# What a central system may ask of a charge point (section 5, and the security extension).
CSMS_ACTIONS: Final = (
    "CancelReservation", "CertificateSigned", "ChangeAvailability", "ChangeConfiguration", "ClearCache",
    "ClearChargingProfile", "DataTransfer", "DeleteCertificate", "ExtendedTriggerMessage", "GetCompositeSchedule",
    "GetConfiguration", "GetDiagnostics", "GetInstalledCertificateIds", "GetLocalListVersion", "GetLog",
    "InstallCertificate", "RemoteStartTransaction", "RemoteStopTransaction", "ReserveNow", "Reset", "SendLocalList",
    "SetChargingProfile", "SignedUpdateFirmware", "TriggerMessage", "UnlockConnector", "UpdateFirmware",
)  # fmt: skip

_ALL: Final = frozenset((
    "Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved", "Unavailable",
    "Faulted",
))  # fmt: skip
# Section 4.9: which status may follow which.
_NEXT: Final = {
    "Available": _ALL - {"Finishing"},
    "Preparing": _ALL - {"Reserved", "Unavailable"},
    "Charging": _ALL - {"Preparing", "Reserved"},
    "SuspendedEV": _ALL - {"Preparing", "Reserved"},
    "SuspendedEVSE": _ALL - {"Preparing", "Reserved"},
    "Finishing": frozenset(("Available", "Preparing", "Unavailable", "Faulted")),
    "Reserved": frozenset(("Available", "Preparing", "Unavailable", "Faulted")),
    "Unavailable": _ALL - {"Finishing", "Reserved"},
    "Faulted": _ALL,
}
_WHOLE: Final = frozenset(("Available", "Unavailable", "Faulted"))  # what connector 0 may be
_NOTED: Final = frozenset((
    "DiagnosticsStatusNotification", "FirmwareStatusNotification", "LogStatusNotification", "SecurityEventNotification",
    "SignedFirmwareStatusNotification",
))  # fmt: skip


class Onlooker(Protocol):
    """Whoever follows what charge points say, while it is answered; nothing here may block or raise."""

    def opened(self, charge_point: str) -> None:
        """It has connected."""

    def heard(self, charge_point: str, action: str, payload: Payload, answer: Payload) -> None:
        """It has said this and will be answered that."""

    def violated(self, charge_point: str, action: str, verdict: str) -> None:
        """It has sent what cannot be read, or what breaks the schema."""

    def closed(self, charge_point: str) -> None:
        """Its connection is gone."""


class CentralSystem:
    """What all sessions share.

    `clock` gives the present as aware time; `heartbeat_s` is what BootNotification is answered (s, at least 1).
    """

    def __init__(
        self, store: Store, *, new_id: Callable[[], str], clock: Callable[[], datetime], heartbeat_s: int = 300,
        onlooker: Onlooker | None = None, manner: Manner = PLAIN,
    ) -> None:  # fmt: skip
        self.store = store
        self.new_id = new_id
        self.clock = clock
        self.heartbeat_s = heartbeat_s
        self.onlooker = onlooker
        self.manner = manner
        self.sessions: dict[str, Session] = {}

    def open(self, charge_point: str) -> Session:
        """A charge point has connected; a session it had before is no longer the one calls go to."""
        session = Session(self, charge_point)
        self.sessions[charge_point] = session
        with suppress(sqlite3.Error):
            self.store.connected(charge_point, self.now_text())
        if self.onlooker is not None:
            self.onlooker.opened(charge_point)
        return session

    def now_text(self) -> str:
        """The present as it stands on the wire."""
        return _text(self.clock())


class Session:
    """One connection of one charge point; bytes and time through `rpc`."""

    def __init__(self, system: CentralSystem, charge_point: str) -> None:
        self.charge_point = charge_point
        self.rpc = Rpc(self._handle, new_id=system.new_id, on_frame=self._seen)
        self._system = system
        self._store = system.store
        self._manner = system.manner
        self._operator = Operator(system.manner, charge_point, system.store)
        self._is_booted = system.store.is_known(charge_point)
        self._statuses: dict[int, str] = {}
        self._open: dict[int, int] = {}  # transaction -> connector: known open, without asking the store again
        self._answers: dict[str, Callable[[Payload], Payload]] = {
            "Authorize": self._authorize,
            "BootNotification": self._boot,
            "DataTransfer": self._data_transfer,
            "MeterValues": self._meter_values,
            "SignCertificate": self._sign_certificate,
            "StartTransaction": self._start,
            "StatusNotification": self._status,
            "StopTransaction": self._stop,
            **dict.fromkeys(_NOTED, self._noted),
        }

    def closed(self, now: float) -> None:
        """The connection is gone."""
        self.rpc.closed(now)
        if self._system.sessions.get(self.charge_point) is self:
            del self._system.sessions[self.charge_point]
            self._guard(self._store.disconnected, self.charge_point, self._system.now_text())
            if self._system.onlooker is not None:
                self._system.onlooker.closed(self.charge_point)

    def _seen(self, direction: Direction, frame: Frame | None, data: bytes, verdict: str) -> None:
        if direction == "out":
            if isinstance(frame, CallError):
                return
        elif verdict != "ok":
            action = frame.action if isinstance(frame, Call) else ""
            self._guard(self._violation, action, verdict, "message breaks the schema or answers nothing")
            if self._system.onlooker is not None and verdict != "unexpected":
                self._system.onlooker.violated(self.charge_point, action, verdict)
        if isinstance(frame, Call):
            self._guard(self._store.count, self.charge_point, frame.action, verdict)

    def _guard(self, write: Callable[..., None], *values: str) -> None:
        """Book-keeping must not break the conversation; a store that fails shows in the answers."""
        with suppress(sqlite3.Error):
            write(*values)

    def _violation(self, action: str, rule: str, description: str) -> None:
        self._store.violation(self.charge_point, self._system.now_text(), action, rule, description)

    def _handle(self, action: str, payload: Payload, now: float) -> Payload:
        if action in self._manner.error:
            raise CallRefused("InternalError", "the central system answers so by its manner")
        if action in self._manner.mute:
            raise Amiss(None)
        answer = self._answer(action, payload)
        self._operator.heard(action, payload, self.rpc, now)
        if self._system.onlooker is not None:
            self._system.onlooker.heard(self.charge_point, action, payload, answer)
        if action in self._manner.wrong:
            raise Amiss({"amiss": True})
        return answer

    def _answer(self, action: str, payload: Payload) -> Payload:
        try:
            if not self._is_booted and action != "BootNotification":
                self._violation(action, "boot_first", "a message before the first BootNotification was accepted")
                raise CallRefused("SecurityError", "BootNotification comes first")
            if action == "Heartbeat":
                return {"currentTime": self._system.now_text()}
            answer = self._answers.get(action)
            if answer is None:
                raise CallRefused("NotSupported", f"{action} is not for a central system to answer")
            return answer(payload)
        except sqlite3.Error as error:
            raise CallRefused("InternalError", f"the central system cannot store this: {error}") from None

    def _boot(self, payload: Payload) -> Payload:
        now = self._system.now_text()
        self._store.booted(self.charge_point, now, payload)
        self._is_booted = True
        self._statuses.clear()
        return {"status": "Accepted", "currentTime": now, "interval": self._system.heartbeat_s}

    def _authorize(self, payload: Payload) -> Payload:
        return {"idTagInfo": {"status": self._tag_status(payload["idTag"])}}

    def _tag_status(self, tag: str) -> str:
        return "Accepted" if "accepts_any_token" in self._manner.careless else self._store.id_tag_status(tag)

    def _status(self, payload: Payload) -> Payload:
        connector, status = payload["connectorId"], payload["status"]
        if connector < 0:
            raise CallRefused("PropertyConstraintViolation", "connectorId: 0 or more")
        before = self._statuses.get(connector)
        if connector == 0 and status not in _WHOLE:
            self._violation("StatusNotification", "status_of_whole", f"connector 0 cannot be {status}")
        elif before is not None and before != status and status not in _NEXT[before]:
            self._violation("StatusNotification", "status_order", f"connector {connector}: {before} -> {status}")
        self._statuses[connector] = status
        at = _normal(payload["timestamp"]) if "timestamp" in payload else self._system.now_text()
        self._store.status(self.charge_point, connector, status, payload["errorCode"], payload.get("info"), at)
        return {}

    def _start(self, payload: Payload) -> Payload:
        connector, id_tag = payload["connectorId"], payload["idTag"]
        if connector < 1:
            raise CallRefused("PropertyConstraintViolation", "connectorId: 1 or more")
        with self._store.together():
            others = self._store.open_transactions(self.charge_point, connector)
            at = _normal(payload["timestamp"])
            number, is_new = self._store.start(self.charge_point, connector, id_tag, payload["meterStart"], at)
            while not is_new and "bills_twice" in self._manner.careless:
                at = _text(datetime.fromisoformat(at) + timedelta(milliseconds=1))
                number, is_new = self._store.start(self.charge_point, connector, id_tag, payload["meterStart"], at)
            if is_new and others:
                what = f"connector {connector} still has transaction {others[-1]}"
                self._violation("StartTransaction", "start_while_open", what)
            status = "Blocked" if self._operator.refuses(connector) else self._tag_status(id_tag)
        self._open[number] = connector
        return {"transactionId": number, "idTagInfo": {"status": status}}

    def _stop(self, payload: Payload) -> Payload:
        number, meter_wh, at = payload["transactionId"], payload["meterStop"], _normal(payload["timestamp"])
        with self._store.together():
            known = self._mine("StopTransaction", number)
            if known is not None and known.status == "open":
                self._store.stop(number, meter_wh, at, payload.get("reason", "Local"))
                if meter_wh < known.meter_start_wh:
                    what = f"transaction {number}: {meter_wh} Wh after {known.meter_start_wh} Wh"
                    self._violation("StopTransaction", "meter_backwards", what)
                if "transactionData" in payload:
                    data = orjson.dumps(payload["transactionData"])
                    now = self._system.now_text()
                    self._store.meter_values(self.charge_point, known.connector, number, now, data)
            elif known is not None and (known.meter_stop_wh, known.stopped_at) != (meter_wh, at):
                self._violation("StopTransaction", "stop_differs", f"transaction {number} was stopped otherwise before")
            info = {"status": self._store.id_tag_status(payload["idTag"])} if "idTag" in payload else None
        self._open.pop(number, None)
        return {} if info is None else {"idTagInfo": info}

    def _meter_values(self, payload: Payload) -> Payload:
        number, connector = payload.get("transactionId"), payload["connectorId"]
        if connector < 0:
            raise CallRefused("PropertyConstraintViolation", "connectorId: 0 or more")
        if number is not None and self._open.get(number) != connector:
            known = self._mine("MeterValues", number)
            if known is not None:
                if known.status != "open":
                    self._violation("MeterValues", "values_after_stop", f"transaction {number} is stopped")
                elif known.connector != connector:
                    self._violation("MeterValues", "wrong_connector", f"transaction {number}: connector {connector}")
                else:
                    self._open[number] = connector
        body = orjson.dumps(payload["meterValue"])
        self._store.meter_values(self.charge_point, connector, number, self._system.now_text(), body)
        return {}

    def _mine(self, action: str, number: int) -> StoredTransaction | None:
        known = self._store.transaction(number)
        if known is None:
            self._violation(action, "unknown_transaction", f"transaction {number} is not known")
        elif known.charge_point != self.charge_point:
            self._violation(action, "unknown_transaction", f"transaction {number} is of another charge point")
            return None
        return known

    def _data_transfer(self, _payload: Payload) -> Payload:
        return {"status": "UnknownVendorId"}

    def _sign_certificate(self, _payload: Payload) -> Payload:
        return {"status": "Rejected"}

    def _noted(self, _payload: Payload) -> Payload:
        return {}


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _normal(text: Any) -> str:
    """A time from the wire as UTC with milliseconds, so that one moment is always written alike."""
    moment = datetime.fromisoformat(text)
    try:
        return _text(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except OverflowError:
        return str(text)
