"""A recorded run once more: the same files and seed, and every command at its time, without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.events import Command
from sim.reading import Run
from sim.units import SimTime

if TYPE_CHECKING:
    from bench_api.bench import Bench

__all__ = ["replay_into"]


def replay_into(bench: Bench, recorded: Run) -> None:
    """Drive a bench that has not run yet to the end of the recording."""
    kernel = bench.kernel
    station = bench.run_.station
    if bench.endpoint is not None and station.file.platform_face is not None:
        bench.endpoint.serve(station, None)
    for number, row in enumerate(recorded.commands()):
        t = SimTime(row.t_s)
        kernel.advance(t)
        kernel.jump(t)
        kernel.post(Command(row.source, row.actor, row.verb, row.target, row.args, ("", number)))
        kernel.admit()
        kernel.advance(t)
        bench.recorder.beat(t)
    end = SimTime(float(recorded.meta["simulated_s"]))
    kernel.advance(end)
    kernel.jump(end)
