"""A BMS over a pack of cells: asks for current by charge and temperature, holds the voltage, warms and cools the pack.

What it does next is foreseen by `twins.forecast`; here the forecast becomes signals, and the BMS guards its pack:
it warns, and ends the charge, at the limits of the physics sheet, section 1 (defaults of ours).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp, inf
from typing import Final

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.acceptance import AcceptanceMap
from twins.bms import Bms
from twins.charge_piece import Piece, follower
from twins.forecast import NEAR_SOC, NOTHING, Forecast, State
from twins.pack import Pack

__all__ = ["CellBms", "CellDefect", "CellDrift", "PackPumpFailed"]

WARN_C: Final = 55.0
STOP_C: Final = 60.0
OVER_V: Final = 0.05
SPREAD_K: Final = 15.0
UNEXPLAINED_K_MIN: Final = 1.0
DEFECT_K_W: Final = 0.05
"""How much warmer than the pack a cell gets by one watt of its own."""
_NEAR_K = 1e-6


_UNKNOWN: Final = (SimTime(-1.0), (0.0, 0.0, 0.0))


class CellBms(Bms):
    """Demands current for its cells. Curve `heat_kw`: what warms the pack, its defects and its heater included.

    Knobs: `flow` (share of the coolant's), `lead` (how far the fullest cell's charge is ahead of the others, 0 to 1),
    `defect_w` (heat of a defective cell). Events `bms.warned`, once for each limit, and `bms.waiting`, where it is too
    cold or too hot to begin.
    """

    __slots__ = (
        "_forecast", "_foreseen", "_is_resting", "_known", "_may_stop", "_other_kw", "_piece_rate", "_slow_v",
        "_warned", "defect_w", "flow", "heat_kw", "lead",
    )  # fmt: skip

    has_heat = True

    def __init__(
        self, kernel: Kernel, path: str, pack: Pack, acceptance: AcceptanceMap, soc_pct: float, target_pct: float,
        temp_c: float, ambient_c: float, *, auxiliary_kw: float = 0.0, soc: Curve | None = None,
        cell_temp_c: Curve | None = None, heat_kw: Curve | None = None,
    ) -> None:  # fmt: skip
        """As `Bms`; `heat_kw` is written if given."""
        super().__init__(
            kernel, path, pack, acceptance, soc_pct, target_pct, temp_c, ambient_c, auxiliary_kw=auxiliary_kw, soc=soc,
            cell_temp_c=cell_temp_c,
        )  # fmt: skip
        self.heat_kw = Curve(0.0) if heat_kw is None else heat_kw
        self.heat_kw.set(kernel.now, 0.0)
        self._slow_v = Curve(0.0)
        self._slow_v.set(kernel.now, 0.0)
        self._foreseen: tuple[SimTime, float, Piece] | None = None
        self._known = _UNKNOWN
        self._forecast = Forecast(pack, acceptance, self.target, ambient_c)
        self._forecast.rate_max = pack.current_max_a / pack.capacity_ah
        self._forecast.watched_c = WARN_C
        self._may_stop = temp_c < STOP_C
        self._is_resting = True
        self._warned: set[str] = set()
        self._piece_rate, self._other_kw = NOTHING, 0.0
        self.flow: Knob[float] = Knob(1.0, self._defects_changed)
        self.lead: Knob[float] = Knob(0.0, self._defects_changed)
        self.defect_w: Knob[float] = Knob(0.0, self._defects_changed)

    def wish_kw(self, now: SimTime) -> float:
        """The power it asks for at `now`, what the car draws for itself included."""
        return self._forecast.wish_kw(self._state(now)) + self.auxiliary_kw

    def limit_current(self, current_a: float) -> None:
        """What outlet and cable carry at most; acts from the next piece on."""
        self._forecast.rate_max = min(current_a, self.pack.current_max_a) / self.pack.capacity_ah
        self._foreseen, self._known = None, _UNKNOWN

    def claim_kw(self, now: SimTime, cap_kw: float) -> float:
        """The highest power of the next piece under `cap_kw` alone."""
        state = self._state(now)
        if state[0] >= self.target - NEAR_SOC:
            return min(self.asked_kw, cap_kw)
        if self._forecast.is_limited(state, self._net(cap_kw)):
            return cap_kw
        return self._piece(now, cap_kw).top_kw + min(self.auxiliary_kw, cap_kw)

    def draw(self, now: SimTime, limit_kw: float, power: Signal) -> SimTime:
        """Plan the next piece under `limit_kw`: writes power, charge, heat and temperature; returns its end.

        Returns `now`, and writes nothing, when the target is reached, the pack takes no more, or it is in danger.
        """
        state = self._state(now)
        if state[0] >= self.target - NEAR_SOC:
            return now
        self._guard(*state)
        if self.alarm:
            return now
        auxiliary_kw = min(self.auxiliary_kw, limit_kw)
        piece = self._piece(now, limit_kw)
        if piece.length_s <= 0.0:
            return now
        self.asked_kw = piece.top_kw + auxiliary_kw
        self._is_resting = False
        if piece.rate is NOTHING:
            self._tell_waiting(now)
        self._write(now, state, piece, auxiliary_kw, power)
        return SimTime(now + piece.length_s)

    def rest(self, now: SimTime) -> None:
        """Stop charging: the charge stands, the pack cools towards the air."""
        self._is_resting = True
        self.soc.set(now, self.soc.at(now))
        slow_v, temp_c = self._slow_v.at(now), self.temp_c.at(now)
        self._slow_v.set(now, 0.0, 0.0, slow_v, self.pack.chemistry.slow_s)
        defect_kw = self._forecast.defect_kw
        self.heat_kw.set(now, defect_kw)
        passive_w_k = self.pack.passive_w_k
        settled_c = self.ambient_c + 1_000.0 * defect_kw / passive_w_k
        self.temp_c.set(now, settled_c, 0.0, temp_c - settled_c, self.pack.heat_capacity_j_k / passive_w_k)

    def voltage_v(self, now: SimTime) -> float:
        """At the pack's terminals, while it charges or rests."""
        pack, soc, temp_c = self.pack, self.soc.at(now), self.temp_c.at(now)
        inner_v = pack.rest_v(soc, temp_c) + self._slow_v.at(now)
        return pack.series * (inner_v + self._rate(now) * pack.ohmic(temp_c))

    def current(self, now: SimTime, power: Curve) -> tuple[float, float, float]:
        """The pack's own, and what the car draws for itself at the voltage of now."""
        (rate, falls, tau_s), capacity_ah = self._piece_rate, self.pack.capacity_ah
        other_a = 1_000.0 * self._other_kw / self.voltage_v(now) if self._other_kw > 0.0 else 0.0
        return capacity_ah * rate + other_a, capacity_ah * falls, tau_s

    def current_a(self, now: SimTime) -> float:
        """Into the pack."""
        return self._rate(now) * self.pack.capacity_ah

    def _rate(self, now: SimTime) -> float:
        """The charge's slope, which is the C-rate."""
        soc = self.soc
        slope = soc.b - (soc.c / soc.tau * exp(-(now - soc.t0) / soc.tau) if soc.c != 0.0 else 0.0)
        return slope * SECONDS_PER_HOUR

    def _state(self, now: SimTime) -> State:
        """(charge, temperature, slow polarisation): none of them jumps, so they are worked out once an instant."""
        if self._known[0] != now:
            self._known = now, (self.soc.at(now), self.temp_c.at(now), self._slow_v.at(now))
        return self._known[1]

    def _piece(self, now: SimTime, limit_kw: float) -> Piece:
        """The next piece: what was foreseen last, if that is of now and the same under this limit."""
        if self._foreseen is not None:
            then, under_kw, piece = self._foreseen
            if then == now and piece.top_kw + min(self.auxiliary_kw, limit_kw) <= limit_kw <= under_kw:
                return piece
        piece = self._forecast.piece(self._state(now), self._net(limit_kw))
        self._foreseen = now, limit_kw, piece
        return piece

    def _net(self, limit_kw: float) -> float:
        """What a limit leaves for the pack."""
        return max(0.0, limit_kw - self.auxiliary_kw)

    def _write(self, now: SimTime, state: State, piece: Piece, auxiliary_kw: float, power: Signal) -> None:
        soc, _, slow_v = state
        power_kw, falls_kw, tau_s = piece.power
        power.set(now, auxiliary_kw + power_kw, 0.0, falls_kw, tau_s)
        rate, falls, tau_s = self._piece_rate = piece.rate
        self._other_kw = auxiliary_kw + (power_kw if piece.rate is NOTHING else 0.0)
        risen = falls * tau_s / SECONDS_PER_HOUR if falls != 0.0 else 0.0
        self.soc.set(now, soc + risen, rate / SECONDS_PER_HOUR, -risen, tau_s)
        self._slow_v.set(now, *follower(piece.lead, slow_v, self.pack.chemistry.slow_s))
        self.heat_kw.set(now, piece.heat_kw, piece.heat_kw_s)
        self.temp_c.set(now, *piece.temp_c)

    # Protection

    def _guard(self, soc: float, temp_c: float, slow_v: float) -> None:
        forecast = self._forecast
        if temp_c >= WARN_C - _NEAR_K:
            self._warn("cell_temperature", temp_c=round(temp_c, 2))
            forecast.watched_c = STOP_C
        if temp_c < STOP_C - _NEAR_K:
            self._may_stop = True
        elif self._may_stop:  # one that comes too hot waits, one that gets too hot is stopped
            self.alarm = "cell_overtemperature"
        if forecast.defect_kw > 0.0:
            spread_k = DEFECT_K_W * self.defect_w.value
            unexplained_k_min = 60_000.0 * forecast.defect_kw / self.pack.heat_capacity_j_k
            if spread_k > SPREAD_K:
                self.alarm = "cell_temperature_spread"
            elif unexplained_k_min > UNEXPLAINED_K_MIN:
                self.alarm = "cell_self_heating"
            elif spread_k > 0.5 * SPREAD_K:
                self._warn("cell_temperature_spread", spread_k=round(spread_k, 2))
        if forecast.lead > 0.0:
            highest_v = self.pack.rest_v(soc + forecast.lead, temp_c) + slow_v
            if highest_v > self.pack.max_v + OVER_V:
                self.alarm = "cell_overvoltage"

    def _tell_waiting(self, now: SimTime) -> None:
        """It takes no current yet: too cold, or too hot (clause 9.5.2)."""
        temp_c = self.temp_c.at(now)
        if "waiting" not in self._warned and self._forecast.takes_none(temp_c):
            self._warned.add("waiting")
            self._kernel.emit("bms.waiting", self.path, {"temp_c": round(temp_c, 2)}, clause="9.5.2")

    def _warn(self, limit: str, **facts: float) -> None:
        if limit not in self._warned:
            self._warned.add(limit)
            self._kernel.emit("bms.warned", self.path, {"limit": limit, **facts}, clause="8.3")

    def _mistaken(self) -> None:
        self._foreseen, self._known = None, _UNKNOWN
        super()._mistaken()
        self._forecast.target = self.target

    def _defects_changed(self) -> None:
        forecast = self._forecast
        forecast.flow, forecast.lead = self.flow.value, self.lead.value
        forecast.defect_kw = self.defect_w.value / 1_000.0
        self._foreseen, self._known = None, _UNKNOWN
        if self._is_resting:
            self.rest(self._kernel.now)
        self._changed()


