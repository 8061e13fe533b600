"""Maps of the devices that are no meters: every point against its quantity, sheet and deeds; letters, steps, faults."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from hil.modbus.map_checks import shipped_map
from hil.modbus.map_file import PlacedPoint
from hil.modbus.map_points import CoilPoint, Flag, RegisterPoint
from hil.modbus.unit import Code, Refusal
from hil.modbus.values import KINDS, text_words
from sim.signals import State
from twins.evse import EvseState
from twins.replay import ReplayRow

Sites = Callable[..., Any]

EVERY = Path(__file__).parent / "every_device.yaml"
DEVICES = {
    1: ("transformer_dry", "grid.transformer[T1]"),
    2: ("env_rs485", "env[E1]"),
    3: ("env_th332", "env[E1]"),
    4: ("abb_terra_ac", "pile[C01].connector[1]"),
    5: ("keba_p30", "pile[C01].connector[1]"),
    6: ("alfen_ng9", "pile[C02].connector[1]"),
    7: ("phoenix_em_cp", "pile[C02].connector[1]"),
    8: ("dc_pile", "pile[D01]"),
    9: ("dc_pile", "pile[D02]"),
    10: ("dc_pile", "pile[H01]"),
    11: ("hvac_io", "house"),
    12: ("fire_panel", "fire_panel[FP1]"),
    13: ("gas_detector", "gas[G2]"),
}
UNIT = {f"{name} {shows}": unit for unit, (name, shows) in DEVICES.items()}
TRANSFORMER, ENV, TH332, ABB, KEBA, ALFEN, PHOENIX, DC, BLOCKS, STACK, HOUSE, PANEL, GAS = DEVICES
CAR: dict[str, Any] = {"capacity_kwh": 90.0, "soc_in_pct": 10.0, "soc_target_pct": 90.0, "power_max_kw": 200.0}


@pytest.fixture
def every(site: Sites) -> Callable[..., Any]:
    """The station of `every_device.yaml` from nine o'clock on; a car comes to each of the connectors at 60 s."""

    def made(*connectors: int, stay_s: float | None = None, at_s: float = 60.0) -> Any:
        devices = [f'{{unit: {unit}, map: {name}, shows: "{shows}"}}' for unit, (name, shows) in DEVICES.items()]
        one = site(str(EVERY), *devices)
        one.station.replay(tuple(ReplayRow(arrival_s=at_s, stay_s=stay_s, connector=at, **CAR) for at in connectors))
        return one

    return made


def refusal(act: Callable[..., Any], *args: Any) -> Code:
    with pytest.raises(Refusal) as caught:
        act(*args)
    return caught.value.code


# Every point


def wanted(one: Any, shows: str, placed: PlacedPoint) -> tuple[int, ...] | float:
    """What a point should read: registers or a bit, or a number that its registers should be near."""
    point = placed.point
    if isinstance(point, CoilPoint):
        return (
            (point.constant,) if point.constant is not None else (int(is_set(one, placed.path(point.of, shows), ())),)
        )
    if point.type == "text":
        return text_words(str(point.codes[code_of(one, placed.path(point.of, shows))]), point.registers)
    kind = KINDS[point.type]
    absent = kind.words(kind.absent if point.absent is None else point.absent, one.order)
    if point.bits:
        bits = sum(1 << flag.bit for flag in point.bits if is_flag(one, placed.path(flag.of, shows), flag))
        return kind.words(bits, one.order)
    if point.constant is not None:
        return kind.words(kind.bits(point.constant), one.order)
    if not point.of:
        return absent
    if point.codes:
        return kind.words(int(point.codes[code_of(one, placed.path(point.of, shows))]), one.order)
    value = one.at(placed.path(point.of, shows))
    return absent if isnan(value) else min(max(value * point.scale + point.add, kind.low), kind.high)


def is_flag(one: Any, path: str, flag: Flag) -> bool:
    return is_set(one, path, flag.words)


