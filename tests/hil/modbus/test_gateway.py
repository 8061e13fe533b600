"""The right device for a request, a gateway's habits and the wire's faults, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.modbus.frames import Adu
from hil.modbus.gateway import Request
from hil.modbus.line import Line
from twins.bus_config import GatewayConfig

MakePort = Callable[..., Any]

READ = bytes.fromhex("0300000001")
WRITE = bytes.fromhex("0600050007")
BUSY, TARGET = 6, 11


class Masters:
    """Requests of several masters to one port, and the moments at which their answers came."""

    def __init__(self, port: Any) -> None:
        self.port = port
        self.now = 0.0
        self.made: list[Request] = []

    def ask(self, unit: int, pdu: bytes = READ, master: str = "a") -> Request:
        request = Request(Adu(unit, pdu), master)
        self.made.append(request)
        self.port.gateway.take(request, self.now)
        return request

    def pass_time(self, until: float) -> None:
        while self.port.gateway.next_timer <= until:
            self.now = self.port.gateway.next_timer
            self.port.gateway.tick(self.now)
        self.now = until

    def answered(self) -> Iterator[tuple[float, str]]:
        yield from sorted((round(one.due_s, 6), str(one.owner)) for one in self.made if one.due_s <= self.now)


def code_of(request: Request) -> int | None:
    """The exception that answered it; 0 for an answer, None for none."""
    assert request.due_s < inf
    if request.answer is None:
        return None
    return request.answer[1] if request.answer[0] & 0x80 else 0


def test_without_a_gateway_devices_answer_at_once_and_nobody_is_refused_as_0b(make_port: MakePort) -> None:
    port = make_port()
    masters = Masters(port)
    assert [code_of(masters.ask(unit)) for unit in (1, 2, 3)] == [0, 0, 0]
    assert [code_of(masters.ask(unit)) for unit in (4, 247, 248, 255)] == [TARGET] * 4
    assert masters.ask(2).answer == bytes.fromhex("0302") + (2_000).to_bytes(2, "big")
    assert (port.bus.requests, port.bus.refusals) == (8, 4)


@pytest.mark.parametrize(("transport", "broadcast"), [("tcp", 0), ("rtu_tcp", None)])
def test_a_single_device_is_meant_by_255_and_on_tcp_by_0(
    make_port: MakePort, transport: str, broadcast: int | None
) -> None:
    masters = Masters(make_port([7], transport=transport))
    assert code_of(masters.ask(255)) == 0
    assert code_of(masters.ask(0, WRITE)) == broadcast
    assert masters.port.units[7].writes == [("holding", 5, [7])]
    assert code_of(masters.ask(8)) == TARGET


def test_a_broadcast_writes_everywhere_and_is_not_answered(make_port: MakePort) -> None:
    port = make_port()
    masters = Masters(port)
    port.inject("unit.silent", 3)
    assert code_of(masters.ask(0, WRITE)) is None
    assert [code_of(masters.ask(0, pdu)) for pdu in (READ, b"\x06\x00", b"\x63")] == [None] * 3
    assert [len(port.units[unit].writes) for unit in (1, 2, 3)] == [1, 1, 0]


def test_the_line_takes_one_request_at_a_time(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=50.0)))
    for unit in (1, 2, 3):
        masters.ask(unit)
    masters.pass_time(0.06)
    masters.ask(1)
    masters.pass_time(1.0)
    assert list(masters.answered()) == [(0.05, "a"), (0.1, "a"), (0.15, "a"), (0.2, "a")]
    masters.ask(1)
    masters.pass_time(2.0)
    assert masters.made[-1].due_s == pytest.approx(1.05)  # a free line is taken when the request comes


def test_what_is_read_through_the_line_is_of_the_moment_of_the_answer(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=50.0)))
    request = masters.ask(1)
    masters.port.units[1].words[0] = 77
    masters.pass_time(0.1)
    assert request.answer == bytes.fromhex("0302004D")


def test_masters_take_turns_on_the_line(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=100.0, queue=20)))
    for _ in range(4):
        masters.ask(1, master="a")
    masters.ask(1, master="b")
    masters.ask(1, master="c")
    masters.pass_time(1.0)
    assert "".join(owner for _, owner in masters.answered()) == "aabcaa"


def test_a_full_queue_is_busy_and_whoever_floods_it_gives_way(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=10.0, queue=4)))
    flood = [masters.ask(1, WRITE, "a") for _ in range(7)]
    assert [request.due_s == 0.0 for request in flood] == [False] * 5 + [True] * 2
    polite = masters.ask(2, master="b")  # takes the flooder's last place
    assert [request.due_s == 0.0 for request in flood] == [False] * 4 + [True] * 3
    masters.pass_time(1.0)
    assert [code_of(request) for request in flood] == [0] * 4 + [BUSY] * 3
    assert code_of(polite) == 0
    assert polite.due_s == pytest.approx(0.03)  # after the one that had waited longer
    assert len(masters.port.units[1].writes) == 4


@pytest.mark.parametrize(("missing", "code"), [("refuse", TARGET), ("silent", None)])
def test_a_missing_or_silent_unit_behind_a_gateway(make_port: MakePort, missing: Any, code: int | None) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=20.0, missing=missing)))
    masters.port.inject("unit.silent", 2)
    for unit in (9, 2, 1):
        masters.ask(unit)
    masters.pass_time(1.0)
    assert [code_of(request) for request in masters.made] == [code, code, 0]
    assert masters.made[2].due_s == pytest.approx(0.06)  # it took the line's time all the same


def test_without_a_gateway_a_silent_device_is_silent(make_port: MakePort) -> None:
    masters = Masters(make_port())
    injected = masters.port.inject("unit.silent", 2)
    assert code_of(masters.ask(2, WRITE)) is None
    assert not masters.port.units[2].writes
    masters.port.faults.clear(injected)
    assert code_of(masters.ask(2, WRITE)) == 0


def test_swapped_units_answer_for_each_other_and_colliding_ones_not_at_all(make_port: MakePort) -> None:
    masters = Masters(make_port())
    injected = masters.port.inject("unit.address_swapped", 1, with_unit=3)
    assert masters.ask(1).answer == bytes.fromhex("0302") + (3_000).to_bytes(2, "big")
    assert masters.ask(3).answer == bytes.fromhex("0302") + (1_000).to_bytes(2, "big")
    masters.port.faults.clear(injected)
    assert masters.ask(1).answer == bytes.fromhex("0302") + (1_000).to_bytes(2, "big")
    device = masters.port.bus.devices[1]
    lean = device.address.force(2.0)
    device.address.lean(lean)
    assert code_of(masters.ask(2, WRITE)) is None
    assert [len(masters.port.units[unit].writes) for unit in (1, 2, 3)] == [1, 1, 0]
    assert code_of(masters.ask(1)) == TARGET


def test_a_busy_port_carries_nothing_out(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=20.0)))
    masters.port.inject("bus.busy", duration_s=5.0)
    assert code_of(masters.ask(1, WRITE)) == BUSY
    assert code_of(masters.ask(0, WRITE)) is None
    assert not masters.port.units[1].writes


def test_lost_late_and_spoilt(make_port: MakePort) -> None:
    masters = Masters(make_port())
    lost = masters.port.inject("bus.dropping")
    assert code_of(masters.ask(1, WRITE)) is None
    assert not masters.port.units[1].writes
    masters.port.faults.clear(lost)
    masters.port.inject("bus.delayed", delay_s=1.5)
    masters.now = 10.0
    assert masters.ask(1).due_s == 11.5
    masters.port.inject("bus.corrupted", share_pct=50.0)
    spoilt = sum(masters.ask(1).is_spoilt for _ in range(400))
    assert 150 < spoilt < 250


def test_a_fault_of_ours_is_told_and_answered_as_a_failure(make_port: MakePort) -> None:
    port = make_port()
    told: list[Exception] = []
    port.gateway.on_failure = told.append

    def fail() -> None:
        raise RuntimeError("no such winding")

    port.units[2].on_read = fail
    assert code_of(Masters(port).ask(2)) == 4
    assert [str(error) for error in told] == ["no such winding"]


def test_whoever_is_gone_leaves_the_line_to_the_others(make_port: MakePort) -> None:
    masters = Masters(make_port(gateway=GatewayConfig(turnaround_ms=10.0, queue=3)))
    for _ in range(3):
        masters.ask(1, WRITE, "a")
    masters.ask(2, master="b")
    masters.port.gateway.forget("a")
    masters.pass_time(1.0)
    assert list(masters.answered()) == [(0.01, "a"), (0.02, "b")]
    assert len(masters.port.units[1].writes) == 1


STEPS = st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 0.3)), max_size=60)


class Asked:
    def __init__(self, owner: int, number: int) -> None:
        self.owner = owner
        self.number = number


@given(STEPS, st.integers(1, 5))
def test_the_line_keeps_each_masters_order_loses_nothing_and_is_never_overfull(
    steps: list[tuple[int, float]], places: int
) -> None:
    line = Line[Asked](0.1, places)
    now, done, refused, ends = 0.0, list[Asked](), list[Asked](), list[float]()

    def run(until: float) -> None:
        while line.due_s <= until:
            ends.append(line.due_s)
            request = line.done(line.due_s)
            assert request is not None
            done.append(request)

    for number, (owner, wait_s) in enumerate(steps):
        run(now)
        back = line.offer(Asked(owner, number), now)
        refused += [back] if back is not None else []
        assert number + 1 - len(done) - len(refused) <= places + 1
        now += wait_s
    run(now + 100.0)
    assert sorted(one.number for one in done + refused) == list(range(len(steps)))
    for owner in range(4):
        numbers = [one.number for one in done if one.owner == owner]
        assert numbers == sorted(numbers)
    assert all(later - earlier >= 0.1 - 1e-9 for earlier, later in pairwise(ends))
