"""A station in this process whose time stands still until a test moves it: no socket, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import inf
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

from bench_api.bench import Bench
from bench_api.outcome import conclude
from bench_api.paces import read_pace
from bench_api.running import plan_of
from bench_api.unmet import Refused, event_line, is_sought, unmet
from hil.door import Door
from scenarios.catalogue import StationCatalogue
from scenarios.loader import find_scenario, load_scenario
from sim.errors import UsageError
from sim.events import Event, Scalar
from sim.fault_commands import FAULT_DESK
from sim.faults import FAULTS
from sim.nearest import nearest
from sim.signals import State
from sim.units import SimTime

__all__ = ["SteppedStation"]

_TRACE: Final = 30
Condition = Callable[["SteppedStation"], bool]


class SteppedStation:
    """The station of a scenario with its demand and timeline, at its start. Nothing below takes wall time to speak of.

    What is asked of it is recorded as a command, so that the run in `folder` can be repeated (`voltyard replay`).
    """

    def __init__(self, scenario: str | Path, folder: Path, seed: int | None = None) -> None:
        """`scenario` is a shipped name or a file, `seed` stands instead of the scenario's. Raises what is wrong."""
        self._loaded = load_scenario(find_scenario(str(scenario)))
        plan = plan_of(self._loaded, read_pace("fast"), seed, None, "all", folder, None, f"run {scenario}")
        self._bench = Bench(plan)
        self._began = perf_counter(), process_time()
        self._kernel = self._bench.kernel
        self._door = Door(self._kernel)
        self._station = self._bench.run_.station
        self._catalogue = StationCatalogue(self._station.file)
        self._happened: list[Event] = []
        self._document: dict[str, Any] | None = None
        self._kernel.subscribe(self._happened.append)
        self.folder = folder
        self.signals: Mapping[str, float | str] = _Signals(self)
        """Every quantity by its path, read now."""

    @property
    def now_s(self) -> float:
        """Simulated seconds since the start."""
        return self._kernel.now

    def run_for(self, seconds: float) -> None:
        """Let so much simulated time pass, 0 or more (s)."""
        if not 0.0 <= seconds < inf:
            raise UsageError(f"run_for({seconds}): 0 s or more, and an end")
        self._to(self.now_s + seconds)

    def run_until(
        self, sought: str | Condition, subject: str | None = None, *, within_s: float, every_s: float = 10.0,
        data: Mapping[str, Scalar] | None = None,
    ) -> Event | None:  # fmt: skip
        """Let time pass until an event comes, or until a condition over the station holds; returns the event.

        Args:
            sought: a kind of event as `session.started` or `alarm.*`, or what is asked with the station at each of its
                instants, and every `every_s` in between.
            subject: path of whom the event must be of.
            within_s: how long to let pass at most, s.
            every_s: how often to ask at least, s.
            data: what the event's data must hold.

        Raises:
            AssertionError: it did not come; the message holds the events nearest to it.
        """
        end, seen = self.now_s + within_s, len(self._happened)
        while True:
            if isinstance(sought, str):
                while seen < len(self._happened):
                    event = self._happened[seen]
                    seen += 1
                    if is_sought(event, sought, subject, data or {}):
                        return event
            elif sought(self):
                return None
            if self.now_s >= end:
                break
            self._to(min(end, self._kernel.next_time(), self.now_s + every_s))
        if isinstance(sought, str):
            raise AssertionError(unmet(sought, subject, data or {}, self._happened, end, within_s))
        raise AssertionError(f"the condition did not hold within {within_s:g} s, until {end:.6g} s\n{self.trace()}")

    def expect(self, kind: str, subject: str | None = None, *, within_s: float = 0.0, **data: Scalar) -> Event:
        """The first such event since the start, or within the next `within_s`; AssertionError as in `run_until`."""
        for event in self._happened:
            if is_sought(event, kind, subject, data):
                return event
        came = self.run_until(kind, subject, within_s=within_s, data=data)
        assert came is not None
        return came

    def value(self, path: str) -> float | str:
        """A quantity now: a number, or a state's word. KeyError for a path that nothing has."""
        quantity = self._kernel.quantity(path)
        if quantity is None:
            near = nearest(path, self.paths())
            raise KeyError(f"no signal is called '{path}'; {f'did you mean {near!r}?' if near else 'see `signals`'}")
        return str(quantity.value.value) if isinstance(quantity, State) else quantity.at(self._kernel.now)

    def paths(self) -> list[str]:
        """What `value` knows."""
        return [*self._kernel.signals, *self._kernel.gauges]

    def events(self, kind: str = "*", subject: str | None = None, **data: Scalar) -> list[Event]:
        """What has happened so far, in its order."""
        return [event for event in self._happened if is_sought(event, kind, subject, data)]

    def inject(self, fault: str, target: str, *, id: str | None = None, **parameters: Scalar) -> str:
        """Inject a fault; how it is called from then on. Raises `Refused`."""
        if problem := self._fault_problem(fault, target, parameters):
            raise Refused(problem)
        alias: dict[str, Scalar] = {} if id is None else {"id": id}
        return str(self._ask("fault.inject", FAULT_DESK, {**parameters, "fault": fault, "target": target} | alias))

    def clear(self, identity: str) -> None:
        """End a fault. Raises `Refused`."""
        self._ask("fault.clear", FAULT_DESK, {"id": identity})

    def do(self, deed: str, target: str, **args: Scalar) -> None:
        """Ask a thing to do something now, as a trainer or a master would. Raises `Refused` with the reason."""
        if problem := self._station.switchboard.problem(deed, target, args):
            raise Refused(problem)
        self._ask(deed, target, args)

    def finish(self) -> dict[str, Any]:
        """End the run here: books, expectations and recording are concluded; the document of verdict.json."""
        if self._document is None:
            wall_s, cpu_s = (now - began for now, began in zip((perf_counter(), process_time()), self._began,
                                                               strict=True))  # fmt: skip
            self._document = conclude(self._bench, None, wall_s, cpu_s).document
        return self._document

    def trace(self) -> str:
        """The latest events, for a person."""
        lines = [event_line(event) for event in self._happened[-_TRACE:]]
        return "\n".join([f"at {self.now_s:.6g} s, the latest of {len(self._happened)} events:", *lines])

    def _to(self, t_s: float) -> None:
        t = SimTime(t_s)
        self._kernel.advance(t)
        self._kernel.jump(t)
        self._bench.recorder.beat(t)

    def _fault_problem(self, fault: str, target: str, parameters: Mapping[str, Scalar]) -> str | None:
        if fault not in FAULTS:
            near = nearest(fault, FAULTS.names())
            return f"no fault is called '{fault}'; {f'did you mean {near!r}?' if near else '`voltyard list faults`'}"
        if problem := self._catalogue.target_problem(fault, target):
            return problem
        try:
            FAULTS.get(fault).make(parameters)
        except UsageError as error:
            return str(error)
        return None

    def _ask(self, verb: str, target: str, args: Mapping[str, Scalar]) -> Scalar:
        event = self._door.ask("pytest", "test", verb, target, args)
        if event.kind == "command.refused":
            raise Refused(str(event.data["reason"]))
        return event.data.get("id")


class _Signals(Mapping[str, float | str]):
    """The quantities of a station, as a mapping."""

    def __init__(self, station: SteppedStation) -> None:
        self._station = station

    def __getitem__(self, path: str) -> float | str:
        return self._station.value(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self._station.paths())

    def __len__(self) -> int:
        return len(self._station.paths())