def is_set(one: Any, path: str, words: tuple[str | float, ...]) -> bool:
    quantity = one.kernel.quantity(path)
    assert not isinstance(quantity, State) and not words
    value = quantity.at(one.kernel.now)
    return not isnan(value) and value != 0.0


def code_of(one: Any, path: str) -> str:
    return f"{one.at(path):.0f}"


def check_every_point(one: Any) -> int:
    """Read each readable point of all devices alone; how many there were of a quantity that is there now."""
    checked = 0
    for unit, (_, shows) in DEVICES.items():
        mapped = one.units[unit].map
        one.order = mapped.words
        there = {(point.table, point.first) for point in one.units[unit].points}
        for placed in mapped.placed():
            if (placed.table, placed.first) not in there or not placed.point.is_readable:
                continue
            got = tuple(one.units[unit].read(placed.table, placed.first, placed.point.size))
            want = wanted(one, shows, placed)
            where = (mapped.name, shows, placed.name)
            if isinstance(want, tuple):
                assert got == want, where
                continue
            assert isinstance(placed.point, RegisterPoint)
            kind = KINDS[placed.point.type]
            value = kind.number(kind.joined(got, mapped.words))
            tolerance = {"rel": 2.0**-24} if kind.name == "f32" else {"rel": 1e-15} if kind.is_float else {"abs": 0.5}
            assert value == pytest.approx(want, **tolerance), where
            checked += 1
    return checked


def test_every_point_is_its_quantity_at_one_instant(every: Callable[..., Any]) -> None:
    one = every(1, 2, 3, *range(4, 14), 16, 17)
    for t in (60.0, 62.5, 68.1, 74.0, 81.9, 300.0, 1_234.5, 3_600.0, 9_000.0):
        one.to(t)
        assert check_every_point(one) > 300
    charging = sum(evse.is_charging for evse in one.station.evses)
    assert 2 <= charging <= 14, "some are charging still, others have ended"


def test_every_point_is_right_in_an_outage_and_beside_faults(every: Callable[..., Any]) -> None:
    one = every(1, 2, 4, 5, 16)
    one.to(900.0)
    faults = one.station.faults
    faults.inject("stack.module_failed", "pile[H01]", {"count": 2}, "m")
    faults.inject("pile.inlet_sensor_broken", "pile[D01].cabinet", {}, "i")
    faults.inject("transformer.sensor_broken", "grid.transformer[T1]", {}, "s")
    faults.inject("env.sensor_broken", "env[E1]", {}, "e")
    one.to(910.0)
    check_every_point(one)
    assert one.units[STACK].read("input", 3, 2) == [16, 2]
    faults.inject("grid.outage", "grid.feed", {"duration_s": 600.0}, "o")
    one.to(920.0)
    check_every_point(one)


# The sheet


SHEET = {
    "transformer_dry": {"coil": [0, 1, 2, 3], "input": [0, 1, 2, 3, 4], "holding": [0, 1, 2, 3]},
    "env_rs485": {"holding": [0, 1, 0x7D0, 0x7D1]},
    "env_th332": {"holding": [0, 2, 4, 6, 7, *range(9, 21), 23]},
    "abb_terra_ac": {"holding": [*range(0x4004, 0x4020, 2), 0x4000, 0x4100, 0x4105]},
    "keba_p30": {
        "holding": [1000, 1004, 1008, 1010, 1012, 1014, 1016, 1018, 1020, 1036, 1040, 1042, 1044, 1500, 1502, 1550,
                    1552, 1602, 5004, 5014],
    },
    "alfen_ng9": {"holding": [306, 308, 310, 320, 322, 324, 344, 374, 1201, 1210, 1215]},
    "phoenix_em_cp": {"input": [100, 102, 108, 114, 120, 128], "holding": [300], "coil": [400]},
    "dc_pile": {
        "input": [*range(7), *range(10, 58), *(1000 + 100 * c + o for c in range(8) for o in (*range(11), 12, 14, 15))],
        "holding": [*range(7), *(1000 + 100 * c + offset for c in range(8) for offset in (0, 16, 20, 21))],
    },
    "hvac_io": {"coil": [*range(16)], "discrete": [*range(16)], "holding": [0], "input": [0, 1, 2]},
    "fire_panel": {
        "input": [*range(5), *(10 + 8 * k + o for k in range(32) for o in range(7)), 301, 553],
        "coil": [*range(8)],
    },
    "gas_detector": {"input": [*range(7)], "holding": [*range(7), 16, 17, 18, 19]},
}  # fmt: skip
"""Where the sheet of registers has a point, by map and table."""


