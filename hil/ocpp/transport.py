"""WebSocket client for OCPP-J; the server and what both share stand beside it and are named here too.

RFC 6455 by `picows`; OCPP-J 1.6 sections 3.1 to 3.3 for the URL and the subprotocol.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from ssl import SSLContext, SSLError
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from picows import WSError, WSUpgradeRequest, WSUpgradeResponse, ws_connect
from picows.url import WSParsedURL

from hil.ocpp.connection import MAX_MESSAGE_BYTES, SUBPROTOCOL, Connection, OnClosed, OnData, wire_log
from hil.ocpp.server import WebSocketServer, identity_of
from sim.errors import Unreachable

__all__ = [
    "MAX_MESSAGE_BYTES",
    "PEER_ERRORS",
    "SUBPROTOCOL",
    "Connection",
    "WebSocketClient",
    "WebSocketServer",
    "identity_of",
    "without_credentials",
]

PEER_ERRORS: Final = (OSError, WSError)
"""What peers and the network can make an event loop report that is no fault of ours; errors of TLS are among them."""


class WebSocketClient:
    """A client for one URL at a time; after `on_closed` it may connect again. Callbacks as in `Connection`."""

    def __init__(
        self,
        on_data: OnData,
        on_closed: OnClosed,
        *,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        timeout_s: float = 10.0,
    ) -> None:
        self._on_data = on_data
        self._on_closed = on_closed
        self._max_bytes = max_message_bytes
        self._timeout_s = timeout_s
        self._connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        """True while messages can be sent."""
        return self._connection is not None and self._connection.is_open

    @property
    def failure(self) -> Exception | None:
        """What `on_data` raised, which closed the connection."""
        return self._connection.failure if self._connection is not None else None

    async def connect(
        self,
        url: str,
        *,
        subprotocols: Sequence[str] = (SUBPROTOCOL,),
        headers: Mapping[str, str] | None = None,
        ssl_context: SSLContext | None = None,
    ) -> str:
        """Connect and return the subprotocol agreed on.

        Credentials in the URL are sent as Basic authentication. Messages that come with the handshake's answer are
        delivered before this returns.

        Raises:
            Unreachable: refused, unknown name, silent for `timeout_s`, not a WebSocket, or no subprotocol of ours.
        """
        shown, extra = without_credentials(url)
        extra["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
        extra.update(headers or {})
        agreed = ""
        is_abandoned = False

        def listen(_request: WSUpgradeRequest, response: WSUpgradeResponse) -> Connection:
            nonlocal agreed
            if is_abandoned:
                raise Unreachable(f"{shown}: given up")
            agreed = response.headers.get("Sec-WebSocket-Protocol", "")
            if agreed not in subprotocols:
                said = f"{agreed!r}" if agreed else "none"
                wanted = ", ".join(subprotocols)
                raise Unreachable(f"{shown}: subprotocol {said} selected; this side speaks {wanted}")
            return Connection(self._on_data, self._on_closed, max_message_bytes=self._max_bytes)

        loop = asyncio.get_running_loop()
        if loop.get_exception_handler() is None:
            loop.set_exception_handler(_heed)
        tls: dict[str, Any] = {"ssl_handshake_timeout": self._timeout_s} if shown.startswith("wss:") else {}
        try:
            transport, listener = await ws_connect(
                listen,
                shown,
                ssl_context=ssl_context,
                websocket_handshake_timeout=self._timeout_s,
                logger_name=wire_log,
                enable_auto_pong=False,  # ours, so that what waits to be sent stays bounded
                max_frame_size=self._max_bytes,
                extra_headers=extra,
                max_redirects=0,
                read_buffer_init_size=2048,
                socket_factory=self._socket,
                **tls,
            )
        except asyncio.CancelledError:
            is_abandoned = True  # picows finishes the handshake all the same
            raise
        except TimeoutError:
            raise Unreachable(f"{shown}: no answer within {self._timeout_s:g} s") from None
        except (OSError, WSError, ValueError) as error:
            said = str(error) or type(error).__name__
            if shown.startswith("wss:") and isinstance(error, SSLError | ConnectionResetError | ConnectionAbortedError):
                said = f"the TLS handshake failed ({said}); does this port speak ws:// ?"
            raise Unreachable(f"{shown}: {said}") from None
        if not isinstance(listener, Connection):
            transport.disconnect(graceful=False)
            raise Unreachable(f"{shown}: connection closed during the WebSocket handshake")
        self._connection = listener
        return agreed

    def send(self, data: bytes) -> None:
        """Send one text message; nothing happens when not connected."""
        if self._connection is not None:
            self._connection.send(data)

    def fence(self) -> asyncio.Future[bool]:
        """True once all the peer sent so far has been delivered (see `Connection.fence`)."""
        if self._connection is None:
            future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            future.set_result(False)
            return future
        return self._connection.fence()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in order and wait until the connection is gone (two seconds at most)."""
        if self._connection is not None:
            self._connection.close(code, reason)
            await self._connection.wait_closed()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._connection is not None:
            self._connection.abort()

    async def _socket(self, url: WSParsedURL) -> socket.socket:
        """A connected socket; connecting, the name look-up included, is under the time limit too."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout_s):
            if _is_numeric(url.host):
                family = socket.AF_INET6 if ":" in url.host else socket.AF_INET
                places: list[tuple[int, Any]] = [(family, (url.host, url.port))]
            else:
                found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
                places = [(entry[0], entry[4][:2]) for entry in found]
            last: OSError | None = None
            for kind, address in places:
                sock = socket.socket(kind, socket.SOCK_STREAM)
                sock.setblocking(False)
                try:
                    await loop.sock_connect(sock, address)
                except OSError as error:
                    sock.close()
                    last = error
                except BaseException:
                    sock.close()
                    raise
                else:
                    return sock
        raise last or OSError(errno.EHOSTUNREACH, "name has no address")


def without_credentials(url: str) -> tuple[str, dict[str, str]]:
    """The URL as it may be shown, and an Authorization header from what it held."""
    try:
        parts = urlsplit(url)
        username, password = parts.username, parts.password
    except ValueError as error:
        raise Unreachable(f"not a WebSocket URL: {error}") from None
    if username is None:
        return url, {}
    pair = f"{unquote(username)}:{unquote(password or '')}".encode()
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return shown, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _heed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A failed handshake is told by who asked for it; the loop would print its traceback as well."""
    is_handshake = str(context.get("message", "")).startswith("SSL handshake failed")
    if not is_handshake and not isinstance(context.get("exception"), PEER_ERRORS):
        loop.default_exception_handler(context)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
