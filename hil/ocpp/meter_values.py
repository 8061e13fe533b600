"""What a connector's meter shows, and how OCPP writes it: a sampledValue a measurand, or one for each phase of it.

OCPP 1.6 edition 2, sections 7.31 (Measurand), 7.42 (SampledValue) and 7.45 (UnitOfMeasure).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import floor, isfinite
from typing import Final, Literal, Protocol

from hil.ocpp.frames import Payload

__all__ = ["MEASURANDS", "Context", "Metered", "Sample", "meter_value", "whole_wh"]

Context = Literal["Sample.Periodic", "Trigger", "Transaction.Begin", "Transaction.End"]


@dataclass(frozen=True, slots=True)
class Sample:
    """The meter of one connector at one moment.

    energy_wh: the register, at least 0, never falling. power_w, current_a: into the vehicle, negative when it feeds
    back. voltage_v: at the connector. soc_pct (0 to 100) and temp_c: None when not known. With three `phases` current
    and voltage are those of each, which are alike.
    """

    energy_wh: float
    power_w: float
    current_a: float
    voltage_v: float
    soc_pct: float | None = None
    temp_c: float | None = None
    phases: int = 1


class Metered(Protocol):
    """Something with a meter."""

    def sample(self, now: float) -> Sample:
        """What the meter shows at `now` (s); must not block and may be called any number of times."""


@dataclass(frozen=True, slots=True)
class _Measurand:
    unit: str
    digits: int
    read: Callable[[Sample], float | None]
    phase: str = ""


_TABLE: Final = {
    "Energy.Active.Import.Register": _Measurand("Wh", 0, lambda sample: float(whole_wh(sample.energy_wh))),
    "Power.Active.Import": _Measurand("W", 1, lambda sample: max(sample.power_w, 0.0)),
    "Power.Active.Export": _Measurand("W", 1, lambda sample: max(-sample.power_w, 0.0)),
    "Current.Import": _Measurand("A", 2, lambda sample: max(sample.current_a, 0.0), "L{}"),
    "Current.Export": _Measurand("A", 2, lambda sample: max(-sample.current_a, 0.0), "L{}"),
    "Voltage": _Measurand("V", 1, lambda sample: sample.voltage_v, "L{}-N"),
    "SoC": _Measurand("Percent", 1, lambda sample: sample.soc_pct),
    "Temperature": _Measurand("Celsius", 1, lambda sample: sample.temp_c),
}
MEASURANDS: Final = tuple(_TABLE)


def whole_wh(energy_wh: float) -> int:
    """The register as it stands on the wire: whole Wh, cut off so that no value runs ahead of the meter."""
    return floor(energy_wh)


def meter_value(sample: Sample, names: Iterable[str], timestamp: str, context: Context) -> Payload | None:
    """One MeterValue of the measurands named (of `MEASURANDS`), or None when the sample knows none of them."""
    values: list[Payload] = []
    for name in names:
        measurand = _TABLE[name]
        value = measurand.read(sample)
        if value is not None and isfinite(value):
            text = f"{value:z.{measurand.digits}f}"
            told: Payload = {"value": text, "context": context, "measurand": name, "unit": measurand.unit}
            if measurand.phase and sample.phases > 1:
                phases = range(1, sample.phases + 1)
                values += [told | {"phase": measurand.phase.format(number)} for number in phases]
            else:
                values.append(told)
    return {"timestamp": timestamp, "sampledValue": values} if values else None
