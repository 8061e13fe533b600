"""What a charger says in OCPP 1.6, in the words of a device's twin: states, reasons, readings.

OCPP 1.6 edition 2, sections 7.6 (ChargePointErrorCode), 7.7 (ChargePointStatus), 7.36 (Reason) and 7.42 (SampledValue).
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from hil.ocpp.frames import Payload
from sim.events import Scalar

__all__ = ["Nonsense", "end_reason", "reading_of", "state_word"]

_STATES: Final = {
    "Available": "available", "Preparing": "preparing", "Charging": "charging", "SuspendedEV": "charging",
    "SuspendedEVSE": "charging", "Finishing": "finishing", "Reserved": "unavailable", "Unavailable": "unavailable",
    "Faulted": "faulted",
}  # fmt: skip
_REASONS: Final = {"Local": "driver", "EVDisconnected": "driver", "Remote": "remote", "UnlockCommand": "remote",
                   "DeAuthorized": "deauthorised", "Other": "device"}  # fmt: skip
_NAMES: Final = {
    "Energy.Active.Import.Register": "register_kwh", "Power.Active.Import": "power_kw", "Voltage": "voltage_v",
    "Current.Import": "current_a", "SoC": "soc", "Temperature": "temp_c",
}  # fmt: skip
_SCALES: Final = {"Wh": 1e-3, "W": 1e-3, "Percent": 1e-2, "kWh": 1.0, "kW": 1.0, "V": 1.0, "A": 1.0, "Celsius": 1.0,
                  "Celcius": 1.0}  # fmt: skip
_UNITS: Final = {"register_kwh": "Wh", "power_kw": "W", "voltage_v": "V", "current_a": "A", "soc": "Percent",
                 "temp_c": "Celsius"}  # fmt: skip
_OF_PHASES: Final = ("current_a", "voltage_v")


class Nonsense(ValueError):
    """A value that is none."""


def state_word(status: str) -> str:
    """The state of an outlet for a ChargePointStatus; a reserved one is not there for others."""
    return _STATES[status]


def end_reason(reason: str) -> str:
    """Why a charge ended, for a Reason; those that speak of trouble are the device's fault."""
    return _REASONS.get(reason, "device_fault")


def reading_of(payload: Payload) -> dict[str, Scalar]:
    """The last values of a MeterValues that concern the whole outlet; Nonsense for one that is no number.

    Current and voltage that are told by phases alone are the mean of those to neutral.
    """
    found: dict[str, Scalar] = {}
    phases: dict[str, dict[str, float]] = {}
    for sampled in _sampled(payload):
        name = _NAMES.get(sampled.get("measurand", "Energy.Active.Import.Register"))
        phase = sampled.get("phase", "")
        if name is None or sampled.get("location", "Outlet") != "Outlet":
            continue
        if phase and not (name in _OF_PHASES and phase.removesuffix("-N") in ("L1", "L2", "L3")):
            continue
        if sampled.get("format", "Raw") != "Raw":
            continue
        text, unit = sampled["value"], sampled.get("unit", _UNITS[name])
        try:
            value = float(text) * _SCALES[unit]
        except (ValueError, KeyError):
            raise Nonsense(f"{name}: {str(text)[:40]!r} {unit}") from None
        if not isfinite(value):
            raise Nonsense(f"{name}: {str(text)[:40]!r}")
        if phase:
            phases.setdefault(name, {})[phase.removesuffix("-N")] = value
        else:
            found[name] = value
    return {name: sum(each.values()) / len(each) for name, each in phases.items()} | found


def _sampled(payload: Payload) -> Iterator[dict[str, Any]]:
    for meter_value in payload["meterValue"]:
        yield from meter_value["sampledValue"]
