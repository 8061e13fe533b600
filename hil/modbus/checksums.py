"""The checksum of RTU frames (MODBUS over Serial Line V1.02, section 6.2.2), of many pieces of the same bytes at once.

It is linear: the checksums of two beginnings give that of what lies between them, however long that is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["LONGEST_PIECE", "Pieces"]

LONGEST_PIECE: Final = 270
"""Bytes of the longest piece that can be asked for."""

_POLYNOMIAL: Final = 0xA001
_START: Final = 0xFFFF
_NIBBLES: Final = (0, 4, 8, 12)

_Shift = tuple[tuple[int, ...], ...]


def _stepped(crc: int) -> int:
    for _ in range(8):
        crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


_STEP: Final = tuple(_stepped(byte) for byte in range(256))


def _shifts() -> Iterator[_Shift]:
    """What becomes of each nibble of a checksum after 0, 1, 2, ... bytes of zeros."""
    shift: _Shift = tuple(tuple(nibble << at for nibble in range(16)) for at in _NIBBLES)
    for _ in range(LONGEST_PIECE + 1):
        yield shift
        shift = tuple(tuple(crc >> 8 ^ _STEP[crc & 0xFF] for crc in table) for table in shift)


_SHIFTS: Final = tuple(_shifts())


class Pieces:
    """Bytes of which many pieces are asked about; each byte is worked through once, and only as far as is asked."""

    def __init__(self, data: bytearray) -> None:
        """`data` must not change meanwhile."""
        self._data = data
        self._of_beginnings = [0]

    def is_sound(self, at: int, size: int) -> bool:
        """Whether the piece of `size` bytes from `at` on, up to `LONGEST_PIECE`, ends with its checksum."""
        known, end = self._of_beginnings, at + size
        if len(known) <= end:
            crc = known[-1]
            for byte in self._data[len(known) - 1 : end]:
                crc = crc >> 8 ^ _STEP[(crc ^ byte) & 0xFF]
                known.append(crc)
        crc = known[at] ^ _START
        first, second, third, fourth = _SHIFTS[size]
        return known[end] == first[crc & 15] ^ second[crc >> 4 & 15] ^ third[crc >> 8 & 15] ^ fourth[crc >> 12]
