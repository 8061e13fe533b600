from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.clock import Clock
from sim.errors import BenchError
from sim.events import Event
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.billing import ENERGY, SERVICE, Bill, Billing, fen
from twins.tariff import OccupancyConfig, PeriodConfig, Tariff, TariffConfig

HOUR_S = 3600.0
FLAT = TariffConfig(flat_energy_cny_kwh=1.0, flat_service_cny_kwh=0.5)
STAY = OccupancyConfig(grace_min=15.0, cny_min=0.5, cap_cny=50.0)


def period(name: str, begins: str, ends: str, energy_cny_kwh: float, service_cny_kwh: float) -> PeriodConfig:
    prices = {"energy_cny_kwh": energy_cny_kwh, "service_cny_kwh": service_cny_kwh}
    return PeriodConfig(name=name, begins=begins, ends=ends, **prices)


BY_PERIOD = TariffConfig(
    periods=(
        period("valley", "22:00", "06:00", 0.3, 0.4),
        period("flat", "06:00", "10:00", 0.7, 0.5),
        period("peak", "10:00", "12:00", 1.2, 0.6),
        period("flat", "12:00", "22:00", 0.7, 0.5),
    ),
    version="2022-06",
)


@dataclass
class Place:
    """A kernel with a tariff, and one meter that knows only its present segment, as an EVSE's does."""

    config: TariffConfig
    start: datetime = datetime(2022, 6, 14)
    zone: str = "Europe/Zurich"
    issued: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kernel = Kernel(Clock(self.start, self.zone), 1)
        self.billing = Billing(self.kernel, Tariff(self.config, self.kernel.clock))
        self.power_kw = Signal("meter.power_kw", "kW")
        self.kernel.subscribe(self.issued.append, "bill.issued")

    def kwh(self, t: SimTime) -> float:
        assert t >= self.power_kw.t0
        return self.power_kw.total_at(t) / HOUR_S

    def go(self, hour: float) -> SimTime:
        t = SimTime(hour * HOUR_S)
        self.kernel.advance(t)
        self.kernel.jump(t)
        return t

    def charge(self, begin_h: float, end_h: float, power_kw: float, session: str = "S000001") -> Bill:
        self.power_kw.set(self.go(begin_h), power_kw)
        self.billing.open(session, self.kwh)
        now = self.go(end_h)
        self.power_kw.set(now, 0.0)
        return self.billing.close(session, now)


def items(bill: Bill) -> list[tuple[str, str, float, float]]:
    return [(line.kind, line.period, round(line.quantity, 9), line.amount_cny) for line in bill.lines]


def test_a_flat_bill_worked_by_hand() -> None:
    place = Place(FLAT)
    bill = place.charge(1.0, 1.55, 60.3)  # 33.165 kWh; the service is 16.5825 CNY
    assert items(bill) == [("energy", "all_day", 33.165, 33.17), ("service", "all_day", 33.165, 16.58)]
    assert (bill.energy_cny, bill.service_cny, bill.occupancy_cny, bill.total_cny) == (33.17, 16.58, 0.0, 49.75)
    assert place.kernel.next_time() == float("inf"), "a flat tariff needs no timer"


def test_a_charge_over_two_boundaries_worked_by_hand() -> None:
    bill = Place(BY_PERIOD).charge(9.5, 12.25, 40.0)
    assert items(bill) == [
        ("energy", "flat", 30.0, 21.0),  # 20 kWh before ten and 10 after twelve
        ("energy", "peak", 80.0, 96.0),
        ("service", "flat", 30.0, 15.0),
        ("service", "peak", 80.0, 48.0),
    ]
    assert bill.energy_kwh == pytest.approx(110.0)
    assert bill.total_cny == 180.0
    assert bill.tariff == "2022-06"


@pytest.mark.parametrize(
    ("day", "valley_h"), [(datetime(2022, 3, 27), 5.0), (datetime(2022, 6, 14), 6.0), (datetime(2022, 10, 30), 7.0)]
)
def test_a_night_in_which_clocks_are_set(day: datetime, valley_h: float) -> None:
    bill = Place(BY_PERIOD, day).charge(0.0, 9.0, 10.0)
    valley, shoulder, *_ = bill.lines
    assert (valley.period, valley.quantity) == ("valley", pytest.approx(10.0 * valley_h))
    assert (shoulder.period, shoulder.quantity) == ("flat", pytest.approx(10.0 * (9.0 - valley_h)))


def test_begin_and_end_at_the_instant_of_a_change() -> None:
    place = Place(BY_PERIOD)
    assert [line[:2] for line in items(place.charge(10.0, 12.0, 40.0))] == [("energy", "peak"), ("service", "peak")]
    following = place.charge(12.0, 22.0, 1.0, "S000002")
    assert items(following) == [("energy", "flat", 10.0, 7.0), ("service", "flat", 10.0, 5.0)]


