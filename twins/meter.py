"""Meters of three phases: what they show is worked out from the true signals at the moment of the read.

They stand on the 400 V busbar, behind transformers of current; the trade meter adds the transformer's losses, as one
does that meters at low voltage what is bought at high. Its error is in its currents: powers and energies carry it
alike. They are fed from batteries, so that in an outage they show no voltage, no current and no power, neither
frequency nor power factor, and the energies as they stand. Nothing on the site feeds back: what is exported is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from math import acos, degrees, nan, sqrt
from typing import NamedTuple

from sim.files import ID_PATTERN, Misfit, key
from sim.gauges import Gauge, SharedGauge
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.instrument import Instrument

__all__ = ["LOW_VOLTAGE_KV", "METER_CLASSES", "Busbar", "FeederMeterConfig", "Flows", "Meter", "MeterConfig"]

LOW_VOLTAGE_KV = 0.4
METER_CLASSES = (0.2, 0.5, 1.0, 2.0)
_WHOLE_AND_PHASES = (0, 1, 2, 3)
_PHASES = (1, 2, 3)
_DEAD_PU = 0.05


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
class Busbar:
    """What all meters of a station stand on: the busbar's voltage, and the power factor of every load."""

    voltage_pu: Signal
    power_factor: float
    frequency_hz: float


class Flows(NamedTuple):
    """What a meter sees at an instant: powers of the whole, L1, L2 and L3; the voltage of each phase to neutral."""

    power_kw: tuple[float, float, float, float]
    voltage_v: float
    is_live: bool


