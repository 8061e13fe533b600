"""The kernel: SimPy's clock and queue, planned twins, one inbox, one numbering.

Human stories are SimPy processes. Power and heat are *planned twins*: `plan(now)` brings a twin up to now, writes its
segments and says when it must be woken next. Twins touched at one instant are planned once, in rank order, after every
SimPy event of that instant; touching an earlier rank starts another round. Nobody polls and nobody is interrupted.
When an instant has come to rest, what was deferred is done one at a time, each followed by its own rest, and then the
commands from outside, one at a time likewise: they take effect in an order that a replay can repeat.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import NORMAL, Process, Timeout

from sim.clock import Clock
from sim.digest import Digest
from sim.errors import PlanStorm, UsageError
from sim.events import Command, Event, Scalar, Ticket
from sim.gauges import Gauge
from sim.signals import Signal, State
from sim.streams import Streams
from sim.sums import Sum
from sim.units import FOREVER, SimTime

__all__ = ["Kernel", "Rank", "Twin"]

STORM = 1_000
_GATHERED = 511  # the digest takes events by the 512
_new_event = tuple.__new__  # NamedTuple's own constructor costs twice as much, and events are the hot path


class Rank(IntEnum):
    """The order in which touched twins plan within one instant."""

    GRID = 0
    STACK = 1
    CONTROL = 2
    PILE = 3
    VEHICLE = 4
    THERMAL = 5


class Twin(ABC):
    """A thing that plans. Its attributes `wake_at`, `armed_at` and `is_touched` belong to the kernel."""

    rank: Rank
    path: str

    wake_at: SimTime = FOREVER
    armed_at: SimTime = FOREVER
    is_touched: bool = False
    plans: int = 0
    planned_at: float = -1.0

    @abstractmethod
    def plan(self, now: SimTime) -> SimTime:
        """Advance to `now`, write segments, return when to be woken next (FOREVER for never). Idempotent."""


class _Environment(simpy.Environment):
    """SimPy's environment, with absolute times: a planned crossing is met to the last bit."""

    def schedule_at(self, event: Any, t: float) -> None:
        heappush(self._queue, (t, NORMAL, next(self._eid), event))

    def jump(self, t: float) -> None:
        self._now = t


class _Wake:
    """Stands in SimPy's queue for a twin; no event, since nobody else waits for it."""

    __slots__ = ("twin",)

    def __init__(self, twin: Twin) -> None:
        self.twin = twin


