"""Gauges: worked out at the read, one name each, and in nobody's digest."""

from __future__ import annotations

from datetime import datetime
from math import isnan

import pytest

from sim.clock import Clock
from sim.errors import UsageError
from sim.gauges import Gauge
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
