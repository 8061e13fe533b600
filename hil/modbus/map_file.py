"""Register maps as files: a device's tables of points, blocks that repeat, and the limits of what a master may read.

What one object of such a file must be is said here; `hil.modbus.map_checks` looks at what must go together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from hil.modbus.map_points import CoilPoint, Point, RegisterPoint
from hil.modbus.unit import Table
from hil.modbus.values import Words
from sim.files import ID_PATTERN, Misfit, key
from twins.station_file import LocalText

__all__ = ["Block", "Identification", "MapFile", "PlacedPoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Points that come again and again, each time `step` further on: of the connectors of a pile."""

    count: int = field(metadata=key("How often; those of things that are not there are left out.", low=1, high=256))
    step: int = field(metadata=key("From one to the next.", low=1, high=65_535))
    of: str = field(default="", metadata=key('Before the paths of its points; {n} is the number: "connector[{n}]".'))
    input: tuple[RegisterPoint, ...] = field(default=(), metadata=key("Registers read by function 4."))
    holding: tuple[RegisterPoint, ...] = field(default=(), metadata=key("Registers read by function 3."))
    coil: tuple[CoilPoint, ...] = field(default=(), metadata=key("Bits read by function 1."))
    discrete: tuple[CoilPoint, ...] = field(default=(), metadata=key("Bits read by function 2."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """What the device says of itself by function 43/14."""

    vendor: str = field(metadata=key("Its maker.", count=(1, 100)))
    product: str = field(metadata=key("Its product code.", count=(1, 100)))
    revision: str = field(metadata=key("Its revision.", count=(1, 100)))


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """All of a register map, format 1."""

    map: int = field(metadata=key("Version of this format.", low=1, high=1))
    name: str = field(metadata=key("Its name, as station files say it.", pattern=ID_PATTERN))
    title: LocalText = field(metadata=key("What it is the map of."))
    device: str = field(metadata=key("The device's name in lists.", count=(1, 100)))
    family: Literal[
        "meter", "transformer", "env", "ac_pile", "dc_pile", "house", "fire_panel", "gas_detector"
    ] = field(metadata=key("What it may show."))  # fmt: skip
    source: str = field(metadata=key("Where the addresses are from.", count=(1, 1_000)))
    trust: Literal["verified", "partly", "own"] = field(
        metadata=key("Of a public source, so but for what its comment tells, or our own choice.")
    )
    identification: Identification = field(metadata=key("What the device says of itself."))
    registers: int = field(default=125, metadata=key("Registers in one read or write at most.", low=1, high=125))
    words: Words = field(default="high_first", metadata=key("Which word of a longer value comes first."))
    gaps: Literal["refuse", "zero"] = field(
        default="refuse", metadata=key("What is read between its points: exception 2, or zeros.")
    )
    input: tuple[RegisterPoint, ...] = field(default=(), metadata=key("Registers read by function 4."))
    holding: tuple[RegisterPoint, ...] = field(default=(), metadata=key("Registers read by function 3."))
    coil: tuple[CoilPoint, ...] = field(default=(), metadata=key("Bits read by function 1."))
    discrete: tuple[CoilPoint, ...] = field(default=(), metadata=key("Bits read by function 2."))
    repeat: tuple[Block, ...] = field(default=(), metadata=key("Points that repeat.", count=(0, 50)))

    def __post_init__(self) -> None:
        """Refuse a map of nothing, and what a master could never reach."""
        if not any(points for _, _, points in self.areas):
            raise Misfit("holding", "no point in any table", "input, holding, coil, discrete or repeat")
        for path, table, points in self.areas:
            for at, point in enumerate(points):
                if point.size > self.registers:
                    what = f"{point.size} registers, and no more than {self.registers} can be read at once"
                    raise Misfit(f"{path}[{at}].registers", what, "a shorter text, or more `registers`")
                if table in ("input", "discrete") and point.write is not None:
                    raise Misfit(f"{path}[{at}].write", f"no function writes {table}", "a holding register or a coil")

    @property
    def areas(self) -> Iterator[tuple[str, Table, tuple[Point, ...]]]:
        """(key path, table, points) of each table, of the map and of its blocks."""
        owners: list[tuple[str, MapFile | Block]] = [("", self)]
        owners += [(f"repeat[{at}].", block) for at, block in enumerate(self.repeat)]
        for before, owner in owners:
            yield f"{before}input", "input", owner.input
            yield f"{before}holding", "holding", owner.holding
            yield f"{before}coil", "coil", owner.coil
            yield f"{before}discrete", "discrete", owner.discrete

    def placed(self) -> Iterator[PlacedPoint]:
        """Every point at its address, those of blocks each time."""
        for path, table, points in self.areas:
            block = self.repeat[int(path.partition("[")[2].partition("]")[0])] if path[0] == "r" else None
            for number in range(1, block.count + 1 if block is not None else 2):
                shift = block.step * (number - 1) if block is not None else 0
                base = block.of.replace("{n}", str(number)) if block is not None else ""
                for at, point in enumerate(points):
                    yield PlacedPoint(f"{path}[{at}]", table, point.at + shift, base, number if block else 0, point)


@dataclass(frozen=True, slots=True)
class PlacedPoint:
    """A point at its address: `key` is where it stands in the file, `base` goes before its paths, `number` its block's.

    `number` counts from 1, 0 outside of blocks.
    """

    key: str
    table: Table
    first: int
    base: str
    number: int
    point: Point

    @property
    def name(self) -> str:
        """Its name, in a block with its number."""
        return f"{self.point.name}_{self.number}" if self.number else self.point.name

    @property
    def end(self) -> int:
        """The address after its last."""
        return self.first + self.point.size

    def path(self, of: str, device: str) -> str:
        """A path of the file as the station's, where the device shows `device`."""
        return of[1:] if of.startswith("/") else ".".join(part for part in (device, self.base, of) if part)
