"""WebSocket server for charge points: identity from the path, subprotocol, slow and foreign clients turned away.

OCPP-J 1.6 sections 3.1 and 3.2: a client that offers no subprotocol of ours gets its handshake without one and is
closed at once.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import unquote

from picows import (
    WSCloseCode,
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from hil.ocpp.connection import MAX_MESSAGE_BYTES, SUBPROTOCOL, Connection, wire_log
from sim.errors import PortInUse

__all__ = ["WebSocketServer", "identity_of"]

_MAX_IDENTITY_CHARS: Final = 48
_RECEIVE_BYTES: Final = 16_384


class WebSocketServer:
    """A server for charge points: `ws://host:port/any/path/<identity>`.

    `on_open(connection)` is called for each accepted charge point and sets the connection's `on_data` and `on_closed`;
    a ping is answered when everything received before it has been handled. `accepts(request)` may refuse a request with
    an HTTP status.
    """

    def __init__(
        self,
        on_open: Callable[[Connection], None],
        *,
        accepts: Callable[[WSUpgradeRequest], int | None] | None = None,
        header_timeout_s: float = 10.0,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        self._on_open = on_open
        self._accepts = accepts
        self._header_timeout_s = header_timeout_s
        self._max_bytes = max_message_bytes
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._scheme = "ws"
        self.host = ""
        self.port = 0

    @property
    def url(self) -> str:
        """Where a charge point connects, without its identity."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self._scheme}://{host}:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, ssl_context: SSLContext | None = None) -> None:
        """Listen; port 0 takes any free one, see `port`.

        Raises:
            PortInUse: the address is taken, not ours, or not allowed.
        """
        tls: dict[str, Any] = {}
        if ssl_context is not None:
            tls = {"ssl": ssl_context, "ssl_handshake_timeout": self._header_timeout_s}
        try:
            self._server = await ws_create_server(
                self._listener,
                host,
                port,
                websocket_handshake_timeout=self._header_timeout_s,
                logger_name=wire_log,
                enable_auto_pong=False,  # ours, so that what waits to be sent stays bounded
                max_frame_size=self._max_bytes,
                read_buffer_init_size=8192,
                backlog=4096,
                **tls,
            )
        except (OSError, OverflowError) as error:
            raise PortInUse(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None
        for listening in self._server.sockets:
            # What one peer can have read at once bounds how long the others wait for it.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._scheme = "wss" if ssl_context else "ws"
        self.host = host
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self, code: int = 1001, reason: str = "going away") -> None:
        """Stop listening and close every connection in order."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close(code, reason)
        await asyncio.gather(*(connection.wait_closed() for connection in list(self._connections)))

    def _listener(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        identity = identity_of(request.path)
        if identity is None:
            return _refusal(404, "the last segment of the path must name the charge point")
        status = self._accepts(request) if self._accepts is not None else None
        if status is not None:
            return _refusal(status, "refused")
        # picows wants the one word; browsers and some charge points list `keep-alive` beside it.
        if "upgrade" in _words(request.headers.getall("Connection", [])):
            request.headers["Connection"] = "Upgrade"
        offered = _words(request.headers.getall("Sec-WebSocket-Protocol", []))
        if SUBPROTOCOL not in offered:
            return _Stranger()
        connection = _Accepted(self, self._max_bytes)
        connection.identity = identity
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": SUBPROTOCOL})
        return WSUpgradeResponseWithListener(response, connection)


class _Accepted(Connection):
    """The server's end; it is known to its server until it is gone."""

    def __init__(self, server: WebSocketServer, max_message_bytes: int) -> None:
        super().__init__(_drop, _forget, max_message_bytes=max_message_bytes)
        self._owner = server

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        self._owner._connections.add(self)
        self._owner._on_open(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._owner._connections.discard(self)
        super().on_ws_disconnected(transport)


class _Stranger(WSListener):
    """A client without a subprotocol of ours: OCPP-J 1.6, section 3.2 wants a bare handshake and then the close."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send_close(WSCloseCode.PROTOCOL_ERROR, f"subprotocol {SUBPROTOCOL} is required".encode())
        transport.disconnect()


def identity_of(path: bytes) -> str | None:
    """The charge point's identity in a request path: its last segment, percent-decoded; None when it cannot be one."""
    try:
        identity = unquote(path.split(b"?", 1)[0].rsplit(b"/", 1)[-1].decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        return None
    is_good = 0 < len(identity) <= _MAX_IDENTITY_CHARS and identity.isprintable() and "/" not in identity
    return identity if is_good and identity.strip() == identity else None


def _refusal(status: int, why: str) -> WSUpgradeResponseWithListener:
    return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(status, why.encode()), None)


def _words(values: Sequence[str]) -> set[str]:
    return {word.strip().lower() for value in values for word in value.split(",")}


def _drop(_data: bytes) -> None:
    """A message before anyone listens."""


def _forget(_code: int, _reason: str) -> None:
    """A close before anyone listens."""
