"""Numbers and texts as registers: types of 16 to 64 bits, saturating at their ends, high or low word first."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import Final, Literal

__all__ = ["KINDS", "Kind", "Words", "text_words"]

Words = Literal["high_first", "low_first"]
"""Which of its registers comes first; within a register the high byte always does."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of value: how many registers it takes, and its range; floats are of IEEE 754."""

    name: str
    registers: int
    low: float
    high: float
    is_float: bool = False

    @property
    def absent(self) -> int:
        """The bits by which it says that there is nothing to read, unless a map says otherwise: NaN, 0x8000, 0xFFFF."""
        if self.is_float:
            return 0x7FC0 << 16 * (self.registers - 1) if self.registers == 2 else 0x7FF8 << 48
        return self._bits(int(self.low if self.low < 0 else self.high))

    def bits(self, value: float) -> int:
        """A number's bits: rounded to a whole one or to the next float, at the end of its range where it is beyond."""
        if self.is_float:
            return int.from_bytes(struct.pack(self._form, min(max(value, self.low), self.high)), "big")
        if value in (inf, -inf):
            return self._bits(int(self.high if value > 0 else self.low))
        return self._bits(min(max(round(value), int(self.low)), int(self.high)))

    def number(self, bits: int) -> float:
        """The number of these bits; `nan` of a float that is none."""
        if self.is_float:
            value: float = struct.unpack(self._form, bits.to_bytes(2 * self.registers, "big"))[0]
            return nan if isnan(value) else value
        return bits - (1 << 16 * self.registers) if self.low < 0 and bits >> 16 * self.registers - 1 else bits

    def words(self, bits: int, order: Words) -> tuple[int, ...]:
        """Its registers."""
        count = self.registers
        if count == 1:
            return (bits,)
        if count == 2:
            high, low = bits >> 16, bits & 0xFFFF
            return (high, low) if order == "high_first" else (low, high)
        found = tuple(bits >> 16 * at & 0xFFFF for at in range(count))
        return found[::-1] if order == "high_first" else found

    def joined(self, words: Sequence[int], order: Words) -> int:
        """The bits of so many registers."""
        bits = 0
        for word in words if order == "high_first" else reversed(words):
            bits = bits << 16 | word
        return bits

    @property
    def _form(self) -> str:
        return ">f" if self.registers == 2 else ">d"

    def _bits(self, value: int) -> int:
        return value & ((1 << 16 * self.registers) - 1)


_FLOAT_32, _FLOAT_64 = (2.0 - 2.0**-23) * 2.0**127, (2.0 - 2.0**-52) * 2.0**1023

KINDS: Final = {
    kind.name: kind
    for kind in (
        *(Kind(f"u{16 * n}", n, 0, (1 << 16 * n) - 1) for n in (1, 2, 4)),
        *(Kind(f"s{16 * n}", n, -(1 << 16 * n - 1), (1 << 16 * n - 1) - 1) for n in (1, 2, 4)),
        Kind("f32", 2, -_FLOAT_32, _FLOAT_32, is_float=True),
        Kind("f64", 4, -_FLOAT_64, _FLOAT_64, is_float=True),
    )
}
"""The types of numbers, by name."""


def text_words(text: str, registers: int) -> tuple[int, ...]:
    """A text in so many registers: UTF-8, two bytes each, filled up with zeros or cut after a whole character."""
    fits = text.encode()[: 2 * registers].decode(errors="ignore")
    return struct.unpack(f">{registers}H", fits.encode().ljust(2 * registers, b"\0"))
