"""What masters write to piles, controllers, house and fire panel is done at once, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hil.modbus.unit import Code, Refusal
from hil.modbus.values import KINDS
from twins.evse import EvseState


def refusal(act: Callable[..., Any], *args: Any) -> Code:
    with pytest.raises(Refusal) as caught:
        act(*args)
    return caught.value.code


def guard(one: Any) -> Any:
    return one.station.grid.transformer.guards["pt100"]


def f32(value: float) -> tuple[int, ...]:
    return KINDS["f32"].words(KINDS["f32"].bits(value), "high_first")


Done = Callable[[Any], bool]
WRITES: list[tuple[str, str, int, tuple[int, ...], Done]] = [
    ("transformer", "coil", 1, (1,), lambda one: one.at("grid.transformer[T1].are_fans_on") == 1.0),
    ("transformer", "holding", 0, (105,), lambda one: one.station.grid.transformer.heat.fans.on_c == 105.0),
    ("transformer", "holding", 1, (85,), lambda one: one.station.grid.transformer.heat.fans.off_c == 85.0),
    ("transformer", "holding", 2, (150,), lambda one: guard(one).alarm.level_c == 150.0),
    ("transformer", "holding", 3, (165,), lambda one: guard(one).trip.level_c == 165.0),
    ("abb", "holding", 0x4100, (0, 10_000), lambda one: one.at("pile[C01].connector[1].current_a") == near(10.0)),
    ("abb", "holding", 0x4105, (1,), lambda one: not one.station.evses[15].is_charging),
    ("keba", "holding", 5004, (8_000,), lambda one: one.at("pile[C01].connector[1].current_a") == near(8.0)),
    ("keba", "holding", 5014, (0,), lambda one: one.at("pile[C01].connector[1].current_a") == 0.0),
    ("keba", "holding", 5016, (9_000,), lambda one: one.at("pile[C01].connector[1].fail_safe_a") == 9.0),
    ("keba", "holding", 5018, (30,), lambda one: one.at("pile[C01].connector[1].fail_safe_s") == 30.0),
    ("alfen", "holding", 1210, f32(12.5), lambda one: one.at("pile[C02].connector[1].current_l3_a") == near(12.5)),
    ("phoenix", "holding", 300, (9,), lambda one: one.at("pile[C02].connector[1].current_l2_a") == near(9.0)),
    ("phoenix", "coil", 400, (0,), lambda one: one.at("pile[C02].connector[1].power_kw") == 0.0),
    ("dc", "holding", 1020, (250,), lambda one: one.at("pile[D01].power_kw") == near(25.0)),
    ("dc", "holding", 1021, (2,), lambda one: not one.station.evses[0].is_charging),
    ("blocks", "holding", 1120, (250,), lambda one: one.at("pile[D02].connector[2].allowed_kw") == 25.0),
    ("blocks", "holding", 1121, (2,), lambda one: not one.station.evses[2].is_charging),
    *(("stack", "holding", 1020 + 100 * c, (300,), lambda one, c=c: one.station.evses[3 + c].ceiling_kw == 30.0)
      for c in range(12)),
    ("stack", "holding", 1021, (2,), lambda one: not one.station.evses[3].is_charging),
    ("house", "coil", 0, (0,), lambda one: one.at("house.cooling_kw") == 0.0),
    ("house", "coil", 3, (1,), lambda one: one.at("house.lighting_kw") == 4.0),
    ("house", "coil", 4, (1,), lambda one: one.at("grid.voltage_pu") == 0.0),
    ("house", "holding", 0, (280,), lambda one: one.station.house.cooling.config.set_c == 28.0),
    ("panel", "coil", 0, (1,), lambda one: one.station.fire_panel.outputs["sounder"]),
    ("panel", "coil", 1, (1,), lambda one: one.station.fire_panel.outputs["smoke_exhaust"]),
    ("panel", "coil", 2, (1,), lambda one: all(evse.state.value is EvseState.FAULTED for evse in one.station.evses)),
    ("panel", "coil", 3, (1,), lambda one: one.station.fire_panel.outputs["suppression"]),
    ("panel", "coil", 5, (1,), lambda one: one.station.fire_panel.is_testing),
    ("panel", "coil", 6, (1,), lambda one: one.at("fire_panel[FP1].event[1].kind") == 7.0),
    ("panel", "coil", 7, (1,), lambda one: one.station.fire_panel.outputs["door_release"]),
    ("gas", "holding", 16, (40,), lambda one: one.at("gas[G2].co_low_ppm") == 40.0),
    ("gas", "holding", 17, (90,), lambda one: one.at("gas[G2].co_high_ppm") == 90.0),
    ("gas", "holding", 18, (60,), lambda one: one.at("gas[G2].h2_low_ppm") == 60.0),
    ("gas", "holding", 19, (900,), lambda one: one.at("gas[G2].h2_high_ppm") == 900.0),
]  # fmt: skip
"""(device, table, address, registers or bits, what it has done at once)"""


def near(value: float) -> Any:
    return pytest.approx(value, rel=5e-3)  # a meter's error


@pytest.mark.parametrize(("device", "table", "first", "words", "is_done"), WRITES)
def test_a_written_register_does_its_deed_at_once(
    every: Callable[..., Any], device: str, table: Any, first: int, words: tuple[int, ...], is_done: Done
) -> None:
    one = every(1, 3, 4, 16, 17)
    one.to(300.0)
    assert not is_done(one)
    one.devices[device].write(table, first, words)
    assert is_done(one)
    assert one.kernel.now == 300.0
    (told,) = [event for event in one.events if event.kind == "command.done"]
    assert told.data["source"] == "modbus" and told.data["actor"] == one.devices[device].device.path


def test_no_writable_point_is_left_out(every: Callable[..., Any]) -> None:
    one = every()
    written = {(one.devices[device].map.name, table, first) for device, table, first, _, _ in WRITES}
    below = {("dc_pile", "holding", 1021 + 100 * at) for at in range(12)}
    below |= {("fire_panel", "coil", 4), ("hvac_io", "coil", 5)}
    writable = {
        (unit.map.name, placed.table, placed.first)
        for unit in one.devices.values() for placed in unit.map.placed() if placed.point.write is not None
    }  # fmt: skip
    assert writable - written - below == set()


def test_commands_of_a_dc_pile_start_stop_and_reset(every: Callable[..., Any]) -> None:
    one = every()
    unit, evse = one.devices["dc"], one.station.evses[0]
    one.to(10.0)
    assert refusal(unit.write, "holding", 1021, [2]) is Code.FAILURE, "no charge is on"
    assert refusal(unit.write, "holding", 1021, [3]) is Code.FAILURE, "nothing is locked out"
    assert refusal(unit.write, "holding", 1021, [4]) is Code.VALUE
    one.station.faults.inject("pile.failed", "pile[D01]", {}, "f")
    one.to(20.0)
    assert unit.read("holding", 1000, 2) == [9, 1 << 4]
    unit.write("holding", 1021, [3])
    assert evse.state.value is EvseState.AVAILABLE and unit.read("input", 1000, 2) == [0, 0]
    unit.write("holding", 1021, [1])
    assert refusal(unit.write, "holding", 1121, [1]) is Code.ADDRESS, "it has one connector"
    assert refusal(unit.write, "input", 1020, [1]) is Code.ADDRESS


def test_set_points_of_one_request_are_taken_together_or_not_at_all(every: Callable[..., Any]) -> None:
    one = every()
    unit = one.devices["transformer"]
    unit.write("holding", 0, [80, 60])
    assert unit.read("holding", 0, 4) == [80, 60, 155, 170]
    assert refusal(unit.write, "holding", 2, [160, 150]) is Code.FAILURE
    assert refusal(unit.write, "holding", 0, [400]) is Code.VALUE
    assert unit.read("holding", 0, 4) == [80, 60, 155, 170]


def test_a_silenced_sounder(every: Callable[..., Any]) -> None:
    one = every()
    panel = one.devices["panel"]
    assert refusal(panel.write, "coil", 4, [1]) is Code.FAILURE
    panel.write("coil", 0, [1])
    assert panel.read("input", 0, 1) == [1 | 1 << 5]
    panel.write("coil", 4, [1])
    assert panel.read("coil", 0, 8) == [0] * 8 and panel.read("input", 0, 1) == [1]


def test_lights_by_hand_and_by_dusk_again(every: Callable[..., Any]) -> None:
    one = every()
    one.to(60.0)
    house = one.devices["house"]
    assert (house.read("coil", 3, 3), house.read("discrete", 3, 1)) == ([0, 0, 1], [0])
    house.write("coil", 3, [1])
    assert (house.read("coil", 3, 3), house.read("discrete", 3, 1)) == ([1, 0, 0], [1])
    house.write("coil", 5, [1])
    assert (house.read("coil", 3, 3), house.read("discrete", 3, 1)) == ([0, 0, 1], [0])
    house.write("coil", 5, [0])
    assert house.read("coil", 3, 3) == [0, 0, 0], "held dark by hand"


def test_coils_of_an_io_module_are_written_back_as_a_picture(every: Callable[..., Any]) -> None:
    one = every()
    one.to(60.0)
    house = one.devices["house"]
    picture = house.read("coil", 0, 16)
    assert picture == [1, 0, 0, 0, 0, 1, *[0] * 10]
    house.write("coil", 0, picture)
    assert house.read("coil", 0, 16) == picture
    by_hand = [0, 0, 0, 1, 0, 0, *[0] * 10]
    house.write("coil", 0, by_hand)
    assert house.read("coil", 0, 16) == by_hand and one.at("house.lighting_kw") == 4.0
    assert refusal(house.write, "coil", 0, [1, 1, *by_hand[2:]]) is Code.ADDRESS, "louvers are not wired"
    assert house.read("coil", 0, 16) == by_hand
    for first, values in ((1, [1]), (1, [0]), (6, [0, 0])):
        assert refusal(house.write, "coil", first, values) is Code.ADDRESS, "nothing there takes anything"