@fault(
    "vehicle.coolant_pump_failed", hits=CellBms, zh="车辆电池冷却泵故障", clause="9.5.2",
    faces=("station", "platform"), needs="heat.packs",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class PackPumpFailed:
    """The pump of the battery's coolant gives only a share of its flow: the pack warms, and asks for less."""

    flow_share: float = field(default=0.0, metadata=bounds(low=0.0, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bms: CellBms) -> Iterable[Contribution]:
        """Throttle the coolant."""
        yield bms.flow.scale(self.flow_share)


@fault(
    "vehicle.cell_drift", hits=CellBms, zh="电芯一致性差", clause="8.3",
    faces=("station", "platform"), needs="heat.packs",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class CellDrift:
    """One cell's charge is ahead of the others: it reaches its highest voltage first, and the charge ends early."""

    lead_pct: float = field(default=8.0, metadata=bounds(low=0.1, high=60.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bms: CellBms) -> Iterable[Contribution]:
        """Put a cell ahead."""
        yield bms.lead.add(self.lead_pct / 100.0)


@fault(
    "vehicle.cell_defect", hits=CellBms, zh="电芯内短路发热", clause="8.3",
    faces=("station", "platform"), needs="heat.packs",
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class CellDefect:
    """A cell with an internal short warms by itself; the BMS warns of the spread, and stops the charge beyond 15 K."""

    heat_w: float = field(default=400.0, metadata=bounds(low=1.0, high=50_000.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bms: CellBms) -> Iterable[Contribution]:
        """Warm a cell."""
        yield bms.defect_w.add(self.heat_w)
