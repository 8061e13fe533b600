"""What trips a pile: no power, a lock-out, the word for it on every wire, and the reset that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from standing import Standing

from sim.events import Scalar

EVSE, GUARD = "pile[A01].connector[1]", "pile[A01].guard"
TRIPS: tuple[tuple[str, str, str, dict[str, Scalar]], ...] = (
    ("pile.estop_pressed", "emergency_stop", "OtherError", {}),
    ("pile.door_open", "door_open", "OtherError", {}),
    ("pile.ground_lost", "ground_lost", "GroundFailure", {}),
    ("pile.leakage", "residual_current", "GroundFailure", {"current_ma": 31.0}),
    ("pile.water_inside", "water_inside", "OtherError", {"level_cm": 6.0}),
    ("pile.tilted", "tilted", "OtherError", {"angle_deg": 16.0}),
)
EACH = [pytest.param(*trip, marks=pytest.mark.fault(trip[0]), id=trip[0]) for trip in TRIPS]
LATCHING = ("pile.estop_pressed", "pile.leakage")


@pytest.mark.clause("9.4.1")
@pytest.mark.parametrize(("name", "alarm", "code", "values"), EACH)
def test_what_trips_a_pile_takes_its_power(
    name: str, alarm: str, code: str, values: dict[str, Scalar], played: Any, car: Any
) -> None:
    one = played(car(0, 1))
    one.until(lambda: one.at(f"{EVSE}.power_kw") > 10.0)
    fault = one.inject(name, GUARD, **values)
    one.to(one.kernel.now + 1.0)
    assert (one.at(f"{EVSE}.power_kw"), one.state(f"{EVSE}.state")) == (0.0, "faulted")
    assert one.at(f"{EVSE}.{alarm}") == one.at(f"pile[A01].connector[2].{alarm}") == 1.0
    assert one.of("session.ended", EVSE) and one.of("alarm.raised", EVSE, alarm=alarm)
    one.to(one.kernel.now + 600.0)
    one.clear(fault)
    one.to(one.kernel.now + 1.0)
    assert (one.state(f"{EVSE}.state") == "faulted") is (name in LATCHING)
    if name in LATCHING:
        assert one.ask("evse.reset", EVSE) == ""
        one.to(one.kernel.now + 1.0)
    assert one.state(f"{EVSE}.state") == "available"


@pytest.mark.parametrize(("name", "alarm", "code", "values"), EACH)
def test_the_platform_and_the_master_hear_what_has_tripped(
    name: str, alarm: str, code: str, values: dict[str, Scalar], on_wires: Callable[..., None], car: Any
) -> None:
    async def act(up: Standing) -> None:
        await up.to(120.0)
        up.station.faults.inject(name, GUARD, values)
        await up.to(125.0)
        said = up.heard.last["A01", "StatusNotification", 1]
        assert (said["status"], said["errorCode"]) == ("Faulted", code)
        assert (await up.signals())[f"{EVSE}.{alarm}"] == 1.0

    on_wires(act, car(0, 1))


@pytest.mark.parametrize(
    ("name", "values"),
    [("pile.leakage", {"current_ma": 16.0}), ("pile.water_inside", {"level_cm": 3.0}),
     ("pile.tilted", {"angle_deg": 8.0})],
)  # fmt: skip
def test_less_than_its_level_trips_nothing_and_twice_as_much_does(
    name: str, values: dict[str, Scalar], played: Any
) -> None:
    one = played()
    one.inject(name, GUARD, **values)
    one.to(10.0)
    assert one.state(f"{EVSE}.state") == "available"
    second = one.inject(name, GUARD, **values)
    one.to(20.0)
    assert one.state(f"{EVSE}.state") == "faulted"
    one.clear(second)
    one.ask("evse.reset", EVSE)
    one.to(30.0)
    assert one.state(f"{EVSE}.state") == "available"


def test_a_pressed_button_is_not_reset_away(played: Any) -> None:
    one = played()
    one.inject("pile.estop_pressed", GUARD)
    one.to(10.0)
    assert "emergency_stop" in one.ask("evse.reset", EVSE)
    assert one.state(f"{EVSE}.state") == "faulted"
