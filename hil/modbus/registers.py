"""A device with a map, as masters see it: the physics fills its registers at the moment of the read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from hil.door import Door
from hil.modbus.binding import BoundPoint
from hil.modbus.map_file import MapFile
from hil.modbus.shown import Number, Shown
from hil.modbus.unit import Code, Refusal, Table
from hil.modbus.value_faults import ValueFaults
from hil.modbus.writing import carry_out
from sim.units import SimTime
from twins.bus import BusDevice
from twins.station import Station
from twins.supply import Supply

__all__ = ["MappedUnit"]

_MOST_PLANS = 1_000
_HEARD_S = 0.5
_REGISTERS: tuple[Table, ...] = ("holding", "input")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one request reads: points, of which the first gives `skip` registers too many; None: a gap of zeros.

    `reads` gives the registers of each: of the instant (0), or of what several points are worked out from, `bases`.
    """

    points: tuple[BoundPoint | None, ...]
    reads: tuple[tuple[Callable[[Any], tuple[int, ...]], int], ...]
    bases: tuple[Callable[[SimTime], Any], ...]
    skip: int
    has_more: bool


class MappedUnit:
    """A `Unit` over a station. Requests are of one instant: where the kernel stands, which the caller brought up.

    Between points, in what can only be written, and for what can only be read when written: exception 2. More registers
    than the device gives at once, a value that no deed takes: 3. A deed that cannot be done now: 4, or 6 where the
    thing is busy. Only whole values are written.
    """

    def __init__(
        self, station: Station, door: Door, device: BusDevice, mapped: MapFile, points: Sequence[BoundPoint]
    ) -> None:
        """`points` are those of the map, bound to what the device shows."""
        self.device = device
        self.map = mapped
        self.points = points
        said = mapped.identification
        self.identification: Mapping[int, str] = {0: said.vendor, 1: said.product, 2: said.revision}
        self._station = station
        self._kernel = station.kernel
        self._door = door
        self._faults = ValueFaults(station.kernel, device, points)
        self._plans: dict[tuple[Table, int, int], _Plan] = {}
        self._watched = list(_watched(station, mapped, device.config.shows))
        self._heard_s = -inf
        self._at: dict[Table, dict[int, BoundPoint]] = {"coil": {}, "discrete": {}, "holding": {}, "input": {}}
        for point in points:
            self._at[point.table].update(dict.fromkeys(range(point.first, point.end), point))

    def read(self, table: Table, first: int, count: int) -> Sequence[int]:
        """`count` registers (0 to 65535) or bits (0, 1) from address `first`; raises `Refusal`."""
        if self._watched:
            self._hear()
        plan = self._plans.get((table, first, count)) or self._planned(table, first, count)
        now = self._kernel.now
        words: list[int] = []
        if self._faults.is_clean:
            sources = [now, *(basis(now) for basis in plan.bases)]
            for read, at in plan.reads:
                words += read(sources[at])
        else:
            for point in plan.points:
                words += self._faults.read(point, now) if point is not None else (0,)
        return words[plan.skip : plan.skip + count] if plan.has_more else words

    def write(self, table: Table, first: int, values: Sequence[int]) -> None:
        """Write registers or bits from address `first` on: all of them, or none and `Refusal`.

        Masters write coils as a picture of all of them: those of several that are as they are written are left alone.
        """
        self._check_count(table, len(values))
        if self._watched:
            self._hear()
        at, end, takes_any = first, first + len(values), False
        is_picture = table == "coil" and len(values) > 1
        written = []
        while at < end:
            point = self._at[table].get(at)
            if point is None or point.first != at or point.end > end:
                raise Refusal(Code.ADDRESS)
            words = values[at - first : point.end - first]
            is_so = is_picture and point.shown is not None and point.shown.read(self._kernel.now) == tuple(words)
            if point.write is None and not is_so:
                raise Refusal(Code.ADDRESS)
            if point.write is not None:
                takes_any = True
                if not is_so:
                    written.append((point.write, words))
            at = point.end
        if not takes_any:
            raise Refusal(Code.ADDRESS)
        carry_out(self._station, self._door, self.device.path, written)

    def _hear(self) -> None:
        """Who waits for masters hears of this one, twice a second at most."""
        now = self._kernel.now
        if now < self._heard_s + _HEARD_S:
            return
        self._heard_s = now
        for outlet in self._watched:
            if outlet.fail_safe is not None and outlet.fail_safe.timeout_s > 0.0:
                self._door.ask("modbus", self.device.path, "evse.hear", outlet.path)

    def _check_count(self, table: Table, count: int) -> None:
        if table in _REGISTERS and count > self.map.registers:
            raise Refusal(Code.VALUE)

    def _planned(self, table: Table, first: int, count: int) -> _Plan:
        self._check_count(table, count)
        known = self._at[table]
        points: list[BoundPoint | None] = []
        reads: list[tuple[Callable[[Any], tuple[int, ...]], int]] = []
        bases: list[Callable[[SimTime], Any]] = []
        at, end = first, first + count
        while at < end:
            point = known.get(at)
            if point is None:
                if self.map.gaps == "refuse" or not known or not min(known) < at < max(known):
                    raise Refusal(Code.ADDRESS)
                points.append(None)
                reads.append((_zero, 0))
                at += 1
            elif point.shown is None:
                raise Refusal(Code.ADDRESS)
            else:
                points.append(point)
                reads.append(_source(point.shown, bases))
                at = point.end
        skip = first - points[0].first if points[0] is not None else 0
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = _Plan(tuple(points), tuple(reads), tuple(bases), skip, has_more=skip > 0 or at > end)
        self._plans[table, first, count] = plan
        return plan


def _watched(station: Station, mapped: MapFile, shows: str) -> Iterator[Supply]:
    """The outlets whose fail-safe this map sets."""
    for placed in mapped.placed():
        for _, call in placed.point.write.calls if placed.point.write is not None else ():
            outlet = station.find(placed.path(call.target, shows)) if call.do == "evse.fail_safe" else None
            if isinstance(outlet, Supply):
                yield outlet


def _source(shown: Shown, bases: list[Callable[[SimTime], Any]]) -> tuple[Callable[[Any], tuple[int, ...]], int]:
    if not isinstance(shown, Number) or shown.shared is None:
        return shown.read, 0
    basis, read = shown.shared
    if basis not in bases:
        bases.append(basis)
    return read, bases.index(basis) + 1


def _zero(_t: float) -> tuple[int, ...]:
    return (0,)
