"""What a device's faults make of its values: the map's side of the knobs of `twins.bus.BusDevice`, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf

from hil.modbus.binding import BoundPoint
from hil.modbus.shown import ENERGIES, TRANSFORMED, Number
from hil.modbus.unit import Refusal
from hil.modbus.values import Kind
from sim.kernel import Kernel
from sim.units import UNIX_S, SimTime
from twins.bus import BusDevice

__all__ = ["ValueFaults"]

_FLOAT_END_KWH = 1_000_000.0

Words = tuple[int, ...]


class ValueFaults:
    """Between the points of one device and its masters. `is_clean`: no fault holds, points may be read as they are."""

    def __init__(self, kernel: Kernel, device: BusDevice, points: Sequence[BoundPoint]) -> None:
        """Hears from now on of the device's knobs."""
        self.is_clean = True
        self._kernel = kernel
        self._device = device
        self._points = points
        self._frozen: dict[int, Words | Refusal] | None = None
        self._stuck: dict[int, int | None] | None = None
        self._rolling: dict[int, float] | None = None
        device.on_change = self._changed
        self._changed()

    def read(self, point: BoundPoint, t: SimTime) -> Words:
        """The registers of a readable point as the device gives them; raises `Refusal` where it fails."""
        if self._frozen is None:
            return self._worked_out(point, t)
        words = self._frozen[id(point)]
        if isinstance(words, Refusal):
            raise words
        return words

    def _changed(self) -> None:
        device, now = self._device, self._kernel.now
        energies = [(point, point.shown) for point in self._points if isinstance(point.shown, Number)]
        energies = [(point, number) for point, number in energies if number.quantity.unit in ENERGIES]
        if device.energy_left_kwh.value == inf:
            self._rolling = None
        elif self._rolling is None:
            self._rolling = {id(point): self._value(number, now) for point, number in energies}
        if not device.is_energy_stuck.value:
            self._stuck = None
        elif self._stuck is None:
            self._stuck = {id(point): self._energy_bits(point, number, now) for point, number in energies}
        if not device.is_frozen.value:
            self._frozen = None
        elif self._frozen is None:
            readable = [point for point in self._points if point.shown is not None]
            self._frozen = {id(point): self._caught(point, now) for point in readable}
        self.is_clean = not (
            device.is_frozen.value or device.is_energy_stuck.value or device.is_not_available.value
            or device.is_swapped.value or device.energy_left_kwh.value < inf
            or device.ct_ratio.value != 1.0 or device.energy_offset_kwh.value != 0.0 or device.has_drifted
        )  # fmt: skip

    def _caught(self, point: BoundPoint, t: SimTime) -> Words | Refusal:
        try:
            return self._worked_out(point, t)
        except Refusal as refusal:
            return refusal

    def _worked_out(self, point: BoundPoint, t: SimTime) -> Words:
        shown, device = point.shown, self._device
        assert shown is not None
        if device.is_not_available.value and shown.is_measured:
            words = shown.absent
        elif isinstance(shown, Number) and shown.is_measured and shown.quantity.unit in TRANSFORMED:
            words = self._transformed(point, shown, t)
        elif isinstance(shown, Number) and shown.quantity.unit == UNIX_S and device.has_drifted:
            words = shown.words(self._by_its_clock(shown.quantity.at(t), t))
        else:
            words = shown.read(t)
        return words[::-1] if device.is_swapped.value and point.is_number else words

    def _by_its_clock(self, unix_s: float, t: SimTime) -> float:
        """What its clock said at an instant; one before the run it knows as it was."""
        then = SimTime(t - (self._kernel.clock.unix_s(t) - unix_s))
        return unix_s + floor(self._device.clock_offset_s(then))

    def _transformed(self, point: BoundPoint, number: Number, t: SimTime) -> Words:
        if number.quantity.unit not in ENERGIES:
            return number.words(self._value(number, t))
        bits = self._energy_bits(point, number, t)
        return number.absent if bits is None else number.kind.words(bits, number.order)

    def _energy_bits(self, point: BoundPoint, number: Number, t: SimTime) -> int | None:
        if self._stuck is not None:
            return self._stuck[id(point)]
        value = self._value(number, t)
        if value != value:
            return None
        if self._rolling is None:
            return number.bits(value)
        grown = value - self._rolling[id(point)]
        return _rolled(number, self._device.energy_left_kwh.value, grown)

    def _value(self, number: Number, t: SimTime) -> float:
        """By the wrong ratio, and of an energy with what was lost of it."""
        value = number.quantity.at(t) * self._device.ct_ratio.value
        if number.quantity.unit in ENERGIES and value == value:
            value = max(0.0, value + self._device.energy_offset_kwh.value)
        return value


def _rolled(number: Number, left: float, grown: float) -> int:
    """A counter that stood `left` before its end and has grown since; past the end it begins again at 0."""
    kind: Kind = number.kind
    if kind.is_float:
        value = _FLOAT_END_KWH - left + grown
        return kind.bits((value - _FLOAT_END_KWH if value > _FLOAT_END_KWH else value) * number.scale + number.add)
    end = int(kind.high)
    raw = end - round(left * number.scale) + round(grown * number.scale)
    return max(0, raw) % (end + 1)
