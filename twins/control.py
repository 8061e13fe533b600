"""The site's power allocation: one allocator, obeying every limit at every instant.

While all claims fit all budgets each session has what its electronics can take and nobody is planned anew when another
comes or goes. Only where a budget binds is power shared, by a policy of `twins.sharing`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import Misfit, did_you_mean, key
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.units import FOREVER, SimTime
from twins.sharing import POLICIES, Claim, Prices

if TYPE_CHECKING:
    from twins.supply import Supply

__all__ = ["Control", "ControlConfig", "ControlDeaf", "LimitOrdered"]

_STEP = 0.02
_ROUNDING = 1.0 - 1e-12
_NEARLY = 1.0 - 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """How the site shares its power among the sessions."""

    policy: str = field(metadata=key("How power is shared."))
    site_limit_kw: float = field(
        metadata=key("What all piles may give out together.", unit="kW", above=0, high=100_000)
    )

    def __post_init__(self) -> None:
        """Refuse a policy that does not exist."""
        if self.policy not in POLICIES:
            raise Misfit("policy", f"unknown policy {self.policy}", did_you_mean(self.policy, POLICIES.names()))


class Control(Twin):
    """Grants each charging EVSE its share. Signal `control.site_limit_kw`: what all piles may give out now.

    Budgets are outputs of piles in kW: one a cabinet, one a feeder, the last one the site's, which is the lowest of the
    limits of its sources (configuration, transformer, contract, platform).

    A real device obeys a lower grant only once it has confirmed it; until then nobody else is granted more than before.
    What it may draw unasked is held for it beside all grants.

    Knobs: `is_deaf` (it goes on by the limits that it knew), `ordered_kw` (what the grid's operator orders).
    """

    path_form = "control"
    rank = Rank.CONTROL
    path = "control"

    def __init__(self, kernel: Kernel, config: ControlConfig) -> None:
        """EVSEs join with `watch`."""
        self._kernel = kernel
        self._policy = POLICIES.get(config.policy)
        self._limits = {"configuration": config.site_limit_kw}
        self.site_limit_kw = Signal("control.site_limit_kw", "kW", config.site_limit_kw)
        kernel.add(self.site_limit_kw)
        self._prices = Prices()
        self._budgets: list[float] = [config.site_limit_kw]
        self._groups: dict[str, tuple[int, ...]] = {}
        self._names: dict[str, int] = {}
        self._used: list[float] = [0.0]
        self._active: list[Supply] = []
        self._claims: list[Claim] = []
        self._is_open = True
        self.is_deaf: Knob[bool] = Knob(False, self._heed)
        self.ordered_kw: Knob[float] = Knob(inf, self._obey_order)
        self._unheard: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._kept: list[float] | None = None
        self._obey_at_once = True

    @property
    def minds_prices(self) -> bool:
        """Whether it wants to know what energy costs."""
        return self._policy.minds_prices

    # Budgets

    def watch(self, evse: Supply, budgets: dict[str, float]) -> None:
        """Allocate to this EVSE; `budgets` are the narrower ones it counts against, by name, narrowest first (kW)."""
        positions = []
        for name, budget_kw in budgets.items():
            if name not in self._names:
                self._names[name] = len(self._budgets)
                self._budgets.append(budget_kw)
                self._used.append(0.0)
            positions.append(self._names[name])
        self._groups[evse.path] = (*positions, 0)
        self._obey_at_once = self._obey_at_once and evse.obeys_at_once

    def hold(self, evse: Supply, held_kw: float) -> None:
        """Keep `held_kw`, 0 or more, out of what is shared: this outlet may draw it beside its grant."""
        if held_kw == self._held.get(evse.path, 0.0):
            return
        self._held[evse.path] = held_kw
        self._kept = [0.0] * len(self._budgets)
        for path, kept_kw in self._held.items():
            for group in self._groups[path]:
                self._kept[group] += kept_kw
        self._count_anew()
        self._kernel.touch(self)

    def limit(self, source: str, limit_kw: float | None) -> None:
        """Hold the whole output at or below `limit_kw` for as long as `source` says so; None lifts its limit."""
        if limit_kw is None:
            self._limits.pop(source, None)
        else:
            self._limits[source] = max(0.0, limit_kw)
        self._heed()

    def _obey_order(self) -> None:
        self.limit("order", self.ordered_kw.value if self.ordered_kw.value < inf else None)

    def _heed(self) -> None:
        """Take over what it was told."""
        if self.is_deaf.value:
            return
        unheard, self._unheard = self._unheard, {}
        for name, budget_kw in unheard.items():
            self.rebudget(name, budget_kw)
        lowest_kw = min(self._limits.values(), default=inf)
        if lowest_kw != self._budgets[0]:
            self._budgets[0] = lowest_kw
            self.site_limit_kw.set(self._kernel.now, lowest_kw)
            self._kernel.touch(self)

    def rebudget(self, name: str, budget_kw: float) -> None:
        """From now on the narrower budget of this name is `budget_kw`, 0 or more; one that no EVSE has is let be."""
        if self.is_deaf.value:
            self._unheard[name] = budget_kw
            return
        position = self._names.get(name)
        if position is not None and budget_kw != self._budgets[position]:
            self._budgets[position] = budget_kw
            self._kernel.touch(self)

    def reprice(self, prices: Prices) -> None:
        """Energy has another price from now on."""
        self._prices = prices
        self._kernel.touch(self)

    # Sessions

    def join(self, evse: Supply, now: SimTime) -> bool:
        """A session begins. True: it may draw its claim at once; False: its grant follows within this instant."""
        departs_s = inf if evse.departs_s is None else evse.departs_s
        self._active.append(evse)
        self._claims.append(Claim(evse.claim_kw, self._groups[evse.path], now, departs_s, evse.needs_kwh))
        self._use(evse, evse.claim_kw)
        if self._is_open and not self.minds_prices and self._fits(evse):
            evse.granted_kw = evse.cap_kw
            evse.limit_kw.set(now, evse.cap_kw)
            return True
        evse.granted_kw = 0.0
        self._kernel.touch(self)
        return False

    def leave(self, evse: Supply, now: SimTime) -> None:
        """A session has ended."""
        position = self._active.index(evse)
        del self._active[position], self._claims[position]
        self._use(evse, -evse.claim_kw)
        evse.claim_kw = evse.granted_kw = 0.0
        evse.limit_kw.set(now, 0.0)
        if not self._is_open:
            self._kernel.touch(self)

    def claimed(self, evse: Supply, now: SimTime, claim_kw: float) -> None:
        """A session claims more or less than before."""
        before_kw, evse.claim_kw = evse.claim_kw, claim_kw
        self._use(evse, claim_kw - before_kw)
        if claim_kw > before_kw:
            if evse.granted_kw >= before_kw and not (self._is_open and self._fits(evse)):
                evse.granted_kw = before_kw  # no more than it had, until the others have made room
                self._kernel.touch(self)
        elif not self._is_open:
            freed_kw = min(before_kw, evse.granted_kw) - claim_kw
            if freed_kw > _STEP * self._budgets[0]:
                self._kernel.touch(self)

    def recapped(self, evse: Supply, now: SimTime) -> None:
        """Its electronics can give more or less than before; what it may draw now it has claimed."""
        is_open = self._is_open and not self.minds_prices and self._fits(evse)
        evse.offer(now, evse.cap_kw if is_open else min(evse.granted_kw, evse.cap_kw))

    def confirmed(self) -> None:
        """A device obeys a lower grant now: others may have what that frees."""
        if not self._is_open:
            self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Grant each charging EVSE its share."""
        active = self._active
        for evse in active:
            if evse.granted_kw >= evse.claim_kw:
                evse.settle_claim(now)
        self._count_anew()
        self._is_open = not self.minds_prices and all(map(float.__le__, self._used, self._budgets))
        if self._is_open:
            for evse in active:
                evse.offer(now, evse.cap_kw)
            return FOREVER
        for evse, claim in zip(active, self._claims, strict=True):
            claim.kw = evse.claim_kw
        budgets = self._budgets
        if self._kept is not None:
            budgets = [max(0.0, budget - kept) for budget, kept in zip(budgets, self._kept, strict=True)]
        grants = self._policy.share(self._claims, budgets, now, self._prices)
        waits = not self._obey_at_once and any(
            evse.told_kw * _NEARLY > grant_kw for evse, grant_kw in zip(active, grants, strict=True)
        )
        for evse, grant_kw in zip(active, grants, strict=True):
            has_all = grant_kw >= evse.claim_kw * _NEARLY
            offered_kw = evse.cap_kw if has_all else grant_kw * _ROUNDING
            evse.offer(now, min(offered_kw, evse.granted_kw) if waits else offered_kw)
        return FOREVER

    def _use(self, evse: Supply, claim_kw: float) -> None:
        used = self._used
        for group in self._groups[evse.path]:
            used[group] += claim_kw

    def _fits(self, evse: Supply) -> bool:
        """Whether the claims on this EVSE's budgets fit them together."""
        used, budgets = self._used, self._budgets
        for group in self._groups[evse.path]:
            if used[group] > budgets[group] * _NEARLY:
                self._count_anew()
                return all(map(float.__le__, used, budgets))
        return True

    def _count_anew(self) -> None:
        """Sum the claims once more: what is added and taken away one by one drifts in the last digits."""
        for group in range(len(self._used)):
            self._used[group] = self._kept[group] if self._kept is not None else 0.0
        for evse in self._active:
            self._use(evse, evse.claim_kw)


@fault(
    "control.deaf",
    hits=Control,
    zh="功率控制器失联",
    clause="8.4.1.3",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class ControlDeaf:
    """The allocation hears of no new limit: it goes on by the last ones that it knew, too high or too low."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, control: Control) -> Iterable[Contribution]:
        """Deafen it."""
        yield control.is_deaf.force(True)


@fault(
    "grid.limit_ordered",
    hits=Control,
    zh="电网下达限电指令",
    clause="8.4.1.1",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class LimitOrdered:
    """The grid's operator orders the station to give out no more than this; the allocation must share what is left."""

    limit_kw: float = field(default=60.0, metadata=bounds(low=0.0, high=1e5))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, control: Control) -> Iterable[Contribution]:
        """Order it."""
        yield control.ordered_kw.cap(self.limit_kw)
