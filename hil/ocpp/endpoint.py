"""The station's piles shown to a CSMS: twins' happenings become OCPP, and what the CSMS asks becomes deeds of twins.

It is the platform that the twins ask (`PlatformPort`). Everything from the wire enters as a recorded command, so that
the same commands without a socket repeat the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from hil.ocpp.absence import Absence
from hil.ocpp.attacker_socket import AttackerSocket
from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.link import OcppLink
from hil.ocpp.message_book import MessageBook, message_book
from hil.ocpp.meter_values import whole_wh
from hil.ocpp.outlets import EvseConnector, error_code_of, reason_of, status_of
from hil.ocpp.planned_point import FrameSink, PlannedPoint
from hil.ocpp.platform_events import PlatformFace
from hil.ocpp.queue import TransactionQueue
from hil.ocpp.wire_book import WireBook
from sim.kernel import Kernel
from sim.units import SimTime
from twins.links import Link, charge_points
from twins.station import Station
from twins.supply import Supply

__all__ = ["MessageBook", "OcppEndpoint"]


class OcppEndpoint:
    """Every charge point of the station, `points`. `links` are its sockets, none on a replay."""

    def __init__(
        self,
        kernel: Kernel,
        queue: TransactionQueue,
        on_frame: FrameSink | None = None,
        *,
        patience_s: float = 5.0,
        timeout_s: float = 30.0,
        obeys_clock: bool = False,
        is_patient: bool = False,
    ) -> None:
        """`on_frame` gets rows of the frames table; `timeout_s` is how long a call waits in simulated time.

        With `obeys_clock` the CSMS's currentTime sets the clock that messages are stamped by; else it is recorded only.
        With `is_patient` a CSMS that has not been there yet is waited for; else the first refusal ends the run.
        """
        self._kernel = kernel
        self._queue = queue
        self._begun_before = queue.begun()
        self._on_frame = on_frame
        self._patience_s = patience_s
        self._timeout_s = timeout_s
        self._obeys_clock = obeys_clock
        self._is_patient = is_patient
        self._outlets: dict[str, tuple[PlannedPoint, int]] = {}
        self.points: list[PlannedPoint] = []
        self.links: list[OcppLink | AttackerSocket] = []
        self.on_transaction: Callable[[str, float], None] = lambda session, energy_wh: None

    def serve(self, station: Station, url: str | None) -> None:
        """Give every charge point its engine and, where there is a `url`, its socket.

        `url` holds {charge_point}; None opens no sockets.
        """
        face = station.file.platform_face
        assert face is not None
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

    def started(self, evse: str, session: str, token: str, energy_kwh: float) -> None:
        """Tell the CSMS of a transaction, by way of the durable queue."""
        point, number = self._outlets[evse]
        point.book.start(session, whole_wh(energy_kwh * 1000.0))
        point.engine.started(number, session, token, energy_kwh * 1000.0, self._kernel.now)
        self._kernel.touch(point)

    def ended(self, evse: str, session: str, energy_kwh: float, reason: str) -> None:
        """Tell it of the end, by the same way."""
        point, number = self._outlets[evse]
        energy_wh = point.book.end(session, whole_wh(energy_kwh * 1000.0))
        self.on_transaction(session, float(energy_wh))
        point.engine.ended(number, session, energy_kwh * 1000.0, reason_of(reason), self._kernel.now)
        self._kernel.touch(point)

    def status(self, evse: str, state: str, alarm: str) -> None:
        """Tell it of a connector's status."""
        point, number = self._outlets[evse]
        point.engine.status(number, status_of(state), error_code_of(alarm), self._kernel.now, alarm)
        self._kernel.touch(point)

    # What a run reads

    @property
    def was_connected(self) -> bool:
        """Whether any charge point has met the CSMS."""
        return any(point.was_connected for point in self.points)

    def message_book(self) -> MessageBook:
        """The book as it stands now."""
        return message_book((point.book, point.engine.counters) for point in self.points)

    def absences(self) -> dict[str, Absence]:
        """How long each charge point was without its CSMS."""
        return {point.engine.identity: point.absence for point in self.points}

    def wire_books(self) -> dict[str, WireBook]:
        """What each charge point and its CSMS said amiss."""
        return {point.engine.identity: point.wire_book for point in self.points}

    def undelivered(self) -> list[str]:
        """Sessions of this run that have ended and whose end the CSMS has not taken."""
        return [
            session
            for point in self.points
            for session in self._queue.undelivered(point.engine.identity, self._begun_before)
        ]

    def _add(self, identity: str, model: str, evses: Mapping[int, Supply], wire: Link, url: str | None) -> None:
        connectors = {number: EvseConnector(evse) for number, evse in evses.items()}
        point = PlannedPoint(
            self._kernel, identity, connectors, wire, lambda: self._is_patient or self.was_connected, self._on_frame
        )
        point.engine = ChargePoint(
            identity,
            model[:20],
            "Voltyard",
            "1.0",
            connectors,
            self._queue,
            lambda now: self._kernel.clock.stamp(SimTime(now + point.clock_offset_s + wire.clock_error_s.value)),
            lambda: float(self._kernel.streams[f"ocpp.{identity}"].random()),
            listener=point,
            timeout_s=self._timeout_s,
            on_frame=point.framed,
            on_time=point.set_clock if self._obeys_clock else lambda _stamp, _now: None,
            now=self._kernel.now,
        )
        point.face = PlatformFace(point.engine, point.tell)
        point.book.lost_before = point.engine.counters.lost
        if url is not None:
            address = url.replace("{charge_point}", identity)
            point.link = OcppLink(self._kernel, point.engine, address, point.path, self._patience_s)
            self.links.append(point.link)
            point.dial = partial(self._dial, url)
        self.points.append(point)
        self._outlets.update({evse.path: (point, number) for number, evse in evses.items()})
        self._kernel.handle(point.path, point.obey)
        self._kernel.touch(point)

    def _dial(self, url: str, identity: str, actor: str) -> AttackerSocket:
        """A way to the same CSMS for a stranger who says that he is `identity`."""
        address = url.replace("{charge_point}", quote(identity, safe=""))
        socket = AttackerSocket(self._kernel, address, actor, self._patience_s)
        self.links.append(socket)
        return socket
