"""How power is shared: policies that see claims and budgets, and neither twins nor time series.

A claim bounds what a session can draw. Budgets nest: cabinet, feeder, site. Filling from the leaves to the root gives
the fairest shares (max-min) under all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf

from sim.registry import Registry
from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["POLICIES", "Claim", "Policy", "Prices", "policy"]

RESERVE = 1.2
"""A session that still has 1.2 times the time it needs may wait for a cheaper period."""


@dataclass(slots=True)
class Claim:
    """One session's claim. `groups` are the budgets it counts against, narrowest first, as positions.

    `departs_s` is inf where the driver has not said; `needs_kwh(now)` is what is left to the target.
    """

    kw: float
    groups: tuple[int, ...]
    started_s: float
    departs_s: float
    needs_kwh: Callable[[SimTime], float]


Share = Callable[[Sequence[Claim], Sequence[float], SimTime, "Prices"], list[float]]
"""(claims, budgets in kW by position, now in s, prices) -> grants in kW, none above its claim or any of its budgets."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to share. One that minds prices is asked at every change, also while all claims fit."""

    share: Share
    minds_prices: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """What a time-of-use policy may know: whether energy is dear now, and when it will be cheaper (s since start)."""

    is_dear: bool = False
    cheaper_at_s: float = inf


POLICIES: Registry[Policy] = Registry("policy", "voltyard.policies")


def policy(name: str, *, minds_prices: bool = False) -> Callable[[Share], Share]:
    """Register a policy."""

    def register(share: Share) -> Share:
        POLICIES.add(name, Policy(share, minds_prices))
        return share

    return register


@policy("equal_share")
def equal_share(claims: Sequence[Claim], budgets: Sequence[float], now: SimTime, prices: Prices) -> list[float]:
    """Equal shares; what one does not want goes to the others."""
    grants = [claim.kw for claim in claims]
    deepest = max((len(claim.groups) for claim in claims), default=0)
    for height in range(deepest, 0, -1):  # from the narrowest to the root, which all have last
        members: dict[int, list[int]] = {}
        for position, claim in enumerate(claims):
            if height <= len(claim.groups):
                members.setdefault(claim.groups[-height], []).append(position)
        for group, positions in members.items():
            _fill(grants, positions, budgets[group])
    return grants


@policy("first_come")
def first_come(claims: Sequence[Claim], budgets: Sequence[float], now: SimTime, prices: Prices) -> list[float]:
    """Who began first is served first."""
    return _in_order(claims, budgets, [claim.started_s for claim in claims])


@policy("least_laxity")
def least_laxity(claims: Sequence[Claim], budgets: Sequence[float], now: SimTime, prices: Prices) -> list[float]:
    """Who has least time to spare before the departure said is served first; without one, as if in an hour."""
    return _in_order(claims, budgets, [_laxity_s(claim, now) for claim in claims])


@policy("tou_aware", minds_prices=True)
def tou_aware(claims: Sequence[Claim], budgets: Sequence[float], now: SimTime, prices: Prices) -> list[float]:
    """Equal shares; while energy is dear, who can still reach the target in the cheaper time waits for it."""
    if prices.is_dear:
        claims = [replace(claim, kw=0.0) if _can_wait(claim, prices.cheaper_at_s, now) else claim for claim in claims]
    return equal_share(claims, budgets, now, prices)


def _fill(grants: list[float], positions: list[int], budget_kw: float) -> None:
    """Lower the highest of these grants until they fit the budget together."""
    total_kw = 0.0
    for position in positions:
        total_kw += grants[position]
    if total_kw <= budget_kw:
        return
    remaining_kw, left = budget_kw, len(positions)
    for position in sorted(positions, key=grants.__getitem__):
        share_kw = remaining_kw / left
        if grants[position] > share_kw:
            grants[position] = share_kw
        remaining_kw -= grants[position]
        left -= 1


def _in_order(claims: Sequence[Claim], budgets: Sequence[float], keys: Sequence[float]) -> list[float]:
    left = list(budgets)
    grants = [0.0] * len(claims)
    for position in sorted(range(len(claims)), key=lambda position: (keys[position], position)):
        claim = claims[position]
        grant_kw = max(0.0, min(claim.kw, *(left[group] for group in claim.groups)))
        for group in claim.groups:
            left[group] -= grant_kw
        grants[position] = grant_kw
    return grants


def _laxity_s(claim: Claim, now: SimTime) -> float:
    departs_s = claim.departs_s if claim.departs_s < inf else claim.started_s + SECONDS_PER_HOUR
    return departs_s - now - _needs_s(claim, now)


def _needs_s(claim: Claim, now: SimTime) -> float:
    return SECONDS_PER_HOUR * claim.needs_kwh(now) / claim.kw if claim.kw > 0.0 else 0.0


def _can_wait(claim: Claim, until_s: float, now: SimTime) -> bool:
    return claim.departs_s < inf and claim.departs_s - until_s >= RESERVE * _needs_s(claim, now)