@pytest.mark.parametrize("name", SHEET)
def test_a_map_has_the_addresses_of_the_sheet(name: str) -> None:
    placed = {(one.table, one.first) for one in shipped_map(name).placed()}
    assert [(table, at) for table, firsts in SHEET[name].items() for at in firsts if (table, at) not in placed] == []


@pytest.mark.parametrize("name", SHEET)
def test_what_is_our_own_choice_is_said_so(name: str) -> None:
    mapped = shipped_map(name)
    is_own = name in ("env_rs485", "dc_pile", "hvac_io", "fire_panel", "gas_detector")
    assert mapped.trust == ("own" if is_own else "verified")
    assert mapped.source.startswith("our own") is is_own


# Writing


def f32(value: float) -> tuple[int, ...]:
    return KINDS["f32"].words(KINDS["f32"].bits(value), "high_first")


Done = Callable[[Any], bool]
WRITES: list[tuple[int, str, int, tuple[int, ...], Done]] = [
    (TRANSFORMER, "coil", 1, (1,), lambda one: one.at("grid.transformer[T1].are_fans_on") == 1.0),
    (TRANSFORMER, "holding", 0, (105,), lambda one: one.station.grid.transformer.heat.fans.on_c == 105.0),
    (TRANSFORMER, "holding", 1, (85,), lambda one: one.station.grid.transformer.heat.fans.off_c == 85.0),
    (TRANSFORMER, "holding", 2, (150,), lambda one: one.station.grid.transformer.guards["pt100"].alarm.level_c == 150),
    (TRANSFORMER, "holding", 3, (165,), lambda one: one.station.grid.transformer.guards["pt100"].trip.level_c == 165),
    (ABB, "holding", 0x4100, (0, 10_000), lambda one: one.at("pile[C01].connector[1].current_a") == near(10.0)),
    (ABB, "holding", 0x4105, (1,), lambda one: not one.station.evses[15].is_charging),
    (KEBA, "holding", 5004, (8_000,), lambda one: one.at("pile[C01].connector[1].current_a") == near(8.0)),
    (KEBA, "holding", 5014, (0,), lambda one: one.at("pile[C01].connector[1].current_a") == 0.0),
    (ALFEN, "holding", 1210, f32(12.5), lambda one: one.at("pile[C02].connector[1].current_l3_a") == near(12.5)),
    (PHOENIX, "holding", 300, (9,), lambda one: one.at("pile[C02].connector[1].current_l2_a") == near(9.0)),
    (PHOENIX, "coil", 400, (0,), lambda one: one.at("pile[C02].connector[1].power_kw") == 0.0),
    (DC, "holding", 1020, (250,), lambda one: one.at("pile[D01].power_kw") == near(25.0)),
    (DC, "holding", 1021, (2,), lambda one: not one.station.evses[0].is_charging),
    (BLOCKS, "holding", 1120, (250,), lambda one: one.at("pile[D02].connector[2].allowed_kw") == 25.0),
    (BLOCKS, "holding", 1121, (2,), lambda one: not one.station.evses[2].is_charging),
    *((STACK, "holding", 1020 + 100 * c, (300,), lambda one, c=c: one.at(f"pile[H01].connector[{c + 1}].allowed_kw") == 30.0)
      for c in range(12)),
    (STACK, "holding", 1021, (2,), lambda one: not one.station.evses[3].is_charging),
    (HOUSE, "coil", 0, (0,), lambda one: one.at("house.cooling_kw") == 0.0),
    (HOUSE, "coil", 3, (1,), lambda one: one.at("house.lighting_kw") == 4.0),
    (HOUSE, "coil", 4, (1,), lambda one: one.at("grid.voltage_pu") == 0.0),
    (HOUSE, "coil", 5, (1,), lambda one: one.station.house.lights.switch.value == "auto"),
    (HOUSE, "holding", 0, (280,), lambda one: one.station.house.cooling.config.set_c == 28.0),
    (PANEL, "coil", 0, (1,), lambda one: one.station.fire_panel.outputs["sounder"]),
    (PANEL, "coil", 1, (1,), lambda one: one.station.fire_panel.outputs["smoke_exhaust"]),
    (PANEL, "coil", 2, (1,), lambda one: all(evse.state.value is EvseState.FAULTED for evse in one.station.evses)),
    (PANEL, "coil", 3, (1,), lambda one: one.station.fire_panel.outputs["suppression"]),
    (PANEL, "coil", 5, (1,), lambda one: one.station.fire_panel.is_testing),
    (PANEL, "coil", 6, (1,), lambda one: one.at("fire_panel[FP1].event[1].kind") == 7.0),
    (PANEL, "coil", 7, (1,), lambda one: one.station.fire_panel.outputs["door_release"]),
    *((GAS, "holding", 16 + at, (value,), lambda one, name=name, value=value: one.at(f"gas[G2].{name}") == value)
      for at, (name, value) in enumerate((("co_low_ppm", 40), ("co_high_ppm", 90), ("h2_low_ppm", 60), ("h2_high_ppm", 900)))),
]  # fmt: skip
"""(unit, table, address, registers or bits, what it has done at once)"""


