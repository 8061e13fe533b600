"""Registers of a pile and OCPP's meter values at one instant: the same physical values."""

from __future__ import annotations

from datetime import datetime

import pytest

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.registers import MappedUnit
from hil.ocpp.outlets import EvseConnector
from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station


def running(name: str) -> tuple[Station, dict[str, MappedUnit]]:
    """A shipped station in the middle of a morning, and its units by what they show."""
    document = read_station(find_station(name))
    kernel = Kernel(Clock(datetime(2022, 7, 11, 8), document.value.station.timezone), 1)
    station = Station(kernel, document.value, LocalPlatform(kernel))
    ports = bound_units(station, document, Door(kernel))
    station.draw_demand(400.0, 7_200.0)
    kernel.advance(SimTime(7_000.0))
    kernel.jump(SimTime(7_000.5))
    return station, {device.config.shows: unit for port in ports.values() for device, unit in port.items()}


@pytest.mark.parametrize("name", ["public", "hub", "community"])
def test_a_dc_pile_shows_on_both_wires_what_its_meter_has(name: str) -> None:
    station, units = running(name)
    now, charging = station.kernel.now, 0
    for pile in station.piles.values():
        if pile.model.kind == "ac":
            continue
        for number, evse in enumerate(pile.evses):
            told = EvseConnector(evse).sample(now)
            block = units[pile.path].read("input", 1000 + 100 * number, 14)
            assert block[3] == pytest.approx(told.voltage_v * 10.0, abs=0.5)
            assert block[4] == pytest.approx(told.current_a * 10.0, abs=0.5)
            assert block[10] << 16 | block[11] == pytest.approx(told.energy_wh, abs=0.5)
            if evse.is_charging:
                charging += 1
                assert told.soc_pct is not None
                assert block[7] == pytest.approx(told.soc_pct, abs=0.5)
                assert block[3] * block[4] / 100.0 == pytest.approx(told.power_w, rel=0.02)
    assert charging >= 1


@pytest.mark.parametrize(("name", "most"), [("public", 3), ("community", 8)])
def test_a_wallbox_shows_on_both_wires_what_its_meter_has(name: str, most: int) -> None:
    station, units = running(name)
    boxes = [evse for evse in station.evses if evse.model.kind == "ac"]
    assert len(boxes) == most and any(evse.is_charging for evse in boxes)
    registers = {
        "abb_terra_ac": ("holding", 0x401C, 1.0),
        "keba_p30": ("holding", 1020, 1_000.0),
        "phoenix_em_cp": ("input", 120, 0.1),
    }
    read = 0
    for evse in boxes:
        unit = units[evse.path]
        if unit.map.name not in registers:
            continue
        table, first, per_w = registers[unit.map.name]
        high, low = unit.read(table, first, 2) if unit.map.words == "high_first" else unit.read(table, first, 2)[::-1]  # type: ignore[arg-type]
        assert high << 16 | low == pytest.approx(
            EvseConnector(evse).sample(station.kernel.now).power_w * per_w, abs=0.5
        )
        read += 1
    assert read >= 2
