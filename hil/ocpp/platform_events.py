"""What a CSMS asks of a charge point and answers it, as events that expectations can speak of.

Taken from the frames as they pass, in their order on the wire. OCPP 1.6 edition 2, sections 4 (what is answered) and 5
(what is asked).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import Call, CallError, Frame, Payload, Result
from hil.ocpp.rpc import Direction
from hil.ocpp.transactions import Running
from sim.events import Scalar

__all__ = ["ACTION_KINDS", "ANSWER_KINDS", "PLATFORM_KINDS", "PlatformFace"]

ACTION_KINDS: Final = {
    "CancelReservation": "platform.cancel_reservation",
    "CertificateSigned": "platform.certificate_signed",
    "ChangeAvailability": "platform.change_availability",
    "ChangeConfiguration": "platform.change_configuration",
    "ClearCache": "platform.clear_cache",
    "ClearChargingProfile": "platform.clear_profile",
    "DataTransfer": "platform.data_transfer",
    "DeleteCertificate": "platform.delete_certificate",
    "ExtendedTriggerMessage": "platform.extended_trigger",
    "GetCompositeSchedule": "platform.get_composite_schedule",
    "GetConfiguration": "platform.get_configuration",
    "GetDiagnostics": "platform.get_diagnostics",
    "GetInstalledCertificateIds": "platform.get_installed_certificate_ids",
    "GetLocalListVersion": "platform.get_local_list_version",
    "GetLog": "platform.get_log",
    "InstallCertificate": "platform.install_certificate",
    "RemoteStartTransaction": "platform.remote_start",
    "RemoteStopTransaction": "platform.remote_stop",
    "ReserveNow": "platform.reserve",
    "Reset": "platform.reset",
    "SendLocalList": "platform.send_local_list",
    "SetChargingProfile": "platform.set_profile",
    "SignedUpdateFirmware": "platform.signed_update_firmware",
    "TriggerMessage": "platform.trigger",
    "UnlockConnector": "platform.unlock",
    "UpdateFirmware": "platform.update_firmware",
}
"""The event of each action that a CSMS may send; it comes once the charge point has answered.

