"""The transactions of one charge point: meter values while they run, and their messages delivered in order.

OCPP 1.6 edition 2, sections 3.7.1 (what is tried again, and how often), 3.13 (meter values), 4.7, 4.8 and 4.10.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from hil.ocpp.configuration import Configuration
from hil.ocpp.frames import Payload
from hil.ocpp.meter_values import Context, Metered, meter_value, whole_wh
from hil.ocpp.queue import Queued, TransactionQueue
from hil.ocpp.rpc import Answer, Answered, BadPayload, Lost, Rpc, TimedOut
from hil.ocpp.schemas import check_call

__all__ = ["Running", "Told", "Transactions", "check_payload"]


@dataclass(slots=True)
class Running:
    """A transaction whose session charges now; `transaction_id` is None until the CSMS has answered its start."""

    connector_id: int
    session: str
    id_tag: str
    next_sample_at: float
    start_message: int | None
    transaction_id: int | None = None


class Told(Protocol):
    """Whoever hears what the CSMS says of an identifier when it answers a start; `running` is None once it ended."""

    def __call__(self, id_tag: str, info: Payload, running: Running | None, now: float) -> None:
        """`info` is the idTagInfo."""


class Transactions:
    """Begins, meters, ends and delivers; one message is under way at a time.

    A message that the CSMS refuses (CALLERROR, or an answer that breaks the schema) is tried again after
    TransactionMessageRetryInterval times the tries so far, and given up after TransactionMessageAttempts. A lost
    connection or a time-out is no refusal: the message stays, however long that lasts.
    """

    def __init__(
        self,
        charge_point: str,
        queue: TransactionQueue,
        configuration: Configuration,
        meters: Mapping[int, Metered],
        stamp: Callable[[float], str],
        told: Told,
    ) -> None:
        self.running: dict[int, Running] = {}
        self._charge_point = charge_point
        self._queue = queue
        self._configuration = configuration
        self._meters = meters
        self._stamp = stamp
        self._told = told
        self._rpc: Rpc | None = None
        self._under_way: Rpc | None = None  # the connection on which a message of ours waits for its answer
        self._retry_at = -inf

    # the twin's side

    def begin(self, connector_id: int, session: str, id_tag: str, meter_wh: float, now: float) -> None:
        """Queue a StartTransaction; committed on return.

        Raises:
            BadPayload: it could never be sent (say, an identifier of more than 20 characters).
            BenchError: the session has a transaction already.
        """
        payload: Payload = {
            "connectorId": connector_id,
            "idTag": id_tag,
            "meterStart": whole_wh(meter_wh),
            "timestamp": self._stamp(now),
        }
        check_payload("StartTransaction", payload)
        message = self._queue.append(self._charge_point, "StartTransaction", session, payload)
        self.running[connector_id] = Running(connector_id, session, id_tag, now + self._interval_s(), message)
        self.pump(now)

    def end(self, connector_id: int, session: str, meter_wh: float, reason: str, now: float) -> None:
        """Queue a StopTransaction; committed on return, and nothing for a session that has no transaction.

        Raises:
            BadPayload: it could never be sent (say, a reason that OCPP does not know).
        """
        payload: Payload = {"meterStop": whole_wh(meter_wh), "timestamp": self._stamp(now), "reason": reason}
        check_payload("StopTransaction", payload | {"transactionId": 0})
        self._queue.append(self._charge_point, "StopTransaction", session, payload)
        running = self.running.get(connector_id)
        if running is not None and running.session == session:
            del self.running[connector_id]
        self.pump(now)

    def with_id(self, transaction_id: int) -> Running | None:
        """The running transaction of this number."""
        return next((one for one in self.running.values() if one.transaction_id == transaction_id), None)

    def sample(self, running: Running, context: Context, now: float) -> None:
        """Queue the meter values of a running transaction, and remember them for a power loss."""
        sample, stamp = self._meters[running.connector_id].sample(now), self._stamp(now)
        register = whole_wh(sample.energy_wh), stamp
        value = meter_value(sample, self._configuration.names("MeterValuesSampledData"), stamp, context)
        if value is None:
            self._queue.meter(self._charge_point, running.session, *register)
        else:
            payload: Payload = {"connectorId": running.connector_id, "meterValue": [value]}
            self._queue.append(self._charge_point, "MeterValues", running.session, payload, register)
        self.pump(now)

    def reschedule(self, now: float) -> None:
        """MeterValueSampleInterval has changed: count from now."""
        for running in self.running.values():
            running.next_sample_at = now + self._interval_s()

    # the wire's side

    def attach(self, rpc: Rpc, now: float) -> None:
        """The CSMS takes messages from now on."""
        if rpc is not self._rpc:
            self._rpc = rpc
            self._retry_at = -inf
        self.pump(now)

    def detach(self) -> None:
        """The connection is gone, or the CSMS takes no messages."""
        self._rpc = None

    def next_timer(self) -> float:
        """When `tick` is due: the next sample or the next try."""
        due = min((running.next_sample_at for running in self.running.values()), default=inf)
        if self._rpc is not None and self._under_way is not self._rpc and self._retry_at > -inf:
            return min(due, self._retry_at)
        return due

    def tick(self, now: float) -> None:
        """Take the samples that are due, and send what may be sent."""
        for running in list(self.running.values()):
            if now >= running.next_sample_at:
                interval_s = self._interval_s()
                following = running.next_sample_at + interval_s
                running.next_sample_at = following if following > now else now + interval_s
                self.sample(running, "Sample.Periodic", now)
        self.pump(now)

    def pump(self, now: float) -> None:
        """Send the oldest message unless one is under way or must wait."""
        if self._rpc is None or self._under_way is self._rpc or now < self._retry_at:
            return
        self._retry_at = -inf
        head = self._queue.head(self._charge_point)
        while head is not None and head.kind == "StartTransaction" and head.transaction_id is not None:
            self._queue.done(head.id)  # answered just before we were killed
            head = self._queue.head(self._charge_point)
        if head is None:
            return
        numbered = {} if head.kind == "StartTransaction" else {"transactionId": head.transaction_id}
        self._under_way = self._rpc
        self._rpc.call(head.kind, head.payload | numbered, partial(self._answered, head, self._rpc), now)

    def _answered(self, head: Queued, rpc: Rpc, answer: Answer, now: float) -> None:
        if isinstance(answer, Answered):
            if head.kind == "StartTransaction":
                self._numbered(head, answer.payload, now)
            else:
                self._queue.done(head.id)
        elif not isinstance(answer, Lost):
            waits_s = self._configuration.whole("TransactionMessageRetryInterval")
            if isinstance(answer, TimedOut):
                self._retry_at = now + waits_s
            else:
                attempts = self._queue.attempt(head.id)
                if attempts >= self._configuration.whole("TransactionMessageAttempts"):
                    self._queue.drop(head.id)
                else:
                    self._retry_at = now + waits_s * attempts
        if rpc is self._under_way:
            self._under_way = None
        self.pump(now)

    def _numbered(self, head: Queued, answer: Payload, now: float) -> None:
        self._queue.start_answered(self._charge_point, head.session, answer["transactionId"])
        self._queue.done(head.id)
        running = self.running.get(head.payload["connectorId"])
        if running is not None and running.start_message == head.id:
            running.transaction_id = answer["transactionId"]
        else:
            running = None
        self._told(head.payload["idTag"], answer["idTagInfo"], running, now)

    def _interval_s(self) -> float:
        return self._configuration.whole("MeterValueSampleInterval") or inf


def check_payload(action: str, payload: Payload) -> None:
    """Raise `BadPayload` for what could never be sent."""
    violation = check_call(action, payload)
    if violation is not None:
        raise BadPayload(f"{action}: {violation.code}: {violation.description}")
