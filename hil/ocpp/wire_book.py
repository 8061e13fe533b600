"""The wire book: what a charge point and its CSMS said that OCPP forbids, refused, or did not accept.

Kept from the frames as they pass: OCPP-J 1.6 section 4.2 (frames and CALLERROR), OCPP 1.6 edition 2 sections 4.1
(Authorize) and 4.2 (BootNotification).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from hil.ocpp.frames import Call, CallError, Frame, Payload, Result
from hil.ocpp.redaction import redact
from hil.ocpp.rpc import Direction

__all__ = ["Remark", "Sample", "WireBook", "merged"]

_MOST_BODY = 300
_MOST_WORD = 60
_MOST_SORTS = 100
_UNSHOWN = b"AuthorizationKey"


class Remark(NamedTuple):
    """A sort of message: `word` is the verdict of one that is not in order, or the code of a CALLERROR."""

    direction: str
    kind: str
    action: str
    word: str


@dataclass(slots=True)
class Sample:
    """How often, and the first of them: when (s), of which charge point, what it said (cut, without secrets)."""

    count: int
    t_s: float
    charge_point: str
    body: str


class WireBook:
    """The book of one charge point.

    `breaches` are messages whose verdict is not ok, `call_errors` the refusals of either side. `boots` are the answers
    to BootNotification by status or code, `tokens` those to Authorize, the last of each token.
    """

    def __init__(self, identity: str) -> None:
        """`identity` is the charge point's."""
        self.breaches: dict[Remark, Sample] = {}
        self.call_errors: dict[Remark, Sample] = {}
        self.boots: Counter[str] = Counter()
        self.boots_sent = 0
        self.tokens: dict[str, str] = {}
        self._identity = identity
        self._asked: dict[Direction, Call] = {}

    def seen(self, direction: Direction, frame: Frame | None, data: bytes, verdict: str, now: float) -> None:
        """A frame has passed; None is one that cannot be read."""
        if isinstance(frame, Call):
            self._asked[direction] = frame
            self.boots_sent += direction == "out" and frame.action == "BootNotification"
        if isinstance(frame, Result) and verdict == "ok" and direction == "out":
            return
        asked = self._asked.get("out" if direction == "in" else "in")
        is_answer = isinstance(frame, Result | CallError) and verdict != "unexpected"
        action = frame.action if isinstance(frame, Call) else asked.action if is_answer and asked is not None else ""
        if verdict != "ok":
            remark = Remark(direction, _kind(frame), action, verdict)
            self._note(self.breaches, remark, now, frame, data)
        elif isinstance(frame, CallError):
            self._note(self.call_errors, Remark(direction, "error", action, frame.code), now, frame, data)
        if is_answer and direction == "in" and asked is not None:
            self._answered(asked, frame, verdict)

    def _answered(self, asked: Call, frame: Frame | None, verdict: str) -> None:
        if isinstance(frame, CallError):
            word = frame.code
        elif verdict != "ok":
            word = verdict
        else:
            assert isinstance(frame, Result)
            word = _status(asked.action, frame.payload)
        if asked.action == "BootNotification":
            self.boots[word] += 1
        elif asked.action == "Authorize":
            self.tokens[asked.payload["idTag"]] = word

    def _note(self, into: dict[Remark, Sample], remark: Remark, now: float, frame: Frame | None, data: bytes) -> None:
        action, word = (_printable(text) for text in (remark.action, remark.word))
        remark = remark._replace(action=action, word=word)
        if remark not in into and len(into) >= _MOST_SORTS:  # a peer that invents names must not fill the memory
            remark = Remark(remark.direction, remark.kind, "", "others")
        if (known := into.get(remark)) is not None:
            known.count += 1
            return
        shown = redact(frame, action or None) if frame is not None else _unreadable(data)
        into[remark] = Sample(1, now, self._identity, shown[:_MOST_BODY])


def merged(books: Iterable[dict[Remark, Sample]]) -> dict[Remark, Sample]:
    """Several charge points' remarks as one, the most frequent first; the sample is the earliest."""
    whole: dict[Remark, Sample] = {}
    for remark, one in (item for book in books for item in book.items()):
        other = whole.get(remark)
        if other is None:
            whole[remark] = Sample(one.count, one.t_s, one.charge_point, one.body)
            continue
        first = one if one.t_s < other.t_s else other
        whole[remark] = Sample(one.count + other.count, first.t_s, first.charge_point, first.body)
    return dict(sorted(whole.items(), key=lambda item: (-item[1].count, item[0])))


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MOST_WORD])


def _kind(frame: Frame | None) -> str:
    if frame is None:
        return "unreadable"
    return "call" if isinstance(frame, Call) else "result" if isinstance(frame, Result) else "error"


def _status(action: str, payload: Payload) -> str:
    if action == "BootNotification":
        return str(payload["status"])
    return str(payload["idTagInfo"]["status"]) if action == "Authorize" else ""


def _unreadable(data: bytes) -> str:
    return "" if _UNSHOWN in data else data.decode("utf-8", "replace")
