"""One side of one OCPP-J connection without any I/O: what is open, what waits, what is answered, what came unasked.

OCPP-J 1.6 section 4.1.1: a side sends no new CALL before the one it has open is answered or has timed out. Both roles
use this class. Bytes and time go in by `received`, `tick` and `closed`; bytes come out by `outgoing`; `next_timer` says
when to call `tick`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal

from hil.ocpp.frames import Call, CallError, Frame, FrameError, Payload, Result, encode, parse
from hil.ocpp.schemas import Violation, check_call, check_result
from sim.errors import VoltyardError

__all__ = [
    "Amiss",
    "Answer",
    "Answered",
    "BadPayload",
    "CallRefused",
    "Direction",
    "Done",
    "Handler",
    "Invalid",
    "Lost",
    "Observer",
    "Refused",
    "Rpc",
    "RpcClosed",
    "TimedOut",
]


@dataclass(frozen=True, slots=True)
class Answered:
    """The peer answered; the payload has passed the schema."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer answered with a CALLERROR."""

    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer came in time."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection closed before an answer came (or before the call was sent)."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """An answer came that is no valid answer to this call."""

    violation: Violation


Answer = Answered | Refused | TimedOut | Lost | Invalid
Done = Callable[[Answer, float], None]
Handler = Callable[[str, Payload, float], Payload]
Direction = Literal["in", "out"]
Observer = Callable[[Direction, Frame | None, bytes, str], None]

_QUIET: Final = frozenset({"Heartbeat", "MeterValues"})
_KEPT_UNEXPECTED: Final = 64


