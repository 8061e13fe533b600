"""Charging profiles by themselves: what one limits at a time, and when that changes.

OCPP 1.6 edition 2, sections 3.13 (smart charging) and 7.8 to 7.14 (profile, purpose, kind, schedule and its periods).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Final, Literal

from hil.ocpp.frames import Payload

__all__ = ["MAX_PERIODS", "MAX_PROFILES", "MAX_STACK_LEVEL", "Profile", "Purpose", "read_profile"]

MAX_PROFILES: Final = 100
MAX_STACK_LEVEL: Final = 20
MAX_PERIODS: Final = 100
_CYCLE_S: Final = {"Daily": 86_400.0, "Weekly": 604_800.0}

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile that has been taken; times in s of the engine's clock, limits in W.

    `starts_at` None: with the transaction. `periods` are (offset from the start, limit). `cycle_s` is how often a
    recurring one begins anew, inf for never.
    """

    id: int
    connector_id: int
    purpose: Purpose
    stack_level: int
    transaction_id: int | None
    valid_from: float
    valid_to: float
    starts_at: float | None
    duration_s: float
    cycle_s: float
    periods: tuple[tuple[float, float], ...]

    def at(self, now: float, started_at: float | None) -> tuple[float | None, float]:
        """What it allows at `now` (None where it says nothing), and until when that holds at least, inf for ever.

        `started_at` is the transaction's start.
        """
        begins = self._begins(now, started_at)
        if begins is None or now >= self.valid_to:
            return None, inf
        if now < max(self.valid_from, begins):
            return None, max(self.valid_from, begins)
        ends, anew = begins + self.duration_s, begins + self.cycle_s
        if now >= ends:
            return None, anew
        number = bisect_right(self.periods, now, key=lambda period: begins + period[0])
        following = begins + self.periods[number][0] if number < len(self.periods) else inf
        return self.periods[number - 1][1], min(following, ends, anew, self.valid_to)

    def _begins(self, now: float, started_at: float | None) -> float | None:
        begins = started_at if self.starts_at is None else self.starts_at
        if begins is not None and self.cycle_s < inf and now > begins:
            begins += (now - begins) // self.cycle_s * self.cycle_s
            if begins + self.cycle_s <= now:  # the quotient was rounded down
                begins += self.cycle_s
        return begins


def read_profile(
    connector_id: int, told: Payload, seconds: Callable[[str], float], watts_per_a: Callable[[int], float | None],
    now: float,
) -> Profile | None:  # fmt: skip
    """A csChargingProfiles that has passed the schema, or None where no sense can be made of it.

    `seconds` turns a time of the wire into the engine's; `watts_per_a(phases)` is what an ampere in each of so many
    phases is worth, None where limits in A cannot be.
    """
    schedule, purpose, kind = told["chargingSchedule"], told["chargingProfilePurpose"], told["chargingProfileKind"]
    periods = schedule["chargingSchedulePeriod"]
    offsets = [period["startPeriod"] for period in periods]
    is_ordered = bool(offsets) and offsets[0] == 0 and all(a < b for a, b in pairwise(offsets))
    if not is_ordered or len(periods) > MAX_PERIODS or not 0 <= told["stackLevel"] <= MAX_STACK_LEVEL:
        return None
    if (purpose == "ChargePointMaxProfile") != (connector_id == 0) and purpose != "TxDefaultProfile":
        return None
    if (kind == "Recurring") != ("recurrencyKind" in told) or (kind == "Relative" and connector_id == 0 and
                                                               purpose == "ChargePointMaxProfile"):  # fmt: skip
        return None
    if kind == "Recurring" and "startSchedule" not in schedule:
        return None
    limits: list[tuple[float, float]] = []
    for period in periods:
        worth_w = 1.0 if schedule["chargingRateUnit"] == "W" else watts_per_a(period.get("numberPhases", 3))
        if worth_w is None or period["limit"] < 0:
            return None
        limits.append((float(period["startPeriod"]), period["limit"] * worth_w))
    starts_at = seconds(schedule["startSchedule"]) if "startSchedule" in schedule else now
    return Profile(
        told["chargingProfileId"], connector_id, purpose, told["stackLevel"], told.get("transactionId"),
        seconds(told["validFrom"]) if "validFrom" in told else -inf,
        seconds(told["validTo"]) if "validTo" in told else inf,
        None if kind == "Relative" else starts_at, float(schedule.get("duration", inf)),
        _CYCLE_S[told["recurrencyKind"]] if kind == "Recurring" else inf, tuple(limits),
    )  # fmt: skip
