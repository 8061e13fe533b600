from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.billing import ENERGY, SERVICE, Bill, Billing, BillLine
from twins.money import MoneyBook
from twins.tariff import OccupancyConfig, PeriodConfig, Tariff, TariffConfig

HOUR_S = 3600.0
FLAT = TariffConfig(flat_energy_cny_kwh=1.0, flat_service_cny_kwh=0.5)
DAY_AND_NIGHT = TariffConfig(
    periods=(
        PeriodConfig(name="day", begins="07:00", ends="21:00", energy_cny_kwh=1.2, service_cny_kwh=0.6),
        PeriodConfig(name="night", begins="21:00", ends="07:00", energy_cny_kwh=0.4, service_cny_kwh=0.3),
    ),
    occupancy=OccupancyConfig(grace_min=10.0, cny_min=1.0, cap_cny=30.0),
)


class Place:
    """Two outlets with a meter each, a tariff, bills and the book."""

    def __init__(self, config: TariffConfig) -> None:
        self.kernel = Kernel(Clock(datetime(2022, 3, 26), "Europe/Zurich"), 1)
        self.billing = Billing(self.kernel, Tariff(config, self.kernel.clock))
        self.meters = [Signal(f"meter[{number}]", "kW") for number in (1, 2)]
        registers = [partial(self.kwh, meter) for meter in self.meters]
        self.book = MoneyBook(self.kernel, self.billing, registers)
        self.count = 0

    def kwh(self, meter: Signal, t: SimTime) -> float:
        return meter.total_at(t) / HOUR_S

    def go(self, hours: float) -> SimTime:
        t = SimTime(hours * HOUR_S)
        self.kernel.advance(t)
        self.kernel.jump(t)
        return t

    def begin(self, outlet: int, power_kw: float) -> str:
        self.count += 1
        session, meter = f"S{self.count:06d}", self.meters[outlet]
        meter.set(self.kernel.now, power_kw)
        self.billing.open(session, partial(self.kwh, meter))
        return session

    def end(self, outlet: int, session: str, off_wh: float = 0.0, *, is_told: bool = True) -> Bill:
        now = self.kernel.now
        self.meters[outlet].set(now, 0.0)
        bill = self.billing.close(session, now)
        if is_told:
            self.book.transaction(session, round(bill.energy_kwh * 1000.0) + off_wh)
        return bill

    def charge(self, outlet: int, from_h: float, to_h: float, power_kw: float, off_wh: float = 0.0) -> Bill:
        self.go(from_h)
        session = self.begin(outlet, power_kw)
        self.go(to_h)
        return self.end(outlet, session, off_wh)


def test_a_day_worked_by_hand() -> None:
    place = Place(DAY_AND_NIGHT)
    bill = place.charge(0, 6.5, 7.5, 61.0)  # 30.5 kWh at 0.7, then 30.5 kWh at 1.8
    assert bill.total_cny == 12.2 + 9.15 + 36.6 + 18.3 == 76.25
    assert place.billing.occupancy(bill, 7.5 * HOUR_S, 7.5 * HOUR_S + 900.0).total_cny == 81.25
    now = place.go(12)
    assert place.book.document(now) == {
        "bills_cny": 81.25, "meters_cny": 81.25, "transactions_cny": 81.25, "occupancy_cny": 5.0,
    }  # fmt: skip
    assert place.book.check(now) == []


def test_what_was_sold_is_told_by_period() -> None:
    place = Place(DAY_AND_NIGHT)
    place.charge(0, 6.5, 7.5, 61.0)
    place.go(20)
    place.begin(1, 20.0)  # runs on: not sold yet
    place.go(22)
    assert place.book.periods() == [
        {"name": "night", "energy_kwh": pytest.approx(30.5), "energy_cny": 12.2, "service_cny": 9.15},
        {"name": "day", "energy_kwh": pytest.approx(30.5), "energy_cny": 36.6, "service_cny": 18.3},
    ]


def test_watt_hours_and_fen_are_rounded_apart() -> None:
    place = Place(FLAT)
    place.charge(0, 1, 2, 10.0034)
    now = place.go(3)
    assert place.book.document(now) == {
        "bills_cny": 15.0, "meters_cny": 15.0051, "transactions_cny": 14.9994, "occupancy_cny": 0.0,
    }  # fmt: skip
    assert place.book.check(now) == []


def test_a_charge_that_runs_is_in_no_sum() -> None:
    place = Place(DAY_AND_NIGHT)
    place.charge(0, 6.5, 7.5, 60.0)
    place.begin(1, 20.0)
    before = place.book.document(place.go(8))
    assert place.book.document(place.go(30)) == before
    assert place.book.check(SimTime(30 * HOUR_S)) == []


def test_energy_that_no_bill_knows_is_found_however_many_there_are() -> None:
    place = Place(DAY_AND_NIGHT)
    for at in range(200):
        place.charge(at % 2, at / 10, at / 10 + 0.09, 60.0)
    assert place.book.check(place.go(21)) == []
    place.meters[0].set(place.go(22), 1.0)
    place.meters[0].set(place.go(22.5), 0.0)
    assert place.book.check(place.go(23)) == [
        "meters: energy, night: bills differ by -0.500000 kWh from 378.500000 kWh registered (-0.20 CNY)",
        "meters: service, night: bills differ by -0.500000 kWh from 378.500000 kWh registered (-0.15 CNY)",
    ]


class Careless:
    """In place of the billing: says what it is made to say."""

    def __init__(self, tariff: Tariff) -> None:
        self.tariff = tariff
        self.on_charged: Callable[[Bill], None] = lambda bill: None
        self.on_occupied: Callable[[BillLine], None] = lambda line: None

    def running_kwh(self, now: SimTime) -> dict[str, float]:
        return {}