def near(value: float) -> Any:
    return pytest.approx(value, rel=5e-3)  # a meter's error


@pytest.mark.parametrize(("unit", "table", "first", "words", "is_done"), WRITES)
def test_a_written_register_does_its_deed_at_once(
    every: Callable[..., Any], unit: int, table: Any, first: int, words: tuple[int, ...], is_done: Done
) -> None:
    one = every(1, 3, 4, 16, 17)
    one.to(300.0)
    one.units[unit].write(table, first, words)
    assert is_done(one)
    assert one.kernel.now == 300.0
    (told,) = [event for event in one.events if event.kind == "command.done"]
    assert told.data["source"] == "modbus" and told.data["actor"] == f"link[bus].unit[{unit}]"


def test_no_writable_point_is_left_out() -> None:
    written = {(DEVICES[unit][0], table, first) for unit, table, first, _, _ in WRITES}
    starts_elsewhere = {("dc_pile", "holding", 1021 + 100 * at) for at in range(12)}
    silenced = {("fire_panel", "coil", 4)}
    names = {name for name, _ in DEVICES.values()}
    writable = {(name, one.table, one.first) for name in names for one in shipped_map(name).placed() if one.point.write}
    assert writable - written - starts_elsewhere - silenced == set()


def test_commands_of_a_dc_pile_start_stop_and_reset(every: Callable[..., Any]) -> None:
    one = every()
    unit, evse = one.units[DC], one.station.evses[0]
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
    unit = one.units[TRANSFORMER]
    unit.write("holding", 0, [80, 60])
    assert unit.read("holding", 0, 4) == [80, 60, 155, 170]
    assert refusal(unit.write, "holding", 2, [160, 150]) is Code.FAILURE
    assert refusal(unit.write, "holding", 0, [400]) is Code.VALUE
    assert unit.read("holding", 0, 4) == [80, 60, 155, 170]


def test_a_silenced_sounder(every: Callable[..., Any]) -> None:
    one = every()
    panel = one.units[PANEL]
    assert refusal(panel.write, "coil", 4, [1]) is Code.FAILURE
    panel.write("coil", 0, [1])
    assert panel.read("input", 0, 1) == [1 | 1 << 5]
    panel.write("coil", 4, [1])
    assert panel.read("coil", 0, 8) == [0] * 8 and panel.read("input", 0, 1) == [1]


# Letters and steps


