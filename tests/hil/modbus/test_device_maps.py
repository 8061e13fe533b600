"""Maps of the devices that are no meters: each point is its quantity at one instant, and where the sheet has it."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

import pytest

from hil.modbus.map_checks import shipped_map
from hil.modbus.map_file import PlacedPoint
from hil.modbus.map_points import CoilPoint, Flag, RegisterPoint
from hil.modbus.values import KINDS, text_words
from sim.signals import State

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
    for unit in one.devices.values():
        mapped, shows = unit.map, unit.device.config.shows
        one.order = mapped.words
        there = {(point.table, point.first) for point in unit.points}
        for placed in mapped.placed():
            if (placed.table, placed.first) not in there or not placed.point.is_readable:
                continue
            got = tuple(unit.read(placed.table, placed.first, placed.point.size))
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
    assert one.devices["stack"].read("input", 3, 2) == [16, 2]
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
                    1552, 1600, 1602, 1100, 5004, 5014, 5016, 5018],
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
    is_mixed = name in ("transformer_dry", "abb_terra_ac", "env_th332", "phoenix_em_cp")
    assert mapped.trust == ("own" if is_own else "partly" if is_mixed else "verified")
    assert mapped.source.startswith("our own") is is_own
