"""A WebSocket on the port of a REST face: the connection begins as HTTP and is handed over when it asks to.

RFC 6455 by `picows`, as the wires of OCPP; what is refused gets an HTTP status and a `detail`, as from REST.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import orjson
from picows import WSListener, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # its stubs leave it out

from hil.ocpp.connection import wire_log

__all__ = ["Welcome", "refusal", "socket_class"]

_HANDSHAKE_S: Final = 5.0
_MAX_FRAME_BYTES: Final = 65_536
_RECEIVE_BYTES: Final = 8_192

Welcome = Callable[[WSUpgradeRequest], WSListener | WSUpgradeResponseWithListener]
"""Who speaks on this WebSocket, or `refusal(...)`."""


def refusal(status: int, detail: str) -> WSUpgradeResponseWithListener:
    """An answer that is no WebSocket."""
    body = orjson.dumps({"detail": detail})
    response = WSUpgradeResponse.create_error_response(status, body, {"Content-Type": "application/json"})
    return WSUpgradeResponseWithListener(response, None)


def socket_class(welcome: Welcome) -> type[asyncio.Protocol]:
    """The protocol that a server of ours hands such connections to."""

    class Bound(_Socket):
        def __init__(self, config: Any, server_state: Any, app_state: Any) -> None:
            super().__init__(welcome, server_state.connections)

    return Bound


class _Socket(asyncio.Protocol):
    """Gives what a transport receives to picows, which wants to be asked for its buffer."""

    def __init__(self, welcome: Welcome, connections: set[Any]) -> None:
        self._connections = connections
        self._transport: Any = None  # uvloop's are no asyncio.Transport
        self._inner = WSProtocol(
            None, None, False, lambda request: welcome(_amended(request)), wire_log, True, _HANDSHAKE_S, False, 0.0,
            0.0, WSAutoPingStrategy.PING_WHEN_IDLE, False, _MAX_FRAME_BYTES, None, _RECEIVE_BYTES,
        )  # fmt: skip

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._connections.add(self)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._transport.is_closing():
            buffer = self._inner.get_buffer(-1)
            taken = min(len(buffer), len(rest))
            buffer[:taken] = rest[:taken]
            self._inner.buffer_updated(taken)
            rest = rest[taken:]

    def eof_received(self) -> bool | None:
        return bool(self._inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def shutdown(self) -> None:
        """The server ends: whoever speaks here has said goodbye already; one that has not come so far is cut."""
        if self._inner.listener is None:
            self._transport.close()


def _amended(request: WSUpgradeRequest) -> WSUpgradeRequest:
    """Picows wants the one word; browsers list `keep-alive` beside it."""
    said = [word.strip().lower() for line in request.headers.getall("Connection", []) for word in line.split(",")]
    if "upgrade" in said:
        request.headers["Connection"] = "Upgrade"
    return request
