"""What a sensor says while it is sound, stuck, or its wire is cut; and what is left when those are over."""

from datetime import datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.clock import Clock
from sim.faults import Contribution
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.sensor import CUT_WIRE_C, Reading


def _warming(scale: float = 1.0) -> tuple[Kernel, Reading, list[float]]:
    """From 20 C by 0.01 K a second; the times at which its owner heard something."""
    kernel = Kernel(Clock(datetime(2022, 7, 6), "Asia/Shanghai"), 1)
    body = Signal("body", "C", 20.0)
    kernel.add(body)
    heard: list[float] = []
    reading = Reading(kernel, "shown", "C", [body], lambda: heard.append(kernel.now), scale=scale)
    kernel.add(reading)
    body.set(kernel.now, 20.0, 0.01)
    return kernel, reading, heard


def test_it_follows_what_is_until_it_sticks() -> None:
    kernel, reading, heard = _warming(scale=2.0)
    kernel.jump(SimTime(500.0))
    assert (reading.at(kernel.now), reading.is_sound) == (50.0, True)
    stuck = reading.stick()
    reading.stuck_at.lean(stuck)
    kernel.jump(SimTime(1_000.0))
    assert (reading.at(kernel.now), reading.is_sound, heard) == (50.0, False, [500.0])
    reading.stuck_at.release(stuck)
    assert (reading.at(kernel.now), reading.is_sound, heard) == (60.0, True, [500.0, 1_000.0])


def test_its_integral_is_of_what_it_said() -> None:
    kernel, reading, _ = _warming()
    kernel.jump(SimTime(1_000.0))
    reading.stuck_at.lean(reading.stick(35.0))
    kernel.jump(SimTime(1_500.0))
    reading.is_broken.lean(reading.is_broken.force(True))
    kernel.jump(SimTime(1_600.0))
    assert reading.total_at(kernel.now) == pytest.approx(25_000.0 + 500.0 * 35.0 + 100.0 * CUT_WIRE_C)


def test_a_second_stick_holds_what_the_first_did() -> None:
    kernel, reading, _ = _warming()
    first = reading.stick(90.0)
    reading.stuck_at.lean(first)
    kernel.jump(SimTime(100.0))
    reading.stuck_at.lean(reading.stick())
    reading.stuck_at.release(first)
    assert reading.at(kernel.now) == 90.0


@given(st.lists(st.sampled_from(("stick", "stick 70", "cut", "mend", "whole")), max_size=30))
def test_a_cut_wire_hides_what_the_sensor_says_and_changes_nothing_of_it(acts: list[str]) -> None:
    kernel, reading, _ = _warming()
    sticks: list[tuple[Contribution, float]] = []
    cuts: list[Contribution] = []
    for step, act in enumerate(acts, start=1):
        kernel.jump(SimTime(100.0 * step))
        is_c = 20.0 + step
        held_c = sticks[-1][1] if sticks else is_c
        if act.startswith("stick"):
            at = 70.0 if act.endswith("70") else inf
            stick = reading.stick(at)
            reading.stuck_at.lean(stick)
            sticks.append((stick, held_c if at == inf else at))
        elif act == "cut":
            cuts.append(reading.is_broken.force(True))
            reading.is_broken.lean(cuts[-1])
        elif act == "mend" and sticks:
            reading.stuck_at.release(sticks.pop(0)[0])
        elif act == "whole" and cuts:
            reading.is_broken.release(cuts.pop())
        wanted_c = CUT_WIRE_C if cuts else sticks[-1][1] if sticks else is_c
        assert reading.at(kernel.now) == pytest.approx(wanted_c)
        assert reading.is_sound is not bool(sticks or cuts)
