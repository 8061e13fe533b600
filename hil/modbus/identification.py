"""Function 43/14: a device says who made it, what it is, and which revision (V1.1b3, section 6.21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hil.modbus.frames import MAX_PDU_BYTES
from hil.modbus.unit import Code, Refusal, Unit

__all__ = ["identify"]

_READ_DEVICE: Final = 14
_ONE_OBJECT: Final = 4
_LAST_OF_CATEGORY: Final = {1: 0x02, 2: 0x7F, 3: 0xFF}
_BOTH_WAYS: Final = 0x80  # as a stream and one by one
_HEAD_BYTES: Final = 7
_MOST_TEXT_BYTES: Final = MAX_PDU_BYTES - _HEAD_BYTES - 2


def identify(unit: Unit, body: bytes) -> bytes:
    """What the unit says of itself, as many objects as fit; where to go on stands in the answer."""
    if body[:1] not in (b"", bytes((_READ_DEVICE,))):
        raise Refusal(Code.FUNCTION)
    if len(body) != 3 or not 1 <= body[1] <= _ONE_OBJECT:
        raise Refusal(Code.VALUE)
    category, first = body[1], body[2]
    objects = unit.identification
    level = _level(objects)
    if category == _ONE_OBJECT:
        if first not in objects:
            raise Refusal(Code.ADDRESS)
        wanted = [first]
    else:
        last = _LAST_OF_CATEGORY[min(category, level)]
        within = sorted(number for number in objects if number <= last)
        wanted = [number for number in within if number >= first] if first in within else within
    told, count, goes_on_at = b"", 0, 0
    for number in wanted:
        text = objects[number].encode("ascii", "replace")[:_MOST_TEXT_BYTES]
        if _HEAD_BYTES + len(told) + 2 + len(text) > MAX_PDU_BYTES:
            goes_on_at = number
            break
        told += bytes((number, len(text))) + text
        count += 1
    more = 0xFF if goes_on_at else 0x00
    return bytes((_READ_DEVICE, category, _BOTH_WAYS | level, more, goes_on_at, count)) + told


def _level(objects: Mapping[int, str]) -> int:
    """1 basic, 2 regular, 3 extended, by what there is."""
    highest = max(objects, default=0)
    return next(level for level, last in _LAST_OF_CATEGORY.items() if highest <= last)