Its data: `connector` (0 where none is named), `status` (our answer; the code of a CALLERROR, "" where an answer has
none), and where there are such: `transaction`, `session`, `limit_kw` (of the first period), `type`, `message`, `key`.
"""

ANSWER_KINDS: Final = (
    "platform.authorised",
    "platform.call_error",
    "platform.no_answer",
    "platform.refused_token",
    "platform.start_accepted",
    "platform.start_refused",
    "platform.stop_answered",
)
"""The events of what a CSMS answers; none for a Heartbeat, a StatusNotification or MeterValues that it takes."""

PLATFORM_KINDS: Final = (*sorted(ACTION_KINDS.values()), *ANSWER_KINDS)

_OUT_OF_ORDER: Final = ("Faulted", "Unavailable")
_UNKNOWN: Final = "platform.unknown_action"
_MOST_WORD: Final = 60

Emit = Callable[[str, dict[str, Scalar]], None]


class PlatformFace:
    """Follows the frames of one charge point and tells of them by `emit(kind, data)`."""

    def __init__(self, engine: ChargePoint, emit: Emit) -> None:
        """Reads the engine's state as the frames pass; changes nothing."""
        self._engine = engine
        self._emit = emit
        self._asked: dict[Direction, Call] = {}
        self._running: Running | None = None

    def seen(self, direction: Direction, frame: Frame | None, verdict: str) -> None:
        """A frame has passed; one that is not in order tells nothing of what was asked or answered."""
        if isinstance(frame, Call):
            if verdict == "ok":
                self._asked[direction] = frame
                if direction == "in" and frame.action == "RemoteStopTransaction":
                    self._running = self._engine.transactions.with_id(frame.payload["transactionId"])
            return
        asked = self._asked.get("out" if direction == "in" else "in")
        if frame is None or asked is None or frame.id != asked.id or verdict == "unexpected":
            return
        del self._asked["out" if direction == "in" else "in"]
        if direction == "out":
            self._obeyed(asked, frame)
        elif isinstance(frame, CallError):
            self._refused(asked, frame.code[:_MOST_WORD])
        elif verdict == "ok":
            self._answered(asked, frame.payload)
        else:
            self._refused(asked, verdict)

    def timed_out(self, call: Call) -> None:
        """The CSMS has not answered this in time."""
        self._asked.pop("out", None)
        self._emit("platform.no_answer", {"action": call.action, "connector": _connector(call.payload)})

    def _refused(self, asked: Call, code: str) -> None:
        connector = _connector(asked.payload)
        self._emit("platform.call_error", {"action": asked.action, "code": code, "connector": connector})

    def _obeyed(self, asked: Call, answer: Result | CallError) -> None:
        payload = asked.payload
        status = answer.payload.get("status", "") if isinstance(answer, Result) else answer.code
        data: dict[str, Scalar] = {"connector": _connector(payload), "status": str(status)}
        if asked.action == "RemoteStopTransaction":
            data["transaction"] = payload["transactionId"]
            if self._running is not None:
                data |= {"connector": self._running.connector_id, "session": self._running.session}
        elif asked.action == "SetChargingProfile":
            data["limit_kw"] = self._limit_kw(payload)
        elif asked.action == "TriggerMessage":
            data["message"] = payload["requestedMessage"]
        elif asked.action == "ChangeConfiguration":
            data["key"] = payload["key"]
        if asked.action in ("ChangeAvailability", "Reset"):
            data["type"] = payload["type"]
        if asked.action == "RemoteStartTransaction":
            data["is_faulted"] = self._is_out_of_order(_connector(payload), "")
        self._emit(ACTION_KINDS.get(asked.action, _UNKNOWN), data)

    def _answered(self, asked: Call, answer: Payload) -> None:
        if asked.action == "Authorize":
            status = answer["idTagInfo"]["status"]
            self._emit("platform.authorised" if status == "Accepted" else "platform.refused_token", {"status": status})
        elif asked.action == "StartTransaction":
            status, connector = answer["idTagInfo"]["status"], asked.payload["connectorId"]
            data: dict[str, Scalar] = {
                "connector": connector, "status": status, "transaction": answer["transactionId"],
                "is_faulted": self._is_out_of_order(connector, asked.payload["timestamp"]),
            }  # fmt: skip
            running = self._engine.transactions.running.get(connector)
            if running is not None and running.transaction_id is None and running.id_tag == asked.payload["idTag"]:
                data["session"] = running.session
            self._emit("platform.start_accepted" if status == "Accepted" else "platform.start_refused", data)
        elif asked.action == "StopTransaction":
            data = {"transaction": asked.payload["transactionId"], "meter_wh": asked.payload["meterStop"]}
            data["reason"] = asked.payload.get("reason", "Local")
            self._emit("platform.stop_answered", data)

    def _is_out_of_order(self, connector: int, since: str) -> bool:
        """Whether it stood faulted, or out of service, before `since` (as it stands on the wire; "" for now)."""
        stands = self._engine.statuses.get(connector)
        if stands is None or stands["status"] not in _OUT_OF_ORDER:
            return False
        return not since or bool(stands["timestamp"] < since)

    def _limit_kw(self, payload: Payload) -> float | None:
        schedule = payload["csChargingProfiles"]["chargingSchedule"]
        first = schedule["chargingSchedulePeriod"][0]
        if schedule["chargingRateUnit"] == "W":
            return float(first["limit"]) / 1000.0
        number = payload["connectorId"] or min(self._engine.connectors)
        connector = self._engine.connectors.get(number)
        watts = connector.watts_per_a(first.get("numberPhases", 3)) if connector is not None else None
        return None if watts is None else float(first["limit"]) * watts / 1000.0


def _connector(payload: Payload) -> int:
    return int(payload.get("connectorId", 0))