def test_the_letters_of_a_wallbox_through_a_session(every: Callable[..., Any]) -> None:
    one = every(16, stay_s=3_000.0)
    abb, keba = one.units[ABB], one.units[KEBA]

    def seen() -> tuple[int, int, int, int]:
        return (abb.read("holding", 0x400D, 1)[0] >> 8, abb.read("holding", 0x400B, 1)[0],
                keba.read("holding", 1001, 1)[0], keba.read("holding", 1005, 1)[0])  # fmt: skip

    assert seen() == (0, 0x0000, 1, 0)
    arrived = first_at(one, lambda: one.station.evses[15].bms is not None)
    assert seen()[1:] in ((0x0101, 1, 5), (0x0111, 2, 7))
    one.to(arrived + 1.0)
    assert seen() == (2, 0x0111, 2, 7), "authorised, its cable locked, an offer made"
    one.to(arrived + 10.0)
    assert seen() == (4, 0x0111, 3, 7)
    keba.write("holding", 5014, [0])
    assert seen() == (3, 0x0111, 5, 7), "C1: it would, but nothing is offered"
    keba.write("holding", 5014, [1])
    assert seen() == (4, 0x0111, 3, 7)
    abb.write("holding", 0x4105, [1])
    assert seen() == (1, 0x0101, 1, 5)
    one.station.faults.inject("pile.failed", "pile[C01]", {"duration_s": 5.0}, "f")
    one.to(arrived + 12.0)
    assert seen()[0] == 5 and seen()[2] == 4
    assert abb.read("holding", 0x4008, 2) == [0, 1 << 5]
    one.to(20_000.0)
    assert seen() == (0, 0x0000, 1, 0)


def test_the_letters_of_three_phases(every: Callable[..., Any]) -> None:
    one = every(17)
    alfen, phoenix = one.units[ALFEN], one.units[PHOENIX]
    assert alfen.read("holding", 1201, 5) == [ord("A") << 8, 0, 0, 0, 0]
    assert phoenix.read("input", 100, 1) == [ord("A")]
    one.to(300.0)
    assert alfen.read("holding", 1201, 5)[0] == int.from_bytes(b"C2", "big")
    assert phoenix.read("input", 100, 1) == [ord("C")]
    assert alfen.read("holding", 1215, 1) == [3]
    assert phoenix.read("input", 102, 2)[1] == 0 < phoenix.read("input", 102, 2)[0] < 300, "the low word first"
    phoenix.write("coil", 400, [0])
    assert alfen.read("holding", 1201, 1) == [int.from_bytes(b"C1", "big")] and phoenix.read("coil", 400, 1) == [0]


def test_the_steps_of_a_dc_session(every: Callable[..., Any]) -> None:
    one = every(1)
    evse = one.station.evses[0]
    seen: list[tuple[float, int]] = []

    def note() -> bool:
        step = one.units[DC].read("input", 1000, 1)[0]
        if not seen or seen[-1][1] != step:
            seen.append((one.kernel.now, step))
        return evse.state.value is EvseState.FINISHING

    first_at(one, lambda: evse.bms is not None)
    for _ in range(1_000):
        note()
        one.to(one.kernel.now + 0.5)
    assert [step for _, step in seen] == [2, 3, 4, 5, 6], "nobody waits here between the plug and the card"
    begun = seen[0][0]
    assert [at - begun for at, _ in seen] == pytest.approx([0.0, 4.0, 8.0, 16.0, 20.0], abs=0.51)
    one.units[DC].write("holding", 1021, [2])
    assert one.units[DC].read("input", 1000, 1) == [8]


