"""The door: the present is the loop's, and a deed has acted when its outcome is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from hil.door import Door
from hil.loop import Loop
from sim.clock import Clock
from sim.deeds import Switchboard, deed
from sim.kernel import Kernel
from sim.recording import Recorder
from sim.signals import Signal
from sim.units import SimTime


class Lamp:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.light = Signal("lamp.light", "1", 0.0)
        kernel.add(self.light)


@deed("testlamp.light", on=Lamp, zh="亮灯")
@dataclass(frozen=True, kw_only=True)
class LightLamp:
    """Let it shine so much."""

    level: float

    def do(self, lamp: Lamp, source: str) -> None:
        lamp.light.set(lamp.kernel.now, self.level)


def lit_kernel() -> tuple[Kernel, Lamp]:
    kernel = Kernel(Clock(datetime(2022, 6, 14), "Asia/Shanghai"), 1)
    lamp = Lamp(kernel)
    Switchboard(kernel, {"lamp": lamp}.get)
    return kernel, lamp


def test_what_is_asked_has_acted_when_the_outcome_is_there() -> None:
    kernel, lamp = lit_kernel()
    door = Door(kernel)
    assert door.ask("rest", "me", "testlamp.light", "lamp", {"level": 0.5}).kind == "command.done"
    assert lamp.light.at(kernel.now) == 0.5
    assert door.ask("rest", "me", "testlamp.light", "nowhere", {"level": 0.7}).kind == "command.refused"
    assert lamp.light.at(kernel.now) == 0.5


def test_commands_of_one_face_are_numbered_and_recorded_in_order() -> None:
    kernel, _ = lit_kernel()
    keys: list[tuple[str, int]] = []
    kernel.subscribe_commands(lambda seq, t, command: keys.append(command.key))
    door = Door(kernel)
    for actor in ("me", "you", "me"):
        door.ask("rest", actor, "testlamp.light", "lamp", {"level": 0.1})
    assert keys == [("rest:me", 1), ("rest:you", 1), ("rest:me", 2)]


def test_the_present_of_a_paced_loop_is_the_wall_clocks(tmp_path: Path) -> None:
    kernel, lamp = lit_kernel()
    recorder = Recorder(tmp_path / "run.sqlite", "kpi")
    recorder.attach(kernel)
    door = Door(kernel)
    factor, seen = 10.0, []

    async def play() -> None:
        loop = Loop(kernel, [], recorder, lambda now: None)
        loop.serve(door)
        began = monotonic()
        playing = asyncio.create_task(loop.real(SimTime(1e6), factor))
        await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0.01)
            event = door.ask("rest", "me", "testlamp.light", "lamp", {"level": 1.0})
            seen.append((event.t, factor * (monotonic() - began)))
        loop.stop()
        await playing
        stood = door.present()
        await asyncio.sleep(0.02)
        assert door.present() == stood, "time ends with the run"

    asyncio.run(play())
    recorder.close(kernel.now)
    for told, due in seen:
        assert told <= due
        assert due - told < 5.0, "within half a second of wall time, whatever else this machine does"
    assert [told for told, _ in seen] == sorted({told for told, _ in seen})
    assert lamp.light.t0 == seen[0][0]
