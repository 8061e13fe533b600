"""The charging profiles of one charge point: taken, cleared, put together, and obeyed by its connectors.

OCPP 1.6 edition 2, sections 3.13, 5.5 (ClearChargingProfile), 5.7 (GetCompositeSchedule) and 5.16 (SetChargingProfile).
Profiles are not kept over a restart of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Final, Protocol

from hil.ocpp.charging_profiles import MAX_PERIODS, MAX_PROFILES, Profile, Purpose, read_profile
from hil.ocpp.frames import Payload
from hil.ocpp.transactions import Transactions

__all__ = ["Limited", "SmartCharging"]

_LONGEST_S: Final = 86_400
"""So far ahead a composite schedule looks (ours)."""


class Limited(Protocol):
    """A connector that profiles limit."""

    @property
    def most_w(self) -> float:
        """What it can give at most."""

    def watts_per_a(self, phases: int) -> float | None:
        """What an ampere in each of so many phases is worth; None for DC, which is limited in W."""

    def limit(self, limit_w: float | None, now: float) -> None:
        """Give no more than this from now on; None for no limit."""


class SmartCharging:
    """Holds profiles, and tells each connector its limit when that changes (`settle`, at `next_timer` the latest)."""

    def __init__(
        self, connectors: Mapping[int, Limited], transactions: Transactions, stamp: Callable[[float], str]
    ) -> None:
        """`stamp` writes a time as ISO 8601."""
        self._connectors = connectors
        self._transactions = transactions
        self._stamp = stamp
        self._profiles: list[Profile] = []
        self._stacks: dict[tuple[Purpose, int], list[Profile]] = {}
        self._started: dict[int, float] = {}
        self._told: dict[int, float | None] = dict.fromkeys(connectors)
        self._next = inf

    # the twin's side

    def started(self, connector_id: int, now: float) -> None:
        """A transaction has begun there."""
        self._started[connector_id] = now
        self.settle(now)

    def ended(self, connector_id: int, now: float) -> None:
        """It has ended, and its profiles with it."""
        self._started.pop(connector_id, None)
        self._hold(one for one in self._profiles if one.purpose != "TxProfile" or one.connector_id != connector_id)
        self.settle(now)

    def next_timer(self) -> float:
        """When `settle` is due."""
        return self._next

    def settle(self, now: float) -> None:
        """Tell every connector what it may give now."""
        self._next = inf
        for connector_id, connector in self._connectors.items():
            limit_w, until = self._limit_w(connector_id, now)
            self._next = min(self._next, until)
            if connector_id not in self._started:
                limit_w = None
            if limit_w != self._told[connector_id]:
                self._told[connector_id] = limit_w
                connector.limit(limit_w, now)

    # what a CSMS asks

    def set_profile(self, payload: Payload, now: float) -> Payload:
        """SetChargingProfile."""
        connector_id, told = payload["connectorId"], payload["csChargingProfiles"]
        first = next(iter(self._connectors.values()))
        connector = self._connectors.get(connector_id, first if connector_id == 0 else None)
        if connector is None:
            return {"status": "Rejected"}
        try:
            seconds = partial(self._seconds, now=now)
            profile = read_profile(connector_id, told, seconds, connector.watts_per_a, now)
        except (ValueError, OverflowError):
            profile = None
        if profile is None or not self._fits(profile):
            return {"status": "Rejected"}
        kept = [one for one in self._profiles if not _replaces(profile, one)]
        if len(kept) >= MAX_PROFILES:
            return {"status": "Rejected"}
        self._hold([*kept, profile])
        self.settle(now)
        return {"status": "Accepted"}

    def clear(self, payload: Payload, now: float) -> Payload:
        """ClearChargingProfile: by id, or by all the criteria given."""
        wanted_id, connector_id = payload.get("id"), payload.get("connectorId")
        purpose, level = payload.get("chargingProfilePurpose"), payload.get("stackLevel")

        def is_meant(one: Profile) -> bool:
            if wanted_id is not None:
                return bool(one.id == wanted_id)
            return (
                connector_id in (None, one.connector_id)
                and purpose in (None, one.purpose)
                and level in (None, one.stack_level)
            )

        kept = [one for one in self._profiles if not is_meant(one)]
        status = "Accepted" if len(kept) < len(self._profiles) else "Unknown"
        self._hold(kept)
        self.settle(now)
        return {"status": status}

    def composite(self, payload: Payload, now: float) -> Payload:
        """GetCompositeSchedule: what will bind, in W or A, for `duration` s from now; a day, 100 periods at most."""
        connector_id, duration_s = payload["connectorId"], min(payload["duration"], _LONGEST_S)
        unit = payload.get("chargingRateUnit", "W")
        chosen = list(self._connectors) if connector_id == 0 else [connector_id]
        if not set(chosen) <= set(self._connectors) or duration_s <= 0:
            return {"status": "Rejected"}
        worth_w = 1.0 if unit == "W" else self._connectors[chosen[0]].watts_per_a(3)
        if worth_w is None:
            return {"status": "Rejected"}
        periods: list[Payload] = []
        t, ends = now, now + duration_s
        while t < ends:
            whole_w, until = self._bound_w(chosen, t) if connector_id else self._whole_w(t)
            limit = int(whole_w / worth_w * 10.0) / 10.0
            if not periods or periods[-1]["limit"] != limit:
                if len(periods) == MAX_PERIODS:  # it says less far ahead
                    duration_s = int(t - now)
                    break
                periods.append({"startPeriod": int(t - now), "limit": limit})
            t = until
        schedule = {"duration": duration_s, "chargingRateUnit": unit, "chargingSchedulePeriod": periods}
        return {"status": "Accepted", "connectorId": connector_id, "scheduleStart": self._stamp(now),
                "chargingSchedule": schedule}  # fmt: skip

    # what binds

    def _limit_w(self, connector_id: int, now: float) -> tuple[float | None, float]:
        """A TxProfile before a TxDefaultProfile, the highest stack level first; the whole charge point's beside it.

        With it, until when that holds at least.
        """
        own, until = self._top_w("TxProfile", connector_id, now, connector_id)
        for one in (connector_id, 0):
            if own is None:
                own, sooner = self._top_w("TxDefaultProfile", one, now, connector_id)
                until = min(until, sooner)
        whole, sooner = self._top_w("ChargePointMaxProfile", 0, now, 0)
        if whole is not None:
            whole /= max(1, len(self._started))
        return min((one for one in (own, whole) if one is not None), default=None), min(until, sooner)

    def _bound_w(self, connectors: Iterable[int], now: float) -> tuple[float, float]:
        """What these can give together."""
        limits = [(self._limit_w(one, now), self._connectors[one].most_w) for one in connectors]
        power_w = sum(most_w if limit_w is None else min(limit_w, most_w) for (limit_w, _), most_w in limits)
        return power_w, min(until for (_, until), _ in limits)

    def _whole_w(self, now: float) -> tuple[float, float]:
        """What the whole charge point can give: what all can, and no more than it may."""
        power_w, until = self._bound_w(self._connectors, now)
        whole_w, _ = self._top_w("ChargePointMaxProfile", 0, now, 0)
        return power_w if whole_w is None else min(power_w, whole_w), until

    def _top_w(self, purpose: Purpose, connector_id: int, now: float, of: int) -> tuple[float | None, float]:
        """What the highest of these profiles that says something allows to the connector `of`, and until when."""
        started_at, until = self._started.get(of), inf
        for one in self._stacks.get((purpose, connector_id), ()):
            limit_w, sooner = one.at(now, started_at)
            until = min(until, sooner)
            if limit_w is not None:
                return limit_w, until
        return None, until

    def _hold(self, profiles: Iterable[Profile]) -> None:
        """These and no others, by purpose and connector, the highest stack level first."""
        self._profiles = list(profiles)
        self._stacks = {}
        for one in sorted(self._profiles, key=lambda profile: -profile.stack_level):
            self._stacks.setdefault((one.purpose, one.connector_id), []).append(one)

    def _fits(self, profile: Profile) -> bool:
        """A TxProfile belongs to the transaction that runs at its connector."""
        if profile.purpose != "TxProfile":
            return True
        running = self._transactions.running.get(profile.connector_id)
        return running is not None and profile.transaction_id in (None, running.transaction_id)

    def _seconds(self, text: str, now: float) -> float:
        present = datetime.fromisoformat(self._stamp(now))
        moment = datetime.fromisoformat(text)
        return now + (moment.replace(tzinfo=moment.tzinfo or present.tzinfo) - present).total_seconds()


def _replaces(new: Profile, old: Profile) -> bool:
    if new.id == old.id:
        return True
    return (new.connector_id, new.purpose, new.stack_level) == (old.connector_id, old.purpose, old.stack_level)