def test_contactors_and_what_the_vehicle_tells_come_with_the_steps(every: Callable[..., Any]) -> None:
    one = every(1)
    unit = one.units[DC]
    assert unit.read("input", 1002, 1) == [600] and unit.read("input", 1015, 1) == [0]
    arrived = first_at(one, lambda: one.station.evses[0].bms is not None)
    one.to(arrived + 1.0)
    assert unit.read("input", 1002, 1) == [400], "mated"
    assert unit.read("input", 1007, 1) == [0xFFFF], "no charge told yet"
    assert unit.read("input", 1015, 1) == [0b100_1100], "BMS supplied, plug locked"
    one.to(arrived + 5.0)
    assert unit.read("input", 1007, 1) == [10]
    one.to(arrived + 60.0)
    assert unit.read("input", 1015, 1) == [0b111_1111]
    voltage, current, demand_v, demand_a = unit.read("input", 1003, 4)
    assert 3_000 < voltage <= demand_v and 1_000 < current <= demand_a * 1.005
    assert unit.read("input", 1016, 1) == [0xFFFF]
    one.to(arrived + 20.0 + 3 * 60.0)
    assert unit.read("input", 1014, 1) == [3]


def first_at(one: Any, is_met: Callable[[], bool]) -> float:
    while not is_met():
        assert one.kernel.next_time() < 20_000.0
        one.to(one.kernel.next_time())
    return float(one.kernel.now)


# Faults


def test_sensors_that_are_broken_say_so(every: Callable[..., Any]) -> None:
    one = every()
    one.to(60.0)
    transformer, faults = one.units[TRANSFORMER], one.station.faults
    reading_c = one.at("grid.transformer[T1].pt100_c")
    assert transformer.read("input", 0, 5) == [
        *[round(reading_c) + 40] * 3,
        255,
        round(one.at("weather.air_temp_c")) + 40,
    ]
    assert transformer.read("coil", 0, 4) == [0, 0, 0, 0]
    faults.inject("transformer.sensor_broken", "grid.transformer[T1]", {"duration_s": 60.0}, "t")
    faults.inject("env.sensor_broken", "env[E1]", {"duration_s": 60.0}, "e")
    faults.inject("pile.inlet_sensor_broken", "pile[D01].cabinet", {"duration_s": 60.0}, "i")
    one.to(70.0)
    assert transformer.read("input", 0, 4) == [255] * 4
    assert transformer.read("coil", 0, 4) == [1, 0, 0, 0]
    assert one.units[ENV].read("holding", 0, 2) == [0xFFFF, 0x8000]
    assert one.units[TH332].read("holding", 0, 6) == [0x7FC0, 0] * 3
    assert one.units[DC].read("input", 0, 1) == [0x8000] and one.units[DC].read("input", 1000, 2) == [9, 1 << 4]
    one.to(600.0)
    assert transformer.read("coil", 0, 1) == [0] and max(transformer.read("input", 0, 3)) < 240
    assert one.units[ENV].read("holding", 1, 1) != [0x8000]


def test_what_a_transformer_cannot_read_is_no_broken_sensor(every: Callable[..., Any]) -> None:
    one = every()
    one.station.faults.inject("transformer.sensor_stuck", "grid.transformer[T1]", {}, "s")
    one.to(1.0)
    one.station.grid.transformer.pt100_c.stuck_at.rebase(260.0)
    one.station.grid.transformer.pt100_c.retune(one.kernel.now, 0.0, 260.0)
    assert one.units[TRANSFORMER].read("input", 0, 1) == [240], "the end of its range, 200 C"


def test_fault_bits_of_a_dc_pile(every: Callable[..., Any]) -> None:
    one = every(1)
    one.to(300.0)
    bits = lambda: one.units[DC].read("input", 1001, 1)[0]  # noqa: E731
    assert bits() == 0
    one.station.faults.inject("bms.mute", "pile[D01].connector[1].vehicle.bms", {"duration_s": 0.9}, "b")
    one.to(300.5)
    assert bits() == 1 << 5
    one.to(302.0)
    assert bits() == 0
    one.station.faults.inject("pile.contactor_stuck", "pile[D01].connector[1]", {"position": "closed"}, "c")
    one.units[DC].write("holding", 1021, [2])
    assert bits() == 1 << 8 and one.units[DC].read("input", 1000, 1) == [9]
    one.station.faults.inject("grid.outage", "grid.feed", {}, "o")
    one.to(310.0)
    assert bits() == 1 << 8 | 1 << 15
