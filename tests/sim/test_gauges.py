"""Gauges: worked out at the read, one name each, and in nobody's digest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import isnan

import pytest

from sim.clock import Clock
from sim.errors import UsageError
from sim.gauges import Gauge, SharedGauge
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime


def kernel() -> Kernel:
    return Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)


def test_a_gauge_follows_what_it_is_made_of() -> None:
    k, power = kernel(), Signal("p.power_kw", "kW", 10.0)
    k.add(power)
    k.show(Gauge("p.energy_kwh", "kWh", lambda t: power.total_at(t) / 3_600.0))
    gauge = k.quantity("p.energy_kwh")
    assert isinstance(gauge, Gauge)
    assert gauge.at(SimTime(1_800.0)) == pytest.approx(5.0)
    power.set(SimTime(1_800.0), 20.0)
    assert gauge.at(SimTime(3_600.0)) == pytest.approx(15.0)
    assert k.quantity("p.power_kw") is power
    assert k.quantity("p.else") is None


def test_nothing_to_read_is_no_number() -> None:
    assert isnan(Gauge("p.soc_pct", "%", lambda t: None).at(SimTime(0.0)))


def test_a_path_names_one_thing_whichever_came_first() -> None:
    k = kernel()
    k.show(Gauge("a", "1", lambda t: 1.0))
    with pytest.raises(UsageError, match="'a'"):
        k.add(Signal("a", "1"))
    k.add(Signal("b", "1"))
    with pytest.raises(UsageError, match="'b'"):
        k.show(Gauge("b", "1", lambda t: 1.0))
    with pytest.raises(UsageError, match="'a'"):
        k.show(Gauge("a", "1", lambda t: 1.0))


def test_gauges_for_later_are_made_when_one_is_asked_for_and_may_take_no_path() -> None:
    late = kernel()
    made: list[str] = []

    def make() -> Iterator[Gauge]:
        made.append("x")
        yield Gauge("x", "V", lambda t: 1.0)

    late.show_later(make)
    late.add(Signal("y", "V"))
    late.show(Gauge("z", "V", lambda t: 2.0))
    assert made == [] and late.quantity("y") is not None
    assert made == []
    assert late.gauges.keys() == {"x", "z"} and late.quantity("x") is not None
    assert made == ["x"]
    late.show_later(lambda: [Gauge("y", "V", lambda t: 3.0)])
    with pytest.raises(UsageError, match="two signals are called 'y'"):
        late.quantity("anything")


def test_gauges_of_one_basis_agree_with_it() -> None:
    power = Signal("p.power_kw", "kW", 10.0)
    double = SharedGauge("a", "kW", power.at, lambda kw: 2.0 * kw)
    assert double.at(SimTime(5.0)) == double.pick(double.basis(SimTime(5.0))) == 20.0
    power.set(SimTime(6.0), 4.0)
    assert double.at(SimTime(6.0)) == 8.0
