"""A pile whose outlet is a real device: its registers show what the device reports, what is written reaches it."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

import pytest

from hil.door import Door
from hil.modbus.devices import bound_units
from hil.modbus.unit import Code, Refusal
from sim.clock import Clock
from sim.events import Command
from sim.kernel import Kernel
from sim.units import SimTime
from twins.platform import LocalPlatform
from twins.slot_file import OcppDriverConfig, SlotConfig
from twins.station import Station
from twins.station_file import find_station, read_station

AT = "pile[A01].connector[1]"


class Port:
    """A device that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def limit(self, limit_kw: float) -> None:
        self.asked.append(("limit", round(limit_kw, 6)))

    def start(self, token: str) -> None:
        self.asked.append(("start", token))

    def stop(self, reason: str) -> None:
        self.asked.append(("stop", reason))

    def make_safe(self) -> None:
        self.asked.append(("make_safe",))


def test_registers_of_a_pile_show_its_device_and_reach_it() -> None:
    document = read_station(find_station("public"))
    kernel = Kernel(Clock(datetime(2022, 6, 14, 8), document.value.station.timezone), 1)
    driver = OcppDriverConfig(kind="ocpp", port=9_000, charge_point="X01")
    slot = SlotConfig(at=AT, armed=True, driver=driver, behind="hardware", max_kw=120.0)
    station = Station(kernel, document.value, LocalPlatform(kernel), {AT: slot})
    units = bound_units(station, document, Door(kernel))
    unit = next(unit for device, unit in units["piles"].items() if device.config.shows == "pile[A01]")
    port = station.devices[AT].port = Port()
    numbers = count(1)

    def says(t: float, verb: str, **args: Any) -> None:
        kernel.advance(SimTime(t))
        kernel.jump(SimTime(t))
        kernel.post(Command("slot", "X01", verb, f"{AT}.device", args, ("slot", next(numbers))))
        kernel.admit()
        kernel.advance(kernel.now)

    kernel.advance(SimTime(0.0))
    assert unit.read("input", 1000, 1) == [10], "not heard yet"
    says(1.0, "joined", vendor="V", model="M")
    says(1.0, "status", state="available", code="")
    assert unit.read("input", 1000, 3) == [0, 0, 600]
    says(2.0, "status", state="preparing", code="")
    assert unit.read("input", 1000, 3) == [1, 0, 400]
    says(3.0, "began", token="CARD", register_kwh=100.0)
    unit.write("holding", 1020, [300])
    assert ("limit", 30.0) in port.asked and unit.read("holding", 1020, 1) == [300]
    says(3.5, "limited", is_obeyed=True, limit_kw=30.0)
    says(9.0, "reading", power_kw=30.0, register_kwh=100.05, voltage_v=400.0, current_a=75.0, soc=0.4)
    says(9.5, "reading", power_kw=30.0, register_kwh=100.05, voltage_v=400.0, current_a=75.0, soc=0.4)
    state, faults, cc1, voltage, current, *_, soc = unit.read("input", 1000, 8)
    assert (state, faults, cc1, voltage, soc) == (6, 0, 400, 4_000, 40)
    assert current == round(750.0 * station.devices[AT].meter_factor)
    assert unit.read("input", 1010, 4) == [0, 50, 0, 50], "registered of this station's charges"
    unit.write("holding", 1021, [2])
    assert port.asked[-1] == ("stop", "remote")
    with pytest.raises(Refusal) as refused:
        unit.write("holding", 1021, [3])
    assert refused.value.code is Code.FAILURE, "nobody resets it from afar"
