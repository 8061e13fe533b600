"""The site's power allocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Literal

from sim.files import key
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.units import FOREVER, SimTime

if TYPE_CHECKING:
    from twins.evse import Evse

__all__ = ["Control", "ControlConfig"]

_STEP = 0.02
_MARGIN = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """How the site shares its power among the sessions."""

    policy: Literal["equal_share"] = field(metadata=key("How power is shared."))
    site_limit_kw: float = field(
        metadata=key("What all piles may give out together.", unit="kW", above=0, high=100_000)
    )


class Control(Twin):
    """Allocates the site's power by max-min fairness: equal shares, and what one does not want goes to the others.

    A session that wants less than its share is granted a margin above its wish, so that a warming battery finds room;
    the sum of grants never exceeds the site's limit.
    """

    rank = Rank.CONTROL
    path = "control"

    def __init__(self, kernel: Kernel, config: ControlConfig) -> None:
        """EVSEs join with `watch`."""
        self._kernel = kernel
        self.site_limit_kw = Signal("control.site_limit_kw", "kW", config.site_limit_kw)
        kernel.add(self.site_limit_kw)
        self._evses: list[Evse] = []
        self._granted_for: dict[str, float] = {}

    def watch(self, evses: list[Evse]) -> None:
        """Allocate among these."""
        self._evses.extend(evses)

    def demand_moved(self, evse: Evse, now: SimTime) -> None:
        """A session has begun another piece of its charge: reallocate when its wish has moved by a step."""
        wish_kw = evse.wish_kw(now)
        if abs(wish_kw - self._granted_for.get(evse.path, inf)) > _STEP * self.site_limit_kw.at(now):
            self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Grant each charging EVSE its share."""
        charging = [evse for evse in self._evses if evse.is_charging]
        wishes = {evse.path: evse.wish_kw(now) for evse in charging}
        self._granted_for = dict(wishes)
        remaining_kw = self.site_limit_kw.at(now)
        waiting = sorted(charging, key=lambda evse: (wishes[evse.path], evse.path))
        for position, evse in enumerate(waiting):
            share_kw = remaining_kw / (len(waiting) - position)
            grant_kw = min(share_kw, wishes[evse.path] + _MARGIN * self.site_limit_kw.at(now), evse.cap_kw)
            remaining_kw -= grant_kw
            evse.offer(now, grant_kw)
        return FOREVER
