"""The embedded CSMS on its socket: one session a charge point, each message answered before the next is read.

Messages are handled synchronously as they arrive; the pong to a charge point's ping therefore says that the CSMS has
answered and has sent whatever it wanted to send because of what came before.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Mapping
from math import inf
from ssl import SSLContext
from typing import Final

from picows import WSUpgradeRequest

from hil.ocpp.connection import Connection
from hil.ocpp.csms.engine import CentralSystem, Session
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Lost
from hil.ocpp.server import WebSocketServer, identity_of

__all__ = ["Csms"]

_REPLACED: Final = 1008


class Csms:
    """A central system that listens for charge points at `ws://host:port/any/path/<charge point id>`."""

    def __init__(self, system: CentralSystem, passwords: Mapping[str, str] | None = None) -> None:
        """With `passwords` by charge point, one that has an entry must give it, and one without may not come in.

        An empty one asks for none.
        """
        self.system = system
        self._passwords = passwords
        self._server = WebSocketServer(self._opened, accepts=self._refusal)
        self._links: dict[str, _Link] = {}

    @property
    def url(self) -> str:
        """Where charge points connect, without their id."""
        return self._server.url

    @property
    def port(self) -> int:
        """The port listened on."""
        return self._server.port

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, ssl_context: SSLContext | None = None) -> None:
        """Listen; raises `PortInUse`."""
        await self._server.start(host, port, ssl_context=ssl_context)

    async def stop(self) -> None:
        """Say goodbye to every charge point and stop listening."""
        await self._server.stop()

    def is_connected(self, charge_point: str) -> bool:
        """True while the charge point has a connection."""
        return charge_point in self._links

    async def call(self, charge_point: str, action: str, payload: Payload) -> Answer:
        """Ask a charge point and wait for its answer; `Lost` when it is not connected.

        Raises:
            BadPayload: the payload breaks the schema of the action.
        """
        link = self._links.get(charge_point)
        return Lost() if link is None else await link.call(action, payload)

    def _refusal(self, request: WSUpgradeRequest) -> int | None:
        """403 for a page of another site, 401 without the password (HTTP Basic, security profile 1)."""
        refused = _foreign(request)
        identity = identity_of(request.path)
        if refused is not None or self._passwords is None or identity is None:
            return refused
        password = self._passwords.get(identity)
        if password == "":
            return None
        pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
        said = request.headers.get("Authorization", "")
        is_right = password is not None and hmac.compare_digest(said.encode(), f"Basic {pair}".encode())
        return None if is_right else 401

    def _opened(self, connection: Connection) -> None:
        older = self._links.get(connection.identity)
        if older is not None:
            older.replaced()
        link = _Link(self, connection, self.system.open(connection.identity))
        self._links[connection.identity] = link

    def _ended(self, link: _Link) -> None:
        if self._links.get(link.session.charge_point) is link:
            del self._links[link.session.charge_point]


class _Link:
    """A connection and its session, with the timer of the call that is open."""

    def __init__(self, csms: Csms, connection: Connection, session: Session) -> None:
        self.session = session
        self._csms = csms
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed = inf
        connection.on_data = self._on_data
        connection.on_closed = self._on_closed

    async def call(self, action: str, payload: Payload) -> Answer:
        answered: asyncio.Future[Answer] = self._loop.create_future()

        def done(answer: Answer, _now: float) -> None:
            if not answered.done():
                answered.set_result(answer)

        self.session.rpc.call(action, payload, done, self._loop.time())
        self._flush()
        return await answered

    def replaced(self) -> None:
        """A newer connection of the same charge point takes over."""
        self._end()
        self._connection.close(_REPLACED, "replaced by a newer connection")

    def _on_data(self, data: bytes) -> None:
        try:
            self.session.rpc.received(data, self._loop.time())
        finally:
            self._flush()

    def _on_closed(self, _code: int, _reason: str) -> None:
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._csms._ended(self)
        self.session.closed(self._loop.time())

    def _tick(self) -> None:
        self._armed = inf
        self.session.rpc.tick(self._loop.time())
        self._flush()

    def _send(self, out: list[bytes]) -> None:
        for data in out:
            self._connection.send(data)

    def _flush(self) -> None:
        rpc = self.session.rpc
        out = rpc.outgoing()
        if out and self._csms.system.manner.late_s:
            self._loop.call_later(self._csms.system.manner.late_s, self._send, out)
        else:
            self._send(out)
        due = rpc.next_timer()
        if due != self._armed:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(due, self._tick) if due < inf else None
            self._armed = due


def _foreign(request: WSUpgradeRequest) -> int | None:
    """403 for a page of another site in somebody's browser; charge points send no Origin, or their own host's."""
    origin = request.headers.get("Origin")
    return 403 if origin is not None and origin.partition("://")[2] != request.headers.get("Host") else None
