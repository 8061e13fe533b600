"""What one point shows: a value beyond the range is never taken for one that is not there."""

from __future__ import annotations

from math import inf, nan

import pytest

from hil.modbus.map_checks import shipped_map
from hil.modbus.map_points import RegisterPoint
from hil.modbus.readout import Value, blocks_of, is_number, values_of
from hil.modbus.shown import Number
from hil.modbus.values import KINDS
from sim.gauges import Gauge
from sim.units import SimTime


def shown(value: float, kind: str, scale: float = 1.0, absent: int | None = None, most: float | None = None) -> int:
    """The number that a register of this kind reads as."""
    of, gauge = KINDS[kind], Gauge("x", "A", lambda _t: value)
    bits = of.absent if absent is None else absent
    number = Number(gauge, of, "high_first", scale, 0.0, bits, is_measured=True, most=most)
    return int(of.number(of.joined(number.read(SimTime(0.0)), "high_first")))


@pytest.mark.parametrize(
    ("value", "kind", "reads"),
    [
        (70.0, "u16", 65_534), (65.5349, "u16", 65_534), (65.53, "u16", 65_530), (inf, "u16", 65_534),
        (-40.0, "s16", -32_767), (40.0, "s16", 32_767), (-inf, "s16", -32_767), (nan, "s16", -32_768),
        (1e9, "u32", 2**32 - 2), (-1e9, "s32", 1 - 2**31), (1e30, "u64", 2**64 - 2), (-1.0, "u16", 0),
    ],
)  # fmt: skip
def test_a_value_beyond_the_range_does_not_read_as_not_available(value: float, kind: str, reads: int) -> None:
    assert shown(value, kind, 1_000.0) == reads


def test_where_absent_is_not_at_the_end_all_of_the_range_is_there() -> None:
    assert shown(1e9, "u32", absent=0) == 10**9
    assert shown(1e10, "u32", absent=0) == 2**32 - 1
    assert shown(0.0, "u32", absent=0) == 0
    assert shown(300.0, "u16", absent=255, most=240) == 240


def test_a_hot_winding_is_no_broken_sensor_for_us_and_as_a_master() -> None:
    mapped = shipped_map("transformer_dry")
    assert [point.most for point in mapped.input if isinstance(point, RegisterPoint) and point.of] == [240] * 4
    registers = {0: 190, 1: 240, 2: 241, 4: 65}
    read: dict[str, Value] = {}
    for block in blocks_of(mapped, filter(is_number, mapped.placed())):
        if block.table == "input":
            words = [registers.get(at, 0) for at in range(block.first, block.first + block.count)]
            read |= dict(values_of(mapped, block, words))
    assert read == {"winding_a_c": 150.0, "winding_b_c": 200.0, "ambient_c": 25.0}
