"""Types of registers: they come back as they were, saturate at their ends, in either order of words."""

from __future__ import annotations

import struct
from math import inf, isnan, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin

from hil.modbus.values import KINDS, Words, text_words

DATATYPES = {
    "u16": ModbusClientMixin.DATATYPE.UINT16, "s16": ModbusClientMixin.DATATYPE.INT16,
    "u32": ModbusClientMixin.DATATYPE.UINT32, "s32": ModbusClientMixin.DATATYPE.INT32,
    "u64": ModbusClientMixin.DATATYPE.UINT64, "s64": ModbusClientMixin.DATATYPE.INT64,
    "f32": ModbusClientMixin.DATATYPE.FLOAT32, "f64": ModbusClientMixin.DATATYPE.FLOAT64,
}  # fmt: skip
ORDERS = st.sampled_from(["high_first", "low_first"])
WHOLE = [name for name, kind in KINDS.items() if not kind.is_float]


def as_a_client_reads(name: str, words: tuple[int, ...], order: Words) -> float:
    word_order = "big" if order == "high_first" else "little"
    value = ModbusClientMixin.convert_from_registers(list(words), DATATYPES[name], word_order=word_order)  # type: ignore[arg-type]
    assert isinstance(value, int | float)
    return value


@given(st.sampled_from(WHOLE), st.integers(-(2**70), 2**70), ORDERS)
def test_whole_numbers_saturate_and_are_read_by_pymodbus_as_meant(name: str, value: int, order: Words) -> None:
    kind = KINDS[name]
    words = kind.words(kind.bits(value), order)
    assert as_a_client_reads(name, words, order) == min(max(value, kind.low), kind.high)
    assert kind.joined(words, order) == kind.bits(value)
    assert kind.number(kind.bits(value)) == min(max(value, kind.low), kind.high)


@given(st.sampled_from(WHOLE), st.floats(-1e5, 1e5))
def test_fractions_are_rounded(name: str, value: float) -> None:
    kind = KINDS[name]
    shown = kind.number(kind.bits(value))
    assert abs(shown - min(max(value, kind.low), kind.high)) <= 0.5


@given(st.floats(allow_nan=False), ORDERS)
@example(3.5e38, "high_first")
@example(inf, "low_first")
@example(-inf, "high_first")
def test_floats_are_the_nearest_and_never_infinite(value: float, order: Words) -> None:
    kind = KINDS["f32"]
    shown = as_a_client_reads("f32", kind.words(kind.bits(value), order), order)
    largest = struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]
    assert shown == struct.unpack(">f", struct.pack(">f", min(max(value, -largest), largest)))[0]
    double = KINDS["f64"]
    assert as_a_client_reads("f64", double.words(double.bits(value), order), order) == min(
        max(value, -1.7976931348623157e308), 1.7976931348623157e308
    )


@pytest.mark.parametrize(
    ("name", "absent"),
    [("u16", 0xFFFF), ("s16", -0x8000), ("u32", 0xFFFFFFFF), ("s32", -(2**31)), ("u64", 2**64 - 1), ("s64", -(2**63))],
)
def test_not_available_is_as_sunspec_has_it(name: str, absent: int) -> None:
    kind = KINDS[name]
    assert as_a_client_reads(name, kind.words(kind.absent, "high_first"), "high_first") == absent


@pytest.mark.parametrize("name", ["f32", "f64"])
def test_a_float_that_is_not_available_is_no_number(name: str) -> None:
    kind = KINDS[name]
    assert isnan(as_a_client_reads(name, kind.words(kind.absent, "high_first"), "high_first"))
    assert isnan(kind.number(kind.absent))
    assert isnan(kind.number(kind.bits(0.0) | kind.absent)), nan


@given(st.text(max_size=8), st.integers(16, 20))
def test_texts_are_filled_up_with_zeros(text: str, registers: int) -> None:
    words = text_words(text, registers)
    assert len(words) == registers
    assert struct.pack(f">{registers}H", *words).decode().rstrip("\0") == text.rstrip("\0")


def test_a_text_is_cut_after_its_last_whole_character() -> None:
    assert struct.pack(">2H", *text_words("a电表", 2)).decode() == "a电"
    assert struct.pack(">2H", *text_words("ab电表", 2)) == b"ab\0\0"
