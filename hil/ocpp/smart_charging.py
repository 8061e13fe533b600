"""The charging profiles of one charge point: taken, cleared, put together, and obeyed by its connectors.

OCPP 1.6 edition 2, sections 3.13, 5.5 (ClearChargingProfile), 5.7 (GetCompositeSchedule) and 5.16 (SetChargingProfile).
Profiles are not kept over a restart of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from math import inf
from typing import Final, Protocol

from hil.ocpp.charging_profiles import MAX_PROFILES, Profile, read_profile
from hil.ocpp.frames import Payload
from hil.ocpp.transactions import Transactions

__all__ = ["Limited", "SmartCharging"]

_LONGEST_S: Final = 7 * 86_400


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
        self._profiles = [
            one for one in self._profiles if one.purpose != "TxProfile" or one.connector_id != connector_id
        ]
        self.settle(now)

    def next_timer(self) -> float:
        """When `settle` is due."""
        return self._next

    def settle(self, now: float) -> None:
        """Tell every connector what it may give now."""
        for connector_id, connector in self._connectors.items():
            limit_w = self._limit_w(connector_id, now) if connector_id in self._started else None
            if limit_w != self._told[connector_id]:
                self._told[connector_id] = limit_w
                connector.limit(limit_w, now)
        self._next = min((self._change_after(one, now) for one in self._connectors), default=inf)

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
        self._profiles = [*kept, profile]
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
        self._profiles = kept
        self.settle(now)
        return {"status": status}

    def composite(self, payload: Payload, now: float) -> Payload:
        """GetCompositeSchedule: what will bind, in W or A, for `duration` s from now."""
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
            whole_w = sum(self._bound_w(one, t) for one in chosen)
            limit = int(whole_w / worth_w * 10.0) / 10.0
            if not periods or periods[-1]["limit"] != limit:
                periods.append({"startPeriod": int(t - now), "limit": limit})
            t = min(self._change_after(one, t) for one in chosen)
        schedule = {"duration": duration_s, "chargingRateUnit": unit, "chargingSchedulePeriod": periods}
        return {"status": "Accepted", "connectorId": connector_id, "scheduleStart": self._stamp(now),
                "chargingSchedule": schedule}  # fmt: skip

    # what binds

    def _limit_w(self, connector_id: int, now: float) -> float | None:
        """A TxProfile before a TxDefaultProfile, the highest stack level first; the whole charge point's beside it."""
        own = self._top_w("TxProfile", connector_id, now)
        for one in (connector_id, 0):
            own = self._top_w("TxDefaultProfile", one, now, connector_id) if own is None else own
        whole = self._top_w("ChargePointMaxProfile", 0, now)
        if whole is not None:
            whole /= max(1, len(self._started))
        return min((one for one in (own, whole) if one is not None), default=None)

    def _bound_w(self, connector_id: int, now: float) -> float:
        limit_w, most_w = self._limit_w(connector_id, now), self._connectors[connector_id].most_w
        return most_w if limit_w is None else min(limit_w, most_w)

    def _top_w(self, purpose: str, connector_id: int, now: float, of: int | None = None) -> float | None:
        started_at = self._started.get(connector_id if of is None else of)
        top: tuple[int, float] | None = None
        for one in self._profiles:
            if one.purpose == purpose and one.connector_id == connector_id:
                limit_w = one.limit_w(now, started_at)
                if limit_w is not None and (top is None or one.stack_level > top[0]):
                    top = one.stack_level, limit_w
        return None if top is None else top[1]

    def _change_after(self, connector_id: int, now: float) -> float:
        started_at = self._started.get(connector_id)
        return min((one.next_change(now, started_at) for one in self._profiles
                    if one.connector_id in (0, connector_id)), default=inf)  # fmt: skip

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