class _Deed:
    """Stands in SimPy's queue for what is to be done then."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action = action


class Kernel:
    """One run's time (`now`), twins, signals, events and inbox. Not thread-safe, except for `post`."""

    def __init__(self, clock: Clock, seed: int) -> None:
        """`seed` starts every named stream."""
        self.clock = clock
        self.streams = Streams(seed)
        self.digest = Digest()
        self._gather = self.digest.events.append
        self.signals: dict[str, Signal | Sum | State[Any]] = {}
        self._gauges: dict[str, Gauge] = {}
        self._unmade: deque[Callable[[], Iterable[Gauge]]] = deque()
        self._env = _Environment(0.0)
        self.now = SimTime(0.0)
        self._touched: list[list[Twin]] = [[] for _ in Rank]
        self._touched_count = 0
        self._deferred: deque[Callable[[], None]] = deque()
        self._admitted: deque[Ticket] = deque()
        self._outside: deque[Ticket] = deque()
        self._handlers: dict[str, Callable[[Command, int], None]] = {}
        self.obey: Callable[[Command, int], None] = self._refuse
        self._everything: list[Callable[[Event], None]] = []
        self._subscribers: dict[str, list[Callable[[Event], None]]] = {}
        self._command_subscribers: list[Callable[[int, SimTime, Command], None]] = []
        self._seq = 0
        self.on_post: Callable[[], None] = lambda: None
        self.plans = 0

    # Twins

    def touch(self, twin: Twin) -> None:
        """Have `twin` planned at this instant."""
        if not twin.is_touched:
            twin.is_touched = True
            self._touched[twin.rank].append(twin)
            self._touched_count += 1

    def add(self, *quantities: Signal | Sum | State[Any]) -> None:
        """Make signals known by their paths; refuses a path that is taken."""
        for quantity in quantities:
            if quantity.path in self.signals or quantity.path in self._gauges:
                raise UsageError(f"two signals are called '{quantity.path}'; every path names one thing")
            quantity.index = len(self.signals)
            self.signals[quantity.path] = quantity

    def show(self, *gauges: Gauge) -> None:
        """Make gauges known by their paths; refuses a path that is taken."""
        for gauge in gauges:
            if gauge.path in self.signals or gauge.path in self._gauges:
                raise UsageError(f"two signals are called '{gauge.path}'; every path names one thing")
            self._gauges[gauge.path] = gauge

    def show_later(self, make: Callable[[], Iterable[Gauge]]) -> None:
        """As `show`, of gauges that are made when somebody first asks for any: most runs have no face that does."""
        self._unmade.append(make)

    @property
    def gauges(self) -> Mapping[str, Gauge]:
        """Every gauge, by its path."""
        while self._unmade:
            self.show(*self._unmade.popleft()())
        return self._gauges

    def quantity(self, path: str) -> Signal | Sum | State[Any] | Gauge | None:
        """What is read at this path, or None."""
        return self.signals.get(path) or self.gauges.get(path)

    def wake(self, twin: Twin, t: SimTime) -> None:
        """Plan `twin` at `t` or earlier; a wake-up that is already armed for earlier stands."""
        twin.wake_at = t
        if t < twin.armed_at:
            twin.armed_at = t
            self._env.schedule_at(_Wake(twin), t)

    # Stories

    @property
    def environment(self) -> simpy.Environment:
        """SimPy's own face, for resources that stories share."""
        return self._env

    def process(self, story: Generator[simpy.Event, Any, Any]) -> simpy.Process:
        """Begin a human story."""
        return Process(self._env, story)

    def event(self) -> simpy.Event:
        """Something a story can wait for; `succeed(value)` gives it what it waited for."""
        return simpy.Event(self._env)

    def timeout(self, delay_s: float) -> simpy.Event:
        """A wait of `delay_s` seconds, 0 or more."""
        return Timeout(self._env, delay_s)

    def at(self, t: SimTime, action: Callable[[], None]) -> None:
        """Do `action` at `t` (at once when `t` has passed)."""
        now = self._env._now
        self._env.schedule_at(_Deed(action), t if t > now else now)

    def defer(self, action: Callable[[], None]) -> None:
        """Do `action` when this instant has come to rest."""
        self._deferred.append(action)

    # Events out

    def emit(
        self,
        kind: str,
        subject: str,
        data: Mapping[str, Scalar] | None = None,
        cause: int | None = None,
        clause: str = "",
    ) -> Event:
        """Something happened now: number it and tell the subscribers in the order they came."""
        self._seq = seq = self._seq + 1
        event = _new_event(Event, (seq, self.now, kind, subject, data or {}, cause, clause))
        self._gather(event)
        if not seq & _GATHERED:
            self.digest.drain()
        for subscriber in self._everything:
            subscriber(event)
        if kind in self._subscribers:
            for subscriber in self._subscribers[kind]:
                subscriber(event)
        return event

    def subscribe(self, subscriber: Callable[[Event], None], kind: str | None = None) -> None:
        """Be told every event, or those of one kind."""
        listeners = self._everything if kind is None else self._subscribers.setdefault(kind, [])
        listeners.append(subscriber)

    # Commands in

    def handle(self, target: str, handler: Callable[[Command, int], None]) -> None:
        """Let `handler(command, seq)` carry out the commands whose target is `target`."""
        self._handlers[target] = handler

    def post(self, command: Command) -> Ticket:
        """The only way in. Thread-safe; the command acts when it is admitted, its outcome is an event it caused."""
        ticket = Ticket(command)
        self._outside.append(ticket)
        self.on_post()
        return ticket

    def ask(self, command: Command) -> None:
        """A command from within the run: it needs no admission and acts when this instant has come to rest."""
        self._admitted.append(Ticket(command))

    def admit(self) -> int:
        """Take in what was posted, ordered by (link, number); it acts at this instant. Returns how many came in."""
        count = len(self._outside)
        if count == 0:
            return 0
        tickets = (self._outside.popleft() for _ in range(count))
        self._admitted.extend(sorted(tickets, key=lambda ticket: ticket.command.key))
        return count

    def subscribe_commands(self, subscriber: Callable[[int, SimTime, Command], None]) -> None:
        """Be told every command when it is applied: (seq, t, command)."""
        self._command_subscribers.append(subscriber)

    def _apply(self, ticket: Ticket) -> None:
        self._seq += 1
        ticket.seq = self._seq
        now = self.now
        command = ticket.command
        self.digest.command(now, command)
        for subscriber in self._command_subscribers:
            subscriber(self._seq, now, command)
        self._handlers.get(command.target, self.obey)(command, ticket.seq)

    def _refuse(self, command: Command, seq: int) -> None:
        reason = "nothing here takes commands"
        self.emit("command.refused", command.target, {"verb": command.verb, "reason": reason}, cause=seq)

    # Running

    def next_time(self) -> SimTime:
        """When something is due next: now if the instant is not at rest, FOREVER if nothing is planned."""
        if self._touched_count or self._deferred or self._admitted:
            return self.now
        return SimTime(self._env.peek())

    def advance(self, until: SimTime) -> None:
        """Run everything due at or before `until`, each instant to its rest; time then stands at the last one."""
        env = self._env
        queue: list[Any] = env._queue
        deferred, admitted, t = self._deferred, self._admitted, env._now
        while True:
            if not (queue and queue[0][0] <= t):
                if self._touched_count:
                    self._plan_round()
                    continue
                if deferred:
                    deferred.popleft()()
                    continue
                if (
                    admitted
                ):  # after all that the command before it brought about: how they came batched must not matter
                    self._apply(admitted.popleft())
                    continue
                if not (queue and queue[0][0] <= until):
                    return
            # SimPy's own step, which also sets `now`
            t, _, _, event = heappop(queue)
            env._now = self.now = t
            if type(event) is _Wake:
                self._woken(event.twin)
                continue
            if type(event) is _Deed:
                event.action()
                continue
            callbacks, event.callbacks = event.callbacks, None
            for callback in callbacks:
                callback(event)
            if not event._ok and not event.defused:
                raise event._value

    def jump(self, t: SimTime) -> None:
        """Let time stand at `t`, with nothing due before it."""
        if t > self._env.now:
            assert self._env.peek() >= t
            self._env.jump(t)
            self.now = t

    def _woken(self, twin: Twin) -> None:
        now = self.now
        if twin.armed_at != now:
            return
        if twin.wake_at > now:
            twin.armed_at = FOREVER
            if twin.wake_at < FOREVER:
                self.wake(twin, twin.wake_at)
        else:
            twin.armed_at = FOREVER
            self.touch(twin)

    def _plan_round(self) -> None:
        now, touched = self.now, self._touched
        for rank, waiting in enumerate(touched):
            if not waiting:
                continue
            touched[rank] = []
            self._touched_count -= len(waiting)
            for twin in waiting:
                twin.is_touched = False
                if twin.planned_at == now:
                    twin.plans += 1
                    if twin.plans > STORM:
                        raise PlanStorm(f"{twin.path} was planned more than {STORM} times at t = {now} s")
                else:
                    twin.planned_at = now
                    twin.plans = 1
                self.plans += 1
                wake_at = twin.wake_at = twin.plan(now)
                if wake_at < twin.armed_at:
                    self.wake(twin, wake_at)
