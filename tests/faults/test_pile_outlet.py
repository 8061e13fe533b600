"""What fails at one outlet, as the station and the platform see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standing import Standing

from hil.ocpp.outlets import EvseConnector, error_code_of, reason_of
from scenarios.catalogue import StationCatalogue
from twins.station_file import read_station

SITE = Path(__file__).parent / "site.yaml"
EVSE = "pile[A01].connector[1]"
BAY = "bay[B01].occupied"


def charging(one: Any) -> None:
    one.until(lambda: one.at(f"{EVSE}.power_kw") > 10.0)


@pytest.mark.fault("connector.lock_jammed")
@pytest.mark.clause("9.5.4")
def test_a_bolt_that_jams_closed_keeps_the_car(played: Any, car: Any) -> None:
    one = played(car(0, 1, stay_s=900.0))
    charging(one)
    fault = one.inject("connector.lock_jammed", EVSE)
    one.to(3_600.0)
    evse = one.station.piles["A01"].evses[0]
    assert (one.state(f"{EVSE}.lock"), one.state(f"{EVSE}.state"), one.state(BAY)) == ("locked", "faulted", "occupied")
    assert EvseConnector(evse).unlock(one.kernel.now) == "UnlockFailed"
    assert one.of("alarm.raised", EVSE, alarm="lock_failed") and error_code_of("lock_failed") == "ConnectorLockFailure"
    one.clear(fault)
    one.to(3_601.0)
    assert (one.state(f"{EVSE}.lock"), one.state(BAY), one.state(f"{EVSE}.state")) == ("unlocked", "free", "available")


@pytest.mark.fault("connector.lock_jammed")
def test_a_bolt_that_jams_open_lets_no_charge_begin(on_wires: Callable[..., None], car: Any) -> None:
    async def act(up: Standing) -> None:
        up.station.faults.inject("connector.lock_jammed", EVSE, {"position": "open"})
        await up.to(300.0)
        said = up.heard.last["A01", "StatusNotification", 1]
        assert (said["status"], said["errorCode"]) == ("Faulted", "ConnectorLockFailure")
        assert ("A01", "StartTransaction", 1) not in up.heard.last
        assert (await up.signals())[f"{EVSE}.lock_failed"] == 1.0

    on_wires(act, car(0, 1, stay_s=1_800.0))


@pytest.mark.fault("connector.lock_jammed")
def test_a_bolt_that_slips_open_under_load_ends_the_charge(played: Any, car: Any) -> None:
    one = played(car(0, 1))
    charging(one)
    one.inject("connector.lock_jammed", EVSE, position="open")
    one.to(one.kernel.now + 1.0)
    assert (one.at(f"{EVSE}.power_kw"), one.state(f"{EVSE}.lock")) == (0.0, "unlocked")
    assert one.of("session.ended", EVSE, reason="lock_jammed")


@pytest.mark.clause("9.4.1")
@pytest.mark.parametrize(
    ("name", "alarm", "code"),
    [
        pytest.param("pile.insulation_low", "insulation_low", "GroundFailure",
                     marks=pytest.mark.fault("pile.insulation_low")),
        pytest.param("pile.precharge_failed", "precharge_failed", "InternalError",
                     marks=pytest.mark.fault("pile.precharge_failed")),
    ],
)  # fmt: skip
def test_a_circuit_that_does_not_pass_its_tests_is_not_closed(
    name: str, alarm: str, code: str, on_wires: Callable[..., None], car: Any
) -> None:
    async def act(up: Standing) -> None:
        fault = up.station.faults.inject(name, EVSE, {})
        await up.to(200.0)
        said = up.heard.last["A01", "StatusNotification", 1]
        assert (said["status"], said["errorCode"]) == ("Faulted", code)
        assert ("A01", "StartTransaction", 1) not in up.heard.last
        assert (await up.signals())[f"{EVSE}.{alarm}"] == 1.0
        up.station.faults.clear(fault.id)
        await up.to(900.0)
        assert (await up.signals())[f"{EVSE}.state"] == "available"

    on_wires(act, car(0, 1))


@pytest.mark.fault("pile.insulation_low")
def test_insulation_that_is_lost_under_load_trips_below_100_ohm_a_volt(played: Any, car: Any) -> None:
    one = played(car(0, 1))
    charging(one)
    volts_v = one.at(f"{EVSE}.voltage_v")
    one.inject("pile.insulation_low", EVSE, resistance_kohm=0.11 * volts_v)
    one.to(one.kernel.now + 1.0)
    assert one.at(f"{EVSE}.power_kw") > 10.0
    one.inject("pile.insulation_low", EVSE, resistance_kohm=0.09 * volts_v)
    one.to(one.kernel.now + 1.0)
    assert (one.at(f"{EVSE}.power_kw"), one.state(f"{EVSE}.state")) == (0.0, "faulted")
    assert one.of("session.ended", EVSE, reason="insulation_low")


@pytest.mark.clause("10.2.1")
@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("pile.card_reader_dead", {}, marks=pytest.mark.fault("pile.card_reader_dead")),
        pytest.param("pile.screen_dead", {"lost_share": 1.0}, marks=pytest.mark.fault("pile.screen_dead")),
    ],
)
def test_who_cannot_show_a_token_is_started_from_afar_or_leaves(
    name: str, values: dict[str, float], on_wires: Callable[..., None], car: Any
) -> None:
    other = "pile[A01].connector[2]"

    async def act(up: Standing) -> None:
        for path in (EVSE, other):
            up.station.faults.inject(name, path, values)
        await up.to(100.0)
        assert ("A01", "Authorize", 0) not in up.heard.last
        assert (await up.signals())[f"{EVSE}.state"] == "preparing"
        await up.still(up.triggered(EVSE, "StatusNotification"))
        await up.still(up.call("A01", "RemoteStartTransaction", connectorId=1, idTag="APP-1"))
        await up.to(600.0)
        assert ("A01", "StartTransaction", 1) in up.heard.last
        assert ("A01", "StartTransaction", 2) not in up.heard.last
        now = await up.signals()
        assert (now[f"{EVSE}.state"], now[f"{other}.state"]) == ("charging", "available")

    on_wires(act, car(0, 1), car(0, 2))


@pytest.mark.fault("transaction.stop_refused_locally")
@pytest.mark.clause("10.2.6")
def test_only_the_platform_ends_a_charge_that_does_not_obey_its_driver(played: Any, car: Any) -> None:
    one = played(car(0, 1, stay_s=900.0))
    charging(one)
    one.inject("transaction.stop_refused_locally", EVSE)
    one.to(2_000.0)
    assert one.of("session.stop_ignored", EVSE) and one.state(f"{EVSE}.state") == "charging"
    assert len(one.platform.open) == 1
    assert EvseConnector(one.station.piles["A01"].evses[0]).stop(one.kernel.now)
    one.to(2_001.0)
    (ended,) = one.of("session.ended", EVSE)
    assert reason_of(str(ended.data["reason"])) == "Remote" and not one.platform.open


def test_what_fails_of_a_dc_circuit_hits_no_ac_outlet() -> None:
    catalogue = StationCatalogue(read_station(SITE).value)
    for name in ("pile.insulation_low", "pile.precharge_failed"):
        assert EVSE in catalogue.targets(name)
        assert "hits DcEvse" in str(catalogue.target_problem(name, "pile[C01].connector[1]"))
