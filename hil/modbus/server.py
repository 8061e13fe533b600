"""The sockets of a Modbus port: connections taken and dropped, requests served in turns that are fair to all masters.

A turn reads the station at one instant for every request that is here; what is left waits for the next turn, so that
neither one master nor all of them keep the loop from its other work.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Hashable, Mapping
from math import inf
from ssl import SSLContext
from typing import Any, Final

from hil.door import Door
from hil.listening import one_family
from hil.modbus.connection import Connection
from hil.modbus.frames import Framing, RtuFraming, TcpFraming
from hil.modbus.gateway import Gateway
from hil.modbus.session import Session
from hil.modbus.unit import Unit
from sim.errors import PortInUse
from twins.bus import Bus
from twins.networks import is_among

__all__ = ["ModbusServer"]

_A_TURN: Final = 128
_A_SHARE: Final = 16
_HANDSHAKE_S: Final = 10.0
_UNUSED_S: Final = 2.0
_GOODBYE_S: Final = 2.0
_RETRY_S: Final = 0.5
_BACKLOG: Final = 512
_KERNEL_BYTES: Final = 16_384


class ModbusServer:
    """One port for masters, `tcp://HOST:PORT`. It obeys its `Bus` and counts there what passes.

    When all connections are taken a newcomer is turned away, unless one has never asked anything for two seconds: that
    one goes.
    """

    def __init__(
        self,
        bus: Bus,
        units: Mapping[int, Unit],
        door: Door,
        on_failure: Callable[[Exception], None] | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        """`units` are all the bus's, by their ids in the station file. `on_failure` hears of faults of ours.

        `tls` is for a bus whose transport is tls.
        """
        self.bus = bus
        self.host = ""
        self.port = 0
        self._door = door
        self._tls = tls
        self._on_failure = on_failure or _told_to_the_loop
        self._networks = bus.config.networks
        self._gateway = Gateway(bus, units)
        self._gateway.on_failure = self._on_failure
        self._framing: Framing = RtuFraming() if bus.config.transport == "rtu_tcp" else TcpFraming()
        self._connections: dict[Hashable, Connection] = {}
        self._ready: dict[Connection, None] = {}
        self._has_turn = False
        self._is_failed = False
        self._listener: asyncio.Server | None = None
        self._returning: asyncio.Task[None] | None = None
        self._line_timer: asyncio.TimerHandle | None = None

    @property
    def url(self) -> str:
        """Where masters connect."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    async def start(self, listening: socket.socket | None = None) -> None:
        """Listen at the station file's host and port; 0 there takes any free one, see `port`.

        `listening` is a socket that holds it already.

        Raises PortInUse: the address is taken, not ours, or not allowed.
        """
        self.host, self.port = one_family(self.bus.config.host), self.bus.config.port
        await self._listen(listening)
        self.bus.on_cut = self._cut_or_whole
        if self.bus.is_cut.value:
            self._cut_or_whole()

    async def stop(self) -> None:
        """Stop listening and close every connection; what was answered still goes out."""
        self.bus.on_cut = lambda: None
        if self._returning is not None:
            self._returning.cancel()
        self._close_listener()
        gone = [connection.close() for connection in list(self._connections.values())]
        if gone:
            await asyncio.wait(gone, timeout=_GOODBYE_S)
        self._abort_all()
        if self._line_timer is not None:
            self._line_timer.cancel()

    # What connections ask of it

    def admit(self, connection: Connection, now: float) -> Session | None:
        """A session for a connection that has come about; None: it is turned away."""
        if self.bus.is_cut.value or self._is_failed or not self._may_come(connection):
            return None
        if len(self._connections) >= self.bus.config.connections:
            sessions = [taken.session for taken in self._connections.values()]
            unused = [session for session in sessions if not session.has_asked]
            oldest = min(unused, key=lambda session: session.silent_since, default=None)
            if oldest is None or oldest.silent_since > now - _UNUSED_S:
                return None
            self._connections[oldest].abort()
            self.dismiss(oldest)
        session = Session(self._gateway, self._framing, self.bus.config.idle_s, now)
        self._connections[session] = connection
        self.bus.connections = len(self._connections)
        return session

    def _may_come(self, connection: Connection) -> bool:
        return not self._networks or is_among(connection.peer, self._networks)

    def dismiss(self, session: Session) -> None:
        """A connection is gone."""
        connection = self._connections.pop(session, None)
        if connection is not None:
            session.lost()
            self._ready.pop(connection, None)
            self.bus.connections = len(self._connections)

    def await_turn(self, connection: Connection) -> None:
        """Something has come that may be served."""
        self._ready[connection] = None
        self._call_turn()

    # Turns

    def _call_turn(self) -> None:
        if not self._has_turn:
            self._has_turn = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._has_turn = False
        now = self._present()
        if now is None:
            return
        ready, self._ready = self._ready, {}
        left = _A_TURN
        while ready and left > 0:
            connection = next(iter(ready))
            del ready[connection]
            if connection.session in self._connections:  # what was written may have cut the port
                left -= connection.session.serve(now, min(left, _A_SHARE))
                connection.flush(now)
        self._through_the_line(now)
        if ready:
            self._ready = ready | self._ready
            self._call_turn()

    def _through_the_line(self, now: float) -> None:
        for owner in self._gateway.tick(now):
            connection = self._connections.get(owner)
            if connection is not None:
                connection.flush(now)
        due = self._gateway.next_timer
        timer = self._line_timer
        if timer is not None and timer.when() != due:
            timer.cancel()
            timer = None
        if timer is None and due < inf:
            timer = asyncio.get_running_loop().call_at(due, self._line_due)
        self._line_timer = timer

    def _line_due(self) -> None:
        self._line_timer = None
        now = self._present()
        if now is not None:
            self._through_the_line(now)

    def _present(self) -> float | None:
        """Bring the station to the present; the time of the loop, or None when that has failed."""
        if self._is_failed:
            return None
        try:
            self._door.present()
        except Exception as error:
            self._is_failed = True
            self._on_failure(error)
            self._abort_all()
            return None
        return asyncio.get_running_loop().time()

    # The socket that listens

    async def _listen(self, held: socket.socket | None = None) -> None:
        tls: dict[str, Any] = {"ssl_handshake_timeout": _HANDSHAKE_S} if self._tls is not None else {}
        loop = asyncio.get_running_loop()
        try:
            where: dict[str, Any] = {"sock": held} if held else {"host": self.host, "port": self.port}
            self._listener = await loop.create_server(
                lambda: Connection(self), ssl=self._tls, backlog=_BACKLOG, **where, **tls
            )
        except (OSError, OverflowError) as error:
            told = getattr(error, "strerror", None) or error
            raise PortInUse(f"cannot listen on {self.host}:{self.port}: {told}") from None
        for listening in self._listener.sockets:
            # What a peer may leave unread, and what it may have read at once.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
        self.port = int(self._listener.sockets[0].getsockname()[1])

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _cut_or_whole(self) -> None:
        if self.bus.is_cut.value:
            self._close_listener()
            self._abort_all()
        elif self._returning is None or self._returning.done():
            self._returning = asyncio.get_running_loop().create_task(self._return())

    async def _return(self) -> None:
        """Listen again at the same port, however long another holds it."""
        while not self.bus.is_cut.value and self._listener is None:
            try:
                await self._listen()
            except PortInUse:
                await asyncio.sleep(_RETRY_S)
        if self.bus.is_cut.value:
            self._close_listener()

    def _abort_all(self) -> None:
        for connection in list(self._connections.values()):
            connection.abort()
            self.dismiss(connection.session)


def _told_to_the_loop(error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": "a Modbus unit failed", "exception": error})
