"""Frames of a byte stream: Modbus TCP with its MBAP header, and RTU frames with their checksum carried over TCP.

MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3; MODBUS over Serial Line V1.02, section 2.5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from struct import Struct
from typing import Final, Protocol

from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU

from hil.modbus.checksums import Pieces

__all__ = ["MAX_PDU_BYTES", "Adu", "BadLength", "Framing", "RtuFraming", "TcpFraming"]

MAX_PDU_BYTES: Final = 253
_MBAP: Final = Struct(">HHHB")
_HEADER_BYTES: Final = 6
_RTU_LEAST, _RTU_MOST = 4, 256
_DEVICE_IDENTIFICATION: Final = 43
_DEVICE_IDENTIFICATION_BYTES: Final = 7
_crc = FramerRTU.compute_CRC


class BadLength(Exception):
    """A header says a length that no frame can have: where the next frame begins is lost for good."""


@dataclass(slots=True)
class Adu:
    """A request as it was framed: for which unit, and by which number its answer is known (0 on RTU)."""

    unit: int
    pdu: bytes
    transaction: int = 0


class Framing(Protocol):
    """How requests stand in a stream of bytes, and answers too."""

    silence_s: float
    """Quiet on the wire for so long ends whatever frame was begun; inf: it does not."""

    frame_bytes: int
    """Bytes of a frame beside its PDU."""

    def take(self, buffer: bytearray, *, is_silent: bool = False) -> Adu | None:
        """Cut the next whole request off the front of the buffer, with what before it is none; None: there is none yet.

        `is_silent`: the wire has been quiet since, so that what is incomplete stays so and is thrown away.
        Raises BadLength.
        """

    def wrap(self, request: Adu, pdu: bytes, *, is_spoilt: bool = False) -> bytes:
        """The frame of an answer; spoilt, one that its master cannot take for it."""


class TcpFraming:
    """Modbus TCP. Frames of another protocol than 0 are skipped."""

    silence_s = inf
    frame_bytes = _MBAP.size

    def take(self, buffer: bytearray, *, is_silent: bool = False) -> Adu | None:
        """Cut off the next request."""
        while len(buffer) > _HEADER_BYTES:
            transaction, protocol, length, unit = _MBAP.unpack_from(buffer)
            if not 2 <= length <= MAX_PDU_BYTES + 1:
                raise BadLength
            end = _HEADER_BYTES + length
            if len(buffer) < end:
                return None
            pdu = bytes(buffer[_HEADER_BYTES + 1 : end])
            del buffer[:end]
            if protocol == 0:
                return Adu(unit, pdu, transaction)
        return None

    def wrap(self, request: Adu, pdu: bytes, *, is_spoilt: bool = False) -> bytes:
        """Header and answer; spoilt, with the number of another transaction."""
        transaction = request.transaction ^ 0x8000 if is_spoilt else request.transaction
        return _MBAP.pack(transaction, 0, len(pdu) + 1, request.unit) + pdu


class RtuFraming:
    """RTU frames over TCP: what a serial line tells by silence is told by the checksum here, and by quiet on the wire.

    A frame of a known function ends where that says, if the checksum agrees; any frame may end where the bytes that are
    here end, if it agrees there. Not the other way round: a zero behind a good frame, as broadcasts begin, agrees too.
    After a bad frame the next good one of a known function is looked for.
    """

    silence_s = 0.1  # ours: far above what a network puts between the bytes of a frame, below a master's patience
    frame_bytes = 3

    def take(self, buffer: bytearray, *, is_silent: bool = False) -> Adu | None:
        """Cut off the next request."""
        while len(buffer) >= _RTU_LEAST:
            size = _size(buffer, 0)
            if 0 < size <= len(buffer) and _is_sound(buffer, 0, size):
                return _cut(buffer, size)
            if len(buffer) <= _RTU_MOST and _is_sound(buffer, 0, len(buffer)):
                return _cut(buffer, len(buffer))
            may_go_on = size > len(buffer) or (size == 0 and len(buffer) < _RTU_MOST)
            if may_go_on and not is_silent:
                return None
            at = _next_sound(buffer)
            if not at:
                del buffer[:-_RTU_MOST]
                break
            del buffer[:at]
        if is_silent:
            buffer.clear()
        return None

    def wrap(self, request: Adu, pdu: bytes, *, is_spoilt: bool = False) -> bytes:
        """Unit, answer and checksum; spoilt, with a wrong one."""
        frame = bytes((request.unit,)) + pdu
        crc = _crc(frame)
        return frame + (crc ^ 0xFFFF if is_spoilt else crc).to_bytes(2, "big")


def _sizes() -> dict[int, tuple[int, int]]:
    """By function: (bytes of a frame, or 0; where the count of those that follow stands)."""
    kinds = {function: kinds[0] for function, kinds in DecodePDU.pdu_table.items()}
    sizes = {function: (kind.rtu_frame_size, kind.rtu_byte_count_pos) for function, kind in kinds.items()}
    sizes[_DEVICE_IDENTIFICATION] = (_DEVICE_IDENTIFICATION_BYTES, 0)
    return sizes


_SIZES: Final = _sizes()
_UNKNOWN: Final = (0, 0)


def _size(buffer: bytearray, at: int) -> int:
    """How long the frame at `at` is by its function; 0 if that is unknown, or cannot be told as yet."""
    size, count_at = _SIZES.get(buffer[at + 1], _UNKNOWN)
    if not count_at:
        return size
    return buffer[at + count_at] + count_at + 3 if at + count_at < len(buffer) else 0


def _is_sound(buffer: bytearray, at: int, size: int) -> bool:
    end = at + size
    return (buffer[end - 2] << 8) + buffer[end - 1] == _crc(bytes(buffer[at : end - 2]))


def _next_sound(buffer: bytearray) -> int:
    """Where, past the front, a whole frame of a known function stands; 0 if nowhere."""
    pieces = Pieces(buffer)
    for at in range(1, len(buffer) - _RTU_LEAST + 1):
        size = _size(buffer, at)
        if 0 < size <= len(buffer) - at and pieces.is_sound(at, size):
            return at
    return 0


def _cut(buffer: bytearray, size: int) -> Adu:
    frame = bytes(buffer[: size - 2])
    del buffer[:size]
    return Adu(frame[0], frame[1:])
