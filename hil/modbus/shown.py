"""What the points of a map show of one device at an instant, as registers or bits: bound once, read often."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from struct import Struct
from typing import Any, Protocol

from hil.modbus.unit import Code, Refusal
from hil.modbus.values import Kind, Words
from sim.gauges import Gauge, SharedGauge
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["ENERGIES", "TRANSFORMED", "Always", "Coded", "Flags", "Number", "Quantity", "Read", "Shown", "is_on"]

ENERGIES = frozenset(("kWh", "kvarh", "kVAh"))
TRANSFORMED = ENERGIES | {"A", "kW", "kvar", "kVA"}
"""Units of what passes current transformers."""

Quantity = Signal | Sum | State[Any] | Gauge
Read = Callable[[SimTime], tuple[int, ...]]
"""Registers, or one bit, at an instant."""

_FLOAT, _PAIR = Struct(">f"), Struct(">HH")


class Shown(Protocol):
    """What one point shows."""

    @property
    def is_measured(self) -> bool:
        """Whether it comes from the device's measuring, so that it can be not available."""

    @property
    def absent(self) -> tuple[int, ...]:
        """Its registers while there is nothing to read."""

    def read(self, t: SimTime) -> tuple[int, ...]:
        """Its registers, or its bit, now."""


class Always:
    """The same for ever."""

    is_measured = False

    def __init__(self, words: Sequence[int]) -> None:
        """`words` are its registers, or its bit."""
        self.absent = tuple(words)

    def read(self, t: SimTime) -> tuple[int, ...]:
        """Those."""
        return self.absent


class Number:
    """A quantity, scaled: `raw = value * scale + add`; the bits `absent` while it is `nan`.

    What is beyond the ends of its range reads as the end, or as the last before it where the end is `absent`.
    """

    def __init__(
        self, quantity: Signal | Sum | Gauge, kind: Kind, order: Words, scale: float, add: float, absent: int,
        *, is_measured: bool, most: float | None = None,
    ) -> None:  # fmt: skip
        """Compiles how it is read; `most` is the highest raw value."""
        self.quantity = quantity
        self.kind = kind
        self.order: Words = order
        self.scale = scale
        self.add = add
        self.is_measured = is_measured
        self.absent = kind.words(absent, order)
        self._low, self._high = _ends(kind, absent, most)
        self.read: Read = self._compiled(quantity.at)
        self.shared: tuple[Callable[[SimTime], Any], Callable[[Any], tuple[int, ...]]] | None = None
        """(what several are worked out from, its registers of that), where the quantity is such a gauge."""
        if isinstance(quantity, SharedGauge):
            self.shared = quantity.basis, self._compiled(quantity.pick)

    def words(self, value: float) -> tuple[int, ...]:
        """The registers of a value."""
        if value != value:
            return self.absent
        return self.kind.words(self.bits(value), self.order)

    def bits(self, value: float) -> int:
        """The bits of a value that is not `nan`."""
        return self.kind.bits(min(max(value * self.scale + self.add, self._low), self._high))

    def _compiled(self, value: Callable[[Any], float]) -> Callable[[Any], tuple[int, ...]]:
        """Registers of what `value` gives, without a call more than is needed."""
        scale, add, words = self.scale, self.add, self.words
        low, high, is_high_first = self._low, self._high, self.order == "high_first"

        def long(source: Any) -> tuple[int, ...]:
            return words(value(source))

        def short(source: Any) -> tuple[int, ...]:
            now = value(source)
            raw = now * scale + add
            return (round(raw) & 0xFFFF,) if low <= raw <= high else words(now)

        def real(source: Any) -> tuple[int, ...]:
            now = value(source)
            raw = now * scale + add
            if not low <= raw <= high:
                return words(now)
            high_word, low_word = _PAIR.unpack(_FLOAT.pack(raw))
            return (high_word, low_word) if is_high_first else (low_word, high_word)

        if self.kind.registers == 1:
            return short
        return real if self.kind.name == "f32" else long


def _ends(kind: Kind, absent: int, most: float | None) -> tuple[float, float]:
    """The lowest and the highest raw value; 0 stays one where it says `absent` too, as counters have it."""
    low, high = kind.low, kind.high
    if not kind.is_float:
        low += low < 0 and absent == kind.bits(low)
        high -= absent == kind.bits(high)
    return low, high if most is None else min(most, high)


class Coded:
    """A state or a number as one of its codes; `absent` where a number has none, or else the device has failed."""

    def __init__(
        self, quantity: Quantity, codes: Mapping[Any, tuple[int, ...]], absent: tuple[int, ...] | None,
        *, is_measured: bool,
    ) -> None:  # fmt: skip
        """`codes` by member of the state's enumeration, or by number."""
        self.quantity = quantity
        self.is_measured = is_measured
        self._codes = codes
        self._absent = absent
        self.absent = absent or (0xFFFF,) * len(next(iter(codes.values())))

    def read(self, t: SimTime) -> tuple[int, ...]:
        """Its code now; raises `Refusal` (device failure) for a number that the map does not know."""
        quantity = self.quantity
        words = self._codes.get(quantity.value if isinstance(quantity, State) else quantity.at(t), self._absent)
        if words is None:
            raise Refusal(Code.FAILURE)
        return words


class Flags:
    """Bits, each of a quantity."""

    def __init__(
        self, flags: Sequence[tuple[int, Callable[[SimTime], bool]]], words: Callable[[int], tuple[int, ...]],
        absent: tuple[int, ...] = (),
    ) -> None:  # fmt: skip
        """`flags` are (weight, whether it is on); `words` makes registers, or the bit, of their sum."""
        self.is_measured = bool(absent)
        self.absent = absent
        self._flags = flags
        self._words = words

    def read(self, t: SimTime) -> tuple[int, ...]:
        """Those that are on."""
        return self._words(sum(weight for weight, is_set in self._flags if is_set(t)))


def is_on(quantity: Quantity, words: Sequence[str | float]) -> Callable[[SimTime], bool]:
    """Whether a quantity is one of these words or numbers; without any, whether it is a number other than 0."""
    if isinstance(quantity, State):
        members: frozenset[Enum] = frozenset(one for one in type(quantity.value) if str(one.value) in words)
        return lambda t: quantity.value in members
    if words:
        numbers = frozenset(words)
        return lambda t: quantity.at(t) in numbers

    def is_set(t: SimTime) -> bool:
        value = quantity.at(t)
        return value == value and value != 0.0

    return is_set
