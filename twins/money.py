"""The money book: bills against what meters registered, and against the transactions as the platform got them.

A wire book: what differs beyond rounding is told in words. Three views of the same charges are added up, by bill, by
meter and by transaction; each costs a few sums a bill and keeps nothing of a bill whose transaction has been told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.kernel import Kernel
from sim.units import FOREVER, SimTime
from twins.billing import ENERGY, SERVICE, Bill, Billing, BillLine

__all__ = ["MoneyBook"]

HALF_FEN_CNY = 0.005 + 1e-6
"""What rounding may do to a line: half a fen, and the ninth decimals that amounts are made of."""

ROUNDED_WH = 1.0 + 1e-6
"""What whole watt-hours may do to a transaction: half of one at its start and half of one at its end."""

CLOSES_WITHIN = 1e-9
"""Of the registered energy of a period, as in the energy book; and a milliwatt-hour for the empty ones."""

_LEAST_KWH = 1e-6
_TOLD = 20


class MoneyBook:
    """Bills, meters and transactions of a whole run.

    `bills_cny` and `meters_cny` differ by half a fen a line at most, `transactions_cny` from the bills by one watt-hour
    a transaction at the bill's mean price; with these bounds every single bill is compared, so that none hides in many.
    """

    def __init__(self, kernel: Kernel, billing: Billing, registers: Sequence[Callable[[SimTime], float]]) -> None:
        """`registers` read every meter whose energy is billed, in kWh; they are read at each change of the tariff."""
        self._kernel = kernel
        self._billing = billing
        self._tariff = billing.tariff
        self._registers = registers
        self._prices = {period.name: period for period in self._tariff.periods}
        self._period = self._tariff.period_at(kernel.now)
        self._read_kwh = self._total_kwh(kernel.now)
        self._registered_kwh = dict.fromkeys(self._tariff.periods, 0.0)
        self._billed_kwh = {(kind, name): 0.0 for kind in (ENERGY, SERVICE) for name in self._prices}
        self._billed_fen = dict.fromkeys(self._billed_kwh, 0)
        self._bills_fen = 0
        self._transactions_cny = 0.0
        self._occupancy_fen = 0
        self._occupancy_cny = 0.0
        self._untold: dict[str, tuple[int, float]] = {}  # bills whose transaction has not been told: fen, kWh
        self._unbilled: dict[str, float] = {}  # transactions without a bill, in Wh
        self._findings: list[str] = []
        self._finding_count = 0
        billing.on_charged = self._charged
        billing.on_occupied = self._occupied
        self._arm()

    def transaction(self, session_id: str, energy_wh: float) -> None:
        """The platform was told that this session's transaction ended with this energy, before or after its bill."""
        bill = self._untold.pop(session_id, None)
        if bill is None:
            self._unbilled[session_id] = self._unbilled.get(session_id, 0.0) + energy_wh
        else:
            self._compare(session_id, energy_wh, *bill)

    def document(self, now: SimTime) -> dict[str, float]:
        """The sums in CNY: charges that have ended, and the occupancy fees, which have no meter, in all three."""
        self._read(now)
        running = self._billing.running_kwh(now)
        meters_cny = sum(
            (energy_kwh - running.get(period, 0.0)) * period.price_cny_kwh
            for period, energy_kwh in self._registered_kwh.items()
        )
        return {
            "bills_cny": (self._bills_fen + self._occupancy_fen) / 100,
            "meters_cny": round(meters_cny + self._occupancy_cny, 4),
            "transactions_cny": round(self._transactions_cny + self._occupancy_fen / 100, 4),
            "occupancy_cny": self._occupancy_fen / 100,
        }

    def periods(self) -> list[dict[str, str | float]]:
        """What was sold in each period of the tariff, in its order: kWh and CNY of the charges that have ended."""
        return [
            {"name": name, "energy_kwh": self._billed_kwh[ENERGY, name],
             "energy_cny": self._billed_fen[ENERGY, name] / 100, "service_cny": self._billed_fen[SERVICE, name] / 100}
            for name in self._prices
        ]  # fmt: skip

    def check(self, now: SimTime) -> list[str]:
        """What is unexplained at `now`, in words; empty where the book closes. The first twenty of each kind."""
        found = list(self._findings)
        if self._finding_count > len(found):
            found.append(f"and {self._finding_count - len(found)} more bills and transactions like these")
        found += self._by_period(now)
        for session_id, (charge_fen, _) in list(self._untold.items())[:_TOLD]:
            found.append(f"bill of {session_id}: {charge_fen / 100:.2f} CNY, but no transaction was told")
        for session_id, energy_wh in list(self._unbilled.items())[:_TOLD]:
            found.append(f"transaction of {session_id}: {energy_wh:.0f} Wh told, but not billed")
        return found

    def _by_period(self, now: SimTime) -> list[str]:
        self._read(now)
        running = self._billing.running_kwh(now)
        found: list[str] = []
        for period, registered_kwh in self._registered_kwh.items():
            due_kwh = registered_kwh - running.get(period, 0.0)
            for kind in (ENERGY, SERVICE):
                excess_kwh = self._billed_kwh[kind, period.name] - due_kwh
                if abs(excess_kwh) > _LEAST_KWH + CLOSES_WITHIN * abs(registered_kwh):
                    price_cny = period.energy_cny_kwh if kind == ENERGY else period.service_cny_kwh
                    found.append(
                        f"meters: {kind}, {period.name}: bills differ by {excess_kwh:+.6f} kWh from {due_kwh:.6f} kWh"
                        f" registered ({excess_kwh * price_cny:+.2f} CNY)"
                    )
        return found

    def _charged(self, bill: Bill) -> None:
        for kind, name, energy_kwh, _, _, amount_fen in bill.lines:
            period = self._prices[name]
            self._billed_kwh[kind, name] += energy_kwh
            self._billed_fen[kind, name] += amount_fen
            self._bills_fen += amount_fen
            price_cny = period.energy_cny_kwh if kind == ENERGY else period.service_cny_kwh
            if abs(amount_fen / 100 - energy_kwh * price_cny) > HALF_FEN_CNY:
                what = f"{amount_fen / 100:.2f} CNY are not {energy_kwh:.6f} kWh at {price_cny:g} CNY/kWh"
                self._find(f"bill of {bill.session}: {kind}, {name}: {what}")
        charge_fen = bill.energy_fen + bill.service_fen
        told_wh = self._unbilled.pop(bill.session, None)
        if told_wh is None:
            self._untold[bill.session] = (charge_fen, bill.energy_kwh)
        else:
            self._compare(bill.session, told_wh, charge_fen, bill.energy_kwh)

    def _occupied(self, line: BillLine) -> None:
        rule = self._tariff.occupancy
        due_cny = line.quantity * rule.cny_min if rule is not None else 0.0
        if rule is not None and rule.cap_cny is not None:
            due_cny = min(due_cny, rule.cap_cny)
        self._occupancy_fen += line.fen
        self._occupancy_cny += due_cny
        if abs(line.fen / 100 - due_cny) > HALF_FEN_CNY:
            self._find(f"occupancy: {line.fen / 100:.2f} CNY for {line.quantity:g} min, not {due_cny:.4f} CNY")

    def _compare(self, session_id: str, told_wh: float, charge_fen: int, energy_kwh: float) -> None:
        mean_cny_kwh = charge_fen / 100 / energy_kwh if energy_kwh else 0.0
        excess_wh = told_wh - energy_kwh * 1e3
        self._transactions_cny += told_wh / 1e3 * mean_cny_kwh
        if abs(excess_wh) > ROUNDED_WH:
            money = f"{excess_wh / 1e3 * mean_cny_kwh:+.2f} CNY"
            self._find(
                f"transaction of {session_id}: {told_wh:.0f} Wh told, {energy_kwh * 1e3:.1f} Wh billed ({money})"
            )

    def _find(self, text: str) -> None:
        self._finding_count += 1
        if len(self._findings) < _TOLD:
            self._findings.append(text)

    def _total_kwh(self, now: SimTime) -> float:
        return sum(register(now) for register in self._registers)

    def _read(self, now: SimTime) -> None:
        total_kwh = self._total_kwh(now)
        self._registered_kwh[self._period] += total_kwh - self._read_kwh
        self._read_kwh = total_kwh

    def _arm(self) -> None:
        until = self._tariff.next_change(self._kernel.now)
        if until < FOREVER:
            self._kernel.at(until, self._turn)

    def _turn(self) -> None:
        now = self._kernel.now
        self._read(now)
        self._period = self._tariff.period_at(now)
        self._arm()