class Meter:
    """One meter; `path` is `grid.meter[ID]` or `grid.feeder[ID].meter`. A real `device` fills its gauges instead.

    Gauges, each of the whole and, with `_l1`, `_l2`, `_l3` before the unit, of a phase: `power_kw`, `reactive_kvar`,
    `apparent_kva`, `power_factor`, `current_a` (of the whole: the three added up), `import_kwh`, `export_kwh`,
    `energy_kwh` (both), `import_kvarh`, `export_kvarh`, `reactive_kvarh`, `import_kvah`, `export_kvah`; `voltage_v`
    (to neutral; of the whole: the mean), `voltage_l12_v` and so on between phases, with their mean `voltage_ll_v`;
    `current_mean_a`, `current_n_a` in the neutral, `phase_angle_deg`, `frequency_hz`.
    """

    def __init__(
        self, kernel: Kernel, path: str, power_kw: Sum, on_phases: Sequence[Sum], busbar: Busbar, error_pct: float
    ) -> None:
        """`on_phases` is what hangs on one phase alone, of L1, L2 and L3; the rest of `power_kw` is alike on all."""
        self.path = path
        self._factor = 1.0 + error_pct / 100.0
        self._power_kw = power_kw
        self._busbar = busbar
        self._on_phases = on_phases if any(one.parts for one in on_phases) else ()
        self.device: Instrument | None = None
        kernel.show_later(self._gauges)

    def flows(self, t: SimTime) -> Flows:
        """What it sees at `t`, with its error."""
        volts_pu = self._busbar.voltage_pu.at(t)
        powers = self._split(self._power_kw.at(t), [one.at(t) for one in self._on_phases])
        return Flows(powers, 1_000.0 * LOW_VOLTAGE_KV / sqrt(3.0) * volts_pu, volts_pu > _DEAD_PU)

    def imported_kwh(self, t: SimTime) -> tuple[float, float, float, float]:
        """Its registers of what was drawn since the run began: of the whole, L1, L2 and L3."""
        whole, l1, l2, l3 = self._split(self._power_kw.total_at(t), [one.total_at(t) for one in self._on_phases])
        return whole / SECONDS_PER_HOUR, l1 / SECONDS_PER_HOUR, l2 / SECONDS_PER_HOUR, l3 / SECONDS_PER_HOUR

    def true_kwh(self, t: SimTime) -> float:
        """What has flowed through where it stands since the run began, without its error."""
        return self._power_kw.total_at(t) / SECONDS_PER_HOUR

    def _split(self, whole: float, own: Sequence[float]) -> tuple[float, float, float, float]:
        factor = self._factor
        if not own:
            phase = whole * factor / 3.0
            return whole * factor, phase, phase, phase
        alike = (whole - sum(own)) / 3.0
        l1, l2, l3 = own
        return whole * factor, (alike + l1) * factor, (alike + l2) * factor, (alike + l3) * factor

    def _current_a(self, flows: Flows, which: int) -> float:
        """Of a phase, or of all three added up; 0 where there is no voltage."""
        if not flows.is_live:
            return 0.0
        return 1_000.0 * flows.power_kw[which] / (self._busbar.power_factor * flows.voltage_v)

    def _neutral_a(self, flows: Flows) -> float:
        """In the neutral: three currents a third of a turn apart, added up."""
        l1, l2, l3 = (self._current_a(flows, which) for which in _PHASES)
        return sqrt(max(0.0, l1 * l1 + l2 * l2 + l3 * l3 - l1 * l2 - l2 * l3 - l3 * l1))

    def _power_factor(self, flows: Flows, which: int) -> float:
        """Of a phase or of all; `nan` while nothing flows."""
        return self._busbar.power_factor if flows.is_live and flows.power_kw[which] > 0.0 else nan

    def own_gauges(self) -> Iterator[Gauge]:
        """What it shows itself, whoever stands in its place."""
        return chain(self._of_flows(), *(self._of(which) for which in _WHOLE_AND_PHASES))

    def _gauges(self) -> Iterator[Gauge]:
        """Its own, or what the device reads that stands in its place."""
        device = self.device
        for gauge in self.own_gauges():
            if device is None:
                yield gauge
            else:
                name = gauge.path.removeprefix(f"{self.path}.")
                yield Gauge(gauge.path, gauge.unit, partial(_told, device, name))

    def _of_flows(self) -> Iterator[Gauge]:
        """The gauges that are of no phase alone, and voltages."""
        path, flows, busbar = self.path, self.flows, self._busbar
        volts_v = 1_000.0 * LOW_VOLTAGE_KV / sqrt(3.0)

        def voltage_v(t: SimTime) -> float:
            return volts_v * busbar.voltage_pu.at(t)

        def between_v(t: SimTime) -> float:
            return sqrt(3.0) * voltage_v(t)

        def frequency_hz(t: SimTime) -> float:
            return busbar.frequency_hz if busbar.voltage_pu.at(t) > _DEAD_PU else nan

        yield Gauge(f"{path}.frequency_hz", "Hz", frequency_hz)
        yield Gauge(f"{path}.voltage_v", "V", voltage_v)
        yield Gauge(f"{path}.voltage_ll_v", "V", between_v)
        for which in _PHASES:
            yield Gauge(f"{path}.voltage_l{which}_v", "V", voltage_v)
            yield Gauge(f"{path}.voltage_l{which}{which % 3 + 1}_v", "V", between_v)
        yield SharedGauge(f"{path}.current_n_a", "A", flows, self._neutral_a)
        yield SharedGauge(f"{path}.current_mean_a", "A", flows, lambda now: self._current_a(now, 0) / 3.0)
        angle_path = f"{path}.phase_angle_deg"
        yield SharedGauge(angle_path, "deg", flows, lambda now: degrees(acos(self._power_factor(now, 0))))

    def _of(self, which: int) -> Iterator[Gauge]:
        """The gauges of the whole (0), or of a phase."""
        path, on = self.path, f"_l{which}" if which else ""
        per_kva = self._busbar.power_factor
        kvar_kw, kva_kw = sqrt(1.0 / per_kva**2 - 1.0), 1.0 / per_kva
        for name, unit, pick in (
            (f"power{on}_kw", "kW", lambda now: now.power_kw[which]),
            (f"reactive{on}_kvar", "kvar", lambda now: now.power_kw[which] * kvar_kw),
            (f"apparent{on}_kva", "kVA", lambda now: now.power_kw[which] * kva_kw),
            (f"power_factor{on}", "1", lambda now: self._power_factor(now, which)),
            (f"current{on}_a", "A", lambda now: self._current_a(now, which)),
        ):
            yield SharedGauge(f"{path}.{name}", unit, self.flows, pick)
        for name, unit, kwh_share in (
            (f"import{on}_kwh", "kWh", 1.0), (f"energy{on}_kwh", "kWh", 1.0),
            (f"import{on}_kvarh", "kvarh", kvar_kw), (f"reactive{on}_kvarh", "kvarh", kvar_kw),
            (f"import{on}_kvah", "kVAh", kva_kw),
        ):  # fmt: skip
            yield SharedGauge(f"{path}.{name}", unit, self.imported_kwh, _share(which, kwh_share))
        for unit in ("kWh", "kvarh", "kVAh"):
            yield Gauge(f"{path}.export{on}_{unit.lower()}", unit, lambda _t: 0.0)


def _told(device: Instrument, name: str, _t: SimTime) -> float:
    return device.value(name)


def _share(which: int, share: float) -> Callable[[Sequence[float]], float]:
    return lambda imported: imported[which] * share
