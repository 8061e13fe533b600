"""Streams of bytes become requests, however they are cut up; what is no frame is skipped, and no more than that."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from hil.modbus.frames import Adu, BadLength, Framing, RtuFraming, TcpFraming


def tcp(transaction: int, unit: int, pdu: bytes, protocol: int = 0) -> bytes:
    return (
        b"".join(number.to_bytes(2, "big") for number in (transaction, protocol, len(pdu) + 1)) + bytes((unit,)) + pdu
    )


def rtu(unit: int, pdu: bytes) -> bytes:
    frame = bytes((unit,)) + pdu
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def registers(first: int, data: bytes) -> bytes:
    """A request that writes these bytes to holding registers."""
    count = len(data) // 2
    return bytes((16,)) + first.to_bytes(2, "big") + count.to_bytes(2, "big") + bytes((len(data),)) + data


READ = bytes.fromhex("0300100004")


def taken(framing: Framing, stream: bytes, cuts: list[int]) -> list[Adu]:
    """What is found while the stream arrives in pieces that end at `cuts`."""
    buffer, found, at = bytearray(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        buffer += stream[at:cut]
        at = max(at, cut)
        while (adu := framing.take(buffer)) is not None:
            found.append(adu)
    assert not buffer
    return found


@given(
    st.lists(st.tuples(st.integers(0, 65_535), st.integers(0, 255), st.binary(min_size=1, max_size=253)), max_size=6),
    st.lists(st.integers(0, 1_000), max_size=8),
)
def test_tcp_frames_are_found_wherever_the_stream_is_cut(frames: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(tcp(*frame) for frame in frames)
    found = taken(TcpFraming(), stream, [cut % (len(stream) + 1) for cut in cuts])
    assert [(adu.transaction, adu.unit, adu.pdu) for adu in found] == frames


def test_tcp_frames_of_another_protocol_are_skipped() -> None:
    stream = tcp(1, 1, READ, protocol=7) + tcp(2, 1, READ)
    assert taken(TcpFraming(), stream, []) == [Adu(1, READ, 2)]


@pytest.mark.parametrize("length", [0, 1, 255, 65_535])
def test_a_length_that_no_frame_has_is_told(length: int) -> None:
    header = bytes(4) + length.to_bytes(2, "big") + b"\x01"
    buffer = bytearray(tcp(1, 1, READ) + header)
    framing = TcpFraming()
    assert framing.take(buffer) == Adu(1, READ, 1)
    with pytest.raises(BadLength):
        framing.take(buffer)


WRITES = st.builds(registers, st.integers(0, 65_535), st.binary(max_size=123).map(lambda data: data * 2))
REQUESTS = st.one_of(st.binary(min_size=4, max_size=4).map(lambda body: b"\x04" + body), WRITES)


@given(st.lists(st.tuples(st.integers(0, 247), REQUESTS), max_size=6), st.lists(st.integers(0, 1_000), max_size=8))
def test_rtu_frames_are_found_wherever_the_stream_is_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    stream = b"".join(rtu(*frame) for frame in frames)
    found = taken(RtuFraming(), stream, [cut % (len(stream) + 1) for cut in cuts])
    assert [(adu.unit, adu.pdu) for adu in found] == frames


def spoilt(frame: bytes) -> bytes:
    return frame[:-1] + bytes((frame[-1] ^ 0x55,))


@given(st.integers(1, 247), REQUESTS, st.integers(1, 247), REQUESTS)
def test_after_a_bad_checksum_the_next_frame_is_found(unit: int, bad: bytes, other: int, good: bytes) -> None:
    buffer = bytearray(spoilt(rtu(unit, bad)) + rtu(other, good))
    assert RtuFraming().take(buffer) == Adu(other, good)
    assert not buffer


def test_a_frame_within_the_data_of_an_unfinished_frame_is_data() -> None:
    inner = rtu(1, READ)
    whole = rtu(2, registers(0, inner))
    framing, buffer = RtuFraming(), bytearray(whole[:-3])
    assert framing.take(buffer) is None
    buffer += whole[-3:]
    assert framing.take(buffer) == Adu(2, registers(0, inner))


def test_a_broadcast_behind_a_frame_is_not_taken_for_its_end() -> None:
    first, broadcast = rtu(1, READ), rtu(0, b"\x06\x00\x05\x00\x07")
    assert taken(RtuFraming(), first + broadcast, [len(first) + 1]) == [Adu(1, READ), Adu(0, b"\x06\x00\x05\x00\x07")]


def test_a_function_that_nobody_knows_ends_with_its_checksum() -> None:
    buffer = bytearray(rtu(1, b"\x41\x01\x02\x03"))
    assert RtuFraming().take(buffer) == Adu(1, b"\x41\x01\x02\x03")


def test_what_stays_unfinished_is_thrown_away_when_it_is_quiet_and_a_frame_behind_it_is_found() -> None:
    framing, start = RtuFraming(), rtu(1, registers(0, bytes(100)))[:20]
    buffer = bytearray(start)
    assert framing.take(buffer) is None
    assert framing.take(buffer, is_silent=True) is None
    assert not buffer
    buffer += start + rtu(5, READ)
    assert framing.take(buffer) is None
    assert framing.take(buffer, is_silent=True) == Adu(5, READ)


def test_garbage_never_piles_up() -> None:
    dice, framing, buffer = random.Random(3), RtuFraming(), bytearray()
    for _ in range(200):
        buffer += dice.randbytes(500)
        while framing.take(buffer) is not None:
            pass
        assert len(buffer) <= 256


@pytest.mark.parametrize(
    ("framing", "make"), [(TcpFraming(), lambda unit, pdu: tcp(9, unit, pdu)), (RtuFraming(), rtu)]
)
def test_a_spoilt_answer_is_none(framing: Framing, make: Callable[[int, bytes], bytes]) -> None:
    request = Adu(4, READ, 9)
    assert framing.wrap(request, b"\x03\x02\x00\x07") == make(4, b"\x03\x02\x00\x07")
    wrong = framing.wrap(request, b"\x03\x02\x00\x07", is_spoilt=True)
    assert wrong != make(4, b"\x03\x02\x00\x07") and len(wrong) == len(make(4, b"\x03\x02\x00\x07"))
