"""What a wire does to frames and connections: late, lost, doubled, misordered, corrupted, slow, reset, half-open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, bounds, fault
from twins.frame_rules import FrameRule, Frames
from twins.links import Link

__all__ = [
    "LinkCorrupted",
    "LinkCut",
    "LinkDelayed",
    "LinkDropping",
    "LinkDuplicating",
    "LinkHalfOpen",
    "LinkQuotaSpent",
    "LinkRefused",
    "LinkReordering",
    "LinkReset",
    "LinkSlow",
]

_DIRECTIONS = ("both", "to_platform", "from_platform")
_KINDS = ("any", "call", "answer")


@dataclass(frozen=True, kw_only=True)
class _OfFrames:
    """The frames that a fault hits."""

    direction: str = field(default="both", metadata=bounds(choices=_DIRECTIONS))
    kind: str = field(default="any", metadata=bounds(choices=_KINDS))
    action: str = field(default="*", metadata=bounds(low=1, high=50))
    share_pct: float = field(default=100.0, metadata=bounds(low=0.001, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def frames(self) -> Frames:
        """As a rule names them."""
        return Frames(self.direction, self.kind, self.action, self.share_pct)


@dataclass(frozen=True, kw_only=True)
class _Lasting:
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))


@fault("link.cut", hits=Link, zh="通信链路中断", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkCut(_Lasting):
    """The wire is cut: an open connection is lost without a word, and none can be opened."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Cut it."""
        yield link.is_cut.force(True)


@fault("link.delayed", hits=Link, zh="通信报文延迟", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkDelayed(_OfFrames):
    """Frames take longer on their way, `jitter_s` more at most; those of one direction keep their order."""

    delay_s: float = field(default=5.0, metadata=bounds(low=0.0, high=3_600.0))
    jitter_s: float = field(default=0.0, metadata=bounds(low=0.0, high=3_600.0))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Hold them."""
        yield link.rules.put(FrameRule("delay", self.frames(), self.delay_s, self.jitter_s))


@fault("link.dropping", hits=Link, zh="通信报文丢失", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkDropping(_OfFrames):
    """Frames are lost on an open connection."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Lose them."""
        yield link.rules.put(FrameRule("drop", self.frames()))


@fault("link.duplicating", hits=Link, zh="通信报文重复", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkDuplicating(_OfFrames):
    """Frames arrive twice, the second copy at once after the first."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Double them."""
        yield link.rules.put(FrameRule("double", self.frames()))


@fault("link.reordering", hits=Link, zh="通信报文乱序", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkReordering(_OfFrames):
    """A frame is held back until the next of its direction has passed it, for `hold_s` at most."""

    hold_s: float = field(default=10.0, metadata=bounds(low=0.1, high=3_600.0))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Hold them back."""
        yield link.rules.put(FrameRule("swap", self.frames(), self.hold_s))


@fault("link.corrupted", hits=Link, zh="通信报文损坏", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkCorrupted(_OfFrames):
    """A letter of a frame arrives as another, or its end is missing; it is still text."""

    damage: str = field(default="flip", metadata=bounds(choices=("flip", "truncate")))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Damage them."""
        yield link.rules.put(FrameRule("flip" if self.damage == "flip" else "truncate", self.frames()))


@fault("link.slow", hits=Link, zh="通信带宽不足", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkSlow(_Lasting):
    """The wire carries so many bytes a second in each direction; frames queue for it."""

    bytes_per_s: float = field(default=50.0, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Narrow it."""
        yield link.rules.put(FrameRule("slow", amount=self.bytes_per_s))


@fault("link.quota_spent", hits=Link, zh="物联网卡流量耗尽", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkQuotaSpent(_Lasting):
    """The SIM card's data are spent once `link[ID].traffic_kb` is above `quota_kb`: nothing passes from then on."""

    quota_kb: float = field(default=0.0, metadata=bounds(low=0.0, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Limit it."""
        yield link.rules.put(FrameRule("quota", amount=self.quota_kb))


@fault("link.reset", hits=Link, zh="通信连接复位", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkReset(_Lasting):
    """The connection is reset at once, and again at random, `mean_s` apart on average (0: once only)."""

    mean_s: float = field(default=0.0, metadata=bounds(low=0.0, high=1e7))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Reset it."""
        yield link.reset_mean_s.force(self.mean_s)


@fault("link.half_open", hits=Link, zh="通信连接半开", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkHalfOpen(_Lasting):
    """The far end is gone without a word: nothing passes on what looks open; afterwards the connection is lost."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Leave it open on this side only."""
        yield link.is_half_open.force(True)


@fault("link.refused", hits=Link, zh="通信连接被拒绝", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkRefused(_Lasting):
    """Connections are refused; one that is open stays."""

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Refuse them."""
        yield link.is_refused.force(True)
