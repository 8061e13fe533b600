"""What a pile's controller shows of its cabinet and its power modules; `nan` of heat that is not followed."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from typing import Final

from sim.clock import Clock
from sim.gauges import Gauge
from sim.signals import Signal
from sim.sums import Sum
from sim.units import UNIX_S, SimTime
from twins.pile import Pile
from twins.stack import SplitStack
from twins.supply import Supply

__all__ = ["pile_gauges"]

_HEARTBEATS: Final = 65_536


def pile_gauges(pile: Pile, clock: Clock) -> Iterator[Gauge]:
    """Every gauge of one pile, by paths such as `pile[A01].air_in_c`; modules that it does not know are `nan`."""
    cabinet = pile.cabinet
    # the cabinet is one node of heat: what its fans blow out is as warm as it is
    air_in = cabinet.inlet_temp_c if cabinet is not None else None
    air_out = cabinet.body.temp_c if cabinet is not None else None
    is_mute = cabinet.inlet_temp_c.is_broken if cabinet is not None else None
    yield Gauge(f"{pile.path}.air_in_c", "C", lambda t: nan if is_mute is None or is_mute.value else _at(air_in, t))
    yield Gauge(f"{pile.path}.air_out_c", "C", lambda t: _at(air_out, t))
    fan_share = cabinet.fan_share if cabinet is not None else None
    derating = cabinet.derating if cabinet is not None else None
    yield Gauge(f"{pile.path}.fan_duty_pct", "%", lambda t: 100.0 * _at(fan_share, t))
    yield Gauge(f"{pile.path}.derated_pct", "%", lambda t: 100.0 * (1.0 - _at(derating, t)))
    yield Gauge(f"{pile.path}.heartbeats", "1", lambda t: float(int(t) % _HEARTBEATS))
    yield Gauge(f"{pile.path}.unix_s", UNIX_S, lambda t: float(clock.unix_s(t)))
    count = _module_count(pile)
    yield Gauge(f"{pile.path}.modules_total", "1", lambda _t: float(count) if count else nan)
    yield Gauge(f"{pile.path}.modules_failed", "1", lambda _t: float(_failed(pile)) if count else nan)
    for module in range(max(count, 1)):
        path = f"{pile.path}.module[{module + 1}]"
        yield Gauge(f"{path}.voltage_v", "V", lambda t, at=module: _voltage_v(pile, at, t))  # type: ignore[misc]
        yield Gauge(f"{path}.current_a", "A", lambda t, at=module: _current_a(pile, at, t))  # type: ignore[misc]
        yield Gauge(f"{path}.temp_c", "C", lambda t: _at(air_out, t))


def _at(quantity: Signal | Sum | None, t: SimTime) -> float:
    return quantity.at(t) if quantity is not None else nan


def _module_count(pile: Pile) -> int:
    """Those of a split stack, or of a cabinet that switches blocks of them; else nobody has said."""
    return pile.stack.modules if isinstance(pile, SplitStack) else int(sum(pile.model.blocks))


def _failed(pile: Pile) -> int:
    return sum(knob.value for knob in pile.is_failed) if isinstance(pile, SplitStack) else 0


def _serves(pile: Pile) -> list[Supply | None]:
    """Which outlet each module feeds now; empty where it knows of none."""
    if isinstance(pile, SplitStack):
        return [pile.evses[terminal - 1] if terminal else None for terminal in pile.serving_now]
    charging = [evse for evse in pile.evses if evse.is_charging]
    blocks = pile.model.blocks
    if len(charging) < 2 or not blocks:
        return [*charging, None][:1] * int(sum(blocks))
    fed = zip(pile.evses, blocks, strict=True)
    return [evse if evse.is_charging else None for evse, count in fed for _ in range(int(count))]


def _voltage_v(pile: Pile, module: int, t: SimTime) -> float:
    serves = _serves(pile)
    evse = serves[module] if serves else None
    return evse.voltage_v(t) if evse is not None else 0.0 if serves else nan


def _current_a(pile: Pile, module: int, t: SimTime) -> float:
    """The outlet's, divided alike among its modules."""
    serves = _serves(pile)
    evse = serves[module] if serves else None
    return evse.current_a(t) / serves.count(evse) if evse is not None else 0.0 if serves else nan
