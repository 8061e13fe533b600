"""A feeder from the busbar to its piles: what its breaker carries, and whether it is closed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from sim.faults import Contribution, Knob, bounds, fault
from twins.pile import Pile

__all__ = ["Feeder", "FeederTripped"]

_CAUSE = "feeder_tripped"


class Feeder:
    """The knob `is_tripped` opens its breaker: its piles are dead, the rest of the site is not."""

    path_form = "grid.feeder[ID]"

    def __init__(self, identity: str, piles: Sequence[Pile]) -> None:
        """`piles` hang on it; its busbar is live."""
        self.path = f"grid.feeder[{identity}]"
        self.is_tripped: Knob[bool] = Knob(False, self._switched)
        self._piles = piles
        self._is_live = True

    def energise(self, is_live: bool) -> None:
        """The busbar has voltage, or not."""
        self._is_live = is_live
        for pile in self._piles:
            pile.energise(is_live and not self.is_tripped.value)

    def _switched(self) -> None:
        is_tripped = self.is_tripped.value
        for pile in self._piles:
            if is_tripped:
                pile.lock_out(_CAUSE, "undervoltage")
            else:
                pile.lift(_CAUSE)
        self.energise(self._is_live)


@fault("grid.feeder_tripped", hits=Feeder, zh="馈线断路器跳闸", clause="8.4.1.1", faces=("station", "platform"))
@dataclass(frozen=True, kw_only=True)
class FeederTripped:
    """The breaker of a feeder has tripped: its piles are dead, while the others go on."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, feeder: Feeder) -> Iterable[Contribution]:
        """Open it."""
        yield feeder.is_tripped.force(True)
