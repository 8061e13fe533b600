"""One charge point of OCPP 1.6J without any I/O, between the twin of a pile and a CSMS.

OCPP 1.6 edition 2, sections 4 (what a charge point says) and 5 (what it is asked), OCPP-J 1.6 section 5 (connections).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from math import floor, inf
from typing import Final, Protocol

from hil.ocpp.authorisation import Authorisation, Authorised
from hil.ocpp.commands import Commands
from hil.ocpp.configuration import Configuration, IdTagCache
from hil.ocpp.frames import Payload
from hil.ocpp.meter_values import Metered
from hil.ocpp.queue import Counters, TransactionQueue
from hil.ocpp.rpc import Answer, Answered, Lost, Observer, Rpc
from hil.ocpp.smart_charging import Limited, SmartCharging
from hil.ocpp.statuses import Statuses
from hil.ocpp.transactions import Running, Transactions

__all__ = ["Authorised", "ChargePoint", "Connector", "Listener"]

_RETRY_S: Final = 10.3
_REBOOT_S: Final = 60.0
_GOLDEN: Final = 0.6180339887498949


class Connector(Metered, Limited, Protocol):
    """What the engine asks of the twin of a connector; nothing here may block."""

    def start(self, id_tag: str, now: float) -> bool:
        """Begin a session for this identifier; False when that cannot be."""

    def stop(self, now: float) -> bool:
        """End the session; False when that cannot be."""

    def set_available(self, is_available: bool, now: float) -> str:
        """Accepted, Rejected, or Scheduled for when the session has ended."""

    def unlock(self, now: float) -> str:
        """Unlocked, UnlockFailed or NotSupported."""


class Listener(Protocol):
    """What the engine tells the twin of the pile."""

    def deauthorised(self, connector_id: int, session: str, now: float) -> None:
        """The CSMS does not accept the identifier of a running session: it is to be ended."""

    def reset(self, kind: str, now: float) -> None:
        """Soft or Hard: end every session; the charge point then closes the connection and boots again."""


def _share(identity: str, random: Callable[[], float]) -> float:
    """Where in the period of retries this station stands, 0 to 1: neighbours in number far apart."""
    digits = "".join(letter for letter in identity if letter.isascii() and letter.isdigit())
    return int(digits[-9:]) * _GOLDEN % 1.0 if digits else random()


class ChargePoint:
    """One charge point, driven by bytes and `now` (s).

    The wire's owner opens a connection at `next_connect_at`, says `connected`, `lost` or `refused`, brings messages to
    `received`, sends what `outgoing` gives, calls `tick` at `next_timer`, and closes the connection (then says `lost`)
    when `wants_close`. `stamp` writes a time as ISO 8601, `random` draws from [0, 1) for the phase
    of reconnects where the identity has no number. `on_time` hears the CSMS's currentTime.

    On construction every transaction that a killed predecessor left in the queue is stopped with reason PowerLoss.

    Raises:
        UsageError: a configuration override that no key takes.
    """

    def __init__(
        self,
        identity: str,
        model: str,
        vendor: str,
        firmware: str,
        connectors: Mapping[int, Connector],
        queue: TransactionQueue,
        stamp: Callable[[float], str],
        random: Callable[[], float],
        *,
        listener: Listener,
        configuration: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        on_frame: Observer | None = None,
        on_time: Callable[[str, float], None] = lambda _stamp, _now: None,
        now: float = 0.0,
    ) -> None:
        self.identity = identity
        takes_a = all(one.watts_per_a(3) is not None for one in connectors.values())
        self.configuration = Configuration(len(connectors), configuration, takes_a=takes_a)
        self.cache = IdTagCache(self.configuration)
        self.listener = listener
        self.rpc: Rpc | None = None
        self.is_booted = False
        self.wants_close = False
        self.next_connect_at = now
        self._is_starting = True
        self._boot = {"chargePointModel": model, "chargePointVendor": vendor, "firmwareVersion": firmware}
        self.connectors = connectors
        self._queue = queue
        self.stamp = stamp
        self._timeout_s = timeout_s
        self._on_frame = on_frame
        self._on_time = on_time
        self._ids = count(1)
        self._phase_s = _RETRY_S * _share(identity, random)
        self._boot_at = inf
        self._heartbeat_at = inf
        self.recovered = queue.recover(identity)
        self.transactions = Transactions(identity, queue, self.configuration, connectors, stamp, self._told)
        self.smart_charging = SmartCharging(connectors, self.transactions, stamp)
        self.statuses = Statuses(connectors, stamp, now)
        self._authorisation = Authorisation(self.configuration, self.cache, stamp, timeout_s)
        self._commands = Commands(self)

    @property
    def counters(self) -> Counters:
        """Transactions started, stopped, open and lost since the queue began."""
        return self._queue.counters(self.identity)

    @property
    def is_online(self) -> bool:
        """True while connected and accepted by the CSMS."""
        return self.rpc is not None and self.is_booted

    # the wire's side

    def connected(self, now: float) -> None:
        """A connection is open."""
        self.next_connect_at = inf
        self.wants_close = False
        self.rpc = Rpc(
            self._commands, new_id=lambda: str(next(self._ids)), timeout_s=self._timeout_s, on_frame=self._on_frame
        )
        if self.is_booted:
            self._online(now)
        else:
            self.send_boot(now)

    def lost(self, now: float) -> None:
        """The connection is gone."""
        rpc, self.rpc = self.rpc, None
        self.transactions.detach()
        self._boot_at = self._heartbeat_at = inf
        self._back_off(now)
        if self.wants_close:
            self.wants_close, self.is_booted = False, False
            self.statuses.none_untold()
        if rpc is not None:
            rpc.closed(now)
        self._authorisation.decide_waiting(now)

    def refused(self, now: float) -> None:
        """No connection could be opened."""
        self._back_off(now)
        self._authorisation.decide_waiting(now)

    def received(self, data: bytes, now: float) -> None:
        """Take one message."""
        if self.rpc is None:
            return
        self.rpc.received(data, now)
        self._commands.follow_up(now)

    def outgoing(self) -> list[bytes]:
        """What is to be sent, in order; empties the list."""
        return self.rpc.outgoing() if self.rpc is not None else []

    def next_timer(self) -> float:
        """When `tick` is due, infinity for never."""
        due = min(self._boot_at, self._heartbeat_at, self._authorisation.next_timer(), self.transactions.next_timer(),
                  self.smart_charging.next_timer())  # fmt: skip
        return min(due, self.rpc.next_timer()) if self.rpc is not None else due

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.rpc is not None:
            self.rpc.tick(now)
        if now >= self._boot_at:
            self.send_boot(now)
        self._authorisation.tick(now)
        if now >= self._heartbeat_at:
            self.schedule_heartbeat(now)
            rpc = self.rpc
            if rpc is not None and rpc.open_call is None and not rpc.waiting_count:  # else they pile up at a mute CSMS
                self.send_heartbeat(now)
        self.transactions.tick(now)
        if now >= self.smart_charging.next_timer():
            self.smart_charging.settle(now)

    # the twin's side

    def authorise(self, connector_id: int, id_tag: str, now: float, done: Authorised) -> None:
        """Ask whether this identifier may charge; `done(status, now)` is called once with an OCPP AuthorizationStatus.

        Before the first boot was answered it waits for that, as long as a call waits. Offline, or when the CSMS does
        not answer, the cache decides as LocalAuthorizeOffline and AllowOfflineTxForUnknownId say.

        Raises:
            BadPayload: an identifier that OCPP cannot say (more than 20 characters).
        """
        self.connectors[connector_id]  # a connector we do not have is the caller's mistake
        self._authorisation.decide(id_tag, self.rpc if self.is_booted else None, self._is_starting, now, done)

    def status(self, connector_id: int, status: str, error_code: str, now: float, vendor_code: str = "") -> None:
        """A connector (0: the whole charge point) has a new status; offline only the last one is kept to be told.

        `vendor_code` is the maker's own word for what is wrong, of 50 characters at most.
        """
        rpc = self.rpc if self.is_booted else None
        self.statuses.change(connector_id, status, error_code, rpc, now, vendor_code)

    def started(self, connector_id: int, session: str, id_tag: str, meter_wh: float, now: float) -> None:
        """A session has begun; committed to the queue on return."""
        self.transactions.begin(connector_id, session, id_tag, meter_wh, now)
        self.smart_charging.started(connector_id, now)

    def ended(self, connector_id: int, session: str, meter_wh: float, reason: str, now: float) -> None:
        """A session has ended, with an OCPP Reason; committed to the queue on return."""
        self.transactions.end(connector_id, session, meter_wh, reason, now)
        self.smart_charging.ended(connector_id, now)
        self._commands.settle_whole(now)

    # boot, heartbeat, statuses

    def _back_off(self, now: float) -> None:
        """Tries are a fixed period apart, each station's at its own phase, so that a fleet comes back spread evenly."""
        self._is_starting = False
        following = (floor((now - self._phase_s) / _RETRY_S) + 1) * _RETRY_S + self._phase_s
        while following <= now:
            following += _RETRY_S
        self.next_connect_at = following

    def send_boot(self, now: float) -> None:
        """Send a BootNotification, if there is a connection."""
        self._boot_at = inf
        if self.rpc is not None:
            self.rpc.call("BootNotification", dict(self._boot), self._boot_answered, now)

    def _boot_answered(self, answer: Answer, now: float) -> None:
        if isinstance(answer, Lost):
            return
        if isinstance(answer, Answered):
            self._on_time(answer.payload["currentTime"], now)
            interval = answer.payload["interval"]
            if answer.payload["status"] == "Accepted":
                self.configuration.change("HeartbeatInterval", str(interval))  # not 0: then ours stands
                self.is_booted = True
                self._is_starting = False
                self.statuses.all_untold()
                self._online(now)
                return
            self.is_booted = self._is_starting = False
            self.transactions.detach()
            self._heartbeat_at = inf
            self._authorisation.decide_waiting(now)
        else:
            interval = 0
        self._boot_at = now + (interval if interval > 0 else _REBOOT_S)

    def _online(self, now: float) -> None:
        assert self.rpc is not None
        self.schedule_heartbeat(now)
        self.statuses.tell_rest(self.rpc, now)
        self._authorisation.ask_waiting(self.rpc, now)
        self.transactions.attach(self.rpc, now)

    def schedule_heartbeat(self, now: float) -> None:
        """Count the interval from now."""
        self._heartbeat_at = now + self.configuration.whole("HeartbeatInterval")

    def send_heartbeat(self, now: float) -> None:
        """Send a Heartbeat, if there is a connection."""
        if self.rpc is not None:
            self.rpc.call("Heartbeat", {}, self._heartbeat_answered, now)

    def _heartbeat_answered(self, answer: Answer, now: float) -> None:
        if isinstance(answer, Answered):
            self._on_time(answer.payload["currentTime"], now)
            if self.rpc is not None and self.is_booted:
                self.statuses.tell_rest(self.rpc, now)

    def send_status(self, connector_id: int, now: float) -> None:
        """Tell the present status of a connector (0: the whole), if there is a connection."""
        if self.rpc is not None:
            self.statuses.tell(connector_id, self.rpc, now)

    def _told(self, id_tag: str, info: Payload, running: Running | None, now: float) -> None:
        self.cache.learn(id_tag, info)
        is_refused = info["status"] != "Accepted" and self.configuration.flag("StopTransactionOnInvalidId")
        if running is not None and is_refused:
            self.listener.deauthorised(running.connector_id, running.session, now)
