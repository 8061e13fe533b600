"""What the map of a charger means to its master: which points tell its state, which registers take its orders.

By the names of the family alone (`step`, `pilot`, `metered_kw`, `allowed_a`, deeds `evse.*`), whoever made it. A map
whose points lie in blocks is that of a pile; those of other connectors are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import floor
from typing import Final

from hil.modbus.map_file import MapFile, PlacedPoint
from hil.modbus.map_points import CoilPoint
from hil.modbus.master import Nonsense
from hil.modbus.readout import Value
from hil.modbus.values import KINDS
from twins.evse_gauges import ALARMS, Pilot, Step
from twins.supply import EvseState

__all__ = ["ChargerMap", "Order", "Said"]

_FLAGS: Final = (
    *ALARMS, "bms_silent", "contactor_open", "contactor_welded", "has_contactor_fault", "has_pile_fault",
)  # fmt: skip
_STATES: Final = ("state", "step", "pilot")
_PHASES: Final = (1, 2, 3)
_POWER: Final = (
    "metered_kw",
    "current_a",
    "voltage_v",
    *(f"current_l{n}_a" for n in _PHASES),
    *(f"voltage_l{n}_v" for n in _PHASES),
)
_STEPS: Final = {
    Step.AVAILABLE: EvseState.AVAILABLE, Step.CHARGING: EvseState.CHARGING, Step.ENDING: EvseState.FINISHING,
    Step.FINISHED: EvseState.FINISHING, Step.FAULTED: EvseState.FAULTED, Step.UNAVAILABLE: EvseState.UNAVAILABLE,
}  # fmt: skip
_PILOTS: Final = {
    Pilot.A: EvseState.AVAILABLE, Pilot.C1: EvseState.CHARGING, Pilot.C2: EvseState.CHARGING, Pilot.F: EvseState.FAULTED
}  # fmt: skip
_LEAST_LIVE_A: Final = 1.0
_LAPSE: Final = "fail_safe_s"
_BELOW: Final = 1.0 - 1.2e-7
"""So that a float of 32 bits is rounded down."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is written for one deed: the words of a value, or of a code."""

    placed: PlacedPoint
    argument: str
    """What the value is, or empty where a code is written."""
    code: int = 0

    def words(self, mapped: MapFile, value: float = 0.0) -> tuple[int, ...]:
        """The registers, or the bit, of a value: rounded down."""
        point = self.placed.point
        if isinstance(point, CoilPoint):
            return (self.code if not self.argument else int(value),)
        kind = KINDS[point.type]
        if not self.argument:
            return kind.words(self.code, mapped.words)
        raw = value * point.scale + point.add
        return kind.words(kind.bits(raw * _BELOW if kind.is_float else float(floor(raw + 1e-6))), mapped.words)


@dataclass(frozen=True, slots=True)
class Said:
    """What a charger says at one reading; None for what it does not tell."""

    state: EvseState
    power_kw: float
    register_kwh: float | None
    session_kwh: float | None
    voltage_v: float | None
    current_a: float | None
    soc: float | None
    phases: int
    flags: tuple[str, ...]


