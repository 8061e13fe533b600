"""Frames on an impaired wire, without any I/O: what each rule does to them, and when they arrive in virtual time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import orjson

from sim.kernel import Kernel
from sim.units import SimTime
from twins.frame_rules import FrameRule
from twins.links import Link

__all__ = ["Impairment", "Lane", "Passage"]

_KINDS: Final = {2: "call", 3: "answer", 4: "answer"}
_NO_CODE: Final = "NoSuchErrorCode"
Side = Literal["to_platform", "from_platform"]


@dataclass(slots=True)
class Passage:
    """One frame on its way. `extra` follow it; `is_swallowed`: whoever sent it is to be told that all is well."""

    data: bytes
    kind: str = ""
    id: str = ""
    action: str = ""
    is_lost: bool = False
    is_swallowed: bool = False
    is_altered: bool = False
    delay_s: float = 0.0
    hold_s: float = 0.0
    bytes_per_s: float = 0.0
    extra: list[bytes] = field(default_factory=list)

    @property
    def is_harmed(self) -> bool:
        """Whether it does not pass as it was meant to."""
        is_late = self.delay_s > 0.0 or self.hold_s > 0.0 or self.bytes_per_s > 0.0
        return self.is_lost or self.is_altered or bool(self.extra) or is_late


class Lane:
    """One direction of one wire. Frames keep their order but for those that are held back."""

    def __init__(self, kernel: Kernel, side: Side, stream: str, arrived: Callable[[Passage, bytes], None]) -> None:
        """`stream` names the draws; `arrived(passage, data)` takes what comes through."""
        self.side: Side = side
        self._kernel = kernel
        self._stream = stream
        self._arrived = arrived
        self._flying: deque[tuple[Passage, bytes]] = deque()
        self._held: Passage | None = None
        self._last_due = 0.0
        self._free_at = 0.0
        self._epoch = 0

    @property
    def under_way(self) -> int:
        """How many frames have been sent and have not arrived."""
        return len(self._flying) + (self._held is not None)

    def pass_on(self, passage: Passage, rules: Sequence[FrameRule], traffic_kb: float) -> None:
        """Take a frame: it arrives now, later, changed, twice, or never."""
        for rule in rules:
            if rule.frames.has(self.side, passage.kind, passage.action) and self._is_drawn(rule):
                self._suffer(passage, rule, traffic_kb)
        if passage.is_lost:
            return
        if passage.hold_s > 0.0 and self._held is None:
            self._held = passage
            self._kernel.at(SimTime(self._kernel.now + passage.hold_s), lambda: self._let_go(passage))
            return
        self._launch(passage)
        if self._held is not None:
            self._let_go(self._held)

    def lose_all(self) -> int:
        """The connection is gone, and with it what was under way; how many frames that were."""
        count = self.under_way
        self._flying.clear()
        self._held = None
        self._last_due = self._free_at = 0.0
        self._epoch += 1
        return count

    def _is_drawn(self, rule: FrameRule) -> bool:
        share_pct = rule.frames.share_pct
        return share_pct >= 100.0 or float(self._random.random()) * 100.0 < share_pct

    @property
    def _random(self) -> np.random.Generator:
        return self._kernel.streams[self._stream]

    def _suffer(self, passage: Passage, rule: FrameRule, traffic_kb: float) -> None:
        effect = rule.effect
        if effect == "delay":
            jitter_s = rule.spread_s * float(self._random.random()) if rule.spread_s else 0.0
            passage.delay_s += rule.amount + jitter_s
        elif effect == "drop":
            passage.is_lost = True
        elif effect == "quota":
            passage.is_lost = passage.is_lost or traffic_kb > rule.amount
        elif effect == "swallow":
            passage.is_lost = passage.is_swallowed = True
        elif effect == "swap":
            passage.hold_s = max(passage.hold_s, rule.amount)
        elif effect == "slow":
            narrower = passage.bytes_per_s or rule.amount
            passage.bytes_per_s = min(narrower, rule.amount)
        elif effect == "double":
            passage.extra.append(passage.data)
        elif effect == "resend":
            passage.extra.append(_renamed(passage))
        else:
            passage.data = _altered(passage, rule, self._random)
            passage.is_altered = True

    def _let_go(self, passage: Passage) -> None:
        if self._held is passage:
            self._held = None
            self._launch(passage)

    def _launch(self, passage: Passage) -> None:
        now = float(self._kernel.now)
        for data in (passage.data, *passage.extra):
            due = max(now + passage.delay_s, self._last_due)
            if passage.bytes_per_s:
                due = self._free_at = max(due, self._free_at) + len(data) / passage.bytes_per_s
            self._last_due = due
            if due <= now and not self._flying:
                self._arrived(passage, data)
                continue
            self._flying.append((passage, data))
            epoch = self._epoch
            self._kernel.at(SimTime(max(due, now)), lambda epoch=epoch: self._land(epoch))  # type: ignore[misc]

    def _land(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._arrived(*self._flying.popleft())


class Impairment:
    """Both directions of one charge point's wire. Frames come this way once a fault has leaned on the wire."""

    def __init__(
        self,
        kernel: Kernel,
        wire: Link,
        sent: Callable[[Passage, bytes], None],
        heard: Callable[[Passage, bytes], None],
        swallowed: Callable[[Passage], None],
    ) -> None:
        """`sent` and `heard` take what arrives at the platform and here; `swallowed` what was never sent."""
        self._wire = wire
        self._swallowed = swallowed
        name = f"link.{wire.identity}"
        self._out = Lane(kernel, "to_platform", f"{name}.out", sent)
        self._in = Lane(kernel, "from_platform", f"{name}.in", heard)
        self._asked: dict[Side, tuple[str, str]] = {"to_platform": ("", ""), "from_platform": ("", "")}

    def send(self, data: bytes) -> str:
        """A frame for the platform sets out; its message id."""
        return self._pass(self._out, data)

    def hear(self, data: bytes) -> str:
        """A frame of the platform has come to the wire's end; its message id."""
        return self._pass(self._in, data)

    def lost(self) -> None:
        """The connection is gone."""
        self._wire.frames_harmed += self._out.lose_all() + self._in.lose_all()

    def _pass(self, lane: Lane, data: bytes) -> str:
        passage = self._read(lane.side, data)
        passage.is_lost = self._wire.is_half_open.value
        rules: tuple[FrameRule, ...] = self._wire.rules.value
        lane.pass_on(passage, rules, self._wire.traffic_bytes / 1000.0)
        self._wire.frames_harmed += passage.is_harmed
        if passage.is_swallowed:
            self._swallowed(passage)
        return passage.id

    def _read(self, side: Side, data: bytes) -> Passage:
        try:
            parts = orjson.loads(data)
            kind, message_id = _KINDS[parts[0]], str(parts[1])
            action = str(parts[2]) if kind == "call" else ""
        except (ValueError, KeyError, IndexError, TypeError):
            return Passage(data)
        if kind == "call":
            self._asked[side] = message_id, action
        else:
            asked_id, asked = self._asked["from_platform" if side == "to_platform" else "to_platform"]
            action = asked if asked_id == message_id else ""
        return Passage(data, kind, message_id, action)


def _renamed(passage: Passage) -> bytes:
    _, message_id, action, payload = orjson.loads(passage.data)
    return orjson.dumps([2, f"{message_id[:30]}-again", action, payload])


def _altered(passage: Passage, rule: FrameRule, random: np.random.Generator) -> bytes:
    data = passage.data
    if rule.effect == "pad":
        return data + b" " * max(0, int(rule.amount * 1000.0) - len(data))
    if rule.effect == "break_answer":
        return orjson.dumps([3, passage.id, {"status": 42}])
    if rule.effect == "error_answer":
        return orjson.dumps([4, passage.id, "InternalError", "out of order", {}])
    text = data.decode("utf-8", "replace")
    place = int(random.integers(1, max(2, len(text))))
    if rule.effect == "truncate":
        return text[:place].encode()
    if rule.effect == "flip":
        letter = "#" if text[place : place + 1] != "#" else "~"
        return (text[:place] + letter + text[place + 1 :]).encode()
    parts: list[Any] = orjson.loads(data)
    parts[3]["errorCode"] = _NO_CODE
    return orjson.dumps(parts)
