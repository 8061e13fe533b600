"""The functions of Modbus, from a request's bytes to its answer's, carried out on one unit.

MODBUS Application Protocol V1.1b3, section 6: 1 to 6, 15, 16, 22, 23 and 43/14; any other is exception 1. A request is
checked in the order of the specification's diagrams: its form and quantities (3), its addresses (2), then the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final

from hil.modbus.identification import identify
from hil.modbus.unit import Code, Refusal, Table, Unit

__all__ = ["BROADCAST", "answer", "exception"]

BROADCAST: Final = frozenset({5, 6, 15, 16, 22})
"""Functions that unit 0 may carry to all: those that write and have nothing to tell."""

_ADDRESSES: Final = 65_536
_MOST_BITS: Final = 2_000
_MOST_REGISTERS: Final = 125
_MOST_WRITTEN_BITS: Final = 1_968
_MOST_WRITTEN_REGISTERS: Final = 123
_MOST_EXCHANGED: Final = 121  # written by function 23
_ON, _OFF = 0xFF00, 0x0000
_TWO: Final = Struct(">HH")
_THREE: Final = Struct(">HHH")
_MANY: Final = Struct(">HHB")
_EXCHANGE: Final = Struct(">HHHHB")
_WORDS: Final = tuple(Struct(f">{count}H") for count in range(_MOST_REGISTERS + 1))

_Function = Callable[[Unit, bytes], bytes]


def answer(unit: Unit, pdu: bytes) -> bytes:
    """Carry out a request on this unit; its answer, or an exception's. Raises what a fault of the unit raises."""
    function = pdu[0]
    carry_out = _FUNCTIONS.get(function)
    if carry_out is None:
        return exception(function, Code.FUNCTION)
    try:
        return pdu[:1] + carry_out(unit, pdu[1:])
    except Refusal as refusal:
        return exception(function, refusal.code)


def exception(function: int, code: Code) -> bytes:
    """The answer that refuses a request of this function."""
    return bytes((function | 0x80, code))


def _reading_registers(table: Table) -> _Function:
    def read(unit: Unit, body: bytes) -> bytes:
        first, count = _two(body)
        _check(first, count, _MOST_REGISTERS)
        return bytes((2 * count,)) + _WORDS[count].pack(*unit.read(table, first, count))

    return read


def _reading_bits(table: Table) -> _Function:
    def read(unit: Unit, body: bytes) -> bytes:
        first, count = _two(body)
        _check(first, count, _MOST_BITS)
        packed = _packed(unit.read(table, first, count))
        return bytes((len(packed),)) + packed

    return read


def _write_coil(unit: Unit, body: bytes) -> bytes:
    address, value = _two(body)
    if value not in (_ON, _OFF):
        raise Refusal(Code.VALUE)
    unit.write("coil", address, [1 if value == _ON else 0])
    return body


def _write_register(unit: Unit, body: bytes) -> bytes:
    address, value = _two(body)
    unit.write("holding", address, [value])
    return body


def _write_coils(unit: Unit, body: bytes) -> bytes:
    first, count, data = _many(body)
    _check(first, count, _MOST_WRITTEN_BITS, has=len(data), needs=(count + 7) // 8)
    number = int.from_bytes(data, "little")
    unit.write("coil", first, [number >> at & 1 for at in range(count)])
    return body[: _TWO.size]


def _write_registers(unit: Unit, body: bytes) -> bytes:
    first, count, data = _many(body)
    _check(first, count, _MOST_WRITTEN_REGISTERS, has=len(data), needs=2 * count)
    unit.write("holding", first, _WORDS[count].unpack(data))
    return body[: _TWO.size]


def _mask_register(unit: Unit, body: bytes) -> bytes:
    if len(body) != _THREE.size:
        raise Refusal(Code.VALUE)
    address, keep, put = _THREE.unpack(body)
    (value,) = unit.read("holding", address, 1)
    unit.write("holding", address, [value & keep | put & ~keep])
    return body


def _exchange_registers(unit: Unit, body: bytes) -> bytes:
    if len(body) < _EXCHANGE.size:
        raise Refusal(Code.VALUE)
    fields: tuple[int, int, int, int, int] = _EXCHANGE.unpack_from(body)
    first, count, to, written, size = fields
    data = body[_EXCHANGE.size :]
    if not 1 <= count <= _MOST_REGISTERS or size != len(data):
        raise Refusal(Code.VALUE)
    _check(to, written, _MOST_EXCHANGED, has=size, needs=2 * written)
    _check(first, count, _MOST_REGISTERS)
    unit.read("holding", first, count)  # what cannot be read is refused before anything is written
    unit.write("holding", to, _WORDS[written].unpack(data))
    return bytes((2 * count,)) + _WORDS[count].pack(*unit.read("holding", first, count))


def _two(body: bytes) -> tuple[int, int]:
    if len(body) != _TWO.size:
        raise Refusal(Code.VALUE)
    one, two = _TWO.unpack(body)
    return one, two


def _many(body: bytes) -> tuple[int, int, bytes]:
    """First address, quantity and as many bytes as were announced."""
    if len(body) < _MANY.size:
        raise Refusal(Code.VALUE)
    first, count, size = _MANY.unpack_from(body)
    data = body[_MANY.size :]
    if size != len(data):
        raise Refusal(Code.VALUE)
    return first, count, data


def _check(first: int, count: int, most: int, *, has: int = 0, needs: int = 0) -> None:
    if not 1 <= count <= most or has != needs:
        raise Refusal(Code.VALUE)
    if first + count > _ADDRESSES:
        raise Refusal(Code.ADDRESS)


def _packed(bits: Sequence[int]) -> bytes:
    number = int("".join("1" if bit else "0" for bit in reversed(bits)), 2)
    return number.to_bytes((len(bits) + 7) // 8, "little")


_FUNCTIONS: Final[Mapping[int, _Function]] = {
    1: _reading_bits("coil"),
    2: _reading_bits("discrete"),
    3: _reading_registers("holding"),
    4: _reading_registers("input"),
    5: _write_coil,
    6: _write_register,
    15: _write_coils,
    16: _write_registers,
    22: _mask_register,
    23: _exchange_registers,
    43: identify,
}
