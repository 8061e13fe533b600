"""Meters of three phases: what they show is worked out from the true signals at the moment of the read.

They stand on the 400 V busbar, behind transformers of current; the trade meter adds the transformer's losses, as one
does that meters at low voltage what is bought at high. Its error is in its currents: powers and energies carry it
alike. They are fed from batteries, so that in an outage they show no voltage, no current and no power, neither
frequency nor power factor, and the energies as they stand. Nothing on the site feeds back: what is exported is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import acos, degrees, nan, sqrt

from sim.files import ID_PATTERN, Misfit, key
from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SECONDS_PER_HOUR, SimTime

__all__ = ["LOW_VOLTAGE_KV", "METER_CLASSES", "FeederMeterConfig", "Meter", "MeterConfig", "Supply"]

LOW_VOLTAGE_KV = 0.4
METER_CLASSES = (0.2, 0.5, 1.0, 2.0)
_PHASES = (0, 1, 2)
_DEAD_PU = 0.05

Reader = Callable[[SimTime], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederMeterConfig:
    """A feeder's own meter; its class bounds its error (IEC 62053)."""

    accuracy_class: float = field(default=1.0, metadata=key("Accuracy class: 0.2, 0.5, 1 or 2.", name="class"))
    error_pct: float = field(default=0.0, metadata=key("What this meter reads too much, within its class.", unit="%"))

    def __post_init__(self) -> None:
        """Refuse a class that does not exist and an error beyond it."""
        if self.accuracy_class not in METER_CLASSES:
            raise Misfit("class", f"{self.accuracy_class:g} is no accuracy class", "0.2, 0.5, 1 or 2")
        if abs(self.error_pct) > self.accuracy_class:
            right = f"-{self.accuracy_class:g} to {self.accuracy_class:g} %"
            raise Misfit("error_pct", f"{self.error_pct:g} % is more than class {self.accuracy_class:g} allows", right)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig(FeederMeterConfig):
    """The trade meter at the site's boundary; its class bounds its error (IEC 62053)."""

    id: str = field(metadata=key("Name of the meter, as in `grid.meter[M1]`.", pattern=ID_PATTERN))
    accuracy_class: float = field(metadata=key("Accuracy class: 0.2, 0.5, 1 or 2.", name="class"))


@dataclass(frozen=True, slots=True)
class Supply:
    """What all meters of a station stand on: the busbar's voltage, and the power factor of every load."""

    voltage_pu: Signal
    power_factor: float
    frequency_hz: float


