"""What a CSMS may ask of a charge point, and what that does: one method an action.

OCPP 1.6 edition 2, section 5. An answer says Accepted only when the deed is done, or is certain to be.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from hil.ocpp.frames import Payload
from hil.ocpp.meter_values import meter_value
from hil.ocpp.rpc import CallRefused

if TYPE_CHECKING:
    from hil.ocpp.charge_point import ChargePoint

__all__ = ["Commands"]

_FREE: Final = frozenset(("Available", "Preparing"))


class Commands:
    """The handler of the calls that come from the CSMS."""

    def __init__(self, point: ChargePoint) -> None:
        self._point = point
        self._whole_due: bool | None = None
        self._after: list[Callable[[float], None]] = []
        self._answers: dict[str, Callable[[Payload, float], Payload]] = {
            "ChangeAvailability": self._change_availability,
            "ChangeConfiguration": self._change_configuration,
            "ClearCache": self._clear_cache,
            "ClearChargingProfile": lambda payload, now: self._point.smart_charging.clear(payload, now),
            "DataTransfer": lambda _payload, _now: {"status": "UnknownVendorId"},
            "GetCompositeSchedule": lambda payload, now: self._point.smart_charging.composite(payload, now),
            "GetConfiguration": lambda payload, _now: self._point.configuration.listed(payload.get("key", ())),
            "RemoteStartTransaction": self._remote_start,
            "RemoteStopTransaction": self._remote_stop,
            "Reset": self._reset,
            "SetChargingProfile": lambda payload, now: self._point.smart_charging.set_profile(payload, now),
            "TriggerMessage": self._trigger,
            "UnlockConnector": self._unlock,
        }

    def follow_up(self, now: float) -> None:
        """Do what was to wait until the answer is on its way."""
        while self._after:
            self._after.pop(0)(now)

    def __call__(self, action: str, payload: Payload, now: float) -> Payload:
        """The answer to one call; raises `CallRefused` for an action that is not supported."""
        answer = self._answers.get(action)
        if answer is None:
            raise CallRefused("NotSupported", f"{action} is not supported by this charge point")
        return answer(payload, now)

    def _change_availability(self, payload: Payload, now: float) -> Payload:
        wanted, is_available = payload["connectorId"], payload["type"] == "Operative"
        if wanted != 0 and wanted not in self._point.connectors:
            return {"status": "Rejected"}
        chosen = self._point.connectors.values() if wanted == 0 else (self._point.connectors[wanted],)
        said = {connector.set_available(is_available, now) for connector in chosen}
        status = next((one for one in ("Rejected", "Scheduled") if one in said), "Accepted")
        if wanted == 0 and status != "Rejected":
            self._whole_due = is_available
            self.settle_whole(now)
        return {"status": status}

    def settle_whole(self, now: float) -> None:
        """Connector 0 follows its ChangeAvailability, out of service only when no session is left."""
        if self._whole_due is None or (self._point.transactions.running and not self._whole_due):
            return
        status, self._whole_due = "Available" if self._whole_due else "Unavailable", None
        if self._point.statuses[0]["status"] != status:
            self._point.status(0, status, "NoError", now)

    def _change_configuration(self, payload: Payload, now: float) -> Payload:
        key = payload["key"].casefold()
        status = self._point.configuration.change(key, payload["value"])
        if status == "Accepted" and key == "metervaluesampleinterval":
            self._point.transactions.reschedule(now)
        elif status == "Accepted" and key == "heartbeatinterval" and self._point.is_online:
            self._point.schedule_heartbeat(now)
        return {"status": status}

    def _clear_cache(self, _payload: Payload, _now: float) -> Payload:
        if not self._point.configuration.flag("AuthorizationCacheEnabled"):
            return {"status": "Rejected"}
        self._point.cache.clear()
        return {"status": "Accepted"}

    def _remote_start(self, payload: Payload, now: float) -> Payload:
        wanted, id_tag = payload.get("connectorId"), payload["idTag"]
        free = [one for one in self._point.connectors if self._is_free(one) and wanted in (None, one)]
        if not self._point.is_booted or not free:
            return {"status": "Rejected"}
        if not self._point.configuration.flag("AuthorizeRemoteTxRequests"):
            is_started = self._point.connectors[free[0]].start(id_tag, now)
            return {"status": "Accepted" if is_started else "Rejected"}
        self._point.authorise(free[0], id_tag, now, partial(self._start_authorised, free[0], id_tag))
        return {"status": "Accepted"}

    def _start_authorised(self, connector_id: int, id_tag: str, status: str, now: float) -> None:
        if status == "Accepted" and self._is_free(connector_id):
            self._point.connectors[connector_id].start(id_tag, now)

    def _is_free(self, connector_id: int) -> bool:
        is_whole = self._point.statuses[0]["status"] == "Available" and not self._point.wants_close
        is_running = connector_id in self._point.transactions.running
        return is_whole and not is_running and self._point.statuses[connector_id]["status"] in _FREE

    def _remote_stop(self, payload: Payload, now: float) -> Payload:
        running = self._point.transactions.with_id(payload["transactionId"])
        is_stopped = running is not None and self._point.connectors[running.connector_id].stop(now)
        return {"status": "Accepted" if is_stopped else "Rejected"}

    def _reset(self, payload: Payload, _now: float) -> Payload:
        self._after.append(partial(self._reset_now, payload["type"]))
        return {"status": "Accepted"}

    def _reset_now(self, kind: str, now: float) -> None:
        self._point.wants_close = True
        self._point.listener.reset(kind, now)

    def _unlock(self, payload: Payload, now: float) -> Payload:
        connector = self._point.connectors.get(payload["connectorId"])
        return {"status": "NotSupported" if connector is None else connector.unlock(now)}

    def _trigger(self, payload: Payload, now: float) -> Payload:
        wanted, chosen = payload["requestedMessage"], payload.get("connectorId")
        if chosen is not None and chosen not in self._point.statuses:
            return {"status": "Rejected"}
        if wanted == "BootNotification":
            self._point.send_boot(now)
        elif wanted == "Heartbeat":
            self._point.send_heartbeat(now)
        elif wanted == "StatusNotification":
            for connector_id in self._point.statuses if chosen is None else (chosen,):
                self._point.send_status(connector_id, now)
        elif wanted == "MeterValues":
            for connector_id in self._point.connectors if not chosen else (chosen,):
                self._send_meter(connector_id, now)
        else:
            return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def _send_meter(self, connector_id: int, now: float) -> None:
        running = self._point.transactions.running.get(connector_id)
        if running is not None:
            self._point.transactions.sample(running, "Trigger", now)
            return
        names = self._point.configuration.names("MeterValuesSampledData")
        value = meter_value(self._point.connectors[connector_id].sample(now), names, self._point.stamp(now), "Trigger")
        if value is not None and self._point.rpc is not None:
            payload: Payload = {"connectorId": connector_id, "meterValue": [value]}
            self._point.rpc.call("MeterValues", payload, lambda _answer, _now: None, now)
