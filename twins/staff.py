"""The station's people: shifts, places, walking; who is nearest goes when called (clauses 7 and 12).

A call waits in its order while nobody with the role is free and on duty. Who has begun a job ends it, past his shift
where need be; on the way back to the staff room he can be called again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from math import hypot, inf
from typing import Any, Literal

import simpy

from sim.events import Scalar
from sim.faults import Contribution, Knob, bounds, fault
from sim.files import ID_PATTERN, key
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.units import FOREVER, SimTime
from twins.bay import PlaceConfig
from twins.shifts import Duty, read_shifts

__all__ = [
    "Call",
    "Job",
    "Member",
    "MemberConfig",
    "SparesMissing",
    "Staff",
    "StaffAbsent",
    "StaffConfig",
    "StaffSlow",
    "StaffState",
]  # fmt: skip

Job = Callable[[float, int], Generator[simpy.Event, Any, str]]
"""A story of what is done on the spot, given the way there (s) and the arrival's number; its result in one word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberConfig:
    """One person of the staff."""

    id: str = field(metadata=key("Name of the person, as in `staff[T1]`.", pattern=ID_PATTERN))
    role: Literal["technician", "attendant", "safety_officer", "manager"] = field(
        metadata=key("What the person is there for.")
    )
    shifts: tuple[str, ...] = field(metadata=key('Hours on duty, as in "07:00-19:00", local time.', count=(1, 10)))

    def __post_init__(self) -> None:
        """Refuse shifts that are none, or overlap."""
        read_shifts(self.shifts, "shifts")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffConfig:
    """The people, and the room where they are while nobody needs them."""

    room: PlaceConfig = field(metadata=key("Where the staff room is."))
    walk_m_s: float = field(default=1.3, metadata=key("How fast they walk.", unit="m/s", low=0.1, high=10))
    members: tuple[MemberConfig, ...] = field(metadata=key("The people.", count=(1, 200)))


class StaffState(Enum):
    """What somebody does; `walking` is there and back."""

    OFF_DUTY = "off_duty"
    FREE = "free"
    WALKING = "walking"
    WORKING = "working"


@dataclass(slots=True, eq=False)
class Call:
    """Somebody with this role is wanted at a place, for what stands at the path `subject`.

    `cause` is the event behind it: what it is for, then that somebody was sent.
    """

    role: str
    place: PlaceConfig
    subject: str
    job: Job
    cause: int | None = None
    clause: str = ""


class Member:
    """One person. Signals `x_m`, `y_m`, state `state`; in the staff room while off duty or free."""

    def __init__(
        self, kernel: Kernel, config: MemberConfig, room: PlaceConfig, walk_m_s: float, slowness: Knob[float]
    ) -> None:
        """Begins in the room; `slowness` is how many times as long as usual every way takes."""
        self.path = f"staff[{config.id}]"
        self.config = config
        self.duty = Duty(kernel.clock, read_shifts(config.shifts, "shifts"))
        self.is_on_duty = self.duty.is_on(kernel.now)
        self.state = State(f"{self.path}.state", StaffState.FREE if self.is_on_duty else StaffState.OFF_DUTY)
        self.x_m = Signal(f"{self.path}.x_m", "m", room.x_m)
        self.y_m = Signal(f"{self.path}.y_m", "m", room.y_m)
        kernel.add(self.state, self.x_m, self.y_m)
        self.call: Call | None = None
        self.called: simpy.Event | None = None
        self._kernel = kernel
        self._walk_m_s = walk_m_s
        self._slowness = slowness

    def way_s(self, place: PlaceConfig) -> float:
        """How long the way there takes from where the person is now, in seconds."""
        now = self._kernel.now
        return hypot(place.x_m - self.x_m.at(now), place.y_m - self.y_m.at(now)) / self._walk_m_s * self._slowness.value

    def walk(self, place: PlaceConfig) -> simpy.Event:
        """Set out; the event is the arrival."""
        now, way_s = self._kernel.now, self.way_s(place)
        if way_s > 0.0:
            for signal, to_m in ((self.x_m, place.x_m), (self.y_m, place.y_m)):
                from_m = signal.at(now)
                signal.set(now, from_m, (to_m - from_m) / way_s)
        self.state.set(now, StaffState.WALKING)
        return self._kernel.timeout(way_s)

    def stand(self, place: PlaceConfig, state: StaffState) -> None:
        """Be there, doing that."""
        now = self._kernel.now
        self.x_m.set(now, place.x_m)
        self.y_m.set(now, place.y_m)
        self.state.set(now, state)


