"""Clocks of devices: a pile's own and the fire panel's log go by the unit's clock, right or wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hil.modbus.unit import Code, Refusal

Sites = Callable[..., Any]
CLOCK, FIRST_TIME = 7, 16
DAY_S = 86_400.0


def unix_s(one: Any, unit: int, first: int) -> int:
    high, low = one.devices[unit].read("input", first, 2)
    return int(high << 16 | low)


@pytest.fixture
def clocks(every: Sites) -> Any:
    one = every()
    one.devices |= {1: one.devices["dc"], 2: one.devices["panel"]}
    return one


def drift(one: Any, unit: int, s_per_day: float) -> str:
    return str(one.inject("unit.clock_drifting", one.devices[unit].device.unit, drift_s_per_day=s_per_day))


def test_a_piles_clock_is_the_stations_until_it_drifts(clocks: Any) -> None:
    begun_s = int(clocks.kernel.clock.start.timestamp())
    clocks.to(1_000.5)
    assert unix_s(clocks, 1, CLOCK) == begun_s + 1_000
    fast = drift(clocks, 1, DAY_S)
    clocks.to(1_060.0)
    assert unix_s(clocks, 1, CLOCK) == begun_s + 1_060 + 59, "it runs at twice the pace since"
    slow = drift(clocks, 1, -0.75 * DAY_S)
    clocks.to(1_100.0)
    assert unix_s(clocks, 1, CLOCK) == begun_s + 1_100 + 69
    clocks.station.faults.clear(fast)
    clocks.station.faults.clear(slow)
    assert unix_s(clocks, 1, CLOCK) == begun_s + 1_100, "set right"


def test_the_panels_log_has_the_times_that_its_clock_said_then(clocks: Any) -> None:
    begun_s, panel = int(clocks.kernel.clock.start.timestamp()), clocks.station.fire_panel
    clocks.to(100.0)
    panel.drive("sounder", True)
    identity = drift(clocks, 2, DAY_S)
    clocks.to(160.0)
    panel.drive("sounder", False)
    panel.drive("sounder", True)
    clocks.to(300.0)
    clocks.station.faults.clear(identity)
    panel.reset()
    told = [unix_s(clocks, 2, FIRST_TIME + 8 * slot) for slot in range(4)]
    assert told == [begun_s + 100, begun_s + 160 + 60, begun_s + 300, 0]
    assert clocks.at("fire_panel[FP1].event[2].unix_s") == begun_s + 160, "the truth"


def test_a_frozen_device_has_a_clock_that_stands(clocks: Any) -> None:
    clocks.to(50.0)
    drift(clocks, 1, DAY_S)
    clocks.inject("unit.frozen", clocks.devices[1].device.unit)
    before = unix_s(clocks, 1, CLOCK)
    clocks.to(500.0)
    assert unix_s(clocks, 1, CLOCK) == before


def test_a_start_while_one_begins_is_answered_busy(every: Sites) -> None:
    one = every(1)
    while not one.station.evses[0].is_starting:
        one.to(one.kernel.now + 0.5)
    with pytest.raises(Refusal) as refused:
        one.devices["dc"].write("holding", 1021, [1])
    assert refused.value.code is Code.BUSY
    one.to(one.kernel.now + 60.0)
    with pytest.raises(Refusal) as refused:
        one.devices["dc"].write("holding", 1021, [1])
    assert refused.value.code is Code.FAILURE, "it charges: nothing to wait for"
