"""One accepted connection of a Modbus port: its transport, its session, its one timer."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final, Protocol, cast

from hil.modbus.session import Session

__all__ = ["Connection", "Host"]

_READ_BYTES: Final = 2_048
_UNSENT_BYTES: Final = 16_384


class Host(Protocol):
    """The server that a connection has come to."""

    def admit(self, connection: Connection, now: float) -> Session | None:
        """Its session, or None: it is turned away."""

    def dismiss(self, session: Session) -> None:
        """The connection is gone."""

    def await_turn(self, connection: Connection) -> None:
        """It has something to be served."""


class Connection(asyncio.BufferedProtocol):
    """Reads small pieces, and none while requests wait; sends nothing while its master does not read."""

    session: Session

    def __init__(self, host: Host) -> None:
        """Not yet connected."""
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._read = bytearray(_READ_BYTES)
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_admitted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A master has connected."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        now = self._loop.time()
        session = self._host.admit(self, now)
        if session is None:
            self._transport.abort()
            return
        self.session, self._is_admitted = session, True
        self._transport.set_write_buffer_limits(high=_UNSENT_BYTES)
        self._arm()

    @property
    def peer(self) -> str:
        """Its master's address; empty where that is not known."""
        address = self._transport.get_extra_info("peername")
        return str(address[0]) if address else ""

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._is_admitted:
            self._is_admitted = False
            self._host.dismiss(self.session)
        if not self._gone.done():
            self._gone.set_result(None)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where to read to."""
        return self._read

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if not self._is_admitted:
            return
        self.session.received(bytes(self._read[:nbytes]), self._loop.time())
        self._go_on()

    def eof_received(self) -> bool:
        """The master sends no more; its answers still go out."""
        if not self._is_admitted:
            return False
        self.session.ended()
        self._go_on()
        has_half = self._transport.get_extra_info("sslcontext") is None  # TLS cannot be closed one way
        return has_half and not self.session.is_done

    def pause_writing(self) -> None:
        """The master does not read."""
        if self._is_admitted:
            self.session.is_stuck = True

    def resume_writing(self) -> None:
        """It reads again."""
        if self._is_admitted:
            self.session.is_stuck = False
            self.flush(self._loop.time())

    def flush(self, now: float) -> None:
        """Send what may go out, read on if there is room, close when all is done."""
        if not self._is_admitted:
            return
        data = self.session.outgoing(now)
        if data:
            self._transport.write(data)
        self._go_on()

    def close(self) -> asyncio.Future[None]:
        """Close once what was written is sent; done when the connection is gone."""
        self._transport.close()
        return self._gone

    def abort(self) -> None:
        """Cut it without a word."""
        self._is_admitted = False
        self._transport.abort()

    def _go_on(self) -> None:
        session = self.session
        if session.is_over:
            self._transport.abort()
            return
        if session.is_waiting:
            self._host.await_turn(self)
        if session.is_full != self._is_paused and not self._transport.is_closing():
            self._is_paused = session.is_full
            if self._is_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
        if session.is_done:
            self._transport.close()
        self._arm()

    def _arm(self) -> None:
        """One timer a connection; one that is armed for earlier stands, and looks again."""
        due = self.session.next_timer()
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._tick) if due < inf else None

    def _tick(self) -> None:
        self._timer = None
        if not self._is_admitted:
            return
        now = self._loop.time()
        self.session.tick(now)
        self.flush(now)
