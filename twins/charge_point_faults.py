"""Charge points that break the protocol: messages never sent or sent twice, wrong times, codes, sizes and answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.frame_rules import FrameRule, Frames
from twins.links import Link

__all__ = [
    "AnswersWrong",
    "CallDoubled",
    "CallMissing",
    "ClockJumped",
    "FrameOversized",
    "WrongErrorCode",
]


@dataclass(frozen=True, kw_only=True)
class _Misbehaving:
    share_pct: float = field(default=100.0, metadata=bounds(low=0.001, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))


@fault("ocpp.call_doubled", hits=Link, zh="重复发送交易报文", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class CallDoubled(_Misbehaving):
    """The charge point says the same twice, as two calls with ids of their own."""

    action: str = field(
        default="StopTransaction", metadata=bounds(choices=("StopTransaction", "StartTransaction", "MeterValues"))
    )

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Say it again."""
        yield link.rules.put(FrameRule("resend", Frames("to_platform", "call", self.action, self.share_pct)))


@fault("ocpp.call_missing", hits=Link, zh="不发送应发报文", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class CallMissing(_Misbehaving):
    """The charge point never sends such calls, and goes on as if they had been answered."""

    action: str = field(
        default="StopTransaction",
        metadata=bounds(choices=("StopTransaction", "MeterValues", "Heartbeat", "StatusNotification")),
    )

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Swallow them."""
        yield link.rules.put(FrameRule("swallow", Frames("to_platform", "call", self.action, self.share_pct)))


@fault("ocpp.clock_jumped", hits=Link, zh="充电桩时钟跳变", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class ClockJumped:
    """The charge point's clock is wrong: its timestamps are `offset_s` ahead of the station's (behind if negative)."""

    offset_s: float = field(default=86_400.0, metadata=bounds(low=-1e8, high=1e8))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Move it."""
        yield link.clock_error_s.add(self.offset_s)


@fault("ocpp.wrong_error_code", hits=Link, zh="上报未定义的故障码", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class WrongErrorCode(_Misbehaving):
    """StatusNotification has an errorCode that is not in the list."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Make up a code."""
        frames = Frames("to_platform", "call", "StatusNotification", self.share_pct)
        yield link.rules.put(FrameRule("unknown_code", frames))


@fault("ocpp.frame_oversized", hits=Link, zh="报文超长", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class FrameOversized(_Misbehaving):
    """Calls are padded with blanks to `size_kb`."""

    size_kb: float = field(default=1_024.0, metadata=bounds(low=1.0, high=16_384.0))
    action: str = field(default="*", metadata=bounds(low=1, high=50))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Pad them."""
        yield link.rules.put(FrameRule("pad", Frames("to_platform", "call", self.action, self.share_pct), self.size_kb))


@fault("ocpp.answers_wrong", hits=Link, zh="应答报文不合规", clause="10.2.6", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class AnswersWrong(_Misbehaving):
    """Calls of the platform are obeyed and then answered with what breaks the schema, or with a CALLERROR."""

    answer: str = field(default="payload", metadata=bounds(choices=("payload", "call_error")))
    action: str = field(default="*", metadata=bounds(low=1, high=50))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Answer so."""
        frames = Frames("to_platform", "answer", self.action, self.share_pct)
        yield link.rules.put(FrameRule("break_answer" if self.answer == "payload" else "error_answer", frames))
