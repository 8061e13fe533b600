"""What is kept of a real meter's readings, and its register against what truly flowed."""

from __future__ import annotations

from datetime import datetime
from math import isnan
from typing import Any

import pytest

from sim.clock import Clock
from sim.events import Command
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime
from twins.instrument import Instrument
from twins.instrument_record import InstrumentRecord, RegisterBook
from twins.meter import Busbar, Meter

PATH = "grid.meter[M1]"


class Metered:
    """36 kW flow; a real meter stands there and says what the test says."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        load_kw = Signal("load", "kW", 36.0)
        self.twin = Meter(
            kernel, PATH, Sum("power", "kW", [load_kw]), (), Busbar(Signal("pu", "1", 1.0), 0.95, 50.0), 0.5
        )
        device = Instrument(kernel, PATH, 10.0, lambda: self.record.keep())
        self.record = InstrumentRecord(kernel, device, self.twin.own_gauges(), self.twin.true_kwh)
        self._number = 0

    def says(self, at_s: float, **args: float) -> None:
        self.kernel.advance(SimTime(at_s))
        self.kernel.jump(SimTime(at_s))
        self._number += 1
        self.kernel.post(Command("slot", "M1", "reading", f"{PATH}.device", args, ("slot", self._number)))
        self.kernel.admit()
        self.kernel.advance(self.kernel.now)

    def kept(self, name: str) -> float:
        signal: Any = self.kernel.signals[f"{PATH}.read.{name}"]
        return float(signal.at(self.kernel.now))

    def book(self, at_s: float) -> RegisterBook | None:
        self.kernel.advance(SimTime(at_s))
        self.kernel.jump(SimTime(at_s))
        return self.record.book(self.kernel.now)


@pytest.fixture
def metered() -> Metered:
    return Metered(Kernel(Clock(datetime(2022, 6, 14, 8), "Asia/Shanghai"), 1))


def test_the_residual_is_from_the_first_reading_to_the_last(metered: Metered) -> None:
    assert metered.book(1.0) is None
    metered.says(2.0, import_kwh=700.0)
    metered.says(7.0, import_kwh=700.06)
    book = metered.book(9.0)
    assert book is not None
    assert (book.quantity, book.readings, book.silences) == ("import_kwh", 2, 0)
    assert book.true_kwh == pytest.approx(0.05), "36 kW for 5 s, without the error of the twin's own meter"
    assert book.residual_kwh == pytest.approx(0.01) and book.residual_rel == pytest.approx(0.2)


def test_what_flowed_in_silence_is_told_and_the_register_spans_it(metered: Metered) -> None:
    metered.says(1.0, import_kwh=0.0)
    book = metered.book(31.0)
    assert book is not None and (book.silences, book.silent_s) == (1, 30.0)
    assert book.unseen_kwh == pytest.approx(0.3) and book.true_kwh == 0.0
    assert isnan(metered.kept("import_kwh"))
    metered.says(35.0)
    metered.says(38.0)
    metered.says(41.0, import_kwh=0.4)
    book = metered.book(42.0)
    assert book is not None and (book.silences, book.silent_s) == (1, 40.0)
    assert book.unseen_kwh == pytest.approx(0.4) and book.residual_kwh == pytest.approx(0.0)
    assert metered.kept("import_kwh") == 0.4


def test_a_meter_without_an_import_register_is_judged_by_its_energy(metered: Metered) -> None:
    metered.says(1.0, power_kw=36.0)
    assert metered.book(2.0) is None, "it has told no energy"
    metered.says(3.0, energy_kwh=5.0)
    metered.says(4.0, energy_kwh=5.0)
    book = metered.book(5.0)
    assert book is not None and (book.quantity, book.registered_kwh) == ("energy_kwh", 0.0)
    assert book.residual_kwh == pytest.approx(-0.01)


def test_noise_below_its_resolution_and_haste_are_not_kept(metered: Metered) -> None:
    metered.says(1.0, power_kw=100.0, import_kwh=5.0)
    metered.says(3.0, power_kw=100.05, import_kwh=5.005)
    assert (metered.kept("power_kw"), metered.kept("import_kwh")) == (100.0, 5.0)
    metered.says(5.0, power_kw=100.5, import_kwh=5.02)
    assert (metered.kept("power_kw"), metered.kept("import_kwh")) == (100.5, 5.02)
    metered.says(5.4, power_kw=90.0, import_kwh=5.02)
    assert metered.kept("power_kw") == 100.5
    metered.says(6.0, power_kw=90.0, import_kwh=5.02)
    assert metered.kept("power_kw") == 90.0
    metered.says(7.0, import_kwh=5.02)
    assert isnan(metered.kept("power_kw")), "it has no power any more"
