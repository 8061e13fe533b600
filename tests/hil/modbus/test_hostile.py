"""Ten thousand hostile requests in both framings, judged by an oracle that was written from the specification alone."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hil.modbus.frames import Framing, RtuFraming, TcpFraming
from hil.modbus.session import Session

SIZE = 1_000
UNITS = (1, 2, 3)
BURSTS = 5_000
CLOSED = b"closed"
Dice = random.Random


class Oracle:
    """What V1.1b3 and the TCP guide V1.0b want, of devices of `SIZE` addresses whose values it keeps."""

    def __init__(self) -> None:
        self.words = {unit: [(unit * 1_000 + at) % 65_536 for at in range(SIZE)] for unit in UNITS}
        self.bits = {unit: [at % 3 == 0 for at in range(SIZE)] for unit in UNITS}
        self.names = {unit: {0: "Voltyard", 1: f"M{unit}", 2: "1.0", 5: "Memory"} for unit in UNITS}

    def tcp(self, burst: bytes) -> bytes:
        """Every answer to a burst of Modbus TCP frames, `CLOSED` behind them where the connection has to end."""
        told = b""
        while burst:
            number, protocol, length = (int.from_bytes(burst[at : at + 2], "big") for at in (0, 2, 4))
            if length < 2 or length > 254:
                return told + CLOSED
            body, burst = burst[6 : 6 + length], burst[6 + length :]
            said = self.said(body[0], body[1:]) if protocol == 0 else None
            if said is not None:
                told += number.to_bytes(2, "big") + b"\0\0" + (1 + len(said)).to_bytes(2, "big") + body[:1] + said
        return told

    def rtu(self, burst: bytes) -> bytes:
        """The answer to what came between two silences of a serial line."""
        if len(burst) < 4 or checksum(burst[:-2]) != burst[-2:]:
            return b""
        said = self.said(burst[0], burst[1:-2])
        return b"" if said is None else burst[:1] + said + checksum(burst[:1] + said)

    def said(self, unit: int, pdu: bytes) -> bytes | None:
        """The answer of a unit; None for a broadcast."""
        if unit == 0:
            for each in UNITS:
                if pdu[0] in (5, 6, 15, 16, 22):
                    self.carry_out(each, pdu)
            return None
        if unit not in UNITS:
            return bytes([pdu[0] | 128, 11])
        outcome = self.carry_out(unit, pdu)
        return bytes([pdu[0] | 128, outcome]) if isinstance(outcome, int) else pdu[:1] + outcome

    def carry_out(self, unit: int, pdu: bytes) -> bytes | int:
        """What follows the function's code in the answer, or an exception's code."""
        function, rest = pdu[0], pdu[1:]
        words, bits = self.words[unit], self.bits[unit]
        pair = [rest[at] * 256 + rest[at + 1] for at in range(0, len(rest) - 1, 2)]
        if function in (1, 2, 3, 4):
            if len(rest) != 4 or not 0 < pair[1] <= (2_000 if function < 3 else 125):
                return 3
            if pair[0] + pair[1] > SIZE:
                return 2
            if function < 3:
                return listed(bits_to_bytes(bits[pair[0] : pair[0] + pair[1]]))
            return listed(b"".join(word.to_bytes(2, "big") for word in words[pair[0] : pair[0] + pair[1]]))
        if function in (5, 6):
            if len(rest) != 4 or (function == 5 and rest[2:] not in (b"\xff\0", b"\0\0")):
                return 3
            if pair[0] >= SIZE:
                return 2
            if function == 5:
                bits[pair[0]] = rest[2] == 255
            else:
                words[pair[0]] = pair[1]
            return rest
        if function in (15, 16):
            if len(rest) < 5:
                return 3
            first, count, size, data = pair[0], pair[1], rest[4], rest[5:]
            needed = -(-count // 8) if function == 15 else count * 2
            if not 0 < count <= (1_968 if function == 15 else 123) or size != needed or len(data) != needed:
                return 3
            if first + count > SIZE:
                return 2
            for at in range(count):
                if function == 15:
                    bits[first + at] = bool(data[at // 8] & 1 << at % 8)
                else:
                    words[first + at] = int.from_bytes(data[2 * at : 2 * at + 2], "big")
            return rest[:4]
        if function == 22:
            if len(rest) != 6:
                return 3
            if pair[0] >= SIZE:
                return 2
            words[pair[0]] = (words[pair[0]] & pair[1]) | (pair[2] & ~pair[1] & 0xFFFF)
            return rest
        if function == 23:
            if len(rest) < 9:
                return 3
            first, count, to, written, size, data = *pair[:4], rest[8], rest[9:]
            if not (0 < count <= 125 and 0 < written <= 121 and size == 2 * written == len(data)):
                return 3
            if first + count > SIZE or to + written > SIZE:
                return 2
            for at in range(written):
                words[to + at] = int.from_bytes(data[2 * at : 2 * at + 2], "big")
            return listed(b"".join(word.to_bytes(2, "big") for word in words[first : first + count]))
        if function == 43:
            return self.identified(unit, rest)
        return 1

    def identified(self, unit: int, rest: bytes) -> bytes | int:
        """Function 43: a regular device (objects up to 5), both as a stream and one by one."""
        if not rest:
            return 3
        if rest[0] != 14:
            return 1
        if len(rest) != 3 or rest[1] not in (1, 2, 3, 4):
            return 3
        names = self.names[unit]
        if rest[1] == 4:
            if rest[2] not in names:
                return 2
            shown = [rest[2]]
        else:
            shown = [number for number in names if rest[1] > 1 or number < 3]
            shown = [number for number in shown if number >= rest[2]] if rest[2] in shown else shown
        text = b"".join(bytes([number, len(names[number])]) + names[number].encode() for number in shown)
        return bytes([14, rest[1], 0x82, 0, 0, len(shown)]) + text


def listed(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def bits_to_bytes(bits: Sequence[bool]) -> bytes:
    return bytes(
        sum(1 << at for at, bit in enumerate(bits[start : start + 8]) if bit) for start in range(0, len(bits), 8)
    )


def checksum(frame: bytes) -> bytes:
    """CRC-16 as the serial line's appendix computes it, bit by bit, low byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def word(dice: Dice) -> bytes:
    """An address or a quantity: mostly near a limit."""
    near = [0, 1, 2, 8, 121, 122, 123, 124, 125, 126, 875, 999, 1_000, 1_968, 1_969, 2_000, 2_001, 65_535]
    number = dice.choice(near) if dice.random() < 0.5 else dice.randrange(dice.choice([1_100, 65_536]))
    return number.to_bytes(2, "big")


