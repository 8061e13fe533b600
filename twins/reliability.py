"""Failures of availability: each pile fails by itself now and then, as an alternating renewal process.

Up times are exponential by the calendar, charging or not; how long it is down, `twins.repairs` brings about. Over a
long run a pile is available for mtbf / (mtbf + mttr), less what it waits for somebody to come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf

from sim.events import Event
from sim.faults import Contribution, FaultBoard, bounds, fault
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.pile import Pile

__all__ = ["Failures", "PileFailed", "ReliabilityConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityConfig:
    """How often piles fail by themselves, and how long it takes to mend them."""

    pile_mtbf_h: float | None = field(
        default=800.0,
        metadata=key(
            "Mean time from a repair to the next failure; null: never by itself.", unit="h", above=0, high=1e7
        ),
    )
    pile_mttr_h: float = field(
        default=4.0,
        metadata=key(
            "Mean time to mend a pile: the way there, the reset, the repair; not the wait for somebody to go.",
            unit="h", above=0, high=1e5,
        ),
    )  # fmt: skip
    reset_share: float = field(
        default=0.5, metadata=key("Share of the pile's failures that a reset mends.", low=0, high=0.99)
    )
    reset_s: float = field(
        default=90.0, metadata=key("Length of a reset with the test after it.", unit="s", low=0, high=3_600)
    )

    def __post_init__(self) -> None:
        """Refuse a reset that takes longer than mending takes in the mean."""
        if self.reset_s >= self.pile_mttr_h * SECONDS_PER_HOUR:
            right = f"less than pile_mttr_h, {self.pile_mttr_h:g} h, which counts the reset in"
            raise Misfit("reset_s", f"{self.reset_s:g} s is out of range", right)


@fault("pile.failed", hits=Pile, zh="充电桩故障停用", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class PileFailed:
    """The pile fails as a whole: a running charge ends, none of its connectors serves until it is mended."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, pile: Pile) -> Iterable[Contribution]:
        """Take it down."""
        yield pile.is_down.force(True)


class Failures:
    """Injects `pile.failed` into each pile at the times that its own stream draws; one failure at a time."""

    def __init__(
        self, kernel: Kernel, config: ReliabilityConfig | None, piles: Sequence[Pile], faults: FaultBoard
    ) -> None:
        """`config` None, or without a `pile_mtbf_h`: nothing fails by itself, and nothing is drawn."""
        self._kernel = kernel
        self._faults = faults
        self._down: list[Pile] = []
        if config is None or config.pile_mtbf_h is None:
            return
        self._up_s = config.pile_mtbf_h * SECONDS_PER_HOUR
        for pile in piles:
            self._await(pile)
        kernel.subscribe(self._cleared, "fault.cleared")

    def _await(self, pile: Pile) -> None:
        up_s = float(self._kernel.streams[f"{pile.path}.failures"].exponential(self._up_s))
        self._kernel.at(SimTime(self._kernel.now + up_s), partial(self._fail, pile))

    def _fail(self, pile: Pile) -> None:
        self._down.append(pile)
        if not pile.is_down.value:  # else a scenario was first
            self._faults.inject("pile.failed", pile.path, {}, f"reliability.{pile.path}")

    def _cleared(self, _event: Event) -> None:
        for pile in self._down.copy():
            if not pile.is_down.value:
                self._down.remove(pile)
                self._await(pile)