def test_a_charge_that_begins_with_the_change_while_another_runs() -> None:
    place = Place(BY_PERIOD)
    place.power_kw.set(place.go(9.0), 40.0)
    place.billing.open("S000001", place.kwh)
    place.kernel.at(SimTime(10 * HOUR_S), lambda: place.billing.open("S000002", place.kwh))
    now = place.go(11.0)
    assert items(place.billing.close("S000002", now)) == [("energy", "peak", 40.0, 48.0), ("service", "peak", 40.0, 24)]
    assert [line.quantity for line in place.billing.close("S000001", now).lines] == [40.0] * 4


def test_timers_stand_only_while_a_charge_runs() -> None:
    place = Place(BY_PERIOD)
    assert place.kernel.next_time() == float("inf")
    place.charge(1.0, 2.0, 5.0)
    assert place.kernel.next_time() == 6 * HOUR_S, "what was armed for the charge is let run out"
    place.go(30.0)
    assert place.kernel.next_time() == float("inf")
    assert items(place.charge(34.5, 35.0, 2.0)) == [("energy", "peak", 1.0, 1.2), ("service", "peak", 1.0, 0.6)]


def test_a_charge_without_energy_costs_nothing() -> None:
    place = Place(BY_PERIOD)
    bill = place.charge(9.9, 10.1, 0.0)
    assert (bill.lines, bill.total_cny, bill.energy_kwh) == ((), 0.0, 0.0)
    assert len(place.issued) == 1


def test_what_still_runs_is_known_by_period() -> None:
    place = Place(BY_PERIOD)
    place.power_kw.set(place.go(9.0), 40.0)
    place.billing.open("S000001", place.kwh)
    now = place.go(10.5)
    assert {one.name: kwh for one, kwh in place.billing.running_kwh(now).items()} == {"flat": 40.0, "peak": 20.0}
    assert items(place.billing.close("S000001", now))[1] == ("energy", "peak", 20.0, 24.0)


def test_a_session_is_billed_once_at_a_time() -> None:
    place = Place(BY_PERIOD)
    place.billing.open("S000001", place.kwh)
    with pytest.raises(BenchError, match="S000001 is being billed already"):
        place.billing.open("S000001", place.kwh)
    place.billing.close("S000001", SimTime(0.0))
    with pytest.raises(BenchError, match="no charge of S000001"):
        place.billing.close("S000001", SimTime(0.0))


def with_stay(rule: OccupancyConfig | None) -> Place:
    return Place(TariffConfig(flat_energy_cny_kwh=1.0, flat_service_cny_kwh=0.5, occupancy=rule))


@pytest.mark.parametrize(
    ("stayed_min", "minutes", "cost_cny"),
    [(0.0, 0, 0.0), (15.0, 0, 0.0), (15.0000001, 0, 0.0), (15.01, 1, 0.5), (16.0, 1, 0.5), (44.5, 30, 15.0),
     (115.0, 100, 50.0), (600.0, 585, 50.0)],
)  # fmt: skip
def test_the_fee_for_standing_there_worked_by_hand(stayed_min: float, minutes: int, cost_cny: float) -> None:
    place = with_stay(STAY)
    bill = place.charge(1.0, 2.0, 10.0)
    assert place.issued == []
    final = place.billing.occupancy(bill, 7200.0, 7200.0 + 60.0 * stayed_min)
    assert final.occupancy_cny == cost_cny
    assert final.total_cny == 15.0 + cost_cny
    found = [(line.quantity, line.unit, line.price_cny) for line in final.lines if line.kind == "occupancy"]
    assert found == ([(minutes, "min", 0.5)] if minutes else [])
    assert [event.subject for event in place.issued] == ["session[S000001]"]
    assert place.issued[0].data == {
        "total_cny": 15.0 + cost_cny, "energy_kwh": 10.0, "energy_cny": 10.0, "service_cny": 5.0,
        "occupancy_cny": cost_cny,
    }  # fmt: skip


def test_without_a_fee_the_bill_is_final_with_the_charge() -> None:
    place = with_stay(None)
    bill = place.charge(1.0, 2.0, 10.0)
    assert len(place.issued) == 1
    assert place.billing.occupancy(bill, 7200.0, 90_000.0) is bill
    assert len(place.issued) == 1


def test_a_fee_without_a_cap_has_none() -> None:
    place = with_stay(OccupancyConfig(grace_min=0.0, cny_min=0.5))
    bill = place.billing.occupancy(place.charge(1.0, 2.0, 10.0), 7200.0, 7200.0 + 86_400.0)
    assert bill.occupancy_cny == 720.0


def test_a_bill_as_json() -> None:
    place = with_stay(STAY)
    bill = place.billing.occupancy(place.charge(1.0, 2.0, 10.0), 7200.0, 9000.0)
    document = json.loads(json.dumps(bill.document()))
    assert document["total_cny"] == 22.5
    assert document["lines"][2] == {
        "kind": "occupancy", "period": "", "quantity": 15, "unit": "min", "price_cny": 0.5, "amount_cny": 7.5,
    }  # fmt: skip
    assert sum(line["amount_cny"] for line in document["lines"]) == 22.5


