"""A charge point as a twin: the kernel plans its timers, what the wire brought comes to it as recorded commands."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hil.ocpp.absence import Absence
from hil.ocpp.attacker import Attackers
from hil.ocpp.attacker_socket import AttackerSocket
from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import Call, Frame, Result
from hil.ocpp.impaired_wire import ImpairedWire
from hil.ocpp.link import OcppLink
from hil.ocpp.message_book import PointBook
from hil.ocpp.outlets import EvseConnector
from hil.ocpp.platform_events import PlatformFace
from hil.ocpp.redaction import redact
from hil.ocpp.rpc import Direction
from hil.ocpp.wire_book import WireBook
from sim.errors import Unreachable
from sim.events import Command, Scalar
from sim.kernel import Kernel, Rank, Twin
from sim.units import FOREVER, SimTime
from twins.links import Link, LinkState

__all__ = ["WIRE_KINDS", "FrameSink", "PlannedPoint"]

WIRE_KINDS: Final = ("wire.booted", "wire.clock_set", "wire.connected", "wire.lost", "wire.refused", "wire.transaction")
"""The kinds of events that come from here."""

_CLOCK_STEP_S: Final = 1.0
_FAR_S: Final = 3.2e9  # a clock that ends within a century of the run is no clock
FrameSink = Callable[[tuple[Any, ...]], None]


class PlannedPoint(Twin):
    """One charge point in the kernel: its timers are planned, its commands obeyed, its frames recorded.

    It is its engine's `Listener`; whoever makes it gives it `engine` and `face`, and `link` where there is a socket.
    """

    rank = Rank.THERMAL

    def __init__(
        self,
        kernel: Kernel,
        identity: str,
        connectors: Mapping[int, EvseConnector],
        wire: Link,
        may_wait: Callable[[], bool],
        on_frame: FrameSink | None = None,
    ) -> None:
        """`may_wait` tells whether a CSMS that refuses is waited for; it is, once any charge point has met it."""
        self.path = f"ocpp[{identity}]"
        self.book = PointBook()
        self.absence = Absence(float(kernel.now))
        self.wire_book = WireBook(identity)
        self.engine: ChargePoint
        self.face: PlatformFace
        self.link: OcppLink | None = None
        self.was_connected = False
        self.clock_offset_s = 0.0
        self._kernel = kernel
        self._connectors = connectors
        self._may_wait = may_wait
        self._on_frame = on_frame
        self._actions: dict[Direction, str] = {"in": "", "out": ""}
        self._was_booted = False
        self._cause: int | None = None
        self._wire = wire
        self.impaired: ImpairedWire | None = None
        wire.on_change = self._wire_leaned_on
        self.dial: Callable[[str, str], AttackerSocket] | None = None
        self._attackers: Attackers | None = None
        wire.on_attack = self._attacked

    def plan(self, now: SimTime) -> SimTime:
        """What the engine has due: calls that time out, heartbeats, samples, the next try to connect."""
        engine = self.engine
        if now >= engine.next_timer():
            rpc = engine.rpc
            silent = rpc.open_call if rpc is not None and now >= rpc.next_timer() else None
            engine.tick(now)
            if silent is not None:
                self.face.timed_out(silent)
        connect_at = engine.next_connect_at
        if connect_at <= now:
            connect_at = FOREVER
            if self._wire.is_closed:
                engine.refused(now)
                if self._wire.is_refused.value:
                    self._wire.state.set(now, LinkState.REFUSED)
                connect_at = engine.next_connect_at
            elif self.link is not None:
                self.link.open()
        if self.impaired is not None:
            self.impaired.send_all()
        elif self.link is None:
            engine.outgoing()  # a replay has nobody to tell
        self._tell()
        return SimTime(min(engine.next_timer(), connect_at))

    def obey(self, command: Command, seq: int) -> None:
        """Take in what the wire brought."""
        now, engine, args = self._kernel.now, self.engine, command.args
        if command.verb == "received":
            data = self.link.raw(command.key[1]) if self.link is not None else None
            asked = engine.rpc.open_call if engine.rpc is not None else None
            self._cause = seq
            data = data or str(args["text"]).encode()
            if self.impaired is not None:
                self.impaired.hear(data)
            else:
                engine.received(data, now)
            self._cause = None
            if self.link is not None and asked is not None and (not engine.rpc or engine.rpc.open_call is not asked):
                self.link.answered(asked.action)
        elif command.verb == "connected":
            self.was_connected = True
            self.absence.met(now)
            engine.connected(now)
            self._wire.state.set(now, LinkState.UP)
            self._wire_changed()
            if self.impaired is not None:
                self.impaired.obey()
            if self._attackers is not None:
                self._attackers.contest()
            self._kernel.emit("wire.connected", self.path, cause=seq)
        elif command.verb == "lost":
            if self.impaired is not None:
                self.impaired.lost()
            engine.lost(now)
            self.absence.lost(now, is_cut=self._wire.is_barred)
            self._wire.state.set(now, LinkState.DOWN)
            self._kernel.emit("wire.lost", self.path, {"code": args["code"]}, cause=seq)
        elif command.verb == "refused":
            if not self._may_wait():
                raise Unreachable(f"the CSMS was never reached: {args['error']}")
            engine.refused(now)
            self._wire.state.set(now, LinkState.REFUSED)
            self._kernel.emit("wire.refused", self.path, cause=seq)
        self._kernel.touch(self)

    def framed(self, direction: Direction, frame: Frame | None, data: bytes, verdict: str) -> None:
        """Keep a frame in the wire book and record it: a row of the frames table, its body redacted."""
        self._wire.traffic_bytes += len(data)
        if self.impaired is None or not self.impaired.is_altered:
            self.wire_book.seen(direction, frame, data, verdict, self._kernel.now)
        self.face.seen(direction, frame, verdict)
        if self._attackers is not None and direction == "out":
            self._attackers.overhear(frame, data)
        if self._on_frame is None:
            return
        if isinstance(frame, Call):
            kind, action = "call", frame.action
            self._actions[direction] = action
        else:
            kind = "result" if isinstance(frame, Result) else "error"
            action = self._actions["out" if direction == "in" else "in"]
        body = redact(frame, action) if frame is not None else ""
        message_id = frame.id if frame is not None else ""
        self._on_frame(
            (self._kernel.now, time.time_ns(), self.engine.identity, direction, kind, action, message_id, len(data),
             verdict, body)
        )  # fmt: skip

    def tell(self, kind: str, data: dict[str, Scalar]) -> None:
        """Emit what the platform did, caused by what has just arrived."""
        self._kernel.emit(kind, self.path, data, cause=self._cause)

    def set_clock(self, stamp: str, now: float) -> None:
        """Go by the CSMS's time from now on."""
        try:
            told = datetime.fromisoformat(stamp)
            offset_s = self._kernel.clock.seconds(told if told.tzinfo is not None else told.replace(tzinfo=UTC)) - now
            self._kernel.clock.stamp(SimTime(now + offset_s + _FAR_S))
        except (ValueError, OverflowError):
            return
        if abs(offset_s - self.clock_offset_s) >= _CLOCK_STEP_S:
            self.clock_offset_s = offset_s
            self._kernel.emit("wire.clock_set", self.path, {"offset_s": offset_s})

    def deauthorised(self, connector_id: int, session: str, now: float) -> None:
        """The CSMS does not accept whoever is charging."""
        evse = self._connectors[connector_id].evse
        if evse.session == session:
            evse.stop("deauthorised")

    def reset(self, kind: str, now: float) -> None:
        """Every charge ends; the engine then boots again."""
        for connector in self._connectors.values():
            connector.evse.stop(f"reset_{kind.lower()}")

    def _wire_leaned_on(self) -> None:
        self.absence.cut(self._kernel.now, is_cut=self._wire.is_barred)
        if self.impaired is None:
            self.impaired = ImpairedWire(self._kernel, self._wire, self)
        self.impaired.obey()
        self._wire_changed()

    def _attacked(self) -> None:
        self.absence.cut(self._kernel.now, is_cut=self._wire.is_barred)
        if self._attackers is None:
            self._attackers = Attackers(self._kernel, self._wire, self.dial, self._contested)
        self._attackers.obey()

    def _contested(self) -> None:
        """A stranger was let in: the CSMS may hang up on this one."""
        if self.engine.rpc is not None:
            self.engine.rpc.provoking = True

    def _wire_changed(self) -> None:
        if self._wire.is_cut.value and self.link is not None:
            self.link.cut()
        self._kernel.touch(self)

    def _tell(self) -> None:
        if self.engine.is_booted and not self._was_booted:
            self._kernel.emit("wire.booted", self.path)
        self._was_booted = self.engine.is_booted
        for running in self.engine.transactions.running.values():
            number = running.transaction_id
            if number is not None and self.book.number(running.session, number):
                self._kernel.emit("wire.transaction", self.path, {"session": running.session, "transaction_id": number})
