"""The station's piles shown to a CSMS: twins' happenings become OCPP, and what the CSMS asks becomes deeds of twins.

It is the platform that the twins ask (`PlatformPort`). Everything from the wire enters as a recorded command, so that
the same commands without a socket repeat the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import Call, Frame, Result
from hil.ocpp.link import OcppLink
from hil.ocpp.meter_values import whole_wh
from hil.ocpp.outlets import EvseConnector, error_code_of, reason_of, status_of
from hil.ocpp.queue import TransactionQueue
from hil.ocpp.redaction import redact
from hil.ocpp.rpc import Direction
from sim.errors import Unreachable
from sim.events import Command
from sim.kernel import Kernel, Rank, Twin
from sim.units import FOREVER, SimTime
from twins.evse import Evse
from twins.links import Link, LinkState, charge_points
from twins.ports import Happening
from twins.station import Station

__all__ = ["MessageBook", "OcppEndpoint"]

_CLOCK_STEP_S: Final = 1.0
_FAR_S: Final = 3.2e9  # a clock that ends within a century of the run is no clock
FrameSink = Callable[[tuple[Any, ...]], None]


@dataclass(slots=True)
class MessageBook:
    """Transactions of all charge points: told by the twins, and what is wrong between them and the CSMS.

    `lost` the CSMS refused too often; `doubled` got two ids; `undelivered` ended, and the CSMS has not taken the end;
    """

    started: int = 0
    stopped: int = 0
    open: int = 0
    lost: int = 0
    doubled: int = 0
    misordered: int = 0
    undelivered: int = 0


@dataclass(slots=True)
class _Book:
    started: int = 0
    ended: int = 0
    doubled: int = 0
    misordered: int = 0
    running: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)


class OcppEndpoint:
    """Every charge point of the station. `links` are its sockets, none on a replay."""

    def __init__(
        self,
        kernel: Kernel,
        queue: TransactionQueue,
        on_frame: FrameSink | None = None,
        *,
        patience_s: float = 5.0,
        timeout_s: float = 30.0,
        obeys_clock: bool = False,
    ) -> None:
        """`on_frame` gets rows of the frames table; `timeout_s` is how long a call waits in simulated time.

        With `obeys_clock` the CSMS's currentTime sets the clock that messages are stamped by; else it is recorded only.
        """
        self._kernel = kernel
        self._queue = queue
        self._on_frame = on_frame
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._obeys_clock = obeys_clock
        self._outlets: dict[str, tuple[_Point, int]] = {}
        self._points: list[_Point] = []
        self.links: list[OcppLink] = []
        self.was_connected = False
        self.on_transaction: Callable[[str, float], None] = lambda session, energy_wh: None

    def serve(self, station: Station, url: str | None) -> None:
        """Give every charge point of the station's first face its engine and, where there is a `url`, its socket.

        `url` holds {charge_point}; None opens no sockets.
        """
        face = station.file.endpoints[0]
        outlets = {pile.config.id: len(pile.evses) for pile in station.piles.values()}
        for identity, pile, numbers in charge_points(face, outlets):
            evses = {own: station.piles[pile].evses[number - 1] for own, number in enumerate(numbers, start=1)}
            self._add(identity, station.piles[pile].model.name, evses, station.links[identity], url)

    # What twins ask

    def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
        """Ask the CSMS; offline the charge point decides."""
        point, number = self._outlets[evse]

        def said(status: str, _now: float) -> None:
            self._kernel.defer(lambda: done(status == "Accepted"))

        point.engine.authorise(number, token, self._kernel.now, said)
        self._kernel.touch(point)

    def report(self, happening: Happening) -> None:
        """Tell the CSMS, by way of the durable queue where it is about a transaction."""
        point, number = self._outlets[happening.evse]
        now, engine, book = self._kernel.now, point.engine, point.book
        if happening.kind == "status":
            engine.status(number, status_of(happening.status), error_code_of(happening.reason), now)
        elif happening.kind == "started":
            book.started += 1
            book.misordered += happening.session in book.running
            book.running[happening.session] = whole_wh(happening.energy_kwh * 1000.0)
            engine.started(number, happening.session, happening.token, happening.energy_kwh * 1000.0, now)
        else:
            book.ended += 1
            book.misordered += happening.session not in book.running
            register_wh = whole_wh(happening.energy_kwh * 1000.0)
            begun_wh = book.running.pop(happening.session, register_wh)
            self.on_transaction(happening.session, float(register_wh - begun_wh))
            reason = reason_of(happening.reason)
            engine.ended(number, happening.session, happening.energy_kwh * 1000.0, reason, now)
        self._kernel.touch(point)

    # What a run reads

    def message_book(self) -> MessageBook:
        """The book as it stands now."""
        total = MessageBook()
        for point in self._points:
            counters, book = point.engine.counters, point.book
            total.started += book.started
            total.stopped += book.ended
            total.open += len(book.running)
            total.lost += counters.lost - point.lost_before
            total.doubled += book.doubled
            total.misordered += book.misordered
            total.undelivered += counters.started - counters.stopped - counters.lost - len(book.running)
        return total

    def _add(self, identity: str, model: str, evses: Mapping[int, Evse], wire: Link, url: str | None) -> None:
        connectors = {number: EvseConnector(evse) for number, evse in evses.items()}
        point = _Point(self, self._kernel, identity, connectors, wire)
        point.engine = ChargePoint(
            identity,
            model[:20],
            "Voltyard",
            "1.0",
            connectors,
            self._queue,
            lambda now: self._kernel.clock.stamp(SimTime(now + point.clock_offset_s)),
            lambda: float(self._kernel.streams[f"ocpp.{identity}"].random()),
            listener=point,
            timeout_s=self._timeout_s,
            on_frame=partial(self._framed, point) if self._on_frame is not None else None,
            on_time=point.set_clock if self._obeys_clock else lambda _stamp, _now: None,
            now=self._kernel.now,
        )
        point.lost_before = point.engine.counters.lost
        if url is not None:
            address = url.replace("{charge_point}", identity)
            point.link = OcppLink(self._kernel, point.engine, address, point.path, self._patience_s)
            self.links.append(point.link)
        self._points.append(point)
        self._outlets.update({evse.path: (point, number) for number, evse in evses.items()})
        self._kernel.handle(point.path, point.obey)
        self._kernel.touch(point)

    def _framed(self, point: _Point, direction: Direction, frame: Frame | None, data: bytes, verdict: str) -> None:
        assert self._on_frame is not None
        if isinstance(frame, Call):
            kind, action = "call", frame.action
            point.actions[direction] = action
        else:
            kind = "result" if isinstance(frame, Result) else "error"
            action = point.actions["out" if direction == "in" else "in"]
        body = redact(frame, action) if frame is not None else ""
        message_id = frame.id if frame is not None else ""
        self._on_frame(
            (self._kernel.now, time.time_ns(), point.engine.identity, direction, kind, action, message_id, len(data),
             verdict, body)
        )  # fmt: skip


class _Point(Twin):
    """One charge point in the kernel: its timers are planned, its commands obeyed, its listener heard."""

    rank = Rank.THERMAL

    def __init__(
        self, endpoint: OcppEndpoint, kernel: Kernel, identity: str, connectors: dict[int, EvseConnector], wire: Link
    ) -> None:
        self.path = f"ocpp[{identity}]"
        self.book = _Book()
        self.actions: dict[Direction, str] = {"in": "", "out": ""}
        self.engine: ChargePoint
        self.link: OcppLink | None = None
        self._endpoint = endpoint
        self._kernel = kernel
        self._connectors = connectors
        self.clock_offset_s = 0.0
        self.lost_before = 0
        self._was_booted = False
        self._wire = wire
        wire.on_change = self._wire_changed

    def plan(self, now: SimTime) -> SimTime:
        """What the engine has due: calls that time out, heartbeats, samples, the next try to connect."""
        engine = self.engine
        if now >= engine.next_timer():
            engine.tick(now)
        connect_at = engine.next_connect_at
        if connect_at <= now:
            connect_at = FOREVER
            if self._wire.is_cut.value:
                engine.refused(now)
                connect_at = engine.next_connect_at
            elif self.link is not None:
                self.link.open()
        if self.link is None:
            engine.outgoing()  # a replay has nobody to tell
        self._tell()
        return SimTime(min(engine.next_timer(), connect_at))

    def obey(self, command: Command, seq: int) -> None:
        """Take in what the wire brought."""
        now, engine, args = self._kernel.now, self.engine, command.args
        if command.verb == "received":
            data = self.link.raw(command.key[1]) if self.link is not None else None
            asked = engine.rpc.open_call if engine.rpc is not None else None
            engine.received(data or str(args["text"]).encode(), now)
            if self.link is not None and asked is not None and (not engine.rpc or engine.rpc.open_call is not asked):
                self.link.answered(asked.action)
        elif command.verb == "connected":
            self._endpoint.was_connected = True
            engine.connected(now)
            self._wire.state.set(now, LinkState.UP)
            self._wire_changed()
            self._kernel.emit("wire.connected", self.path, cause=seq)
        elif command.verb == "lost":
            engine.lost(now)
            self._wire.state.set(now, LinkState.DOWN)
            self._kernel.emit("wire.lost", self.path, {"code": args["code"]}, cause=seq)
        elif command.verb == "refused":
            if not self._endpoint.was_connected:
                raise Unreachable(f"the CSMS was never reached: {args['error']}")
            engine.refused(now)
            self._wire.state.set(now, LinkState.REFUSED)
            self._kernel.emit("wire.refused", self.path, cause=seq)
        self._kernel.touch(self)

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
            if number is None or self.book.numbers.get(running.session) == number:
                continue
            is_taken = number in self.book.numbers.values()
            self.book.doubled += running.session in self.book.numbers or is_taken
            self.book.numbers[running.session] = number
            self._kernel.emit("wire.transaction", self.path, {"session": running.session, "transaction_id": number})