class CallRefused(VoltyardError):
    """Raised by a handler to answer a CALL with a CALLERROR of this OCPP error code."""

    def __init__(self, code: str, description: str = "", details: Payload | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.details = details or {}


class Amiss(VoltyardError):
    """Raised by a handler that is to answer wrongly: its payload goes out unchecked, None for no answer at all."""

    def __init__(self, payload: Payload | None) -> None:
        super().__init__("answered amiss on purpose")
        self.payload = payload


class BadPayload(VoltyardError):
    """Our own side tried to send a payload that breaks the schema."""


class RpcClosed(VoltyardError):
    """A call was made on a connection that is closed."""


@dataclass(slots=True)
class _Open:
    call: Call
    done: Done
    deadline: float


class Rpc:
    """One side of one connection.

    `handler(action, payload, now)` gets every schema-valid CALL and returns the payload of the answer, or raises
    `CallRefused`. Calls it makes meanwhile go out after its answer. Any other exception, or a result that breaks the
    schema, is answered with InternalError and then raised: it is a fault of ours. `on_frame` sees each frame in its
    order on the wire; verdict is "ok", "unexpected" or an OCPP error code.

    `provoking` turns True when a call other than Heartbeat and MeterValues, or an answer, goes out; whoever has waited
    for the peer's reactions sets it back. `unexpected` keeps the last answers that belong to no open call,
    `unexpected_count` counts them, `ignored_count` counts messages that cannot be answered at all.
    """

    def __init__(
        self, handler: Handler, *, new_id: Callable[[], str], timeout_s: float = 30.0, on_frame: Observer | None = None
    ) -> None:
        self.handler = handler
        self.new_id = new_id
        self.timeout_s = timeout_s
        self.on_frame = on_frame
        self.provoking = False
        self.unexpected: deque[Result | CallError] = deque(maxlen=_KEPT_UNEXPECTED)
        self.unexpected_count = 0
        self.ignored_count = 0
        self._open: _Open | None = None
        self._waiting: deque[tuple[str, Payload, Done]] = deque()
        self._out: list[bytes] = []
        self._is_handling = False
        self._is_closed = False

    @property
    def open_call(self) -> Call | None:
        """The CALL sent and not yet answered."""
        return self._open.call if self._open is not None else None

    @property
    def is_idle(self) -> bool:
        """True when no call is open or waiting and nothing waits to be sent."""
        return self._open is None and not self._waiting and not self._out

    @property
    def is_closed(self) -> bool:
        """True once `closed` was called."""
        return self._is_closed

    @property
    def waiting_count(self) -> int:
        """How many calls wait behind the open one."""
        return len(self._waiting)

    def call(self, action: str, payload: Payload, done: Done, now: float) -> None:
        """Send a CALL, or queue it behind the open one; `done` is called once, whatever happens.

        Raises:
            BadPayload: the payload breaks the schema of the action.
            RpcClosed: the connection is closed.
        """
        violation = check_call(action, payload)
        if violation is not None:
            raise BadPayload(f"{action}: {violation.code}: {violation.description}")
        if self._is_closed:
            raise RpcClosed(f"{action}: the connection is closed")
        self._waiting.append((action, payload, done))
        self._pump(now)

    def received(self, data: bytes, now: float) -> None:
        """Take one message from the peer; bad ones are answered as OCPP-J says, never raised."""
        if self._is_closed:
            return
        try:
            frame = parse(data)
        except FrameError as error:
            self._broken(error, data, now)
            return
        if isinstance(frame, Call):
            self._answer(frame, data, now)
        else:
            self._answered(frame, data, now)

    def outgoing(self) -> list[bytes]:
        """What is to be sent, in order; empties the list."""
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def next_timer(self) -> float:
        """When `tick` is due: the deadline of the open call, infinity without one."""
        return self._open.deadline if self._open is not None else inf

    def tick(self, now: float) -> None:
        """Give the open call up if its time is over."""
        if self._open is not None and now >= self._open.deadline:
            self._finish(TimedOut(), now)

    def closed(self, now: float) -> None:
        """The connection is gone: the open call and all waiting ones end as `Lost`, in their order."""
        if self._is_closed:
            return
        self._is_closed = True
        self._out.clear()
        lost = Lost()
        ended = [done for _, _, done in self._waiting]
        self._waiting.clear()
        if self._open is not None:
            ended.insert(0, self._open.done)
            self._open = None
        for done in ended:
            done(lost, now)

    def _pump(self, now: float) -> None:
        if self._open is not None or not self._waiting or self._is_handling or self._is_closed:
            return
        action, payload, done = self._waiting.popleft()
        call = Call(self.new_id(), action, payload)
        self._open = _Open(call, done, now + self.timeout_s)
        if action not in _QUIET:
            self.provoking = True
        self._send(call, "ok")

    def _send(self, frame: Frame, verdict: str) -> None:
        data = encode(frame)
        self._out.append(data)
        if self.on_frame is not None:
            self.on_frame("out", frame, data, verdict)

    def _seen(self, frame: Frame | None, data: bytes, verdict: str) -> None:
        if self.on_frame is not None:
            self.on_frame("in", frame, data, verdict)

    def _finish(self, answer: Answer, now: float) -> None:
        assert self._open is not None
        done = self._open.done
        self._open = None
        done(answer, now)
        self._pump(now)

    def _answered(self, frame: Result | CallError, data: bytes, now: float) -> None:
        if self._open is None or frame.id != self._open.call.id:
            self.unexpected.append(frame)
            self.unexpected_count += 1
            self._seen(frame, data, "unexpected")
            return
        if isinstance(frame, CallError):
            self._seen(frame, data, "ok")
            self._finish(Refused(frame.code, frame.description, frame.details), now)
            return
        violation = check_result(self._open.call.action, frame.payload)
        self._seen(frame, data, "ok" if violation is None else violation.code)
        self._finish(Answered(frame.payload) if violation is None else Invalid(violation), now)

    def _broken(self, error: FrameError, data: bytes, now: float) -> None:
        self._seen(None, data, error.code)
        if error.is_answerable:
            assert error.message_id is not None
            self._send(CallError(error.message_id, error.code, error.description), "ok")
        elif error.kind in (3, 4) and self._open is not None and error.message_id == self._open.call.id:
            self._finish(Invalid(Violation(error.code, error.description)), now)
        else:
            self.ignored_count += 1

    def _answer(self, call: Call, data: bytes, now: float) -> None:
        violation = check_call(call.action, call.payload)
        if violation is not None:
            self._seen(call, data, violation.code)
            self._send(CallError(call.id, violation.code, violation.description), "ok")
            return
        self._seen(call, data, "ok")
        self._is_handling = True
        try:
            payload = self.handler(call.action, call.payload, now)
            violation = check_result(call.action, payload)
            if violation is not None:
                raise BadPayload(f"answer to {call.action}: {violation.code}: {violation.description}")
            self._send(Result(call.id, payload), "ok")
            self.provoking = True  # the next may follow
        except Amiss as amiss:
            if amiss.payload is not None:
                self._send(Result(call.id, amiss.payload), "ok")
        except CallRefused as refusal:
            self.provoking = True
            self._send(CallError(call.id, refusal.code, refusal.description, refusal.details), "ok")
        except Exception:
            self._send(CallError(call.id, "InternalError", "the receiver failed to handle this message"), "ok")
            raise
        finally:
            self._is_handling = False
            self._pump(now)
