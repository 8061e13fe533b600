"""The three OCPP-J frames as values, and the way between them and bytes.

OCPP-J 1.6 (JSON implementation guide) sections 4.1 and 4.2, with errata sheet v4.0.

A CALL whose message id can still be read is answerable, however broken the rest. OCPP-J 1.6 has no answer for a message
whose id cannot be read (the id "-1" came with OCPP 2.0.1), and section 4.1.3 has unknown message types ignored: both
give a `FrameError` without a `message_id`, and the receiver stays silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from sim.errors import VoltyardError

__all__ = [
    "MAX_DEPTH",
    "MAX_FRAME_BYTES",
    "MAX_ID_CHARS",
    "Call",
    "CallError",
    "Frame",
    "FrameError",
    "Payload",
    "Result",
    "encode",
    "parse",
]

Payload = dict[str, Any]

MAX_FRAME_BYTES: Final = 65_536
MAX_DEPTH: Final = 32
MAX_ID_CHARS: Final = 36  # OCPP-J 1.6, section 4.1.4
_MAX_ACTION_CHARS: Final = 50
_MAX_DESCRIPTION_CHARS: Final = 255
_RESCUE: Final = re.compile(rb'\s*\[\s*([234])\s*,\s*"([^"\\\x00-\x1f]{1,64})"\s*[,\]]')


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `[2, id, action, payload]`."""

    id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a request: `[3, id, payload]`."""

    id: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class CallError:
    """The refusal of a request: `[4, id, code, description, details]`."""

    id: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


Frame = Call | Result | CallError


class FrameError(VoltyardError):
    """Bytes that are no OCPP-J frame.

    `code` is the OCPP error code for it; `message_id` is None when it cannot be read; `kind` is 2, 3 or 4 for a broken
    request, answer or refusal, 0 when unknown. Only kind 2 with an id is to be answered.
    """

    def __init__(self, code: str, description: str, message_id: str | None = None, kind: int = 0) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description
        self.message_id = message_id
        self.kind = kind

    @property
    def is_answerable(self) -> bool:
        """True when OCPP-J wants a CALLERROR back."""
        return self.kind == 2 and self.message_id is not None


def parse(data: bytes, *, max_bytes: int = MAX_FRAME_BYTES, max_depth: int = MAX_DEPTH) -> Frame:
    """Read one frame.

    Args:
        data: UTF-8 text of one WebSocket message.
        max_bytes: the largest message accepted.
        max_depth: how deep arrays and objects may nest, the frame's own array included.

    Raises:
        FrameError: with the OCPP error code, and the message id where it can be read.
    """
    if len(data) > max_bytes:
        raise _unreadable(data, f"message of {len(data)} bytes; at most {max_bytes} are accepted")
    try:
        parts = orjson.loads(data)
    except ValueError:
        raise _unreadable(data, "message is not valid JSON") from None
    if data.count(b"{") + data.count(b"[") > max_depth and _is_deeper(parts, max_depth):
        raise _unreadable(data, f"message nests deeper than {max_depth}")
    if type(parts) is not list or len(parts) < 2:
        raise FrameError("FormationViolation", "message is not an array of at least two elements")
    kind, message_id = parts[0], parts[1]
    if type(kind) is not int or not 2 <= kind <= 4:
        raise FrameError("FormationViolation", "unknown message type; 2, 3 or 4 is expected")
    if type(message_id) is not str:
        raise FrameError("FormationViolation", "message id is not a string", None, kind)
    if not 0 < len(message_id) <= MAX_ID_CHARS:
        raise FrameError("FormationViolation", f"message id is not 1 to {MAX_ID_CHARS} characters", message_id, kind)
    if kind == 2:
        return _call(message_id, parts)
    if kind == 3:
        if len(parts) != 3 or type(parts[2]) is not dict:
            raise FrameError("FormationViolation", "CALLRESULT is not [3, id, {payload}]", message_id, 3)
        return Result(message_id, parts[2])
    return _call_error(message_id, parts)


def encode(frame: Frame) -> bytes:
    """The frame as UTF-8 JSON.

    Raises:
        TypeError: the payload holds something that JSON cannot say.
    """
    if isinstance(frame, Call):
        return orjson.dumps((2, frame.id, frame.action, frame.payload))
    if isinstance(frame, Result):
        return orjson.dumps((3, frame.id, frame.payload))
    return orjson.dumps((4, frame.id, frame.code, frame.description[:_MAX_DESCRIPTION_CHARS], frame.details))


def _call(message_id: str, parts: list[Any]) -> Call:
    size = len(parts)
    if size < 3:
        raise FrameError("ProtocolError", "CALL without an action", message_id, 2)
    action = parts[2]
    if type(action) is not str or not 0 < len(action) <= _MAX_ACTION_CHARS:
        what = f"action is not a string of 1 to {_MAX_ACTION_CHARS} characters"
        raise FrameError("FormationViolation", what, message_id, 2)
    if size < 4:
        raise FrameError("ProtocolError", "CALL without a payload", message_id, 2)
    if size > 4:
        raise FrameError("FormationViolation", "CALL has more than four elements", message_id, 2)
    payload = parts[3]
    if type(payload) is not dict:
        raise FrameError("FormationViolation", "payload is not an object", message_id, 2)
    return Call(message_id, action, payload)


def _call_error(message_id: str, parts: list[Any]) -> CallError:
    if len(parts) != 5:
        raise FrameError("FormationViolation", "CALLERROR is not [4, id, code, description, {details}]", message_id, 4)
    code, description, details = parts[2:]
    if type(code) is not str or type(description) is not str or type(details) is not dict or not 0 < len(code) <= 50:
        raise FrameError("FormationViolation", "CALLERROR is not [4, id, code, description, {details}]", message_id, 4)
    return CallError(message_id, code, description, details)


def _unreadable(data: bytes, description: str) -> FrameError:
    """An error for bytes not worth reading whole; the head may still say to which message an answer belongs."""
    found = _RESCUE.match(data)
    if found is None:
        return FrameError("FormationViolation", description)
    try:
        return FrameError("FormationViolation", description, found[2].decode(), int(found[1]))
    except UnicodeDecodeError:
        return FrameError("FormationViolation", description)


def _is_deeper(parts: Any, max_depth: int) -> bool:
    level = [parts]
    for _ in range(max_depth + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