def careless(config: TariffConfig) -> tuple[Kernel, Signal, Careless, MoneyBook]:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Europe/Zurich"), 1)
    meter = Signal("meter", "kW")
    billing = Careless(Tariff(config, kernel.clock))
    book = MoneyBook(kernel, billing, [lambda t: meter.total_at(t) / HOUR_S])  # type: ignore[arg-type]
    return kernel, meter, billing, book


def test_energy_under_the_wrong_period_is_found() -> None:
    kernel, meter, billing, book = careless(DAY_AND_NIGHT)
    meter.set(SimTime(6.5 * HOUR_S), 60.0)
    kernel.advance(SimTime(7.5 * HOUR_S))
    meter.set(SimTime(7.5 * HOUR_S), 0.0)
    lines = (BillLine(ENERGY, "night", 60.0, "kWh", 0.4, 2400), BillLine(SERVICE, "night", 60.0, "kWh", 0.3, 1800))
    billing.on_charged(Bill("S000001", "", 60.0, lines, 2400, 1800))
    book.transaction("S000001", 60_000)
    assert book.check(SimTime(8 * HOUR_S)) == [
        "meters: energy, night: bills differ by +30.000000 kWh from 30.000000 kWh registered (+12.00 CNY)",
        "meters: service, night: bills differ by +30.000000 kWh from 30.000000 kWh registered (+9.00 CNY)",
        "meters: energy, day: bills differ by -30.000000 kWh from 30.000000 kWh registered (-36.00 CNY)",
        "meters: service, day: bills differ by -30.000000 kWh from 30.000000 kWh registered (-18.00 CNY)",
    ]
    assert book.document(SimTime(8 * HOUR_S))["meters_cny"] == 75.0


def test_an_amount_that_is_not_its_quantity_at_its_price_is_found() -> None:
    _, meter, billing, book = careless(DAY_AND_NIGHT)
    meter.set(SimTime(0.0), 60.0)
    lines = (BillLine(ENERGY, "night", 60.0, "kWh", 0.4, 2401), BillLine(SERVICE, "night", 60.0, "kWh", 0.3, 1800))
    billing.on_charged(Bill("S000001", "", 60.0, lines, 2401, 1800))
    billing.on_occupied(BillLine("occupancy", "", 40.0, "min", 1.0, 4000))
    book.transaction("S000001", 60_000)
    assert book.check(SimTime(HOUR_S)) == [
        "bill of S000001: energy, night: 24.01 CNY are not 60.000000 kWh at 0.4 CNY/kWh",
        "occupancy: 40.00 CNY for 40 min, not 30.0000 CNY",
    ]


@pytest.mark.parametrize(("off_wh", "is_found"), [(0.0, False), (1.0, False), (-1.0, False), (2.0, True), (-9e3, True)])
def test_a_transaction_may_be_off_by_a_watt_hour(off_wh: float, is_found: bool) -> None:
    place = Place(FLAT)
    place.charge(0, 1, 2, 60.0, off_wh)
    found = place.book.check(place.go(3))
    assert bool(found) is is_found
    if off_wh == -9e3:
        assert found == ["transaction of S000001: 51000 Wh told, 60000.0 Wh billed (-13.50 CNY)"]
        assert place.book.document(place.go(3))["transactions_cny"] == 76.5


def test_transactions_may_be_told_before_the_bill_and_have_one_each() -> None:
    place = Place(FLAT)
    session = place.begin(0, 60.0)
    place.go(1)
    place.book.transaction(session, 60_000)
    assert place.book.check(place.go(1)) == ["transaction of S000001: 60000 Wh told, but not billed"]
    place.end(0, session, is_told=False)
    assert place.book.check(place.go(2)) == []
    place.book.transaction(session, 60_000)
    other = place.begin(1, 60.0)
    place.go(3)
    place.end(1, other, is_told=False)
    assert place.book.check(place.go(4)) == [
        "bill of S000002: 90.00 CNY, but no transaction was told",
        "transaction of S000001: 60000 Wh told, but not billed",
    ]


def test_many_findings_are_counted_not_kept() -> None:
    place = Place(FLAT)
    for at in range(50):
        place.charge(at % 2, at / 10, at / 10 + 0.09, 60.0, 5.0)
    found = place.book.check(place.go(6))
    assert len(found) == 21
    assert found[-1] == "and 30 more bills and transactions like these"


CHARGES = st.lists(
    st.tuples(st.floats(0.001, 30.0), st.floats(0.0, 5.0), st.floats(0.0, 300.0), st.floats(0.0, 120.0)), max_size=30
)


@settings(max_examples=50)
@given(st.sampled_from([FLAT, DAY_AND_NIGHT]), CHARGES)
def test_whatever_is_charged_the_book_closes(
    config: TariffConfig, charges: list[tuple[float, float, float, float]]
) -> None:
    place, t, lines = Place(config), 0.0, 0
    for number, (length_h, pause_h, power_kw, stay_min) in enumerate(charges):
        bill = place.charge(number % 2, t, t + length_h, power_kw)
        stopped_s, t = (t + length_h) * HOUR_S, t + length_h + pause_h
        lines += len(place.billing.occupancy(bill, stopped_s, stopped_s + 60.0 * stay_min).lines)
        assert place.book.check(place.kernel.now) == []
    sums = place.book.document(place.go(t))
    assert abs(sums["bills_cny"] - sums["meters_cny"]) <= 0.005 * lines + 1e-4
    assert abs(sums["bills_cny"] - sums["transactions_cny"]) <= 0.001 * 2.5 * len(charges) + 1e-4
