"""A Modbus port and its devices as things: faults lean on them and let go, unit ids change hands, clocks drift."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from sim.faults import FAULTS
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bus_config import BusDeviceConfig, ModbusEndpointConfig
from twins.links import LinkState
from twins.station import Station

Build = Callable[..., tuple[Kernel, Station, Any]]

METERS = BusDeviceConfig(unit=3, map="iem3000", shows="grid.feeder[F1]")
PORT = ModbusEndpointConfig(
    kind="modbus",
    id="field",
    devices=(METERS, BusDeviceConfig(unit=10, map="dc_pile", shows="pile[A01..A03]")),
)


@pytest.fixture
def site(build: Build) -> tuple[Kernel, Station]:
    kernel, station, _ = build(endpoints=(PORT,))
    return kernel, station


def units_of(station: Station) -> dict[int, list[int]]:
    """Who answers at each unit id."""
    bus = station.buses["field"]
    return {unit: [device.unit for device in bus.devices_at(unit)] for unit in range(1, 248) if bus.devices_at(unit)}


def test_a_port_is_a_thing_with_its_devices(site: tuple[Kernel, Station]) -> None:
    kernel, station = site
    bus = station.find("link[field]")
    assert bus is station.buses["field"]
    paths = [f"link[field].unit[{unit}]" for unit in (3, 10, 11, 12)]
    assert [station.find(path) for path in paths] == list(station.buses["field"].devices.values())
    assert [device.config.shows for device in station.buses["field"].devices.values()] == [
        "grid.feeder[F1]", "pile[A01]", "pile[A02]", "pile[A03]"
    ]  # fmt: skip
    station.buses["field"].requests += 5
    shown = kernel.gauges["link[field].requests"]
    assert shown.at(kernel.now) == 5.0


@pytest.mark.parametrize("name", [name for name in FAULTS.names() if re.match(r"(bus|unit)\.", name)])
def test_every_fault_leans_and_lets_go(site: tuple[Kernel, Station], name: str) -> None:
    _, station = site
    spec = FAULTS.get(name)
    assert any("一" <= letter <= "鿿" for letter in spec.title_zh)
    target = "link[field]" if spec.name.startswith("bus.") else "link[field].unit[3]"
    injected = station.faults.inject(name, target, {})
    assert injected.leaning
    knobs = [lean.knob for lean in injected.leaning]
    assert all(knob.value != knob.base for knob in knobs)
    station.faults.clear(injected.id)
    assert all(knob.value == knob.base for knob in knobs)
    assert units_of(station) == {3: [3], 10: [10], 11: [11], 12: [12]}


def test_a_cut_is_told_and_shown(site: tuple[Kernel, Station]) -> None:
    kernel, station = site
    bus = station.buses["field"]
    told: list[bool] = []
    bus.on_cut = lambda: told.append(bus.is_cut.value)
    station.faults.inject("bus.cut", "link[field]", {"duration_s": 20.0})
    states = [bus.state.value]
    kernel.advance(SimTime(30.0))
    states.append(bus.state.value)
    assert states == [LinkState.DOWN, LinkState.UP]
    assert told == [True, False]


def test_unit_ids_change_hands_and_back_in_any_order(site: tuple[Kernel, Station]) -> None:
    _, station = site
    inject = station.faults.inject
    inject("unit.address_swapped", "link[field].unit[3]", {"with_unit": 11}, alias="one")
    assert units_of(station) == {3: [11], 10: [10], 11: [3], 12: [12]}
    inject("unit.address_swapped", "link[field].unit[12]", {}, alias="two")  # with the next one: 3, who is at 11
    assert units_of(station)[12] == [11]
    station.faults.clear("one")
    station.faults.clear("two")
    assert units_of(station) == {3: [3], 10: [10], 11: [11], 12: [12]}
    inject("unit.address_swapped", "link[field].unit[3]", {"with_unit": 99}, alias="away")
    assert units_of(station) == {10: [10], 11: [11], 12: [12], 99: [3]}


def test_exchanges_that_overlap_leave_each_other_as_they_are_when_one_is_over(site: tuple[Kernel, Station]) -> None:
    _, station = site
    inject, clear = station.faults.inject, station.faults.clear
    inject("unit.address_swapped", "link[field].unit[10]", {"with_unit": 11}, alias="one")
    inject("unit.address_swapped", "link[field].unit[10]", {"with_unit": 12}, alias="two")
    clear("one")
    assert units_of(station) == {3: [3], 10: [12], 11: [11], 12: [10]}
    inject("unit.address_swapped", "link[field].unit[11]", {"with_unit": 3}, alias="three")
    clear("two")
    assert units_of(station) == {3: [11], 10: [10], 11: [3], 12: [12]}
    inject("unit.address_swapped", "link[field].unit[3]", {"with_unit": 11}, alias="the same")
    clear("three")
    assert units_of(station) == {3: [11], 10: [10], 11: [3], 12: [12]}
    clear("the same")
    assert units_of(station) == {3: [3], 10: [10], 11: [11], 12: [12]}


def test_counters_and_ratios_add_up(site: tuple[Kernel, Station]) -> None:
    _, station = site
    device = station.buses["field"].devices[3]
    changes: list[float] = []
    device.on_change = lambda: changes.append(device.energy_offset_kwh.value)
    station.faults.inject("unit.energy_rolled_back", device.path, {"by_kwh": 2.0})
    station.faults.inject("unit.energy_rolled_back", device.path, {"by_kwh": 3.0})
    station.faults.inject("unit.wrong_ct_ratio", device.path, {"factor": 2.0})
    station.faults.inject("unit.wrong_ct_ratio", device.path, {"factor": 0.25})
    assert device.energy_offset_kwh.value == -5.0
    assert device.ct_ratio.value == 0.5
    assert device.energy_left_kwh.value == inf
    assert changes == [-2.0, -5.0, -5.0, -5.0]


def test_a_clock_drifts_until_it_is_set_right(site: tuple[Kernel, Station]) -> None:
    kernel, station = site
    device = station.buses["field"].devices[3]
    station.faults.inject("unit.clock_drifting", device.path, {"drift_s_per_day": 86.4}, alias="fast")
    kernel.advance(SimTime(0.0))
    kernel.jump(SimTime(1_000.0))
    assert device.clock_offset_s(kernel.now) == pytest.approx(1.0)
    station.faults.inject("unit.clock_drifting", device.path, {"drift_s_per_day": -172.8}, alias="slow")
    assert device.clock_offset_s(SimTime(2_000.0)) == pytest.approx(0.0)
    station.faults.clear("fast")
    station.faults.clear("slow")
    assert device.clock_offset_s(SimTime(2_000.0)) == 0.0


def test_losses_on_the_wire_are_drawn_from_the_ports_own_stream(site: tuple[Kernel, Station], build: Build) -> None:
    _, station = site
    bus = station.buses["field"]
    assert not any(bus.loses_request() or bus.spoils_answer() for _ in range(100))
    station.faults.inject("bus.dropping", bus.path, {"share_pct": 30.0})
    drawn = [bus.loses_request() for _ in range(2_000)]
    assert 500 < sum(drawn) < 700
    other = build(endpoints=(PORT,))[1]
    other.faults.inject("bus.dropping", bus.path, {"share_pct": 30.0})
    assert [other.buses["field"].loses_request() for _ in range(2_000)] == drawn
    station.faults.inject("bus.dropping", bus.path, {"share_pct": 80.0})
    assert all(bus.loses_request() for _ in range(100))
