"""The timeline of one run: each entry acts at its time, after its while, or when its condition comes true.

What is drawn comes from the stream `scenario.` and the entry's key path, so that no entry shifts another's draws.
A deed goes to its thing as a command, which is recorded: a repeated run takes it from the recording and not from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from numpy.random import Generator

from scenarios.choices import Draw
from scenarios.moments import span
from scenarios.places import chosen
from scenarios.timeline_shape import ALL, Act, Member, TimelineEntry
from scenarios.watches import Watch
from sim.deeds import DEEDS
from sim.events import Command, Scalar
from sim.fault_commands import FAULT_DESK
from sim.faults import FAULTS
from sim.kernel import Kernel
from sim.parameters import Parameter
from sim.units import SimTime
from twins.station import Station

__all__ = ["SOURCE", "Timeline"]

SOURCE: Final = "scenario"
"""Source of the commands that a timeline gives."""

_Done = Callable[[], None]


class Timeline:
    """Plans the entries of one scenario and acts; `waiting` are the key paths of conditions that never came true."""

    def __init__(
        self, kernel: Kernel, station: Station, actor: str, *, is_repeated: bool, before: _Done = lambda: None
    ) -> None:
        """`actor` is the scenario's name; `before()` is called just before the first entry acts."""
        self._kernel = kernel
        self._station = station
        self._actor = actor
        self._is_repeated = is_repeated
        self._before: _Done | None = before
        self._ids: dict[str, list[str]] = {}
        self.waiting: dict[str, Member] = {}

    def plan(self, entries: Iterable[TimelineEntry]) -> None:
        """Have them act from the run's start on."""
        for at, entry in enumerate(entries):
            self._begin(f"timeline[{at}]", entry, _nothing)

    def ask(self, verb: str, target: str, values: dict[str, Scalar]) -> None:
        """Ask a thing for a deed; nothing where the recording does."""
        if not self._is_repeated:
            self._kernel.ask(Command(SOURCE, self._actor, verb, target, values))

    def restore(self, steps: Iterable[Act]) -> None:
        """Take the way back, by commands: faults end, things are asked. They act when this instant is at rest."""
        for at, step in enumerate(steps):
            if step.do is not None:
                self._do(f"restore[{at}]", step)
            elif step.clear == ALL:
                self.ask("fault.clear_all", FAULT_DESK, {})
            else:
                injected = self._station.faults.injected
                for identity in self._ids.get(step.clear or "", ()):
                    if identity in injected and injected[identity].state != "cleared":
                        self.ask("fault.clear", FAULT_DESK, {"id": identity})

    # When

    def _begin(self, path: str, entry: Member, done: _Done) -> None:
        if entry.when is not None:
            self._wait(path, entry, done)
            return
        times = span(self._kernel.clock, entry)
        if isinstance(entry, TimelineEntry):
            begins = 0.0
        else:
            begins = self._kernel.now
            if not times:
                self._act(path, entry, done)
                return
        at_s = float(times[0])
        if len(times) > 1 or isinstance(entry.after_s, Draw):
            at_s = self._drawn_s(path, entry, times)
        self._repeat(path, entry, begins + at_s, entry.times or (1 if entry.every_s is None else None), done)

    def _drawn_s(self, path: str, entry: Member, times: Iterable[float]) -> float:
        if isinstance(entry.after_s, Draw) and entry.after_s.one_of is not None:
            return float(self._draw(path, entry.after_s))
        first, last = times
        return float(self._stream(path).uniform(first, last))

    def _repeat(self, path: str, entry: Member, at_s: float, left: int | None, done: _Done) -> None:
        def act() -> None:
            more = None if left is None else left - 1
            self._act(path, entry, _nothing if more != 0 else done)
            if more != 0 and entry.every_s is not None:
                self._repeat(path, entry, at_s + entry.every_s, more, done)

        self._kernel.at(SimTime(at_s), act)

    def _wait(self, path: str, entry: Member, done: _Done) -> None:
        assert entry.when is not None
        left = entry.times or 1
        self.waiting[path] = entry

        def came() -> None:
            nonlocal left
            left -= 1
            self.waiting.pop(path, None)
            is_last = left == 0
            if is_last:
                watch.stop()
            then = done if is_last else _nothing
            if entry.later_s:
                self._kernel.at(SimTime(self._kernel.now + entry.later_s), lambda: self._act(path, entry, then))
            else:
                self._act(path, entry, then)

        watch = Watch(self._kernel, entry.when, came)

    # What

    def _act(self, path: str, act: Act, done: _Done) -> None:
        if self._before is not None:
            before, self._before = self._before, None
            before()
        if act.inject is not None:
            self._inject(path, act)
        elif act.clear is not None:
            self._clear(act.clear)
        elif act.do is not None:
            self._do(path, act)
        elif act.group is not None:
            self._group(path, act.group, done)
            return
        elif act.sequence is not None:
            self._sequence(path, act.sequence, 0, done)
            return
        done()

    def _inject(self, path: str, act: Act) -> None:
        spec, faults = FAULTS.get(act.inject or ""), self._station.faults
        for target in self._places(path, act, spec.hits):
            identity = self._identity(act)
            faults.inject(spec.name, target, self._values(path, act, spec.parameters), identity)

    def _do(self, path: str, act: Act) -> None:
        spec = DEEDS.get(act.do or "")
        for target in self._places(path, act, spec.on):
            self.ask(spec.name, target, self._values(path, act, spec.parameters))

    def _clear(self, alias: str) -> None:
        faults = self._station.faults
        if alias == ALL:
            faults.clear_all()
            return
        for identity in self._ids.get(alias, ()):
            if identity in faults.injected:
                faults.clear(identity)

    def _group(self, path: str, members: tuple[Member, ...], done: _Done) -> None:
        left = len(members)

        def ended() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                done()

        for at, member in enumerate(members):
            self._begin(f"{path}.group[{at}]", member, ended)

    def _sequence(self, path: str, members: tuple[Member, ...], at: int, done: _Done) -> None:
        if at == len(members):
            done()
            return
        self._begin(f"{path}.sequence[{at}]", members[at], lambda: self._sequence(path, members, at + 1, done))

    def _identity(self, act: Act) -> str | None:
        """The alias for one fault; of a set, and of one that comes again, numbered from the second on."""
        if act.alias is None:
            return None
        ids = self._ids.setdefault(act.alias, [])
        ids.append(act.alias if not ids else f"{act.alias}#{len(ids) + 1}")
        return ids[-1]

    # Drawn

    def _stream(self, path: str) -> Generator:
        return self._kernel.streams[f"scenario.{path}"]

    def _places(self, path: str, act: Act, hits: type[object]) -> list[str]:
        target = act.target
        assert target is not None
        is_random = not isinstance(target, str) and target.way == "random"
        return chosen(self._station, hits, target, self._stream(path) if is_random else None)

    def _values(self, path: str, act: Act, parameters: Iterable[Parameter]) -> dict[str, Scalar]:
        whole = {one.name for one in parameters if one.type == "int"}
        return {
            name: self._draw(path, value, is_whole=name in whole) if isinstance(value, Draw) else value
            for name, value in act.parameters.items()
        }

    def _draw(self, path: str, draw: Draw, *, is_whole: bool = False) -> float | int | str | bool:
        stream = self._stream(path)
        if draw.one_of is not None:
            return draw.one_of[int(stream.integers(len(draw.one_of)))]
        low, high = draw.between or (0, 0)
        if is_whole:
            return int(stream.integers(int(low), int(high), endpoint=True))
        return float(stream.uniform(low, high))


def _nothing() -> None:
    return None
