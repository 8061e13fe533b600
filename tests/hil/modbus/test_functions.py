"""Each function as the specification shows it, beside pymodbus's own encoding, and refused where it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from hil.modbus.functions import answer
from hil.modbus.unit import Code, Refusal, Table


class Whole:
    """A device that has every address, and remembers."""

    def __init__(self, identification: Mapping[int, str] | None = None) -> None:
        self.identification = identification or {}
        self.tables: dict[Table, dict[int, int]] = {"coil": {}, "discrete": {}, "holding": {}, "input": {}}
        self.refuses: Code | None = None

    def read(self, table: Table, first: int, count: int) -> Sequence[int]:
        if self.refuses is not None:
            raise Refusal(self.refuses)
        assert 0 <= first <= first + count <= 65_536
        return [self.tables[table].get(at, 0) for at in range(first, first + count)]

    def write(self, table: Table, first: int, values: Sequence[int]) -> None:
        if self.refuses is not None:
            raise Refusal(self.refuses)
        assert 0 <= first <= first + len(values) <= 65_536
        self.tables[table].update(enumerate(values, first))


def told(unit: Whole, request: ModbusPDU) -> ModbusPDU:
    """The answer as pymodbus reads it."""
    pdu = answer(unit, bytes((request.function_code,)) + request.encode())
    response = DecodePDU(is_server=False).decode(pdu)
    assert response is not None and not response.isError(), pdu.hex()
    return response


def bits_of(number: str) -> dict[int, int]:
    return {at: int(bit) for at, bit in enumerate(reversed(number.replace(" ", "")))}


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [  # examples of V1.1b3, section 6, with addresses as on the wire
        ("01 0013 0013", "01 03 CD 6B 05"),
        ("02 00C4 0016", "02 03 AC DB 35"),
        ("03 006B 0003", "03 06 022B 0000 0064"),
        ("04 0008 0001", "04 02 000A"),
        ("05 00AC FF00", "05 00AC FF00"),
        ("06 0001 0003", "06 0001 0003"),
        ("0F 0013 000A 02 CD01", "0F 0013 000A"),
        ("10 0001 0002 04 000A 0102", "10 0001 0002"),
        ("16 0004 00F2 0025", "16 0004 00F2 0025"),
        ("17 0003 0006 000E 0003 06 00FF 00FF 00FF", "17 0C 00FE 0ACD 0001 0003 000D 00FF"),
    ],
)
def test_the_specifications_examples(request_hex: str, answer_hex: str) -> None:
    unit = Whole()
    unit.tables["coil"] = {0x13 + at: bit for at, bit in bits_of("101 01101011 11001101").items()}
    unit.tables["discrete"] = {0xC4 + at: bit for at, bit in bits_of("110101 11011011 10101100").items()}
    unit.tables["holding"] = {0x6B: 0x022B, 0x6D: 0x64, 4: 0x12}
    unit.tables["input"] = {8: 10}
    if request_hex.startswith("17"):
        unit.tables["holding"] = {3: 0x00FE, 4: 0x0ACD, 5: 1, 6: 3, 7: 13, 8: 0xFF}
    assert answer(unit, bytes.fromhex(request_hex)) == bytes.fromhex(answer_hex)
    if request_hex.startswith("16"):
        assert unit.tables["holding"][4] == 0x17
    if request_hex.startswith("0F"):
        assert [unit.tables["coil"][0x13 + at] for at in range(10)] == [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]
    if request_hex.startswith("17"):
        assert [unit.tables["holding"][at] for at in (0x0E, 0x0F, 0x10)] == [0xFF] * 3


WORDS = st.integers(0, 65_535)


@given(st.lists(WORDS, min_size=1, max_size=123), st.data())
def test_registers_come_back_as_they_were_written(values: list[int], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, 65_536 - len(values)))
    unit = Whole()
    written = told(unit, WriteMultipleRegistersRequest(address=first, registers=values, count=len(values)))
    assert (written.address, written.count) == (first, len(values))
    read = told(unit, ReadHoldingRegistersRequest(address=first, count=len(values)))
    assert read.registers == values
    unit.tables["input"] = unit.tables["holding"]
    assert told(unit, ReadInputRegistersRequest(address=first, count=len(values))).registers == values


@given(st.lists(st.booleans(), min_size=1, max_size=1_968), st.data())
def test_coils_come_back_as_they_were_written(values: list[bool], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, 65_536 - len(values)))
    unit = Whole()
    told(unit, WriteMultipleCoilsRequest(address=first, bits=values))
    unit.tables["discrete"] = unit.tables["coil"]
    for kind in (ReadCoilsRequest, ReadDiscreteInputsRequest):
        bits = list(told(unit, kind(address=first, count=len(values))).bits)
        assert bits[: len(values)] == values
        assert not any(bits[len(values) :])  # the last byte is filled with zeros


@given(WORDS, WORDS, WORDS, WORDS)
def test_a_mask_keeps_and_puts(address: int, before: int, keep: int, put: int) -> None:
    unit = Whole()
    told(unit, WriteSingleRegisterRequest(address=address, registers=[before]))
    told(unit, MaskWriteRegisterRequest(address=address, and_mask=keep, or_mask=put))
    assert unit.tables["holding"][address] == (before & keep) | (put & (0xFFFF - keep))


@given(st.lists(WORDS, min_size=1, max_size=121), st.integers(1, 125), st.data())
def test_an_exchange_writes_and_then_reads(values: list[int], count: int, data: st.DataObject) -> None:
    to = data.draw(st.integers(0, 65_536 - len(values)))
    first = data.draw(st.integers(0, 65_536 - count))
    unit = Whole()
    read = told(unit, ReadWriteMultipleRegistersRequest(first, count, to, values))
    written = dict(enumerate(values, to))
    assert read.registers == [written.get(at, 0) for at in range(first, first + count)]


@pytest.mark.parametrize(("value", "bit"), [(0xFF00, 1), (0x0000, 0)])
def test_a_coil_is_on_or_off(value: int, bit: int) -> None:
    unit = Whole()
    assert told(unit, WriteSingleCoilRequest(address=9, bits=[bool(bit)])).address == 9
    assert unit.tables["coil"] == {9: bit}


MALFORMED = [
    "03", "03 0001", "03 0000 0000", "03 0000 007E", "03 0000 0001 00", "04 0000 FFFF", "01 0000 0000", "01 0000 07D1",
    "02 0000 07D1", "05 0000 0001", "05 0000 FF01", "05 0000", "06 0000", "06 0000 0000 00", "0F 0000 0000 00",
    "0F 0000 07B1 F7" + "00" * 247, "0F 0000 0009 01 FF", "0F 0000 0008 02 FFFF", "0F 0000 0008 01", "0F 0000",
    "10 0000 0000 00", "10 0000 0001 02 00", "10 0000 0001 02 0000 00", "10 0000 0001 04 0000 0000", "10 0000",
    "10 0000 007C F8" + "00" * 248, "16 0000 0000", "17 0000 0000 0000 0001 02 0000", "17 0000 007E 0000 0001 02 0000",
    "17 0000 0001 0000 0000 00", "17 0000 0001 0000 0001 02 00", "17 0000 0001 0000 007A F4" + "00" * 244, "17 0000",
    "2B", "2B 0E", "2B 0E 00 00", "2B 0E 05 00", "2B 0E 01", "2B 0E 01 00 00",
]  # fmt: skip


@pytest.mark.parametrize("request_hex", MALFORMED)
def test_what_is_malformed_is_refused_and_changes_nothing(request_hex: str) -> None:
    unit, pdu = Whole(), bytes.fromhex(request_hex)
    assert answer(unit, pdu) == bytes((pdu[0] | 0x80, 3))
    assert not any(unit.tables.values())


@pytest.mark.parametrize(
    "request_hex",
    ["03 FFFF 0002", "04 FF84 007D", "01 FFF9 0008", "02 F831 07D0", "0F FFFF 0002 01 03", "10 FFFF 0002 04 0000 0000",
     "17 FFFF 0002 0000 0001 02 0000", "17 0000 0001 FFFF 0002 04 0000 0000"],
)  # fmt: skip
def test_addresses_end_at_65535(request_hex: str) -> None:
    unit, pdu = Whole(), bytes.fromhex(request_hex)
    assert answer(unit, pdu) == bytes((pdu[0] | 0x80, 2))
    assert not any(unit.tables.values())


@pytest.mark.parametrize("function", [0, 7, 8, 11, 12, 17, 20, 21, 24, 65, 100, 127, 131, 255])
def test_other_functions_are_refused(function: int) -> None:
    assert answer(Whole(), bytes((function, 0, 0, 0, 1))) == bytes((function | 0x80, 1))
    assert answer(Whole(), bytes((function,))) == bytes((function | 0x80, 1))


@pytest.mark.parametrize("code", list(Code))
def test_a_units_refusal_is_its_masters_answer(code: Code) -> None:
    unit = Whole()
    unit.refuses = code
    for pdu in (b"\x03\x00\x00\x00\x01", b"\x06\x00\x00\x00\x01", b"\x05\x00\x00\xff\x00"):
        assert answer(unit, pdu) == bytes((pdu[0] | 0x80, code))


def test_an_exchange_that_cannot_be_read_writes_nothing() -> None:
    class Bounded(Whole):
        def read(self, table: Table, first: int, count: int) -> Sequence[int]:
            raise Refusal(Code.ADDRESS)

    unit = Bounded()
    assert answer(unit, bytes.fromhex("17 0000 0001 0005 0001 02 0007")) == b"\x97\x02"
    assert unit.tables["holding"] == {}


NAMES = {0: "Voltyard", 1: "DTSU666", 2: "1.0", 3: "https://example.org", 0x80: "x" * 240, 0x81: "y" * 300}


def objects(unit: Whole, category: int) -> dict[int, str]:
    """All of a category, as a master asks for it: on and on while more follows."""
    found: dict[int, str] = {}
    at = 0
    for _ in range(9):
        response = told(unit, ReadDeviceInformationRequest(read_code=category, object_id=at))
        found |= {number: text.decode() for number, text in response.information.items()}  # type: ignore[attr-defined]
        if not response.more_follows:  # type: ignore[attr-defined]
            return found
        at = response.next_object_id  # type: ignore[attr-defined]
    raise AssertionError("no end of it")


def test_a_device_says_what_it_is() -> None:
    unit = Whole(NAMES)
    assert objects(unit, 1) == {number: NAMES[number] for number in (0, 1, 2)}
    assert objects(unit, 2) == {number: NAMES[number] for number in (0, 1, 2, 3)}
    assert objects(unit, 3) == NAMES | {0x81: "y" * 244}  # what a frame holds of it
    one = told(unit, ReadDeviceInformationRequest(read_code=4, object_id=1))
    assert one.information == {1: b"DTSU666"}  # type: ignore[attr-defined]
    assert answer(unit, bytes((43, 14, 4, 9))) == bytes((0xAB, 2))
    assert answer(unit, bytes((43, 13, 1, 0))) == bytes((0xAB, 1))


def test_a_simple_device_answers_by_its_own_level_and_starts_over_where_an_object_is_unknown() -> None:
    unit = Whole({0: "Voltyard", 1: "P", 2: "1"})
    whole = answer(unit, bytes((43, 14, 1, 0)))
    assert whole[3] == 0x81
    assert answer(unit, bytes((43, 14, 3, 77))) == whole[:2] + b"\x03" + whole[3:]
