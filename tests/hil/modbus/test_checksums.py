"""Checksums of pieces: as the library has them, and noise costs no more than its length."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU

from hil.modbus.checksums import LONGEST_PIECE, Pieces
from hil.modbus.frames import RtuFraming


@given(
    st.binary(max_size=300), st.binary(min_size=1, max_size=LONGEST_PIECE - 2), st.binary(max_size=40), st.booleans()
)
def test_a_piece_is_sound_where_the_library_says_so(before: bytes, body: bytes, after: bytes, is_spoilt: bool) -> None:
    crc = FramerRTU.compute_CRC(body) ^ (0x0100 if is_spoilt else 0)
    pieces = Pieces(bytearray(before + body + crc.to_bytes(2, "big") + after))
    assert pieces.is_sound(len(before), len(body) + 2) is not is_spoilt
    for at in range(len(before)):
        size = min(9, len(before) - at)
        if size > 2:
            end = at + size
            sound = FramerRTU.compute_CRC(before[at : end - 2]) == int.from_bytes(before[end - 2 : end], "big")
            assert pieces.is_sound(at, size) is sound


@pytest.mark.parametrize("noise", [b"\x10\xf7", b"\x10", b"\x0f\xf7", b"\x17\xf0"])
def test_noise_full_of_heads_of_long_frames_is_looked_through_once(noise: bytes) -> None:
    def took_s(work: object) -> float:
        begun = perf_counter()
        work()  # type: ignore[operator]
        return perf_counter() - begun

    stream = noise * (2_048 // len(noise))
    once_s = min(took_s(lambda: FramerRTU.compute_CRC(stream)) for _ in range(5))
    assert min(took_s(lambda: RtuFraming().take(bytearray(stream))) for _ in range(5)) < 40 * once_s
