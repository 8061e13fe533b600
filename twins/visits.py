"""Visits: a driver comes, finds a bay or waits for one, stays, and leaves. One SimPy story a vehicle.

What happens at the bay is another's (`Stay`): the charge (`twins.charging`), or a stated time (queueing experiments).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from math import floor, inf
from typing import Any, Protocol

import simpy

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.units import SimTime
from twins.bay import Bay
from twins.drivers import Arrival
from twins.yard import Turn, Yard

__all__ = ["DemandSurge", "Session", "Stay", "Visits"]

Story = Generator[simpy.Event, Any, Any]


@dataclass(slots=True)
class Session:
    """One vehicle's visit; times in seconds since the run's start, None where it did not come to that."""

    id: str
    vehicle: str
    arrived_s: float
    soc_in_pct: float | None
    pile: str = ""
    connector: int = 0
    bay: str = ""
    bay_s: float | None = None
    plugged_s: float | None = None
    started_s: float | None = None
    stopped_s: float | None = None
    left_s: float | None = None
    soc_out_pct: float | None = None
    energy_true_kwh: float = 0.0
    energy_registered_kwh: float = 0.0
    cost_cny: float = 0.0
    power_max_kw: float = 0.0
    outcome: str = "waiting"
    stop_reason: str = ""
    transaction_id: int | None = None


class Stay(Protocol):
    """What a vehicle does at a bay that was promised to it."""

    def at(self, bay: Bay[Any], session: Session, arrival: Arrival) -> Generator[simpy.Event, Any, bool]:
        """A story from the entrance until the bay is left; False: the bay could not serve, look for another."""


class Visits:
    """All visits of a run. `present` holds the sessions that are not over.

    `on_session` is told of each change that is worth a record, `on_over` of each end. The knob `crowd` is how many
    come for each that is expected: what is over a whole number comes by chance.
    """

    path = path_form = "demand"

    def __init__(self, kernel: Kernel, yard: Yard, stay: Stay) -> None:
        """Vehicles come by `expect`."""
        self._kernel = kernel
        self._yard = yard
        self._stay = stay
        self._count = 0
        self.crowd: Knob[float] = Knob(1.0, lambda: None)
        self.present: dict[str, Session] = {}
        self.on_session: Callable[[Session], None] = _nobody
        self.on_over: Callable[[Session], None] = _nobody

    def expect(self, arrivals: Iterator[tuple[Arrival, int | None]]) -> None:
        """Let these come, in order of time; beside each the bay it insists on, or None."""
        following = next(arrivals, None)
        if following is None:
            return

        def come() -> None:
            nonlocal following
            now = self._kernel.now
            while following is not None and following[0].t_s <= now:
                for _ in range(1 if self.crowd.value == 1.0 else self._drawn_crowd()):
                    self.arrive(*following)
                following = next(arrivals, None)
            if following is not None:
                self._kernel.at(SimTime(following[0].t_s), come)

        self._kernel.at(SimTime(following[0].t_s), come)

    def arrive(self, arrival: Arrival, bay_number: int | None = None) -> Session:
        """This vehicle comes now."""
        session = self._begin(arrival.soc_in_pct)
        wants = arrival.habits.wants or "fast"
        if self._yard.is_closed.value:
            self._over(session, "turned_away")
            return session
        bay = self._yard.seek(wants, bay_number)
        if bay is None and bay_number is None:
            yard = self._yard
            if not yard.has_kind(wants) or not yard.has_room or yard.length >= arrival.habits.balk_at:
                self._over(session, "turned_away")
                return session
        called = self._wait(wants, bay_number, arrival.habits.patience_s) if bay is None else None
        self._kernel.process(self._visit(session, arrival, wants, bay_number, bay, called))
        return session

    def welcome(self) -> Session:
        """A vehicle has come by itself to where it charges: to a real device."""
        session = self._begin(None)
        session.bay_s = self._kernel.now
        return session

    def part(self, session: Session) -> None:
        """That vehicle has left."""
        self._finish(session)

    def _drawn_crowd(self) -> int:
        whole = floor(self.crowd.value)
        return whole + (float(self._kernel.streams["demand.surge"].random()) < self.crowd.value - whole)

    def _begin(self, soc_in_pct: float | None) -> Session:
        self._count += 1
        number = f"{self._count:06d}"
        session = Session(f"S{number}", f"V{number}", self._kernel.now, soc_in_pct)
        self.present[session.id] = session
        self._kernel.emit("vehicle.arrived", f"vehicle[{session.vehicle}]", {"session": session.id})
        return session

    def _visit(
        self,
        session: Session,
        arrival: Arrival,
        wants: str,
        bay_number: int | None,
        bay: Bay[Any] | None,
        called: simpy.Event | None,
    ) -> Story:
        yard = self._yard
        while True:
            if bay is None:
                bay = yield called or self._wait(wants, bay_number, inf, at_head=True)
                called = None
                if bay is None:
                    self._over(session, "reneged")
                    return
            session.bay_s = self._kernel.now
            is_served = yield from self._stay.at(bay, session, arrival)
            yard.release(bay)
            if is_served:
                self._finish(session)
                return
            bay = yard.seek(wants, bay_number)

    def _wait(self, wants: str, bay_number: int | None, patience_s: float, *, at_head: bool = False) -> simpy.Event:
        """Join the line now; the event brings the bay, or None when patience ends. Who was called once stays."""
        called = self._kernel.event()
        turn = Turn(wants, bay_number, lambda bay: _give(called, bay))
        self._yard.wait(turn, at_head=at_head)
        if patience_s < inf:

            def give_up() -> None:
                if not turn.is_over:
                    self._yard.give_up(turn)
                    _give(called, None)

            self._kernel.at(SimTime(self._kernel.now + patience_s), give_up)
        return called

    def _over(self, session: Session, outcome: str) -> None:
        session.outcome = outcome
        subject = f"vehicle[{session.vehicle}]"
        if outcome == "reneged":
            session.left_s = self._kernel.now
            self._kernel.emit("vehicle.reneged", subject, {"session": session.id})
        else:
            self._kernel.emit("vehicle.turned_away", subject, {"session": session.id})
        self._finish(session)

    def _finish(self, session: Session) -> None:
        del self.present[session.id]
        self.on_over(session)
        self.on_session(session)


def _give(event: simpy.Event, bay: Bay[Any] | None) -> None:
    event.succeed(bay)


def _nobody(_session: Session) -> None:
    return None


@fault(
    "demand.surge",
    hits=Visits,
    zh="客流激增或骤减",
    clause="9.6.2",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class DemandSurge:
    """So many come for each that was expected: a holiday or a closed station nearby, or, below 1, a storm."""

    factor: float = field(default=3.0, metadata=bounds(low=0.0, high=20.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, visits: Visits) -> Iterable[Contribution]:
        """More, or fewer."""
        yield visits.crowd.scale(self.factor)
