"""What a real meter read: kept as signals for the recording, and its register against the energy that truly flowed.

A signal holds the last reading and changes once another is further off than a meter's own resolution, at most once a
second: a poll ten times a second with noise in its last digit costs no more than a quiet one. Silence is `nan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isnan, nan

from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.instrument import Instrument

__all__ = ["InstrumentRecord", "RegisterBook"]

EVERY_S = 1.0
"""The most often that a reading of one quantity is kept (ours, as are the steps)."""
STEP_REL = 1e-3
STEPS = {"kW": 0.01, "kWh": 0.01, "V": 0.1, "A": 0.05, "Hz": 0.01}
"""What is kept, by its unit, and by how much a reading must differ from the last one kept; of powers, voltages and
currents also by `STEP_REL` of it."""
REGISTERS = ("import_kwh", "energy_kwh")
"""The register that is compared, the first that the device has."""


@dataclass(frozen=True, slots=True)
class RegisterBook:
    """One meter's register against the truth, in kWh, from its first reading to its last.

    `residual_kwh` is what it registered beyond `true_kwh`: its error, its resolution, and what a register that was set
    back had counted. While it was silent, `silences` times for `silent_s` in all, `unseen_kwh` flowed.
    """

    slot: str
    quantity: str
    readings: int
    registered_kwh: float
    true_kwh: float
    residual_kwh: float
    residual_rel: float
    silences: int
    silent_s: float
    unseen_kwh: float


class InstrumentRecord:
    """Signals `<path>.read.<quantity>`, one for each kept quantity that such a meter can have."""

    def __init__(
        self, kernel: Kernel, device: Instrument, gauges: Iterable[Gauge], true_kwh: Callable[[SimTime], float]
    ) -> None:
        """`gauges` are the twin's own, at `<path>.<name>`; `true_kwh(t)` is what flowed where it stands, till `t`."""
        self._kernel = kernel
        self._device = device
        self._true_kwh = true_kwh
        self._read: dict[str, Signal] = {}
        for gauge in gauges:
            if gauge.unit in STEPS:
                name = gauge.path.removeprefix(f"{device.path}.")
                self._read[name] = Signal(f"{device.path}.read.{name}", gauge.unit, nan)
        kernel.add(*self._read.values())
        self._quantity = ""
        self._readings = 0
        self._first_kwh = self._last_kwh = 0.0
        self._true_first_kwh = self._true_last_kwh = 0.0
        self._heard_s = kernel.now
        self._heard_true_kwh = 0.0
        self._was_silent = False
        self._silences = 0
        self._silent_s = self._unseen_kwh = 0.0

    def keep(self) -> None:
        """The device has been read, or has fallen silent."""
        now, device = self._kernel.now, self._device
        for name, signal in self._read.items():
            value = device.value(name)
            if isnan(value) and isnan(signal.a):
                continue
            if isnan(value) or isnan(signal.a) or self._has_moved(signal, value, now):
                signal.set(now, value)
        if device.is_silent:
            self._silences += not self._was_silent  # an empty reading tells of the same silence again
            self._was_silent = True
            return
        if device.heard_s < now:
            return
        if self._was_silent:
            self._was_silent = False
            self._silent_s += now - self._heard_s
            self._unseen_kwh += self._true_kwh(now) - self._heard_true_kwh
        self._heard_s, self._heard_true_kwh = now, self._true_kwh(now)
        self._register()

    def book(self, now: SimTime) -> RegisterBook | None:
        """Its book at `now`; None for a meter that has told no energy."""
        if not self._readings:
            return None
        true_kwh = self._true_last_kwh - self._true_first_kwh
        registered_kwh = self._last_kwh - self._first_kwh - self._device.stepped_kwh(self._quantity)
        residual_kwh = registered_kwh - true_kwh
        silent_s, unseen_kwh = self._silent_s, self._unseen_kwh
        if self._was_silent:
            silent_s += now - self._heard_s
            unseen_kwh += self._true_kwh(now) - self._heard_true_kwh
        return RegisterBook(
            slot=self._device.path, quantity=self._quantity, readings=self._readings, registered_kwh=registered_kwh,
            true_kwh=true_kwh, residual_kwh=residual_kwh, residual_rel=residual_kwh / true_kwh if true_kwh else 0.0,
            silences=self._silences, silent_s=silent_s, unseen_kwh=unseen_kwh,
        )  # fmt: skip

    def _register(self) -> None:
        if not self._quantity:
            self._quantity = next((name for name in REGISTERS if not isnan(self._device.value(name))), "")
        value = self._device.value(self._quantity)
        if isnan(value):
            return
        self._last_kwh, self._true_last_kwh = value, self._heard_true_kwh
        if not self._readings:
            self._first_kwh, self._true_first_kwh = value, self._heard_true_kwh
        self._readings += 1

    @staticmethod
    def _has_moved(signal: Signal, value: float, now: SimTime) -> bool:
        step = STEPS[signal.unit] if signal.unit in ("kWh", "Hz") else max(STEPS[signal.unit], STEP_REL * abs(value))
        return abs(value - signal.a) > step and now >= signal.t0 + EVERY_S
