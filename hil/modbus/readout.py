"""What a master reads of a device by its map: registers and bits become values, words of states, and flags again.

A map's points turned round. What the device says that it has not (NaN, 0x8000) is no value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan, nan
from types import MappingProxyType

from hil.modbus.map_file import MapFile, PlacedPoint
from hil.modbus.map_points import CoilPoint, RegisterPoint
from hil.modbus.master import Master, Nonsense
from hil.modbus.unit import Table
from hil.modbus.values import KINDS

__all__ = ["Block", "Value", "blocks_of", "factor_of", "fetched", "is_number", "values_of", "with_scales"]

_TABLES: tuple[Table, ...] = ("input", "holding", "discrete", "coil")
_MOST_BITS = 2_000
_MOST_POWER = 10
"""SunSpec's scale factors are from -10 to 10."""

Value = float | str
"""A number, or a word of a state; a flag is 1 or 0."""


@dataclass(frozen=True, slots=True)
class Block:
    """Registers, or bits, that are read at once, and the points in them."""

    table: Table
    first: int
    count: int
    points: tuple[PlacedPoint, ...]


def blocks_of(mapped: MapFile, points: Iterable[PlacedPoint]) -> list[Block]:
    """These points in as few requests as the device's map allows."""
    found: list[Block] = []
    wanted = list(points)
    for table in _TABLES:
        for point in sorted((one for one in wanted if one.table == table), key=lambda one: one.first):
            last = found[-1] if found and found[-1].table == table else None
            if last is not None and _reaches(mapped, last, point):
                found[-1] = Block(last.table, last.first, point.end - last.first, (*last.points, point))
            else:
                found.append(Block(point.table, point.first, point.end - point.first, (point,)))
    return found


async def fetched(master: Master, unit: int, mapped: MapFile, blocks: Iterable[Block]) -> dict[str, Value]:
    """What all points of these blocks say now, by path from the device on; raises what the master raises."""
    found: dict[str, Value] = {}
    read = [(block, await master.read(unit, block.table, block.first, block.count)) for block in blocks]
    factors: dict[str, float] = {}
    for block, words in read:
        factors.update(_factors(mapped, block, words))
    for block, words in read:
        found.update(values_of(mapped, block, words, factors))
    return found


async def factor_of(master: Master, unit: int, mapped: MapFile, placed: PlacedPoint) -> float:
    """By what the device's steps of this point are more than the map's, as it says now; `Nonsense` without any."""
    if not isinstance(placed.point, RegisterPoint) or not placed.point.scale_by:
        return 1.0
    scale = next(one for one in mapped.placed() if one.name == placed.point.scale_by)
    (block,) = blocks_of(mapped, [scale])
    words = await master.read(unit, block.table, block.first, block.count)
    factor = dict(_factors(mapped, block, words))[scale.name]
    if isnan(factor):
        raise Nonsense(f"{scale.name} is not available")
    return factor


def with_scales(mapped: MapFile, points: Iterable[PlacedPoint]) -> list[PlacedPoint]:
    """These points, and the constants that say in which power of ten they are."""
    wanted = list(points)
    scales = {one.point.scale_by for one in wanted if isinstance(one.point, RegisterPoint)} - {""}
    return wanted + [one for one in mapped.placed() if one.name in scales]


def values_of(
    mapped: MapFile, block: Block, words: Sequence[int], factors: Mapping[str, float] = MappingProxyType({})
) -> Iterator[tuple[str, Value]]:
    """(path from the device on, value) of each point of a block that has one now; `factors` by name of `scale_by`."""
    for placed in block.points:
        if isinstance(placed.point, RegisterPoint) and placed.point.constant is not None:
            continue
        point = placed.point
        own = words[placed.first - block.first : placed.end - block.first]
        if isinstance(point, CoilPoint):
            value = _of_words(point.words, bool(own[0]))
            if value is not None:
                yield _path(placed, point.of), value
        elif point.type == "text":
            text = b"".join(word.to_bytes(2, "big") for word in own).split(b"\0")[0].decode("ascii", "replace").strip()
            yield _path(placed, point.of), next((word for word, code in point.codes.items() if code == text), text)
        else:
            yield from _of_number(mapped, placed, point, own, factors.get(point.scale_by, 1.0))


def is_number(placed: PlacedPoint) -> bool:
    """Points of other things than the device's own (a leading /), codes and texts are no readings of it."""
    point = placed.point
    is_own = isinstance(point, RegisterPoint) and bool(point.of) and point.of[0] != "/"
    return is_own and isinstance(point, RegisterPoint) and not point.codes and point.type in KINDS


def _factors(mapped: MapFile, block: Block, words: Sequence[int]) -> Iterator[tuple[str, float]]:
    """(name, by what the device's power of ten is more than the map's) of a block's constants."""
    for placed in block.points:
        point = placed.point
        if not isinstance(point, RegisterPoint) or point.constant is None:
            continue
        kind = KINDS[point.type]
        bits = kind.joined(words[placed.first - block.first : placed.end - block.first], mapped.words)
        if bits == kind.absent:  # the device has none of what it scales
            yield placed.name, nan
            continue
        power = kind.number(bits)
        if not -_MOST_POWER <= power <= _MOST_POWER:
            raise Nonsense(f"{placed.name} {power:g}, where the map has {point.constant:g}")
        yield placed.name, 10.0 ** (power - point.constant)


def _of_number(
    mapped: MapFile, placed: PlacedPoint, point: RegisterPoint, words: Sequence[int], factor: float
) -> Iterator[tuple[str, Value]]:
    kind = KINDS[point.type]
    bits = kind.joined(words, mapped.words)
    if point.bits:
        for flag in point.bits:
            value = _of_words(flag.words, bool(bits >> flag.bit & 1))
            if value is not None:
                yield _path(placed, flag.of), value
        return
    number = kind.number(bits)
    if isnan(factor):
        return
    if bits == (kind.absent if point.absent is None else point.absent) or (kind.is_float and not isfinite(number)):
        return
    if point.most is not None and number > point.most:
        return
    if point.codes:  # a code of no word is told as it stands
        yield _path(placed, point.of), next((word for word, code in point.codes.items() if code == number), f"?{bits}")
        return
    yield _path(placed, point.of), factor * (number - point.add) / point.scale


def _of_words(words: Collection[str | float], is_set: bool) -> Value | None:
    """A flag of one word or number tells that; of several it tells nothing sure."""
    if not words:
        return float(is_set)
    return next(iter(words)) if is_set and len(words) == 1 else None


def _path(placed: PlacedPoint, of: str) -> str:
    return placed.path(of, "")


def _reaches(mapped: MapFile, block: Block, point: PlacedPoint) -> bool:
    if block.table in ("coil", "discrete"):
        return point.first == block.first + block.count and block.count < _MOST_BITS
    is_near = point.first == block.first + block.count or mapped.gaps == "zero"
    return is_near and point.end - block.first <= mapped.registers
