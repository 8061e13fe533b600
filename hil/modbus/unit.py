"""What stands behind one unit id: tables of bits and registers, read and written at the present instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Literal, Protocol

__all__ = ["Code", "Refusal", "Table", "Unit"]

Table = Literal["coil", "discrete", "holding", "input"]


class Code(IntEnum):
    """Exception codes (MODBUS Application Protocol V1.1b3, section 7)."""

    FUNCTION = 1
    ADDRESS = 2
    VALUE = 3
    FAILURE = 4
    BUSY = 6
    GATEWAY_PATH = 10
    GATEWAY_TARGET = 11


class Refusal(Exception):
    """Raised by a unit; the master gets an exception response with this code."""

    def __init__(self, code: Code) -> None:
        self.code = code
        super().__init__(code.name)


class Unit(Protocol):
    """One device on a bus or a port. Every method returns at once; the caller has checked counts by the specification.

    `identification` are the objects of function 43/14: 0 vendor, 1 product code, 2 revision, and so on.
    """

    identification: Mapping[int, str]

    def read(self, table: Table, first: int, count: int) -> Sequence[int]:
        """`count` registers (0 to 65535) or bits (0, 1) from address `first`, all of one instant; raises `Refusal`."""

    def write(self, table: Table, first: int, values: Sequence[int]) -> None:
        """Write registers or bits from address `first` on: all of them, or none and `Refusal`."""
