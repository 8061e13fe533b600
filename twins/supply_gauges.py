"""What a real device in an EVSE's place shows beside its signals: what it has reported; `nan` of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import nan

from sim.gauges import Gauge
from sim.units import SimTime
from twins.supply import EvseState, Supply

__all__ = ["supply_gauges"]

_UNKNOWN = ("step", "pilot", "cc1_v", "demand_v", "demand_a", "contact_c")


def supply_gauges(device: Supply) -> Iterator[Gauge]:
    """The gauges of `evse_gauges` that a device can fill; a map that shows others refuses to show it."""
    readers: dict[str, tuple[str, Callable[[SimTime], float]]] = {
        "metered_kw": ("kW", device.power_kw.at),
        "current_a": ("A", device.current_a),
        "voltage_v": ("V", device.voltage_v),
        "energy_kwh": ("kWh", device.energy_kwh),
        "session_kwh": ("kWh", lambda t: device.delivered_kwh(t)[1] if device.started_s is not None else 0.0),
        "allowed_kw": ("kW", lambda _t: device.ceiling_kw),
        "is_enabled": ("1", lambda _t: float(device.ceiling_kw > 0.0)),
        "is_plugged": ("1", lambda _t: float(device.state.value not in (EvseState.AVAILABLE, EvseState.UNAVAILABLE))),
        "has_supply": ("1", lambda _t: float(device.is_charging)),
        "soc_pct": ("%", lambda t: _soc_pct(device, t)),
    }
    readers |= {name: ("1", lambda _t: nan) for name in _UNKNOWN}
    for name, (unit, read) in readers.items():
        yield Gauge(f"{device.path}.{name}", unit, read)


def _soc_pct(device: Supply, t: SimTime) -> float:
    soc, _ = device.vehicle_at(t)
    return nan if soc is None else 100.0 * soc
