from __future__ import annotations

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.ocpp.charging_profiles import MAX_PERIODS, MAX_STACK_LEVEL, Profile, read_profile

DAY_S = 86_400.0


def told(*periods: tuple[int, float], kind: str = "Absolute", purpose: str = "TxDefaultProfile", unit: str = "W",
         schedule: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    listed = [{"startPeriod": start, "limit": limit} for start, limit in periods]
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": listed} | (schedule or {})
    return {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": purpose, "chargingProfileKind": kind,
            "chargingSchedule": schedule} | more  # fmt: skip


def read(profile: dict[str, Any], connector: int = 1, now: float = 100.0) -> Profile | None:
    return read_profile(connector, profile, float, lambda phases: 230.0 * phases, now)


def kept(profile: dict[str, Any], connector: int = 1, now: float = 100.0) -> Profile:
    taken = read(profile, connector, now)
    assert taken is not None
    return taken


def test_periods_of_an_absolute_profile_follow_one_another_until_it_lapses() -> None:
    profile = kept(told((0, 10_000.0), (60, 5_000.0), schedule={"startSchedule": "1000", "duration": 120}))
    assert [profile.at(t, None)[0] for t in (999.9, 1_000.0, 1_059.9, 1_060.0, 1_119.9, 1_120.0)] == [
        None, 10_000.0, 10_000.0, 5_000.0, 5_000.0, None,
    ]  # fmt: skip
    changes = [500.0]
    while changes[-1] < inf:
        changes.append(profile.at(changes[-1], None)[1])
    assert changes == [500.0, 1_000.0, 1_060.0, 1_120.0, inf]


def test_a_relative_profile_counts_from_the_transactions_start() -> None:
    profile = kept(told((0, 7_000.0), (30, 0.0), kind="Relative"))
    assert profile.at(50.0, None)[0] is None and profile.at(50.0, None)[1] == inf
    assert (profile.at(50.0, 40.0)[0], profile.at(70.0, 40.0)[0]) == (7_000.0, 0.0)
    assert profile.at(50.0, 40.0)[1] == 70.0


def test_a_recurring_profile_begins_anew() -> None:
    profile = kept(told((0, 7_000.0), (3_600, 1_000.0), kind="Recurring", recurrencyKind="Daily",
                        schedule={"startSchedule": "0"}))  # fmt: skip
    for day in (0, 1, 400):
        assert profile.at(day * DAY_S + 100.0, None)[0] == 7_000.0
        assert profile.at(day * DAY_S + 3_600.0, None)[0] == 1_000.0
        assert profile.at(day * DAY_S + 3_600.0, None)[1] == (day + 1) * DAY_S


def test_validity_bounds_what_it_says() -> None:
    profile = kept(told((0, 7_000.0), validFrom="200", validTo="300"))
    assert [profile.at(t, None)[0] for t in (199.0, 200.0, 299.0, 300.0)] == [None, 7_000.0, 7_000.0, None]


def test_amperes_are_of_the_phases_that_a_period_names() -> None:
    one_phase = told((0, 16.0), unit="A")
    one_phase["chargingSchedule"]["chargingSchedulePeriod"][0]["numberPhases"] = 1
    assert kept(told((0, 16.0), unit="A")).at(100.0, None)[0] == pytest.approx(11_040.0)
    assert kept(one_phase).at(100.0, None)[0] == pytest.approx(3_680.0)
    assert read_profile(1, told((0, 16.0), unit="A"), float, lambda _phases: None, 0.0) is None


@pytest.mark.parametrize(
    ("profile", "connector"),
    [
        (told(), 1),
        (told((5, 1.0)), 1),
        (told((0, 1.0), (0, 2.0)), 1),
        (told((0, -1.0)), 1),
        (told((0, 1.0), stackLevel=MAX_STACK_LEVEL + 1), 1),
        (told(*((at, 1.0) for at in range(MAX_PERIODS + 1))), 1),
        (told((0, 1.0), purpose="ChargePointMaxProfile"), 1),
        (told((0, 1.0), purpose="TxProfile"), 0),
        (told((0, 1.0), purpose="ChargePointMaxProfile", kind="Relative"), 0),
        (told((0, 1.0), kind="Recurring"), 1),
        (told((0, 1.0), kind="Recurring", recurrencyKind="Daily"), 1),
        (told((0, 1.0), recurrencyKind="Daily"), 1),
    ],
)
def test_what_makes_no_sense_is_refused(profile: dict[str, Any], connector: int) -> None:
    assert read(profile, connector) is None


@given(
    st.lists(st.tuples(st.integers(1, 5_000), st.floats(0.0, 1e5)), max_size=6, unique_by=lambda one: one[0]),
    st.sampled_from(["Absolute", "Recurring"]), st.floats(0.0, 3e5), st.integers(1, 100_000),
)  # fmt: skip
def test_between_changes_the_limit_stands(later: list[tuple[int, float]], kind: str, now: float, duration: int) -> None:
    more = {"recurrencyKind": "Daily"} if kind == "Recurring" else {}
    profile = kept(told((0, 9_000.0), *sorted(later), kind=kind, schedule={"startSchedule": "50", "duration": duration},
                        **more))  # fmt: skip
    ends = min(profile.at(now, None)[1], now + 2 * DAY_S)
    assert {profile.at(now + (ends - now) * share, None)[0] for share in (0.1, 0.5, 0.9)} <= {profile.at(now, None)[0]}
