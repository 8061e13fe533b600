"""One master's connection without its socket: bytes and time in; answers in the order of their requests, timers out."""

from __future__ import annotations

from collections import deque
from math import inf

from hil.modbus.frames import Adu, BadLength, Framing
from hil.modbus.gateway import Gateway, Request

__all__ = ["Session"]

_PATIENCE_S = 10.0
_MOST_OPEN = 32
_MOST_UNREAD_BYTES = 4_096
_MOST_NOISE_BYTES = 2_048
_NOISE_BYTES_OF_A_REQUEST = 64  # how much may be looked through in vain in the time of a request, or less


class Session:
    """Never holds more than a few reads and `_MOST_OPEN` requests, if whoever reads minds `is_full`.

    `is_over`: it has been silent for too long, left a frame unfinished, or sent noise and nothing else for too long,
    and the connection is to be cut.
    """

    def __init__(self, gateway: Gateway, framing: Framing, idle_s: float, now: float) -> None:
        """A master has just connected."""
        self._gateway = gateway
        self._framing = framing
        self._idle_s = idle_s
        self._buffer = bytearray()
        self._found: deque[Adu] = deque()
        self._open: deque[Request] = deque()
        self._heard_at = now
        self._active_at = now
        self._begun_at = inf
        self._is_ended = False
        self._is_unread = False
        self._noise_bytes = 0
        self.has_asked = False
        self.is_over = False
        self.is_stuck = False
        """Set while the master does not read its answers: none go out."""

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read for now."""
        is_behind = self._is_unread and len(self._buffer) >= _MOST_UNREAD_BYTES
        return is_behind or len(self._found) + len(self._open) >= _MOST_OPEN

    @property
    def is_waiting(self) -> bool:
        """Whether `serve` has something to do."""
        return (self._is_unread or bool(self._found)) and len(self._open) < _MOST_OPEN

    @property
    def is_done(self) -> bool:
        """Whether everything is answered and nothing more can come: the connection is to be closed in order."""
        return self._is_ended and not self._is_unread and not self._found and not self._open

    @property
    def silent_since(self) -> float:
        """When the last request came or was answered, or the connection itself came."""
        return self._active_at

    def received(self, data: bytes, now: float) -> None:
        """Take bytes in; `serve` looks what they are."""
        if self._is_ended:
            return
        if self._buffer and now >= self._heard_at + self._framing.silence_s:
            self._find(now, is_silent=True)
        self._heard_at = now
        self._buffer += data
        self._is_unread = True
        if self._begun_at == inf:
            self._begun_at = now

    def ended(self) -> None:
        """The master will send nothing more."""
        self._is_ended = True

    def serve(self, now: float, most: int) -> int:
        """Carry out up to `most` of the requests that are here; how many it were, noise counted in their time."""
        noise_bytes = self._find(now) if self._is_unread else 0
        served = 0
        while served < most and self._found and len(self._open) < _MOST_OPEN:
            request = Request(self._found.popleft(), self)
            self._open.append(request)
            self._gateway.take(request, now)
            served += 1
        return served + noise_bytes // _NOISE_BYTES_OF_A_REQUEST

    def outgoing(self, now: float) -> bytes:
        """Answers that may go out by now."""
        frames = []
        while not self.is_stuck and self._open and self._open[0].due_s <= now:
            request = self._open.popleft()
            if request.answer is not None:
                frames.append(self._framing.wrap(request.adu, request.answer, is_spoilt=request.is_spoilt))
            self._active_at = now
        return b"".join(frames)

    def next_timer(self) -> float:
        """When `tick` has to be called next; `outgoing` may have something to give then."""
        answer_at = self._open[0].due_s if self._open and not self.is_stuck else inf
        silence_at = self._heard_at + self._framing.silence_s if self._buffer else inf
        return min(answer_at, silence_at, self._begun_at + _PATIENCE_S, self._idle_at)

    def tick(self, now: float) -> None:
        """Time has passed."""
        if self._buffer and now >= self._heard_at + self._framing.silence_s:
            self._find(now, is_silent=True)
        if now >= self._begun_at + _PATIENCE_S or now >= self._idle_at:
            self.is_over = True

    @property
    def _idle_at(self) -> float:
        """When it has been idle for too long; a master that waits for an answer is not idle, one that leaves it is."""
        return inf if self._open and not self.is_stuck else self._active_at + self._idle_s

    def lost(self) -> None:
        """The connection is gone."""
        self._gateway.forget(self)

    def _find(self, now: float, *, is_silent: bool = False) -> int:
        """Cut the buffer into requests; what is left is a frame that was begun. How many bytes were none."""
        before, noise_bytes = len(self._found), len(self._buffer)
        try:
            while (adu := self._framing.take(self._buffer, is_silent=is_silent)) is not None:
                self._found.append(adu)
                noise_bytes -= len(adu.pdu) + self._framing.frame_bytes
        except BadLength:
            self._buffer.clear()
            self._is_ended = True
        self._is_unread = False
        noise_bytes -= len(self._buffer)
        if len(self._found) > before:
            self.has_asked = True
            self._active_at = now
            self._begun_at = inf
            self._noise_bytes = 0
        else:
            self._noise_bytes += noise_bytes
            self.is_over = self.is_over or self._noise_bytes > _MOST_NOISE_BYTES
        if not self._buffer:
            self._begun_at = inf
        elif self._begun_at == inf:
            self._begun_at = now
        return noise_bytes
