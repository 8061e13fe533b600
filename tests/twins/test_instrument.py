"""A meter or sensor in a twin's place: what is missing, what cannot be, and registers that begin anew."""

from __future__ import annotations

from datetime import datetime
from math import isnan

from sim.clock import Clock
from sim.events import Command, Event
from sim.kernel import Kernel
from sim.units import SimTime
from twins.device_supply import Presence
from twins.instrument import Instrument


class Meter:
    """An instrument with a watchdog of 5 s, and what it told."""

    def __init__(self) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 6, 14, 8), "Asia/Shanghai"), 1)
        self.events: list[Event] = []
        self.kernel.subscribe(self.events.append)
        self.device = Instrument(self.kernel, "grid.meter[M1]", 5.0, lambda: None)
        self._said = 0

    def says(self, verb: str, **args: float) -> None:
        self._said += 1
        key = ("slot", self._said)
        self.kernel.post(Command("slot", "M1", verb, "grid.meter[M1].device", args, key))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)
        self.kernel.jump(SimTime(self.kernel.now + 1.0))

    def told(self, kind: str) -> list[object]:
        return [dict(event.data) for event in self.events if event.kind == kind]


def test_what_it_has_not_is_told_once_and_is_no_value() -> None:
    meter = Meter()
    meter.says("reading", power_kw=7.0, import_kwh=1.0)
    meter.says("reading", import_kwh=1.0)
    meter.says("reading", import_kwh=1.0)
    assert isnan(meter.device.value("power_kw")) and meter.device.value("import_kwh") == 1.0
    assert meter.told("device.absent") == [{"names": "power_kw"}]
    meter.says("reading", power_kw=8.0, import_kwh=1.0)
    assert meter.device.value("power_kw") == 8.0


def test_who_has_nothing_at_all_to_read_counts_as_silent() -> None:
    meter = Meter()
    meter.says("reading", power_kw=7.0)
    for _ in range(6):
        meter.says("reading")
    assert meter.device.presence.value is Presence.SILENT and isnan(meter.device.value("power_kw"))
    assert meter.told("alarm.raised") == [{"alarm": "device_silent"}]


def test_a_register_that_has_fallen_for_good_is_its_new_base() -> None:
    meter = Meter()
    meter.says("reading", power_kw=7.0, import_kwh=900.0)
    for kwh in (0.1, 0.2, 0.3):
        assert meter.device.value("import_kwh") == 900.0
        meter.says("reading", power_kw=7.0, import_kwh=kwh)
    assert meter.device.value("import_kwh") == 0.3 and meter.device.stepped_kwh("import_kwh") == 0.3 - 900.0
    assert meter.told("alarm.raised") == meter.told("alarm.cleared") == [{"alarm": "device_nonsense"}]
    assert meter.told("device.register_stepped") == [{"quantity": "import_kwh", "from_kwh": 900.0, "to_kwh": 0.3}]
    meter.says("reading", power_kw=7.0, import_kwh=0.4)
    assert len(meter.device.steps) == 1


def test_a_register_that_falls_once_changes_nothing() -> None:
    meter = Meter()
    for kwh in (900.0, 0.1, 900.1, 0.2, 900.2, 0.3, 0.1, 0.0):
        meter.says("reading", import_kwh=kwh)
    assert meter.device.value("import_kwh") == 900.2 and meter.device.steps == []


def test_a_register_of_a_device_that_was_away_may_begin_anew() -> None:
    meter = Meter()
    meter.says("reading", import_kwh=900.0)
    meter.says("lost")
    meter.says("reading", import_kwh=3.0)
    assert meter.device.value("import_kwh") == 3.0 and len(meter.device.steps) == 1
