"""The yard: who goes to which bay, who waits, who turns away. Guidance goes by what the sensors see.

Waiting is by one line for all (`first_come`: its head holds up those behind) or a line for each kind of bay.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot, inf
from typing import Any, Literal

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import key
from sim.kernel import Kernel
from sim.signals import Signal
from twins.bay import Bay, PlaceConfig, SensorConfig

__all__ = ["EntranceClosed", "Turn", "Yard", "YardConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class YardConfig:
    """How vehicles move on the site."""

    entrance: PlaceConfig = field(default=PlaceConfig(x_m=0, y_m=0), metadata=key("Where vehicles come in."))
    exits: tuple[PlaceConfig, ...] = field(default=(), metadata=key("Where they leave.", count=(0, 20)))
    speed_km_h: float = field(default=5.0, metadata=key("Speed (clause 9.5.1).", unit="km/h", low=1, high=30))
    line: Literal["first_come", "by_kind"] = field(default="by_kind", metadata=key("Rule of the waiting line."))
    sensors: SensorConfig = field(default=SensorConfig(), metadata=key("The sensors of the charging bays."))
    detour_s: float = field(
        default=60.0, metadata=key("Lost by who is sent to a bay that is taken.", unit="s", low=0, high=3_600)
    )


class Turn:
    """One vehicle in the line: `wants` a kind of bay, or one bay by its number; `called(bay)` when its turn comes."""

    __slots__ = ("bay_number", "called", "is_over", "wants")

    def __init__(self, wants: str, bay_number: int | None, called: Callable[[Bay[Any]], None]) -> None:
        self.wants = wants
        self.bay_number = bay_number
        self.called = called
        self.is_over = False


class Yard:
    """Bays, the line, and who is next. Signal `yard.waiting`: vehicles in the line.

    With the knob `is_closed` nobody comes in.
    """

    path = path_form = "yard"

    def __init__(self, kernel: Kernel, config: YardConfig, bays: Sequence[Bay[Any]], places: float) -> None:
        """`bays` are the charging bays in file order; `places` is how many vehicles may wait, inf for any."""
        self._kernel = kernel
        self.config = config
        self.bays = bays
        self.places = places
        self.waiting = Signal("yard.waiting", "1")
        kernel.add(self.waiting)
        self.is_closed: Knob[bool] = Knob(False, lambda: None)
        self._offered: dict[str, list[int]] = {"fast": [], "slow": []}
        self._lines: dict[str, deque[Turn]] = {}
        self._kinds = {bay.config.kind for bay in bays if bay.evses}
        self._count = 0
        for bay in bays:
            bay.on_seen = self._consider
            self._consider(bay)

    def drive_s(self, bay: Bay[Any]) -> float:
        """From the entrance to a bay."""
        way_m = hypot(bay.config.place.x_m - self.config.entrance.x_m, bay.config.place.y_m - self.config.entrance.y_m)
        return 3.6 * way_m / self.config.speed_km_h

    def has_kind(self, wants: str) -> bool:
        """Whether there is such a bay at all."""
        return wants in self._kinds

    @property
    def has_room(self) -> bool:
        """Whether another vehicle may wait."""
        return self._count < self.places

    @property
    def length(self) -> int:
        """How many wait."""
        return self._count

    def seek(self, wants: str, bay_number: int | None) -> Bay[Any] | None:
        """A bay for who has just come, promised to him; None when there is none, or others wait for such a one."""
        line = self._lines.get(self._line_of(wants, bay_number))
        if line and any(not turn.is_over for turn in line):
            return None
        return self._take(wants, bay_number)

    def wait(self, turn: Turn, *, at_head: bool = False) -> None:
        """Join the line."""
        line = self._lines.setdefault(self._line_of(turn.wants, turn.bay_number), deque())
        if at_head:
            line.appendleft(turn)
        else:
            line.append(turn)
        self._counted(1)

    def give_up(self, turn: Turn) -> None:
        """Leave the line before one's turn."""
        turn.is_over = True
        self._counted(-1)
        self._serve(self._line_of(turn.wants, turn.bay_number))

    def release(self, bay: Bay[Any]) -> None:
        """The promise of a bay is over: its vehicle has left, or did not find it free."""
        bay.is_promised = False
        self._consider(bay)

    def evse_freed(self, bays: Iterable[Bay[Any]]) -> None:
        """An EVSE that reaches these bays can take a vehicle again."""
        for bay in bays:
            self._consider(bay)

    def _line_of(self, wants: str, bay_number: int | None) -> str:
        if bay_number is not None:
            return str(bay_number)
        return "all" if self.config.line == "first_come" else wants

    def _consider(self, bay: Bay[Any]) -> None:
        """Offer a bay that is seen free and can charge, and let the line move up."""
        if bay.is_listed or bay.is_promised or not bay.seems_free or bay.ready_evse() is None:
            return
        bay.is_listed = True
        insort(self._offered[bay.config.kind], bay.number)
        if self._count:
            for name in (str(bay.number), "all", bay.config.kind):
                self._serve(name)

    def _serve(self, name: str) -> None:
        line = self._lines.get(name)
        while line:
            turn = line[0]
            if not turn.is_over:
                bay = self._take(turn.wants, turn.bay_number)
                if bay is None:
                    return
                turn.is_over = True
                self._counted(-1)
                line.popleft()
                turn.called(bay)
            else:
                line.popleft()

    def _take(self, wants: str, bay_number: int | None) -> Bay[Any] | None:
        offered = self._offered[self.bays[bay_number].config.kind if bay_number is not None else wants]
        position = 0
        while position < len(offered):
            number = offered[position]
            if bay_number is not None and number != bay_number:
                position += 1
                continue
            bay = self.bays[number]
            del offered[position]
            bay.is_listed = False
            if bay.seems_free and bay.ready_evse() is not None:
                bay.is_promised = True
                return bay
        return None

    def _counted(self, change: int) -> None:
        self._count += change
        self.waiting.set(self._kernel.now, float(self._count))


@fault(
    "yard.entrance_closed",
    hits=Yard,
    zh="入口道闸关闭",
    clause="13.8",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class EntranceClosed:
    """The barrier at the entrance does not open: who comes is turned away, who is there can leave."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, yard: Yard) -> Iterable[Contribution]:
        """Close it."""
        yield yard.is_closed.force(True)
