"""What a CSMS asks and answers becomes events, on a real socket."""

from __future__ import annotations

from pathlib import Path

from standing import Standing, stand

from hil.ocpp.csms.engine import CSMS_ACTIONS
from hil.ocpp.platform_events import ACTION_KINDS
from sim.events import Event, Scalar

SITE = Path(__file__).parents[2] / "faults" / "site.yaml"
SCENARIO = f"""\
scenario: 1
title: {{en: A charge, zh: 充电}}
station: {SITE}
start: 2022-07-13T12:00
duration_h: 1
seed: 1
demand: {{replay: cars.csv}}
"""
CARS = "arrival_s,connector,stay_s,capacity_kwh,soc_in_pct,soc_target_pct,power_max_kw\n0,1,,1000,5,95,60\n"


def written(folder: Path) -> Path:
    (folder / "cars.csv").write_text(CARS, encoding="utf-8")
    (folder / "charge.yaml").write_text(SCENARIO, encoding="utf-8")
    return folder / "charge.yaml"


def test_each_action_of_a_csms_has_its_event() -> None:
    assert tuple(ACTION_KINDS) == CSMS_ACTIONS
    assert len(set(ACTION_KINDS.values())) == len(ACTION_KINDS)


def test_what_is_asked_and_answered_is_told(tmp_path: Path) -> None:
    told: list[Event] = []

    def data(kind: str) -> dict[str, Scalar]:
        return dict(next(event for event in told if event.kind == f"platform.{kind}").data)

    async def act(standing: Standing) -> None:
        standing.kernel.subscribe(told.append)
        await standing.to(300.0)
        started = data("start_accepted")
        assert data("authorised") == {"status": "Accepted"}
        assert started["connector"] == 1
        assert started["is_faulted"] is False
        number = started["transaction"]
        schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20_000}]}
        profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
                   "chargingProfileKind": "Relative", "chargingSchedule": schedule}  # fmt: skip
        call = standing.call
        await standing.still(_done(call("A01", "SetChargingProfile", connectorId=1, csChargingProfiles=profile)))
        await standing.still(_done(call("A01", "RemoteStopTransaction", transactionId=number)))
        await standing.to(400.0)
        await standing.still(_done(call("A01", "ChangeAvailability", connectorId=2, type="Inoperative")))
        await standing.to(500.0)
        assert data("set_profile") == {"connector": 1, "status": "Accepted", "limit_kw": 20.0}
        stopped = data("remote_stop")
        assert stopped == {"connector": 1, "status": "Accepted", "transaction": number, "session": started["session"]}
        assert data("stop_answered")["transaction"] == number
        assert data("change_availability") == {"connector": 2, "status": "Accepted", "type": "Inoperative"}
        assert {event.subject for event in told if event.kind.startswith("platform.")} == {"ocpp[A01]"}
        stop = next(event for event in told if event.kind == "platform.remote_stop")
        assert stop.cause is not None

    stand(written(tmp_path), tmp_path / "run", act)


async def _done(asking: object) -> None:
    await asking  # type: ignore[misc]
