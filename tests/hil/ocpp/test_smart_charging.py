"""A charge point obeys the profiles that its CSMS sends (OCPP 1.6, section 3.13)."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest


def profile(limit: float, *, level: int = 0, purpose: str = "TxProfile", number: int | None = None, unit: str = "W",
            **schedule: Any) -> dict[str, Any]:  # fmt: skip
    periods = [{"startPeriod": 0, "limit": limit}]
    told: dict[str, Any] = {
        "chargingProfileId": 10 * level + len(purpose), "stackLevel": level, "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative" if purpose == "TxProfile" else "Absolute",
        "chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": periods} | schedule,
    }  # fmt: skip
    return told | ({"transactionId": number} if number is not None else {})


def sends(desk: Any, told: dict[str, Any], connector: int = 1) -> str:
    return str(desk.ask("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": told})["status"])


def begins(desk: Any, connector: int = 1) -> None:
    desk.point.started(connector, f"S{connector}", "TAG", 0, desk.now)
    desk.exchange()


def test_a_default_holds_for_every_transaction_and_a_grant_above_it_until_it_lapses(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(0.0, purpose="TxDefaultProfile")) == "Accepted"
    assert desk.plugs[1].limits == []  # nobody charges
    begins(desk)
    assert desk.plugs[1].limits == [0.0]
    assert sends(desk, profile(40_000.0, level=1, number=100, duration=10)) == "Accepted"
    assert desk.plugs[1].limits == [0.0, 40_000.0]
    desk.run(8.0)
    assert sends(desk, profile(30_000.0, level=1, number=100, duration=20)) == "Accepted"
    desk.run(19.9)
    assert desk.plugs[1].limits == [0.0, 40_000.0, 30_000.0]
    desk.run(20.1)
    assert desk.plugs[1].limits[-1] == 0.0
    desk.point.ended(1, "S1", 5, "Local", desk.now)
    assert desk.plugs[1].limits[-1] is None


def test_a_grant_belongs_to_its_transaction(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(1_000.0)) == "Rejected"
    begins(desk)
    assert sends(desk, profile(1_000.0, number=7)) == "Rejected"
    assert sends(desk, profile(1_000.0, number=100)) == "Accepted"
    desk.point.ended(1, "S1", 5, "Local", desk.now)
    begins(desk)
    assert desk.plugs[1].limits[-1] is None


def test_the_whole_charge_point_is_shared_by_those_who_charge(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(20_000.0, purpose="ChargePointMaxProfile"), connector=0) == "Accepted"
    begins(desk, 1)
    assert desk.plugs[1].limits == [20_000.0]
    begins(desk, 2)
    assert desk.plugs[1].limits[-1] == desk.plugs[2].limits[-1] == 10_000.0
    desk.point.ended(2, "S2", 5, "Local", desk.now)
    assert desk.plugs[1].limits[-1] == 20_000.0


def test_a_connectors_own_default_comes_before_the_common_one(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(9_000.0, purpose="TxDefaultProfile"), connector=0) == "Accepted"
    own = profile(5_000.0, purpose="TxDefaultProfile") | {"chargingProfileId": 99}
    assert sends(desk, own, connector=2) == "Accepted"
    begins(desk, 1)
    begins(desk, 2)
    assert (desk.plugs[1].limits, desk.plugs[2].limits) == ([9_000.0], [5_000.0])
    assert desk.ask("ClearChargingProfile", {"id": 99}) == {"status": "Accepted"}
    assert desk.plugs[2].limits[-1] == 9_000.0
    assert desk.ask("ClearChargingProfile", {"id": 99}) == {"status": "Unknown"}
    wanted = {"chargingProfilePurpose": "TxDefaultProfile", "connectorId": 0}
    assert desk.ask("ClearChargingProfile", wanted) == {"status": "Accepted"}
    assert desk.plugs[1].limits[-1] is None


def test_amperes_count_by_phase(online: Any) -> None:
    desk = online()
    begins(desk)
    assert sends(desk, profile(16.0, unit="A")) == "Accepted"
    assert desk.plugs[1].limits == [pytest.approx(11_040.0)]
    keys = desk.ask(
        "GetConfiguration", {"key": ["ChargingScheduleAllowedChargingRateUnit", "SupportedFeatureProfiles"]}
    )
    assert [one["value"] for one in keys["configurationKey"]] == ["Current,Power", "Core,RemoteTrigger,SmartCharging"]


def test_the_composite_schedule_says_what_will_bind(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(20_000.0, purpose="TxDefaultProfile")) == "Accepted"
    begins(desk)
    assert sends(desk, profile(50_000.0, level=2, duration=60)) == "Accepted"
    answer = desk.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 3_600})
    assert answer["status"] == "Accepted" and answer["scheduleStart"] == desk.stamp(desk.now)
    assert answer["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 50_000.0}, {"startPeriod": 60, "limit": 20_000.0},
    ]  # fmt: skip
    whole = desk.ask("GetCompositeSchedule", {"connectorId": 0, "duration": 10})
    assert whole["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 110_000.0}]
    assert desk.ask("GetCompositeSchedule", {"connectorId": 9, "duration": 10}) == {"status": "Rejected"}


def test_refused_are_connectors_that_are_not_there_and_times_that_are_none(online: Any) -> None:
    desk = online()
    assert sends(desk, profile(1.0, purpose="TxDefaultProfile"), connector=9) == "Rejected"
    far = profile(1.0, purpose="TxDefaultProfile", startSchedule="0001-01-01T00:00:00+23:00")
    assert sends(desk, far) in ("Accepted", "Rejected")
    for number in range(100):
        told = profile(1.0, purpose="TxDefaultProfile") | {"chargingProfileId": number, "stackLevel": number % 20}
        sends(desk, told, connector=1 + number % 2)
    assert desk.ask("ClearChargingProfile", {}) == {"status": "Accepted"}


def test_the_whole_charge_point_may_what_its_profile_says_however_many_charge(online: Any) -> None:
    desk = online()
    told = profile(10_000.0, purpose="ChargePointMaxProfile")
    assert sends(desk, told, connector=0) == "Accepted"

    def whole() -> list[dict[str, Any]]:
        answer = desk.ask("GetCompositeSchedule", {"connectorId": 0, "duration": 60})
        periods: list[dict[str, Any]] = answer["chargingSchedule"]["chargingSchedulePeriod"]
        return periods

    for charging in (0, 1, 2):
        if charging:
            begins(desk, charging)
        assert whole() == [{"startPeriod": 0, "limit": 10_000.0}]


def test_a_composite_schedule_costs_little_however_full_the_charge_point_is(online: Any) -> None:
    desk = online()
    for level in range(20):
        for connector in (0, 1, 2):
            periods = [{"startPeriod": 800 * at + (level if at else 0), "limit": 200_000.0 + (level + at) % 7}
                       for at in range(100)]  # fmt: skip
            told = profile(1.0, level=level, purpose="TxDefaultProfile", startSchedule=desk.stamp(desk.now + level))
            told |= {"chargingProfileId": 10 * level + connector, "chargingProfileKind": "Recurring",
                     "recurrencyKind": "Daily"}  # fmt: skip
            told["chargingSchedule"]["chargingSchedulePeriod"] = periods
            sends(desk, told, connector)
    begins(desk)
    began_s = process_time()
    answer = desk.ask("GetCompositeSchedule", {"connectorId": 0, "duration": 10**9})
    assert process_time() - began_s < 0.25
    assert answer["chargingSchedule"]["duration"] == 86_400
    assert len(answer["chargingSchedule"]["chargingSchedulePeriod"]) == 1, "all of it is more than it can give"


def test_a_composite_schedule_of_many_steps_says_less_far_ahead(online: Any) -> None:
    desk = online()
    for level, purpose in enumerate(("TxDefaultProfile", "ChargePointMaxProfile")):
        told = profile(1.0, level=level, purpose=purpose, startSchedule=desk.stamp(desk.now))
        told["chargingSchedule"]["chargingSchedulePeriod"] = [
            {"startPeriod": 60 * at, "limit": 1_000.0 * (1 + (at // (1 + level)) % 3)} for at in range(100)
        ]
        told["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = 9_000.0
        assert sends(desk, told | {"chargingProfileId": level}, level and 0) == "Accepted"
    long = desk.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 80_000})["chargingSchedule"]
    assert len(long["chargingSchedulePeriod"]) <= 100
    assert long["chargingSchedulePeriod"][-1]["startPeriod"] < long["duration"] <= 80_000
