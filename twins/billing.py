"""Itemised bills: registered energy by tariff period, service by the same energy, occupancy after the charge.

A register is a signal that knows only its present segment, so a running charge is read at every change of the tariff.
A register that was turned back in a charge makes a bill below 0: that is for the platform to find (clause 10.2.6).
Amounts are whole fen (0.01 CNY), each line rounded half up by itself: a bill adds up as it is printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, NamedTuple

from sim.errors import BenchError
from sim.kernel import Kernel
from sim.units import FOREVER, SimTime
from twins.tariff import Period, Tariff

__all__ = ["ENERGY", "OCCUPANCY", "SERVICE", "Bill", "BillLine", "Billing", "fen"]

ENERGY, SERVICE, OCCUPANCY = "energy", "service", "occupancy"
_NANO = 1e9
_FEN = 10**16
"""A fen in units of a nano-kilowatt-hour at a nano-yuan."""


def fen(quantity: float, price_cny: float) -> int:
    """What `quantity` (kWh, min) costs at `price_cny` each, in fen, half up; both count to nine decimals.

    A register that was turned back in a charge has a quantity below 0.
    Integers: 1.005 kWh at 1 CNY are 101 fen on every machine, though the float nearest to 1.005 lies below it.
    """
    return (round(quantity * _NANO) * round(price_cny * _NANO) + _FEN // 2) // _FEN


class BillLine(NamedTuple):
    """One item: `kind` energy, service or occupancy; `quantity` in `unit` at `price_cny` each."""

    kind: str
    period: str
    quantity: float
    unit: str
    price_cny: float
    fen: int

    @property
    def amount_cny(self) -> float:
        """What the line adds to the bill, to 0.01; occupancy no more than its cap."""
        return self.fen / 100


class Bill(NamedTuple):
    """What one charge costs, by registered energy. Sums are of its lines' fen; `tariff` is the tariff's version."""

    session: str
    tariff: str
    energy_kwh: float
    lines: tuple[BillLine, ...]
    energy_fen: int
    service_fen: int
    occupancy_fen: int = 0

    @property
    def energy_cny(self) -> float:
        """For the energy itself."""
        return self.energy_fen / 100

    @property
    def service_cny(self) -> float:
        """For the service."""
        return self.service_fen / 100

    @property
    def occupancy_cny(self) -> float:
        """For standing there after the charge."""
        return self.occupancy_fen / 100

    @property
    def total_cny(self) -> float:
        """All of it."""
        return (self.energy_fen + self.service_fen + self.occupancy_fen) / 100

    def document(self) -> dict[str, Any]:
        """For JSON; amounts have two decimals at most."""
        lines = [
            {"kind": line.kind, "period": line.period, "quantity": line.quantity, "unit": line.unit,
             "price_cny": line.price_cny, "amount_cny": line.amount_cny}
            for line in self.lines
        ]  # fmt: skip
        return {
            "session": self.session, "tariff": self.tariff, "energy_kwh": self.energy_kwh,
            "energy_cny": self.energy_cny, "service_cny": self.service_cny, "occupancy_cny": self.occupancy_cny,
            "total_cny": self.total_cny, "lines": lines,
        }  # fmt: skip


class _Charge:
    __slots__ = ("parts", "read_kwh", "register", "start_kwh")

    def __init__(self, register: Callable[[SimTime], float], start_kwh: float) -> None:
        self.register = register
        self.start_kwh = start_kwh
        self.read_kwh = start_kwh
        self.parts: dict[Period, float] = {}

    def read(self, register_kwh: float, period: Period) -> None:
        """Put what came since the last reading to `period`."""
        if register_kwh != self.read_kwh:
            self.parts[period] = self.parts.get(period, 0.0) + register_kwh - self.read_kwh
            self.read_kwh = register_kwh


class Billing:
    """Bills of the charges that run. While one runs, a timer stands at the next change of the tariff.

    Emits `bill.issued` (energy_kwh, total_cny and the amount of each kind that the tariff has) when a bill is final:
    with the end of the charge, or with the car's leaving where there is an occupancy fee. `on_charged` is told each
    bill at the end of its charge, `on_occupied` each occupancy line.
    """

    def __init__(self, kernel: Kernel, tariff: Tariff) -> None:
        """No charge runs yet."""
        self.tariff = tariff
        self.on_charged: Callable[[Bill], None] = lambda bill: None
        self.on_occupied: Callable[[BillLine], None] = lambda line: None
        self._kernel = kernel
        self._open: dict[str, _Charge] = {}
        self._period = tariff.period_at(kernel.now)
        self._until = tariff.next_change(kernel.now)
        self._is_armed = False

    def open(self, session_id: str, register: Callable[[SimTime], float]) -> None:
        """A charge begins now; `register` reads its meter in kWh. BenchError where one of this session runs."""
        if session_id in self._open:
            raise BenchError(f"a charge of {session_id} is being billed already")
        now = self._kernel.now
        self._open[session_id] = _Charge(register, register(now))
        if self._until < FOREVER and not self._is_armed:
            self._is_armed = True
            # a change that passed while nothing ran comes at once, before anything is registered
            self._kernel.at(self._until, self._changed)

    def is_reading(self, register: Callable[[SimTime], float]) -> bool:
        """Whether a charge that runs is billed by this register."""
        return any(charge.register == register for charge in self._open.values())

    def running_kwh(self, now: SimTime) -> Mapping[Period, float]:
        """The energy of the charges that still run, by period."""
        found: dict[Period, float] = {}
        for charge in self._open.values():
            charge.read(charge.register(now), self._period)
            for period, energy_kwh in charge.parts.items():
                found[period] = found.get(period, 0.0) + energy_kwh
        return found

    def close(self, session_id: str, now: SimTime) -> Bill:
        """The charge ended at `now`, the present instant: its bill. BenchError where none of this session runs."""
        charge = self._open.pop(session_id, None)
        if charge is None:
            raise BenchError(f"no charge of {session_id} is being billed")
        charge.read(charge.register(now), self._period)
        energy: list[BillLine] = []
        service: list[BillLine] = []
        energy_fen = service_fen = 0
        for period, kwh in charge.parts.items():
            name, energy_cny_kwh, service_cny_kwh = period
            cost = fen(kwh, energy_cny_kwh)
            energy_fen += cost
            energy.append(BillLine(ENERGY, name, kwh, "kWh", energy_cny_kwh, cost))
            cost = fen(kwh, service_cny_kwh)
            service_fen += cost
            service.append(BillLine(SERVICE, name, kwh, "kWh", service_cny_kwh, cost))
        energy_kwh = charge.read_kwh - charge.start_kwh
        bill = Bill(session_id, self.tariff.version, energy_kwh, (*energy, *service), energy_fen, service_fen)
        self.on_charged(bill)
        if self.tariff.occupancy is None:
            self._issue(bill)
        return bill

    def occupancy(self, bill: Bill, stopped_s: float, left_s: float) -> Bill:
        """The car left at `left_s`, its charge having ended at `stopped_s`: the final bill, with the fee if one is due.

        To be called once a bill; where the tariff has no such fee, `bill` was final and comes back as it is.
        """
        rule = self.tariff.occupancy
        if rule is None:
            return bill
        # by the millisecond, so that no hair of a float begins a minute
        minutes = ceil((round((left_s - stopped_s) * 1e3) - round(rule.grace_min * 6e4)) / 6e4)
        if minutes > 0 and rule.cny_min > 0.0:
            cost = fen(minutes, rule.cny_min)
            if rule.cap_cny is not None:
                cost = min(cost, fen(1, rule.cap_cny))
            line = BillLine(OCCUPANCY, "", minutes, "min", rule.cny_min, cost)
            bill = bill._replace(lines=(*bill.lines, line), occupancy_fen=cost)
            self.on_occupied(line)
        self._issue(bill)
        return bill

    def _changed(self) -> None:
        now = self._kernel.now
        for charge in self._open.values():
            charge.read(charge.register(now), self._period)
        self._period = self.tariff.period_at(now)
        self._until = self.tariff.next_change(now)
        self._is_armed = bool(self._open)
        if self._is_armed:
            self._kernel.at(self._until, self._changed)

    def _issue(self, bill: Bill) -> None:
        data = {
            "total_cny": bill.total_cny,
            "energy_kwh": bill.energy_kwh,
            "energy_cny": bill.energy_cny,
            "service_cny": bill.service_cny,
        }
        if self.tariff.occupancy is not None:
            data["occupancy_cny"] = bill.occupancy_cny
        self._kernel.emit("bill.issued", f"session[{bill.session}]", data)