class Staff:
    """All people of the station; without any, nobody can be called.

    With the knob `is_absent` nobody is there to be called; who is at a job ends it. `slowness` stretches every way,
    and a repair waits `spares_s` for its parts.
    """

    path = path_form = "staff"

    def __init__(self, kernel: Kernel, config: StaffConfig | None) -> None:
        """`config` None: a station without people."""
        self._kernel = kernel
        self._config = config
        self.is_absent: Knob[bool] = Knob(False, self._came_or_left)
        self.slowness: Knob[float] = Knob(1.0, lambda: None)
        self.spares_s: Knob[float] = Knob(0.0, lambda: None)
        made = partial(Member, kernel)
        self.members = (
            [made(one, config.room, config.walk_m_s, self.slowness) for one in config.members] if config else []
        )
        self._waiting: list[Call] = []
        for member in self.members:
            self._await_shift(member)

    def has(self, role: str) -> bool:
        """Whether anybody has this role, on duty or not."""
        return any(member.config.role == role for member in self.members)

    def dispatch(self, call: Call) -> None:
        """Send the nearest who is free, now or when there is one."""
        self._waiting.append(call)
        self._assign()

    def withdraw(self, call: Call) -> None:
        """Nobody needs to go any more; who has set out goes on, and sees."""
        if call in self._waiting:
            self._waiting.remove(call)

    def _came_or_left(self) -> None:
        for member in self.members:
            if member.call is None and member.called is None:
                self._idle(member)
        self._assign()

    def _idle(self, member: Member) -> None:
        is_there = member.is_on_duty and not self.is_absent.value
        member.state.set(self._kernel.now, StaffState.FREE if is_there else StaffState.OFF_DUTY)

    def _assign(self) -> None:
        if self.is_absent.value:
            return
        for call in self._waiting.copy():
            able = [one for one in self.members if one.config.role == call.role and one.is_on_duty and one.call is None]
            if able:
                member = min(able, key=lambda one: one.way_s(call.place))
                self._take(member, call)
                if member.called is not None:
                    member.called.succeed(call)
                else:
                    self._kernel.process(self._errand(member, call))

    def _take(self, member: Member, call: Call) -> None:
        self._waiting.remove(call)
        member.call = call
        data: dict[str, Scalar] = {"role": call.role, "to": call.subject, "walk_s": member.way_s(call.place)}
        call.cause = self._kernel.emit("staff.dispatched", member.path, data, cause=call.cause, clause=call.clause).seq

    def _errand(self, member: Member, call: Call | None) -> Generator[simpy.Event, Any, None]:
        """One call after another, and back to the room."""
        assert self._config is not None
        room = self._config.room
        while call is not None:
            yield from self._attend(member, call)
            call = self._next(member)
            if call is None:
                called = member.called = self._kernel.event()
                yield member.walk(room) | called
                call = called.value if called.triggered else None
                member.called = None
        is_there = member.is_on_duty and not self.is_absent.value
        member.stand(room, StaffState.FREE if is_there else StaffState.OFF_DUTY)

    def _attend(self, member: Member, call: Call) -> Generator[simpy.Event, Any, None]:
        kernel, way_s = self._kernel, member.way_s(call.place)
        yield member.walk(call.place)
        member.stand(call.place, StaffState.WORKING)
        at = {"at": call.subject}
        arrived = kernel.emit("staff.arrived", member.path, at, cause=call.cause, clause=call.clause)
        result = yield from call.job(way_s, arrived.seq)
        kernel.emit("staff.done", member.path, at | {"result": result}, cause=arrived.seq, clause=call.clause)
        member.call = None

    def _next(self, member: Member) -> Call | None:
        if member.is_on_duty and not self.is_absent.value:
            for call in self._waiting:
                if call.role == member.config.role:
                    self._take(member, call)
                    return call
        return None

    def _await_shift(self, member: Member) -> None:
        turns_at = member.duty.next_change(self._kernel.now)
        if turns_at < FOREVER:
            self._kernel.at(SimTime(turns_at), partial(self._turn, member))

    def _turn(self, member: Member) -> None:
        """A shift of this person begins or ends."""
        now = self._kernel.now
        member.is_on_duty = member.duty.is_on(now)
        if member.call is None and member.called is None:
            self._idle(member)
        if member.is_on_duty:
            self._assign()
        self._await_shift(member)


@fault(
    "staff.absent",
    hits=Staff,
    zh="值班人员缺岗",
    clause="7",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class StaffAbsent:
    """Nobody of the staff is at his post: calls wait until somebody is there again."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, staff: Staff) -> Iterable[Contribution]:
        """Be away."""
        yield staff.is_absent.force(True)


@fault(
    "staff.slow",
    hits=Staff,
    zh="人员到场迟缓",
    clause="12",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class StaffSlow:
    """Every way of the staff takes so many times as long: a flooded yard, or nobody hurries."""

    factor: float = field(default=3.0, metadata=bounds(low=1.0, high=100.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, staff: Staff) -> Iterable[Contribution]:
        """Stretch it."""
        yield staff.slowness.scale(self.factor)


@fault(
    "staff.no_spares",
    hits=Staff,
    zh="备件缺货",
    clause="8.9",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class SparesMissing:
    """There are no spare parts: what a reset does not mend waits for them before it is repaired."""

    wait_s: float = field(default=14_400.0, metadata=bounds(low=1.0, high=1e7))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, staff: Staff) -> Iterable[Contribution]:
        """Wait."""
        yield staff.spares_s.add(self.wait_s)
