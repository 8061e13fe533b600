"""Meters: phases add up, energies are integrals of powers, outlets of one phase hang where the file's order says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import cos, isnan, pi, sin, sqrt
from pathlib import Path
from typing import Any

import pytest

from sim.errors import FileProblems
from sim.units import SimTime
from twins.books import energy_book
from twins.drivers import Arrival, Habits
from twins.station_file import find_station, read_station
from twins.vehicle import vehicle_models

Build = Callable[..., tuple[Any, Any, Any]]

TRADE, SLOW = "grid.meter[M1]", "grid.feeder[F3].meter"
PHASES = ("l1", "l2", "l3")


class Meters:
    """The public station with cars at its fast outlets and `slow` at those of one phase."""

    def __init__(self, build: Build, slow: int = 2, fast: int = 6) -> None:
        self.kernel, self.station, _ = build(name="public", start=datetime(2022, 7, 6, 9))
        cars = [("nmc_75_400v", "fast")] * fast + [("lfp_45_400v", "slow")] * slow
        arrivals = [
            (Arrival(0.0, vehicle_models()[name], 10.0, 95.0, Habits(wants=wants)), None) for name, wants in cars
        ]
        self.station.visits.expect(iter(arrivals))
        self.to(900.0)

    def to(self, t: float) -> None:
        self.kernel.advance(SimTime(t))
        self.kernel.jump(SimTime(t))

    def at(self, path: str) -> float:
        return float(self.kernel.quantity(path).at(self.kernel.now))

    def phases(self, meter: str, name: str, unit: str) -> list[float]:
        return [self.at(f"{meter}.{name}_{phase}{unit}") for phase in PHASES]


@pytest.fixture
def meters(build: Build) -> Meters:
    return Meters(build)


@pytest.mark.parametrize("meter", [TRADE, SLOW, "grid.feeder[F1].meter"])
@pytest.mark.parametrize(
    ("name", "unit"),
    [("power", "_kw"), ("reactive", "_kvar"), ("apparent", "_kva"), ("current", "_a"), ("import", "_kwh"),
     ("import", "_kvarh"), ("import", "_kvah"), ("energy", "_kwh")],
)  # fmt: skip
def test_the_phases_add_up(meters: Meters, meter: str, name: str, unit: str) -> None:
    whole = meters.at(f"{meter}.{name}{unit}")
    assert sum(meters.phases(meter, name, unit)) == pytest.approx(whole, rel=1e-12)
    assert whole > 0.0


@pytest.mark.parametrize("meter", [TRADE, SLOW])
def test_voltage_current_and_power_factor_make_power(meters: Meters, meter: str) -> None:
    volts, amperes = meters.phases(meter, "voltage", "_v"), meters.phases(meter, "current", "_a")
    factors, powers = meters.phases(meter, "power_factor", ""), meters.phases(meter, "power", "_kw")
    reactive, apparent = meters.phases(meter, "reactive", "_kvar"), meters.phases(meter, "apparent", "_kva")
    assert volts == [pytest.approx(400.0 / sqrt(3.0))] * 3
    for at in range(3):
        assert volts[at] * amperes[at] * factors[at] == pytest.approx(1_000.0 * powers[at])
        assert sqrt(powers[at] ** 2 + reactive[at] ** 2) == pytest.approx(apparent[at])
    assert meters.at(f"{meter}.voltage_l12_v") == pytest.approx(400.0)
    assert cos(meters.at(f"{meter}.phase_angle_deg") * pi / 180.0) == pytest.approx(factors[0])


def test_outlets_of_one_phase_hang_on_l1_l2_and_l3_in_the_order_of_the_file(meters: Meters) -> None:
    inputs = [meters.at(f"pile[C0{n}].input_kw") for n in (1, 2, 3)]
    assert sorted(inputs)[1] > 5.0 > min(inputs)  # two of three charge
    assert meters.phases(SLOW, "power", "_kw") == [pytest.approx(one) for one in inputs]
    factor = 1.0008
    shared = (meters.at("grid.power_kw") - sum(inputs)) / 3.0
    assert meters.phases(TRADE, "power", "_kw") == [pytest.approx((shared + one) * factor) for one in inputs]
    assert (
        meters.phases("grid.feeder[F1].meter", "power", "_kw")
        == [pytest.approx(meters.at("grid.feeder[F1].power_kw") / 3.0)] * 3
    )


def test_the_neutral_carries_what_the_phases_leave(meters: Meters) -> None:
    amperes = meters.phases(SLOW, "current", "_a")
    turns = [0.0, -2.0 * pi / 3.0, 2.0 * pi / 3.0]
    real = sum(one * cos(turn) for one, turn in zip(amperes, turns, strict=True))
    imaginary = sum(one * sin(turn) for one, turn in zip(amperes, turns, strict=True))
    assert meters.at(f"{SLOW}.current_n_a") == pytest.approx(sqrt(real**2 + imaginary**2), rel=1e-9)
    assert meters.at("grid.feeder[F1].meter.current_n_a") == pytest.approx(0.0, abs=1e-3)


def test_registers_are_what_the_books_know_times_the_meters_error(meters: Meters) -> None:
    meters.to(20_000.0)
    book = energy_book(meters.station, meters.kernel.now)
    assert meters.at(f"{TRADE}.import_kwh") == pytest.approx(book.grid_kwh * 1.0008, rel=1e-12)
    assert meters.at(f"{TRADE}.export_kwh") == 0.0
    slow_kwh = sum(meters.station.piles[f"C0{n}"].input_kw.total_at(meters.kernel.now) for n in (1, 2, 3)) / 3_600.0
    assert meters.at(f"{SLOW}.import_kwh") == pytest.approx(slow_kwh, rel=1e-9)


@pytest.mark.parametrize("on", ["", "_l1", "_l3"])
@pytest.mark.parametrize(
    ("power", "energy"),
    [("power{}_kw", "import{}_kwh"), ("reactive{}_kvar", "import{}_kvarh"), ("apparent{}_kva", "import{}_kvah")],
)
def test_energies_grow_by_their_powers(meters: Meters, power: str, energy: str, on: str) -> None:
    before = meters.at(f"{TRADE}.{energy.format(on)}")
    powers = []
    for step in range(1, 601):
        meters.to(900.0 + step - 0.5)
        powers.append(meters.at(f"{TRADE}.{power.format(on)}"))
    meters.to(1_500.0)
    assert meters.at(f"{TRADE}.{energy.format(on)}") - before == pytest.approx(sum(powers) / 3_600.0, rel=1e-3)


def test_in_a_sag_currents_rise_and_powers_stay(meters: Meters) -> None:
    power, current = meters.at(f"{TRADE}.power_kw"), meters.at(f"{TRADE}.current_l1_a")
    meters.station.faults.inject("grid.sag", "grid.feed", {"residual_pu": 0.9, "duration_s": 60.0})
    meters.kernel.advance(meters.kernel.now)
    assert meters.at(f"{TRADE}.power_kw") == pytest.approx(power)
    assert meters.at(f"{TRADE}.current_l1_a") == pytest.approx(current / 0.9)
    assert meters.at(f"{TRADE}.voltage_v") == pytest.approx(0.9 * 400.0 / sqrt(3.0))


def test_an_idle_site_has_a_power_factor_while_it_draws(build: Build) -> None:
    idle = Meters(build, slow=0, fast=0)
    assert idle.at(f"{SLOW}.power_kw") == pytest.approx(0.03)
    assert idle.at(f"{SLOW}.power_factor") == 0.98
    idle.station.faults.inject("grid.outage", "grid.feed", {"duration_s": 60.0})
    idle.kernel.advance(idle.kernel.now)
    assert isnan(idle.at(f"{SLOW}.power_factor"))
    assert isnan(idle.at(f"{SLOW}.phase_angle_deg"))


@pytest.mark.parametrize(
    ("meter", "said"),
    [
        ("{class: 0.7}", "grid.feeders[0].meter.class: 0.7 is no accuracy class; 0.2, 0.5, 1 or 2"),
        ("{class: 0.5, error_pct: 0.6}", "grid.feeders[0].meter.error_pct: 0.6 % is more than class 0.5 allows"),
        ("{error_pct: -1.5}", "grid.feeders[0].meter.error_pct: -1.5 % is more than class 1 allows; -1 to 1 %"),
    ],
)
def test_a_feeders_meter_errs_within_its_class(tmp_path: Path, meter: str, said: str) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    path = tmp_path / "station.yaml"
    path.write_text(text.replace("breaker_a: 400", f"breaker_a: 400\n      meter: {meter}"), encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_station(path)
    assert said in str(caught.value)


def test_a_feeders_meter_reads_too_much_by_its_error(tmp_path: Path, build: Build) -> None:
    text = find_station("two-outlet").read_text(encoding="utf-8")
    path = tmp_path / "station.yaml"
    path.write_text(text.replace("breaker_a: 400", "breaker_a: 400\n      meter: {error_pct: 0.8}"), encoding="utf-8")
    kernel, _, _ = build(grid=read_station(path).value.grid)
    kernel.advance(SimTime(600.0))
    true_kw = kernel.quantity("grid.feeder[F1].power_kw").at(kernel.now)
    assert kernel.quantity("grid.feeder[F1].meter.power_kw").at(kernel.now) == pytest.approx(1.008 * true_kw)