def honest(dice: Dice) -> bytes:
    """A request that is well-formed, more often than not within the device."""
    function = dice.choice([1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43])
    first, count = dice.randrange(900), dice.randrange(1, 100)
    head = bytes([function]) + first.to_bytes(2, "big")
    if function < 5:
        return head + count.to_bytes(2, "big")
    if function == 5:
        return head + dice.choice([b"\xff\0", b"\0\0"])
    if function == 6:
        return head + dice.randbytes(2)
    if function == 15:
        return head + count.to_bytes(2, "big") + listed(dice.randbytes(-(-count // 8)))
    if function == 16:
        return head + count.to_bytes(2, "big") + listed(dice.randbytes(2 * count))
    if function == 22:
        return head + dice.randbytes(4)
    if function == 23:
        return head + count.to_bytes(2, "big") + word(dice) + (3).to_bytes(2, "big") + listed(dice.randbytes(6))
    return bytes([43, 14, dice.randrange(1, 5), dice.randrange(7)])


def wrong_numbers(dice: Dice) -> bytes:
    """Quantities, addresses, counts of bytes and values that do not hold."""
    function = dice.choice([1, 2, 3, 4, 5, 6, 15, 16, 22, 23])
    body = word(dice) + word(dice)
    if function in (15, 16):
        body += listed(dice.randbytes(dice.randrange(0, 240)))[: dice.choice([None, -1, None, None])]
        if dice.random() < 0.5:
            body = body[:4] + bytes([dice.randrange(256)]) + body[5:]
    if function == 22:
        body += word(dice)
    if function == 23:
        body += word(dice) + word(dice) + listed(dice.randbytes(dice.choice([0, 2, 3, 242, 240])))
    return bytes([function]) + body


def damaged(dice: Dice) -> bytes:
    """A well-formed request that was cut off, drawn out, or changed in a byte."""
    pdu = honest(dice)
    match dice.randrange(3):
        case 0:
            return pdu[: dice.randrange(1, len(pdu) + 1)]
        case 1:
            return (pdu + dice.randbytes(dice.randrange(1, 20)))[:253]
        case _:
            at = dice.randrange(len(pdu))
            return pdu[:at] + dice.randbytes(1) + pdu[at + 1 :]


def strange(dice: Dice) -> bytes:
    """Functions that are none, and identification that is none."""
    if dice.random() < 0.2:
        return bytes([43]) + dice.randbytes(dice.randrange(4))
    return bytes([dice.randrange(256)]) + dice.randbytes(dice.randrange(0, 60))


def garbage(dice: Dice) -> bytes:
    return dice.randbytes(dice.randrange(1, 254))


MAKERS: list[Callable[[Dice], bytes]] = [honest, wrong_numbers, wrong_numbers, damaged, strange, garbage]


def unit_of(dice: Dice) -> int:
    return dice.choice([1, 2, 3] * 4 + [0, 9, 255])


def tcp_burst(dice: Dice) -> bytes:
    """One to three frames, now and then with a header that is wrong."""
    burst = b""
    for _ in range(dice.choice([1, 1, 1, 2, 3])):
        pdu = dice.choice(MAKERS)(dice)
        protocol = dice.choice([b"\0\0"] * 9 + [dice.randbytes(2)])
        burst += dice.randbytes(2) + protocol + (len(pdu) + 1).to_bytes(2, "big") + bytes([unit_of(dice)]) + pdu
    if dice.random() < 0.08:
        length = dice.choice([0, 1, 255, dice.randrange(255, 65_536)])
        burst += dice.randbytes(2) + b"\0\0" + length.to_bytes(2, "big") + dice.randbytes(dice.randrange(1, 40))
    return burst


def rtu_burst(dice: Dice) -> bytes:
    """One frame between two silences, or what was meant to be one."""
    frame = bytes([unit_of(dice)]) + dice.choice(MAKERS)(dice)[:253]
    frame += checksum(frame)
    match dice.randrange(8):
        case 0:  # noise on the line
            at = dice.randrange(len(frame))
            return frame[:at] + bytes([frame[at] ^ (1 << dice.randrange(8))]) + frame[at + 1 :]
        case 1:
            return frame[: dice.randrange(1, len(frame))]
        case 2:
            return dice.randbytes(dice.randrange(1, 257))
        case _:
            return frame


@pytest.mark.parametrize("transport", ["tcp", "rtu_tcp"])
def test_hostile_requests_are_answered_as_the_specification_says(transport: str, make_port: Callable[..., Any]) -> None:
    dice, oracle, port = Dice(20), Oracle(), make_port(UNITS, transport=transport)
    framing: Framing = TcpFraming() if transport == "tcp" else RtuFraming()
    make, judge = (tcp_burst, oracle.tcp) if transport == "tcp" else (rtu_burst, oracle.rtu)
    now, right, kinds = 0.0, 0, Counter[str]()
    session = Session(port.gateway, framing, 300.0, now)
    for _ in range(BURSTS):
        burst = make(dice)
        expected = judge(burst)
        cut = dice.randrange(len(burst)) if dice.random() < 0.3 else 0
        told = b""
        for piece in filter(None, (burst[:cut], burst[cut:])):
            session.received(piece, now)
            told += answers(session, now)
        now += 1.0
        session.tick(now)
        told += answers(session, now)
        if session.is_done:
            told += CLOSED
        if session.is_done or session.is_over or told != expected:
            session = Session(port.gateway, framing, 300.0, now)
        right += told == expected
        kinds[kind_of(expected, at=7 if transport == "tcp" else 1)] += 1
    print(f"{transport}: {right} of {BURSTS} hostile bursts answered as the specification says")
    assert right >= 0.999 * BURSTS, right
    assert min(kinds.values()) > 20 and len(kinds) == (7 if transport == "tcp" else 6), kinds
    for unit in UNITS:
        assert (port.units[unit].words, port.units[unit].bits) == (oracle.words[unit], oracle.bits[unit])


def answers(session: Session, now: float) -> bytes:
    told = b""
    while session.serve(now, 16):
        told += session.outgoing(now)
    return told + session.outgoing(now)


def kind_of(expected: bytes, at: int) -> str:
    """What is wanted: the first frame's exception, an answer, silence, or the end."""
    if expected == CLOSED:
        return "closed"
    if not expected:
        return "silence"
    return f"exception {expected[at + 1]}" if expected[at] & 0x80 else "answer"


def test_a_hostile_master_on_a_socket_is_answered_so_too(serve: Callable[..., Any]) -> None:
    dice, oracle, honest_read = Dice(21), Oracle(), bytes.fromhex("000100000006010300000001")

    async def play() -> int:
        right = 0
        async with serve(units=UNITS) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
            for _ in range(1_000):
                burst = tcp_burst(dice)
                expected = oracle.tcp(burst)
                writer.write(burst + honest_read)
                if expected.endswith(CLOSED):
                    right += await reader.read() + CLOSED == expected
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
                else:
                    expected += oracle.tcp(honest_read)
                    right += await reader.readexactly(len(expected)) == expected
            writer.close()
            assert not served.failures
        return right

    assert asyncio.run(asyncio.wait_for(play(), 30.0)) >= 999
