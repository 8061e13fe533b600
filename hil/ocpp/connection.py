"""One open WebSocket of either side: whole text messages in and out, fences, bounded in size and in what is unsent.

RFC 6455 by `picows`, which leaves fragments, closing and back-pressure to its user.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

__all__ = ["MAX_MESSAGE_BYTES", "SUBPROTOCOL", "Connection", "OnClosed", "OnData", "wire_log"]

SUBPROTOCOL: Final = "ocpp1.6"
# Above the limit of a frame, so that a frame somewhat too large is still answered rather than hung up on.
MAX_MESSAGE_BYTES: Final = 262_144
_MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
_MAX_FRAGMENTS: Final = 1024
# A side of OCPP-J has one call open: more than this many messages in one read is no conversation.
_BURST: Final = 64
_REST_S: Final = 0.01
_CLOSING_S: Final = 2.0
_NO_CODE: Final = 1005
_ABNORMAL: Final = 1006

# What picows has to say reaches us as a closing code; its own log would print what hostile peers provoke.
wire_log: Final = logging.Logger("voltyard.picows", logging.CRITICAL + 1)

OnData = Callable[[bytes], None]
OnClosed = Callable[[int, str], None]


class Connection(WSListener):
    """One open WebSocket, of either side.

    `on_data` gets every text message whole and in order, `on_closed` comes once with the closing code (1006 when the
    peer vanished) and reason. A callback that raises closes the connection with 1011; the exception is kept in
    `failure` and given to the event loop's exception handler.
    """

    def __init__(self, on_data: OnData, on_closed: OnClosed, *, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.on_data = on_data
        self.on_closed = on_closed
        self.identity = ""
        self.failure: Exception | None = None
        self._max_bytes = max_message_bytes
        self._transport: WSTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] | None = None
        self._parts_size = 0
        self._is_paused = False
        self._is_open = False
        self._burst = 0
        self._fences: dict[bytes, asyncio.Future[bool]] = {}
        self._fence_count = 0
        self._sent_close: tuple[int, str] | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        """True from the handshake until one side starts to close."""
        return self._is_open

    @property
    def is_paused(self) -> bool:
        """True while the peer reads more slowly than it is sent to."""
        return self._is_paused

    def send(self, data: bytes) -> None:
        """Send one text message; nothing happens once the connection closes."""
        transport = self._transport
        if transport is None or not self._is_open:
            return
        transport.send(WSMsgType.TEXT, data)
        if self._is_paused:
            self._bound_unsent(transport)

    def fence(self) -> asyncio.Future[bool]:
        """Ping the peer; True once its pong is here.

        By then all it sent before has gone through `on_data`; False when the connection ends first.
        """
        future: asyncio.Future[bool] = self._loop.create_future()
        if self._transport is None or not self._is_open:
            future.set_result(False)
            return future
        self._fence_count += 1
        mark = b"fence %d" % self._fence_count
        self._fences[mark] = future
        self._transport.send_ping(mark)
        return future

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye; the connection is cut two seconds later if the peer does not answer. Any number of times."""
        transport = self._transport
        if transport is None or not self._is_open:
            return
        self._is_open = False
        self._sent_close = (code, reason)
        transport.send_close(WSCloseCode(code), reason.encode()[:120])
        self._loop.call_later(_CLOSING_S, self._cut)

    def abort(self) -> None:
        """Cut the connection without a word, as a lost network would."""
        self._is_open = False
        self._cut()

    async def wait_closed(self) -> None:
        """Return when the connection is gone and `on_closed` has been called."""
        await asyncio.shield(self._gone)

    # what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:  # noqa: D102
        self._transport = transport
        self._is_open = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: D102
        kind = frame.msg_type
        if kind is WSMsgType.TEXT and frame.fin and self._parts is None and not _has_reserved(frame):
            if self._is_open:
                self._deliver(frame.get_payload_as_bytes())
        elif kind is WSMsgType.PONG:
            future = self._fences.pop(frame.get_payload_as_bytes(), None)
            if future is not None and not future.done():
                future.set_result(True)
        elif kind is WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            if self._is_paused:
                self._bound_unsent(transport)
        elif kind is WSMsgType.CLOSE:
            self._is_open = False
            if not transport.is_close_frame_sent:
                transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            self._unusual(frame)
        self._burst += 1
        if frame.last_in_buffer:
            if self._burst > _BURST:
                self._rest(transport)
            self._burst = 0

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: D102
        self._is_open = False
        for future in self._fences.values():
            if not future.done():
                future.set_result(False)
        self._fences.clear()
        code, reason = self._sent_close or (_ABNORMAL, "")
        handshake = transport.close_handshake
        if handshake is not None:
            said = handshake.recv if handshake.recv_then_sent or self._sent_close is None else None
            if said is None and self._sent_close is None:
                said = handshake.sent
            if said is not None:
                code, reason = _number(said.code) or _NO_CODE, said.reason or ""
        try:
            self.on_closed(code, reason)
        finally:
            if not self._gone.done():
                self._gone.set_result(None)

    def pause_writing(self) -> None:  # noqa: D102
        self._is_paused = True

    def resume_writing(self) -> None:  # noqa: D102
        self._is_paused = False

    def _bound_unsent(self, transport: WSTransport) -> None:
        if transport.underlying_transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self._is_open = False
            self._sent_close = (1008, "the peer does not read what it is sent")
            transport.disconnect(graceful=False)

    def _rest(self, transport: WSTransport) -> None:
        """Whoever sends many messages at once waits a moment, so that his neighbours do not."""
        transport.underlying_transport.pause_reading()
        self._loop.call_later(_REST_S, self._read_on, transport)

    def _read_on(self, transport: WSTransport) -> None:
        if not transport.is_disconnected:
            transport.underlying_transport.resume_reading()

    def _unusual(self, frame: WSFrame) -> None:
        if _has_reserved(frame):
            self.close(1002, "reserved bits without an extension")
        elif frame.msg_type is WSMsgType.BINARY:
            self.close(1003, "messages are text")
        elif frame.msg_type is WSMsgType.TEXT and self._parts is None and not frame.fin:
            self._parts, self._parts_size = [frame.get_payload_as_bytes()], frame.payload_size
        elif frame.msg_type is WSMsgType.CONTINUATION and self._parts is not None:
            self._parts_size += frame.payload_size
            if self._parts_size > self._max_bytes or len(self._parts) >= _MAX_FRAGMENTS:
                self.close(1009, f"message larger than {self._max_bytes} bytes")
                return
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                whole, self._parts = b"".join(self._parts), None
                if self._is_open:
                    self._deliver(whole)
        else:
            self.close(1002, "fragments out of order")

    def _deliver(self, data: bytes) -> None:
        try:
            self.on_data(data)
        except Exception as failure:
            self.failure = failure
            self._loop.call_exception_handler({"message": "a message could not be handled", "exception": failure})
            self.close(1011, "internal error")

    def _cut(self) -> None:
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.disconnect(graceful=False)


def _has_reserved(frame: WSFrame) -> bool:
    return bool(frame.rsv1 or frame.rsv2 or frame.rsv3)


def _number(code: Any) -> int:
    """The closing code as a number; picows gives an enum or, for codes it does not know, the number itself."""
    return int(getattr(code, "value", code))
