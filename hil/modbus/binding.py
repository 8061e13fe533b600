"""A map bound to what a device of a station shows: its points find their quantities, and whom writing asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hil.modbus.map_file import MapFile, PlacedPoint
from hil.modbus.map_points import CoilPoint, DeedCall, RegisterPoint, WriteConfig
from hil.modbus.shown import TRANSFORMED, Always, Coded, Flags, Number, Quantity, Shown, is_on
from hil.modbus.unit import Code, Refusal, Table
from hil.modbus.values import KINDS, text_words
from hil.modbus.writing import BoundWrite
from sim.deeds import DEEDS
from sim.events import Scalar
from sim.files import did_you_mean
from sim.signals import State
from twins.station import Station

__all__ = ["BoundPoint", "Unbound", "bind"]


class Unbound(Exception):
    """Raised by `bind`: what the map names and the station does not have, each with what would be right."""

    def __init__(self, findings: list[tuple[str, str]]) -> None:
        self.findings = findings
        super().__init__("; ".join(what for what, _ in findings))


@dataclass(frozen=True, slots=True)
class BoundPoint:
    """One point of a device: where it stands, what it shows, what writing it does; `signals` are paths by name.

    `is_number` of several registers has an order of words; a text has none.
    """

    table: Table
    first: int
    size: int
    is_number: bool
    shown: Shown | None
    write: BoundWrite | None
    signals: Mapping[str, str]

    @property
    def end(self) -> int:
        """The address after its last."""
        return self.first + self.size


def bind(mapped: MapFile, shows: str, station: Station, ct_ratio: float = 1.0) -> list[BoundPoint]:
    """Every point of the map, for the device that shows `shows`; raises `Unbound` with every finding.

    `ct_ratio` divides what passes its current transformers: it shows the secondary side. Blocks after the first whose
    quantities are all missing are those of things that are not there: left out.
    """
    binder = _Binder(mapped, shows, station, ct_ratio)
    placed = list(mapped.placed())
    there = {one.base for one in placed if one.number <= 1 or binder.is_there(one)}
    found = [point for one in placed if one.base in there for point in binder.bound(one)]
    if binder.findings:
        raise Unbound(list(dict.fromkeys(binder.findings)))
    return found


class _Binder:
    def __init__(self, mapped: MapFile, shows: str, station: Station, ct_ratio: float) -> None:
        self.mapped = mapped
        self.ct_ratio = ct_ratio
        self.shows = shows
        self.station = station
        self.findings: list[tuple[str, str]] = []

    def is_there(self, placed: PlacedPoint) -> bool:
        """Whether it reads something of its block that the station has."""
        paths = [placed.path(of, self.shows) for _, of in placed.point.quantities if not of.startswith("/")]
        return any(self.station.kernel.quantity(path) is not None for path in paths)

    def bound(self, placed: PlacedPoint) -> Iterator[BoundPoint]:
        quantities: list[Quantity] = []
        for key, of in placed.point.quantities:
            path = placed.path(of, self.shows)
            quantity = self.station.kernel.quantity(path)
            if quantity is None:
                self._miss(placed, key, f"reads {path}, which this station does not have", self._near(path))
                return
            quantities.append(quantity)
        point = placed.point
        shown = (
            self._register(placed, point, quantities) if isinstance(point, RegisterPoint) else _bit(point, quantities)
        )
        write = self._write(placed, point.write, shown) if point.write is not None else None
        signals = {
            placed.name if key == "of" else f"{placed.name}.{flag}": placed.path(of, self.shows)
            for (key, of), flag in zip(point.quantities, _flags(point), strict=True)
        }
        is_number = isinstance(point, RegisterPoint) and point.type != "text"
        yield BoundPoint(placed.table, placed.first, point.size, is_number, shown, write, signals)

    def _register(self, placed: PlacedPoint, point: RegisterPoint, quantities: list[Quantity]) -> Shown | None:
        order = self.mapped.words
        if point.type == "text":
            if not point.of:
                text = (point.text or "").replace("{shows}", self.shows)
                return Always(text_words(text, point.registers))
            texts = {word: text_words(str(text), point.registers) for word, text in point.codes.items()}
            return self._coded(placed, quantities[0], texts, None, is_measured=False)
        kind, is_measured = KINDS[point.type], point.write is None
        absent = kind.words(kind.absent if point.absent is None else point.absent, order)
        if point.bits:
            flags = [(1 << flag.bit, is_on(one, flag.words)) for flag, one in zip(point.bits, quantities, strict=True)]
            return Flags(flags, lambda bits: kind.words(bits, order), absent if is_measured else ())
        if point.constant is not None:
            return Always(kind.words(kind.bits(point.constant), order))
        if not point.of:
            return Always(absent) if point.absent is not None else None
        quantity = quantities[0]
        if point.codes:
            codes = {word: kind.words(kind.bits(int(code)), order) for word, code in point.codes.items()}
            given = absent if point.absent is not None else None
            return self._coded(placed, quantity, codes, given, is_measured=is_measured)
        if isinstance(quantity, State):
            words = ", ".join(quantity.labels)
            self._miss(
                placed, "codes", f"shows the state {quantity.path} without codes", f"a code for each of: {words}"
            )
            return None
        bits = kind.absent if point.absent is None else point.absent
        scale = point.scale
        if is_measured and quantity.unit in TRANSFORMED:
            scale /= self.ct_ratio
        return Number(quantity, kind, order, scale, point.add, bits, is_measured=is_measured, most=point.most)

    def _coded(
        self, placed: PlacedPoint, quantity: Quantity, codes: Mapping[str, tuple[int, ...]],
        absent: tuple[int, ...] | None, *, is_measured: bool,
    ) -> Shown | None:  # fmt: skip
        if isinstance(quantity, State):
            members = {str(member.value): member for member in quantity.codes}
            unknown = [word for word in codes if word not in members]
            lacking = [word for word in members if word not in codes] if absent is None else []
            for word in unknown:
                what = f"{quantity.path} is never {word}"
                self._miss(placed, f"codes.{word}", what, did_you_mean(word, members))
            if lacking:
                what = f"no code for {', '.join(lacking)} of {quantity.path}"
                self._miss(placed, "codes", what, "a code for each, or `absent`")
            known: dict[Any, tuple[int, ...]] = {members[word]: code for word, code in codes.items() if word in members}
        else:
            known = {}
            for word, code in codes.items():
                try:
                    known[float(word)] = code
                except ValueError:
                    what = f"{quantity.path} is a number, never {word}"
                    self._miss(placed, f"codes.{word}", what, "codes by number")
        return Coded(quantity, known, absent, is_measured=is_measured) if known else None

    def _write(self, placed: PlacedPoint, write: WriteConfig, shown: Shown | None) -> BoundWrite | None:
        def target(call: DeedCall) -> str:
            return placed.path(call.target, self.shows)

        for _, call in write.calls:
            spec, thing = DEEDS.get(call.do), self.station.find(target(call))
            if not isinstance(thing, spec.on):
                there = "nothing is there" if thing is None else "it takes no such deed"
                what = f"asks {call.do} of {target(call)}: {there}"
                self._miss(placed, "write", what, f"`target`: {spec.whose}")
                return None
        point = placed.point
        has_way_back = shown is not None and not isinstance(shown, Always)
        asked = _by_code(write, target, self._joined(point)) if write.codes else self._by_value(placed, write, target)
        return BoundWrite(asked, shown, has_way_back, not write.codes)

    def _by_value(
        self, placed: PlacedPoint, write: WriteConfig, target: Callable[[DeedCall], str]
    ) -> Callable[[Sequence[int]], tuple[str, str, Mapping[str, Scalar]]]:
        ((_, call),) = write.calls
        verb, path, given, argument = call.do, target(call), dict(call.args), write.argument
        point, order = placed.point, self.mapped.words
        if isinstance(point, CoilPoint):
            return lambda bits: (verb, path, given | {argument: bool(bits[0])})
        kind, scale, add = KINDS[point.type], point.scale, point.add
        absent = kind.absent if point.absent is None else point.absent
        wanted = next(one.type for one in DEEDS.get(verb).parameters if one.name == argument)

        def asked(words: Sequence[int]) -> tuple[str, str, Mapping[str, Scalar]]:
            bits = kind.joined(words, order)
            if bits == absent:
                return verb, path, given
            value = (kind.number(bits) - add) / scale
            if value != value or (wanted == "bool" and value not in (0, 1)):
                raise Refusal(Code.VALUE)
            if wanted == "int" and value % 1 == 0:
                value = int(value)
            return verb, path, given | {argument: bool(value) if wanted == "bool" else value}

        return asked

    def _joined(self, point: RegisterPoint | CoilPoint) -> Callable[[Sequence[int]], int]:
        if isinstance(point, CoilPoint):
            return lambda bits: int(bits[0])
        kind, order = KINDS[point.type], self.mapped.words
        return lambda words: kind.joined(words, order)

    def _near(self, path: str) -> str:
        kernel = self.station.kernel
        owner = path.rpartition(".")[0]
        near = [one for one in (*kernel.signals, *kernel.gauges) if one.rpartition(".")[0] == owner]
        return did_you_mean(path, near or kernel.gauges)

    def _miss(self, placed: PlacedPoint, key: str, what: str, right: str) -> None:
        self.findings.append((f"map {self.mapped.name}, {placed.key}.{key}: {what}", right))


def _by_code(
    write: WriteConfig, target: Callable[[DeedCall], str], joined: Callable[[Sequence[int]], int]
) -> Callable[[Sequence[int]], tuple[str, str, Mapping[str, Scalar]]]:
    calls = {code: (call.do, target(call), dict(call.args)) for code, call in write.by_value().items()}

    def asked(words: Sequence[int]) -> tuple[str, str, Mapping[str, Scalar]]:
        found = calls.get(joined(words))
        if found is None:
            raise Refusal(Code.VALUE)
        return found

    return asked


def _bit(point: CoilPoint, quantities: list[Quantity]) -> Shown | None:
    if point.constant is not None:
        return Always((point.constant,))
    if not quantities:
        return None
    return Flags([(1, is_on(quantities[0], point.words))], lambda bits: (bits,))


def _flags(point: RegisterPoint | CoilPoint) -> list[int]:
    if isinstance(point, RegisterPoint) and point.bits:
        return [flag.bit for flag in point.bits]
    return [0] if point.of else []
