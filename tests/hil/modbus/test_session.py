"""One master's connection without a socket: answers in order, nothing piles up, time ends what is idle or unwhole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hil.modbus.frames import RtuFraming, TcpFraming
from hil.modbus.session import Session
from twins.bus_config import GatewayConfig

MakePort = Callable[..., Any]


def read(number: int, unit: int = 1, first: int = 0) -> bytes:
    return number.to_bytes(2, "big") + bytes.fromhex("00000006") + bytes((unit, 3)) + first.to_bytes(2, "big") + b"\0\1"


def numbers(answers: bytes) -> list[int]:
    """The transactions answered, in the order of the bytes."""
    found = []
    while answers:
        found.append(int.from_bytes(answers[:2], "big"))
        answers = answers[6 + int.from_bytes(answers[4:6], "big") :]
    return found


def session_of(port: Any, idle_s: float = 300.0) -> Session:
    return Session(port.gateway, TcpFraming(), idle_s, 0.0)


def test_twenty_pipelined_requests_are_answered_in_order(make_port: MakePort) -> None:
    session = session_of(make_port())
    session.received(b"".join(read(number) for number in range(20)), 0.0)
    assert session.serve(0.0, 100) == 20
    assert numbers(session.outgoing(0.0)) == list(range(20))


def test_answers_wait_for_those_before_them_and_silence_holds_nobody_up(make_port: MakePort) -> None:
    port = make_port(gateway=GatewayConfig(turnaround_ms=100.0, queue=1, missing="silent"))
    session = session_of(port)
    session.received(read(1) + read(2, unit=9) + read(3) + read(4), 0.0)
    session.serve(0.0, 100)
    assert session.outgoing(0.0) == b""  # 3 and 4 were refused at once, 1 is on the line
    port.gateway.tick(0.1)
    assert numbers(session.outgoing(0.1)) == [1]
    port.gateway.tick(0.2)
    assert numbers(session.outgoing(0.2)) == [3, 4]


def test_nothing_piles_up(make_port: MakePort) -> None:
    port = make_port(gateway=GatewayConfig(turnaround_ms=100.0, queue=1_000))
    session = session_of(port)
    for number in range(100):
        if session.is_full:
            break
        session.received(read(number) * 2, 0.0)
        session.serve(0.0, 100)
    assert number == 16
    assert port.bus.requests == 32
    assert session.is_full and not session.is_waiting


def test_a_length_that_cannot_be_ends_the_connection_after_what_was_asked_before(make_port: MakePort) -> None:
    session = session_of(make_port())
    session.received(read(1) + read(2) + bytes.fromhex("000300000000") + read(4), 0.0)
    assert not session.is_done
    session.serve(0.0, 100)
    assert numbers(session.outgoing(0.0)) == [1, 2]
    assert session.is_done
    session.received(read(5), 0.0)
    assert session.serve(0.0, 100) == 0


def test_a_master_that_has_said_all_still_hears_its_answers(make_port: MakePort) -> None:
    port = make_port(gateway=GatewayConfig(turnaround_ms=100.0))
    session = session_of(port)
    session.received(read(1), 0.0)
    session.ended()
    session.serve(0.0, 100)
    assert not session.is_done
    port.gateway.tick(0.1)
    assert numbers(session.outgoing(0.1)) == [1]
    assert session.is_done


def pass_time(session: Session, until: float) -> None:
    while session.next_timer() <= until and not session.is_over:
        session.tick(session.next_timer())


def test_idle_masters_are_dropped_and_busy_ones_not(make_port: MakePort) -> None:
    session = session_of(make_port(), idle_s=30.0)
    for minute in range(1, 5):
        pass_time(session, minute * 20.0)
        session.received(read(minute), minute * 20.0)
        session.serve(minute * 20.0, 9)
        session.outgoing(minute * 20.0)
    assert not session.is_over
    pass_time(session, 109.0)
    assert not session.is_over
    pass_time(session, 111.0)
    assert session.is_over


def test_waiting_for_an_answer_is_not_idle_but_leaving_it_is(make_port: MakePort) -> None:
    port = make_port()
    port.inject("bus.delayed", delay_s=60.0)
    session = session_of(port, idle_s=30.0)
    session.received(read(1), 1.0)
    session.serve(1.0, 9)
    session.tick(60.9)
    assert not session.is_over
    session.is_stuck = True
    session.tick(61.0)
    assert session.is_over


@pytest.mark.parametrize("piece_s", [0.5, 9.0])
def test_a_frame_has_ten_seconds_to_become_whole(make_port: MakePort, piece_s: float) -> None:
    session = session_of(make_port())
    session.received(read(1) + read(2)[:3], 5.0)
    session.serve(5.0, 9)
    session.outgoing(5.0)
    session.received(read(2)[3:4], 5.0 + piece_s)
    pass_time(session, 14.9)
    assert not session.is_over
    pass_time(session, 15.1)
    assert session.is_over


def test_quiet_on_an_rtu_wire_ends_a_frame(make_port: MakePort) -> None:
    session = Session(make_port(transport="rtu_tcp").gateway, RtuFraming(), 300.0, 0.0)
    frame = bytes.fromhex("01030000000184 0A")
    session.received(frame[:5], 0.0)
    assert session.next_timer() == pytest.approx(0.1)
    session.received(frame[5:], 0.05)
    assert session.serve(0.05, 9) == 1
    session.received(frame[:5], 1.0)
    session.tick(1.1)
    session.received(frame, 1.2)
    assert session.serve(1.2, 9) == 1
    session.received(frame[:5], 2.0)
    session.received(frame, 2.3)  # nobody had called `tick` in between
    assert session.serve(2.3, 9) == 1


def test_noise_on_an_rtu_wire_takes_its_share_of_a_turn_and_is_cut_off_in_the_end(make_port: MakePort) -> None:
    session = Session(make_port(transport="rtu_tcp").gateway, RtuFraming(), 300.0, 0.0)
    frame, noise = bytes.fromhex("010300000001840A"), b"\x0f\xf7" * 512
    for second in range(10):
        session.received(noise + frame, float(second))
        assert session.serve(float(second), 9) >= 1 + len(noise) // 64
        assert session.outgoing(float(second)) and not session.is_over  # a master on a bad line
    for second in range(10, 14):
        session.received(noise, float(second))
        session.serve(float(second), 9)
    assert session.is_over


def test_what_nobody_has_looked_at_is_not_piled_up(make_port: MakePort) -> None:
    session = Session(make_port(transport="rtu_tcp").gateway, RtuFraming(), 300.0, 0.0)
    reads = 0
    while not session.is_full:
        session.received(b"\x0f\xf7" * 1_024, 0.0)
        reads += 1
    assert reads == 2 and session.is_waiting
