"""Faults of a device on a meter's map: frozen, counters stuck, back or over their end, no values, words, ratio."""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import isnan
from typing import Any

import pytest

Sites = Callable[..., Any]

METERS = (
    '{unit: 1, map: sdm630, shows: "grid.meter[M1]"}', '{unit: 2, map: iem3000, shows: "grid.meter[M1]"}',
    '{unit: 3, map: sunspec_203, shows: "grid.meter[M1]"}', '{unit: 4, map: adw300, shows: "grid.meter[M1]"}',
)  # fmt: skip
PATH = "grid.meter[M1]"


@pytest.fixture
def meters(site: Sites) -> Any:
    one = site("two-outlet", *METERS)
    one.cars(2)
    one.to(1_000.0)
    return one


def f32(one: Any, first: int, unit: int = 1) -> float:
    value: float = struct.unpack(">f", struct.pack(">2H", *one.units[unit].read("input", first, 2)))[0]
    return value


def energy_wh(one: Any) -> int:
    """The 64-bit counter of the iEM3000."""
    value: int = struct.unpack(">q", struct.pack(">4H", *one.units[2].read("holding", 0x0C83, 4)))[0]
    return value


def test_a_frozen_device_gives_what_it_gave_then(meters: Any) -> None:
    unit = meters.units[1]
    before = list(unit.read("input", 0, 76))
    name = meters.inject("unit.frozen", 1)
    meters.to(2_000.0)
    assert list(unit.read("input", 0, 76)) == before
    assert list(unit.read("input", 0x35, 1)) == [before[0x35]]
    meters.station.faults.clear(name)
    meters.to(2_001.0)
    assert f32(meters, 0x48) == pytest.approx(meters.at(f"{PATH}.import_kwh"), rel=1e-6)


def test_counters_stick_while_powers_go_on(meters: Any) -> None:
    stood = energy_wh(meters)
    name = meters.inject("unit.energy_stuck", 2)
    meters.to(2_000.0)
    assert energy_wh(meters) == stood
    power = meters.units[2].read("holding", 0x0BF3, 2)
    assert struct.unpack(">f", struct.pack(">2H", *power))[0] == pytest.approx(meters.at(f"{PATH}.power_kw"), rel=1e-6)
    meters.station.faults.clear(name)
    meters.to(2_000.5)
    assert energy_wh(meters) == round(meters.at(f"{PATH}.import_kwh") * 1_000.0) > stood


def test_counters_go_back_and_never_below_nothing(meters: Any) -> None:
    stood = meters.at(f"{PATH}.import_kwh")
    name = meters.inject("unit.energy_rolled_back", 2, by_kwh=5.0)
    assert energy_wh(meters) == round((stood - 5.0) * 1_000.0)
    meters.station.faults.clear(name)
    meters.inject("unit.energy_rolled_back", 2, by_kwh=1e6)
    assert energy_wh(meters) == 0


def test_counters_pass_the_end_of_their_registers(meters: Any) -> None:
    stood = meters.at(f"{PATH}.import_kwh")
    meters.inject("unit.energy_rolling_over", 2, left_kwh=1.0)
    meters.inject("unit.energy_rolling_over", 1, left_kwh=1.0)
    assert energy_wh(meters) == 2**63 - 1 - 1_000
    assert f32(meters, 0x48) == pytest.approx(999_999.0, abs=0.07)
    meters.to(1_500.0)
    grown = meters.at(f"{PATH}.import_kwh") - stood
    assert grown > 2.0
    assert energy_wh(meters) == pytest.approx((grown - 1.0) * 1_000.0, abs=2.0)
    assert f32(meters, 0x48) == pytest.approx(grown - 1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("unit", "table", "first", "words"),
    [
        (3, "holding", 40072, [0x8000]),  # s16
        (3, "holding", 40070 + 46, [0, 0]),  # an accumulator that is not there is 0
        (3, "holding", 40070, [203]),  # what it says of itself stays
        (3, "holding", 40004, [0x566F]),
        (4, "holding", 20, [0xFFFF]),
        (4, "holding", 36, [0x8000, 0]),
        (1, "input", 0, [0x7FC0, 0]),
    ],
)
def test_values_are_not_available(meters: Any, unit: int, table: str, first: int, words: list[int]) -> None:
    meters.inject("unit.not_available", unit)
    assert list(meters.units[unit].read(table, first, len(words))) == words


def test_words_are_swapped_and_texts_are_not(meters: Any) -> None:
    before = meters.units[3].read("holding", 40000, 70), meters.units[2].read("holding", 0x0C83, 4)
    meters.inject("unit.words_swapped", 3)
    meters.inject("unit.words_swapped", 2)
    common = meters.units[3].read("holding", 40000, 70)
    assert list(common[:2]) == [0x6E53, 0x5375]
    assert list(common[2:]) == list(before[0][2:])
    assert list(meters.units[2].read("holding", 0x0C83, 4)) == list(before[1])[::-1]


def test_a_wrong_ratio_is_in_currents_powers_and_counters_alone(meters: Any) -> None:
    meters.inject("unit.wrong_ct_ratio", 1, factor=0.5)
    for first, name, factor in (
        (0x06, "current_l1_a", 0.5), (0x34, "power_kw", 500.0), (0x38, "apparent_kva", 500.0),
        (0x48, "import_kwh", 0.5), (0x00, "voltage_l1_v", 1.0), (0x46, "frequency_hz", 1.0),
        (0x3E, "power_factor", 1.0),
    ):  # fmt: skip
        assert f32(meters, first) == pytest.approx(factor * meters.at(f"{PATH}.{name}"), rel=1e-6), name


def test_faults_overlap_and_clear_one_by_one(meters: Any) -> None:
    meters.inject("unit.wrong_ct_ratio", 1, factor=2.0)
    meters.inject("unit.energy_rolled_back", 1, by_kwh=3.0)
    stuck = meters.inject("unit.energy_stuck", 1)
    stood = 2.0 * meters.at(f"{PATH}.import_kwh") - 3.0
    meters.to(1_800.0)
    assert f32(meters, 0x48) == pytest.approx(stood, rel=1e-6)
    gone = meters.inject("unit.not_available", 1)
    assert isnan(f32(meters, 0x48))
    meters.station.faults.clear(gone)
    meters.station.faults.clear(stuck)
    meters.to(1_801.0)
    assert f32(meters, 0x48) == pytest.approx(2.0 * meters.at(f"{PATH}.import_kwh") - 3.0, rel=1e-6)


def test_a_ct_ratio_of_the_file_is_for_masters_to_multiply_by(site: Sites) -> None:
    one = site("public", '{unit: 1, map: adw300, shows: "grid.meter[M1]", ct_ratio: 400}')
    one.cars(8)
    one.to(1_200.0)
    volts, current = one.units[1].read("holding", 20, 1)[0], one.units[1].read("holding", 26, 1)[0]
    (power,) = struct.unpack(">i", struct.pack(">2H", *one.units[1].read("holding", 36, 2)))
    assert volts == round(10.0 * one.at(f"{PATH}.voltage_l1_v"))
    assert 400 * current == pytest.approx(100.0 * one.at(f"{PATH}.current_l1_a"), abs=200.0)
    assert 400 * power == pytest.approx(1_000.0 * one.at(f"{PATH}.power_kw"), abs=200.0)
