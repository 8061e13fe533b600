"""What faults do to the frames of a wire: rules that lean on it, each for some frames, and the knob that holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from typing import Any, Literal

from sim.faults import Contribution, Knob

__all__ = ["ANY_FRAME", "FrameRule", "FrameRules", "Frames"]

Effect = Literal[
    "delay", "drop", "double", "swap", "flip", "truncate", "slow", "quota", "resend", "swallow", "unknown_code", "pad",
    "break_answer", "error_answer",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Frames:
    """Which frames: by direction, kind, action (a glob; of an answer: of its call), and of these a share in %."""

    direction: str = "both"
    kind: str = "any"
    action: str = "*"
    share_pct: float = 100.0

    def has(self, direction: str, kind: str, action: str) -> bool:
        """Whether it is one of them, before the share is drawn."""
        return self.direction in ("both", direction) and self.kind in ("any", kind) and fnmatchcase(action, self.action)


ANY_FRAME = Frames()


@dataclass(frozen=True, slots=True)
class FrameRule:
    """One thing that befalls frames. `amount` is in the effect's unit: s, bytes/s or KB; `spread_s` is jitter."""

    effect: Effect
    frames: Frames = ANY_FRAME
    amount: float = inf
    spread_s: float = 0.0


class FrameRules(Knob[Any]):
    """The rules that hold now, in the order of their injection: each acts on its own, none overrules another."""

    __slots__ = ()

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` tells the owner that a rule has come or gone."""
        super().__init__((), on_change)

    def put(self, rule: FrameRule) -> Contribution:
        """A rule more."""
        return Contribution(self, "put", rule)

    def _folded(self) -> tuple[FrameRule, ...]:
        return tuple(one.value for one in self._contributions)