class ChargerMap:
    """One connector of a map of the family `ac_pile` or `dc_pile`.

    Orders by deed; None where the map takes no such order.
    """

    def __init__(self, mapped: MapFile, connector: int) -> None:
        """`connector` counts from 1; a map without blocks is of one connector, whichever."""
        self.mapped = mapped
        self._base = f"connector[{connector}]"
        placed = [one for one in mapped.placed() if one.base in ("", self._base)]
        self.points = list(self._wanted(placed))
        self.shown = {name for one in self.points for name in self._names(one)}
        self.limit = self._order(placed, "evse.limit", ("limit_kw", "limit_a"))
        self.start = self._order(placed, "evse.start")
        self.stop = self._order(placed, "evse.stop")
        self.enable = self._order(placed, "evse.enable", ("is_on",))
        self.lapse = self._order(placed, "evse.fail_safe", ("timeout_s",))
        self.fall = self._order(placed, "evse.fail_safe", ("limit_a", "limit_kw"))
        self.allowed = next((one for one in self.points if self._names(one) & {"allowed_kw", "allowed_a"}), None)

    @property
    def has_state(self) -> bool:
        """Whether it tells what it is doing."""
        return not self.shown.isdisjoint(_STATES)

    @property
    def has_power(self) -> bool:
        """Whether it tells what it draws, or what that follows from."""
        shown = self.shown
        return "metered_kw" in shown or {"current_a", "voltage_v"} <= shown or {"current_l1_a", "voltage_l1_v"} <= shown

    @property
    def has_fail_safe(self) -> bool:
        """Whether it falls back by itself when its master is silent."""
        return self.lapse is not None and self.fall is not None

    def said(self, values: Mapping[str, Value]) -> Said:
        """What these values, by path from the device on, mean together; `Nonsense` where they mean nothing."""
        own = {path.removeprefix(f"{self._base}."): value for path, value in values.items()}
        numbers = {name: float(value) for name, value in own.items() if isinstance(value, float | int)}
        currents = [numbers.get(f"current_l{n}_a") for n in _PHASES]
        volts = [numbers.get(f"voltage_l{n}_v") for n in _PHASES]
        told_a, told_v = [one for one in currents if one is not None], [one for one in volts if one is not None]
        soc_pct = numbers.get("soc_pct")
        return Said(
            state=_state(own),
            power_kw=_power_kw(numbers, currents, volts),
            register_kwh=numbers.get("energy_kwh"),
            session_kwh=numbers.get("session_kwh"),
            voltage_v=numbers.get("voltage_v", max(told_v, default=None)),
            current_a=numbers.get("current_a", max(told_a, default=None)),
            soc=None if soc_pct is None else soc_pct / 100.0,
            phases=max(int(_number(own.get("phases"))), sum(one > _LEAST_LIVE_A for one in told_a)),
            flags=tuple(name for name in _FLAGS if numbers.get(name)),
        )

    def allowed_of(self, values: Mapping[str, Value], watts_per_a: float) -> float | None:
        """The limit in kW that it goes by, as it says; None where it says none."""
        own = {path.removeprefix(f"{self._base}."): value for path, value in values.items()}
        if "allowed_kw" in own:
            return _number(own["allowed_kw"])
        return _number(own["allowed_a"]) * watts_per_a / 1_000.0 if "allowed_a" in own else None

    def lapse_of(self, values: Mapping[str, Value]) -> float | None:
        """The time-out of its fail-safe in s, as it says; None where it has none, or does not say."""
        own = [value for path, value in values.items() if path.removeprefix(f"{self._base}.") == _LAPSE]
        return _number(own[0]) if own and self.has_fail_safe else None

    def _wanted(self, placed: list[PlacedPoint]) -> Iterator[PlacedPoint]:
        """Each quantity once, in the first table that shows it."""
        known: set[str] = set()
        has_register = any("energy_kwh" in self._names(one) for one in placed)
        wanted = {*_STATES, *_POWER, *_FLAGS, "energy_kwh", "soc_pct", "phases", "allowed_kw", "allowed_a", _LAPSE}
        wanted |= set() if has_register else {"session_kwh"}
        for one in placed:
            fresh = (self._names(one) & wanted) - known
            if fresh and one.point.is_readable:
                known |= fresh
                yield one

    def _names(self, placed: PlacedPoint) -> set[str]:
        paths = (placed.path(of, "") for _, of in placed.point.quantities if not of.startswith("/"))
        return {path.removeprefix(f"{self._base}.") for path in paths}

    def _order(self, placed: list[PlacedPoint], do: str, arguments: tuple[str, ...] = ()) -> Order | None:
        for one in placed:
            write = one.point.write
            if write is None:
                continue
            if write.do == do and write.argument in arguments and self._is_ours(one, write.target):
                return Order(one, write.argument)
            for code, call in write.by_value().items() if not arguments else ():
                if call.do == do and not call.args and self._is_ours(one, call.target):
                    return Order(one, "", code)
        return None

    def _is_ours(self, placed: PlacedPoint, target: str) -> bool:
        return placed.path(target, "") in ("", self._base)


def _state(own: Mapping[str, Value]) -> EvseState:
    try:
        if "state" in own:
            return EvseState(str(own["state"]))
        if "step" in own:
            return _STEPS.get(Step(int(_number(own["step"]))), EvseState.PREPARING)
        return _PILOTS.get(Pilot(int(_number(own["pilot"]))), EvseState.PREPARING)
    except (KeyError, ValueError):
        said = next((f"{name} {own[name]}" for name in _STATES if name in own), "no state")
        raise Nonsense(said) from None


def _power_kw(numbers: Mapping[str, float], currents: list[float | None], volts: list[float | None]) -> float:
    if "metered_kw" in numbers:
        return numbers["metered_kw"]
    if "current_a" in numbers and "voltage_v" in numbers:
        return numbers["current_a"] * numbers["voltage_v"] / 1_000.0
    phases = [a * v for a, v in zip(currents, volts, strict=True) if a is not None and v is not None]
    if not phases:
        raise Nonsense("no power")
    return sum(phases) / 1_000.0


def _number(value: Value | None) -> float:
    return float(value or 0.0)