@pytest.mark.parametrize(
    ("quantity", "price_cny", "cost_fen"),
    [(1.005, 1.0, 101), (1.0049, 1.0, 100), (0.005, 1.0, 1), (2.675, 1.0, 268), (33.165, 0.5, 1658), (0.0, 9.0, 0),
     (1e6, 1000.0, 10**11), (10.0, 0.12345, 123)],
)  # fmt: skip
def test_half_a_fen_goes_up(quantity: float, price_cny: float, cost_fen: int) -> None:
    assert fen(quantity, price_cny) == cost_fen


@given(st.decimals(0, 10_000, places=6), st.decimals(0, 1_000, places=5))
def test_amounts_are_those_of_decimal_arithmetic(quantity: Decimal, price_cny: Decimal) -> None:
    due = (quantity * price_cny).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert fen(float(quantity), float(price_cny)) == int(due * 100)


PRICES = st.decimals(0, 3, places=4).map(float)


@st.composite
def tariffs(draw: st.DrawFn) -> TariffConfig:
    """Any partition of the day at hours and half hours, some names used twice."""
    cuts = sorted(draw(st.sets(st.integers(0, 47), min_size=2, max_size=10)))
    names = ["sharp", "peak", "flat", "valley", "deep"]
    prices = {name: (draw(PRICES), draw(PRICES)) for name in names}
    parts = []
    for begin, end in zip(cuts, [*cuts[1:], cuts[0]], strict=True):
        name = draw(st.sampled_from(names))
        times = [f"{at // 2:02d}:{at % 2 * 30:02d}" for at in (begin, end)]
        parts.append(period(name, times[0], times[1], *prices[name]))
    return TariffConfig(periods=tuple(parts))


def stretches(config: TariffConfig, place: Place, begin_s: int, end_s: int) -> Iterator[tuple[str, int]]:
    """(period, seconds) of a charge, found by looking at the clock on the wall every half hour: the slow, sure way."""
    t = begin_s
    while t < end_s:
        local = (place.kernel.clock.start + timedelta(seconds=t)).astimezone(place.kernel.clock.zone)
        minute = local.hour * 60 + local.minute
        (name,) = {one.name for one in config.periods if (minute - one.begin_min) % 1440 < one.length_min}
        until = min(end_s, t - t % 1800 + 1800)
        yield name, until - t
        t = until


STARTS = st.sampled_from(
    [datetime(2022, 6, 14), datetime(2022, 3, 27), datetime(2022, 3, 26, 12), datetime(2022, 10, 30)]
)
CHARGES = st.lists(
    st.tuples(st.integers(0, 86_400), st.integers(1, 100_000), st.floats(0.001, 600)), min_size=1, max_size=6
)


@settings(max_examples=60)
@given(tariffs(), STARTS, CHARGES)
def test_splitting_loses_no_energy_and_lines_add_up_to_the_cent(
    config: TariffConfig, start: datetime, charges: list[tuple[int, int, float]]
) -> None:
    place = Place(config, start)
    bills: dict[int, tuple[Bill, float]] = {}

    def run(number: int, length_s: int, power_kw: float) -> Any:
        meter = Signal(f"meter[{number}]", "kW", 0.1)
        now = place.kernel.now
        meter.set(now, power_kw)

        def register(t: SimTime) -> float:
            return meter.total_at(t) / HOUR_S

        before = register(now)
        place.billing.open(str(number), register)
        yield place.kernel.timeout(length_s)
        bills[number] = (place.billing.close(str(number), place.kernel.now), register(place.kernel.now) - before)

    for number, (begin_s, *charge) in enumerate(charges):
        place.kernel.at(SimTime(begin_s), partial(place.kernel.process, run(number, *charge)))
    place.kernel.advance(SimTime(200_000.0))
    assert place.kernel.next_time() == float("inf")
    for number, (begin_s, length_s, power_kw) in enumerate(charges):
        bill, registered_kwh = bills[number]
        due: dict[str, float] = {}
        for name, length in stretches(config, place, begin_s, begin_s + length_s):
            due[name] = due.get(name, 0.0) + power_kw * length / HOUR_S
        for kind in (ENERGY, SERVICE):
            lines = [line for line in bill.lines if line.kind == kind]
            assert {line.period: line.quantity for line in lines} == pytest.approx(due, abs=1e-6)
            assert sum(line.quantity for line in lines) == pytest.approx(registered_kwh, rel=0, abs=1e-9)
        printed = sum(Decimal(f"{line.amount_cny:.2f}") for line in bill.lines)
        assert printed == Decimal(f"{bill.total_cny:.2f}") == Decimal(repr(bill.total_cny))
        for line in bill.lines:
            assert abs(line.amount_cny - line.quantity * line.price_cny) <= 0.005 + 1e-6