class Meter:
    """One meter; `path` is `grid.meter[ID]` or `grid.feeder[ID].meter`.

    Gauges, each of the whole and, with `_l1`, `_l2`, `_l3` before the unit, of a phase: `power_kw`, `reactive_kvar`,
    `apparent_kva`, `power_factor`, `current_a` (of the whole: the three added up), `import_kwh`, `export_kwh`,
    `energy_kwh` (both), `import_kvarh`, `export_kvarh`, `reactive_kvarh`, `import_kvah`, `export_kvah`; `voltage_v`
    (to neutral; of the whole: the mean), `voltage_l12_v` and so on between phases, with their mean `voltage_ll_v`;
    `current_mean_a`, `current_n_a` in the neutral, `phase_angle_deg`, `frequency_hz`.
    """

    def __init__(
        self, kernel: Kernel, path: str, power_kw: Sum, on_phases: Sequence[Sum], supply: Supply, error_pct: float
    ) -> None:
        """`on_phases` is what hangs on one phase alone, of L1, L2 and L3; the rest of `power_kw` is alike on all."""
        self.path = path
        self.factor = 1.0 + error_pct / 100.0
        self._power_kw = power_kw
        self._supply = supply
        self._own = [one if one.parts else None for one in on_phases]
        self._one_phase = Sum("", "kW", [one for one in on_phases if one.parts])
        self._reactive = sqrt(1.0 / supply.power_factor**2 - 1.0)
        kernel.show(*(Gauge(f"{path}.{name}", unit, read) for name, unit, read in self._gauges()))

    def power_kw(self, t: SimTime, phase: int | None = None) -> float:
        """Active power of a phase (0 to 2), or of all three."""
        true_kw = self._power_kw.at(t)
        if phase is not None:
            true_kw = (true_kw - self._one_phase.at(t)) / 3.0
            own = self._own[phase]
            if own is not None:
                true_kw += own.at(t)
        return true_kw * self.factor

    def import_kwh(self, t: SimTime, phase: int | None = None) -> float:
        """The register of what was drawn since the run began, of a phase or of all three."""
        true_kws = self._power_kw.total_at(t)
        if phase is not None:
            true_kws = (true_kws - self._one_phase.total_at(t)) / 3.0
            own = self._own[phase]
            if own is not None:
                true_kws += own.total_at(t)
        return true_kws * self.factor / SECONDS_PER_HOUR

    def voltage_v(self, t: SimTime) -> float:
        """Of each phase to neutral."""
        return 1_000.0 * LOW_VOLTAGE_KV / sqrt(3.0) * self._supply.voltage_pu.at(t)

    def current_a(self, t: SimTime, phase: int | None = None) -> float:
        """Of a phase, or of all three added up; 0 where there is no voltage."""
        if not self._is_live(t):
            return 0.0
        return 1_000.0 * self.power_kw(t, phase) / (self._supply.power_factor * self.voltage_v(t))

    def neutral_a(self, t: SimTime) -> float:
        """In the neutral: three currents a third of a turn apart, added up."""
        l1, l2, l3 = (self.current_a(t, phase) for phase in _PHASES)
        return sqrt(max(0.0, l1 * l1 + l2 * l2 + l3 * l3 - l1 * l2 - l2 * l3 - l3 * l1))

    def power_factor(self, t: SimTime, phase: int | None = None) -> float:
        """Of a phase or of all; `nan` while nothing flows."""
        return self._supply.power_factor if self._is_live(t) and self.power_kw(t, phase) > 0.0 else nan

    def frequency_hz(self, t: SimTime) -> float:
        """Of the voltage; `nan` without one."""
        return self._supply.frequency_hz if self._is_live(t) else nan

    def _is_live(self, t: SimTime) -> bool:
        return self._supply.voltage_pu.at(t) > _DEAD_PU

    def _gauges(self) -> list[tuple[str, str, Reader]]:
        found: list[tuple[str, str, Reader]] = [
            ("frequency_hz", "Hz", self.frequency_hz),
            ("current_n_a", "A", self.neutral_a),
            ("current_mean_a", "A", lambda t: self.current_a(t) / 3.0),
            ("voltage_v", "V", self.voltage_v),
            ("voltage_ll_v", "V", self._between_v),
            ("phase_angle_deg", "deg", lambda t: degrees(acos(self.power_factor(t)))),
        ]
        for phase in _PHASES:
            found.append((f"voltage_l{phase + 1}_v", "V", self.voltage_v))
            found.append((f"voltage_l{phase + 1}{(phase + 1) % 3 + 1}_v", "V", self._between_v))
        for which in (None, *_PHASES):
            found += self._of(which)
        return found

    def _of(self, which: int | None) -> list[tuple[str, str, Reader]]:
        """The gauges of a phase, or of all three."""
        on = "" if which is None else f"_l{which + 1}"
        kvar_kw, kva_kw = self._reactive, 1.0 / self._supply.power_factor

        def kwh(t: SimTime) -> float:
            return self.import_kwh(t, which)

        return [
            (f"power{on}_kw", "kW", lambda t: self.power_kw(t, which)),
            (f"reactive{on}_kvar", "kvar", lambda t: self.power_kw(t, which) * kvar_kw),
            (f"apparent{on}_kva", "kVA", lambda t: self.power_kw(t, which) * kva_kw),
            (f"power_factor{on}", "1", lambda t: self.power_factor(t, which)),
            (f"current{on}_a", "A", lambda t: self.current_a(t, which)),
            (f"import{on}_kwh", "kWh", kwh),
            (f"export{on}_kwh", "kWh", _none),
            (f"energy{on}_kwh", "kWh", kwh),
            (f"import{on}_kvarh", "kvarh", lambda t: kwh(t) * kvar_kw),
            (f"export{on}_kvarh", "kvarh", _none),
            (f"reactive{on}_kvarh", "kvarh", lambda t: kwh(t) * kvar_kw),
            (f"import{on}_kvah", "kVAh", lambda t: kwh(t) * kva_kw),
            (f"export{on}_kvah", "kVAh", _none),
        ]

    def _between_v(self, t: SimTime) -> float:
        return sqrt(3.0) * self.voltage_v(t)


def _none(_t: SimTime) -> float:
    return 0.0
