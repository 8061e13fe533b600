"""Faults of piles, their cabinets, contacts and modules: what the station does and what others read of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from standing import Standing

from sim.events import Scalar
from twins.station_file import find_station

EVSE, CONTACT, CABINET = "pile[A01].connector[1]", "pile[A01].connector[1].contact", "pile[A01].cabinet"
LOCKING: tuple[tuple[str, str, str, str, dict[str, Scalar]], ...] = (
    ("pile.contactor_stuck", EVSE, "contactor_open", "PowerSwitchFailure", {"position": "open"}),
    ("pile.failed", "pile[A01]", "pile_failed", "InternalError", {}),
    ("pile.inlet_sensor_stuck", CABINET, "high_temperature", "HighTemperature", {"at_c": 90.0}),
    ("pile.inlet_sensor_broken", CABINET, "inlet_sensor_broken", "OtherError", {}),
    ("connector.coolant_pump_failed", CONTACT, "coolant_flow_lost", "InternalError", {}),
    ("connector.temp_sensor_stuck", CONTACT, "connector_overtemperature", "HighTemperature", {"temp_c": 95.0}),
)


@pytest.mark.parametrize(
    ("name", "target", "alarm", "code", "values"),
    [pytest.param(*one, marks=pytest.mark.fault(one[0]), id=one[0]) for one in LOCKING],
)
def test_what_locks_out_is_told_on_every_face(
    name: str, target: str, alarm: str, code: str, values: dict[str, Scalar], on_wires: Callable[..., None], car: Any
) -> None:
    async def act(up: Standing) -> None:
        await up.to(120.0)
        assert float(str((await up.signals())[f"{EVSE}.power_kw"])) > 10.0
        up.station.faults.inject(name, target, values)
        await up.to(190.0)
        said = up.heard.last["A01", "StatusNotification", 1]
        assert (said["status"], said["errorCode"]) == ("Faulted", code)
        now = await up.signals()
        assert (now[f"{EVSE}.power_kw"], now[f"{EVSE}.{alarm}"]) == (0.0, 1.0)

    on_wires(act, car(0, 1))


@pytest.mark.parametrize(
    ("name", "values", "share"),
    [
        pytest.param("pile.fan_failed", {}, 0.0, marks=pytest.mark.fault("pile.fan_failed")),
        pytest.param("pile.fan_dusty", {"factor": 0.3}, 0.3, marks=pytest.mark.fault("pile.fan_dusty")),
    ],
)
def test_a_cabinet_without_its_air_warms_up(
    name: str, values: dict[str, Scalar], share: float, played: Any, car: Any
) -> None:
    sound, one = played(car(0, 1)), played(car(0, 1))
    one.inject(name, CABINET, **values)
    for each in (sound, one):
        each.to(3_600.0)
    assert one.at("pile[A01].fan_share") == pytest.approx(share * sound.at("pile[A01].fan_share"))
    assert one.at("pile[A01].inlet_temp_c") > sound.at("pile[A01].inlet_temp_c") + 2.0


@pytest.mark.fault("connector.contact_loose")
def test_a_loose_contact_runs_hot_and_warns(played: Any, car: Any) -> None:
    one = played(car(0, 3, power_max_kw=120.0))
    path = "pile[A02].connector[1]"
    one.inject("connector.contact_loose", f"{path}.contact", factor=20.0)
    one.until(lambda: one.at(f"{path}.connector_hot") == 1.0, latest_s=3_600.0)
    assert one.at(f"{path}.contact_temp_c") >= 79.0
    assert one.of("alarm.raised", path, alarm="connector_hot")


@pytest.mark.parametrize(
    ("name", "alarm"),
    [
        pytest.param("stack.module_failed", "module_failed", marks=pytest.mark.fault("stack.module_failed")),
        pytest.param("stack.switch_stuck", "module_switch_stuck", marks=pytest.mark.fault("stack.switch_stuck")),
    ],
)
def test_a_stack_does_with_the_modules_that_are_left(name: str, alarm: str, played: Any, car: Any) -> None:
    sound, one = (played(car(0, 1, power_max_kw=300.0), path=find_station("hub")) for _ in range(2))
    path = next(iter(one.station.piles.values())).path
    one.inject(name, path, module=1, count=16)
    for each in (sound, one):
        each.to(300.0)
    assert sound.at(f"{path}.connector[1].power_kw") > 10.0
    assert len(one.of("alarm.raised", path, alarm=alarm)) == 16
    assert one.at(f"{path}.connector[1].power_kw") == 0.0
