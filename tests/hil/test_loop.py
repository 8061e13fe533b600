"""The loop: what fails in a face ends the run, what a peer provokes does not; lateness without a list."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.door import Door
from hil.lateness import Lateness
from hil.loop import Loop
from sim.clock import Clock
from sim.errors import PlanStorm
from sim.kernel import Kernel, Rank, Twin
from sim.recording import Recorder
from sim.units import FOREVER, SimTime


class Restless(Twin):
    """Asks to be planned without end once `begins_s` has come."""

    rank = Rank.PILE
    path = "restless"

    def __init__(self, kernel: Kernel, begins_s: float) -> None:
        self._kernel = kernel
        self._begins_s = begins_s
        kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        return now if now >= self._begins_s else SimTime(self._begins_s)


def play(folder: Path, act: Callable[[Loop, Door], Any], begins_s: float = 1e9) -> Kernel:
    """Run without an end while `act` has its way in the same event loop."""
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    recorder = Recorder(folder / "run.sqlite", "kpi")
    recorder.attach(kernel)
    Restless(kernel, begins_s)

    async def drive() -> None:
        loop, door = Loop(kernel, [], recorder, lambda now: None), Door(kernel)
        loop.serve(door)
        loop.watch((ConnectionError, ssl.SSLError))
        acting = asyncio.get_running_loop().call_soon(act, loop, door)
        try:
            await loop.real(FOREVER, 1.0)
        finally:
            acting.cancel()

    try:
        asyncio.run(drive())
    finally:
        recorder.close(kernel.now)
    return kernel


def test_what_the_kernel_raises_behind_a_door_ends_the_run(tmp_path: Path) -> None:
    def act(_loop: Loop, door: Door) -> None:
        while door.present() < 0.05:
            pass

    with pytest.raises(PlanStorm, match="restless"):
        play(tmp_path, act, begins_s=0.01)


def test_what_a_face_lets_through_in_a_callback_ends_the_run(tmp_path: Path) -> None:
    def act(loop: Loop, _door: Door) -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)

    with pytest.raises(ZeroDivisionError):
        play(tmp_path, act)


def test_the_first_failure_is_the_one_that_is_told(tmp_path: Path) -> None:
    def act(loop: Loop, _door: Door) -> None:
        loop.fail(KeyError("first"))
        loop.fail(KeyError("second"))

    with pytest.raises(KeyError, match="first"):
        play(tmp_path, act)


def test_what_a_peer_provokes_ends_nothing(tmp_path: Path) -> None:
    def act(loop: Loop, _door: Door) -> None:
        def torn() -> None:
            loop_ = asyncio.get_running_loop()
            loop_.call_later(0.01, loop.stop)
            raise ConnectionResetError("by peer")

        asyncio.get_running_loop().call_soon(torn)

    assert play(tmp_path, act).now < 60.0


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.99, 1.0]))
def test_quantiles_are_one_per_cent_too_much_at_most(late_ms: list[float], share: float) -> None:
    lateness = Lateness()
    for one in late_ms:
        lateness.add(one)
    found = lateness.quantile_ms(share)
    exact = sorted(late_ms)[ceil(share * len(late_ms)) - 1]
    assert found is not None
    assert exact <= max(found, 0.001) * (1 + 1e-9) and found <= max(exact, 0.001) * 1.0101
    assert lateness.max_ms == max(late_ms)


def test_nothing_was_late_before_the_first_step() -> None:
    assert Lateness().figures() == {"p50": None, "p99": None, "max": None}
