"""Bays: the places where vehicles stand, charge or wait; and the sensors that say what stands there (clause 9.6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Any, Generic, Literal, Protocol, TypeVar

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import ID_PATTERN, key
from sim.kernel import Kernel
from sim.signals import State
from sim.units import SimTime
from twins.comers import Comers

__all__ = [
    "Bay",
    "BayConfig",
    "BayObstructed",
    "BaySensorStuck",
    "Occupancy",
    "Outlet",
    "PlaceConfig",
    "SensorConfig",
    "VehicleSoaked",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceConfig:
    """A place on the station's one plan, metres from its south-west corner."""

    x_m: float = field(metadata=key("Metres east of the plan's corner.", unit="m", low=-10_000, high=10_000))
    y_m: float = field(metadata=key("Metres north of the plan's corner.", unit="m", low=-10_000, high=10_000))
    step_x_m: float = field(
        default=0.0, metadata=key("East of the one before, in a range of names.", unit="m", low=-100, high=100)
    )
    step_y_m: float = field(
        default=0.0, metadata=key("North of the one before, in a range of names.", unit="m", low=-100, high=100)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BayConfig:
    """One parking place: fast and slow bays are reached by an EVSE, plain and waiting bays need none."""

    id: str = field(metadata=key("Name of the bay, as in `bay[B01]`; B01..B20 for a row.", pattern=ID_PATTERN))
    kind: Literal["fast", "slow", "plain", "waiting"] = field(metadata=key("What the bay is for."))
    roof: Literal["canopy", "open"] = field(default="open", metadata=key("What is overhead."))
    place: PlaceConfig = field(metadata=key("Where the bay is."))


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorConfig:
    """The sensors of charging bays; without a delay and an error what is seen is what is there."""

    delay_s: float = field(default=0.0, metadata=key("From a change to its being seen.", unit="s", low=0, high=3_600))
    miss_share: float = field(default=0.0, metadata=key("Share of changes that are missed at first.", low=0, high=0.5))
    recheck_s: float = field(
        default=300.0, metadata=key("When a missed change is seen after all.", unit="s", low=1, high=86_400)
    )


class Occupancy(Enum):
    """Whether something stands in a bay."""

    FREE = "free"
    OCCUPIED = "occupied"


class Outlet(Protocol):
    """What a bay asks of the EVSE that reaches it."""

    @property
    def is_ready(self) -> bool:
        """Whether a vehicle may plug in."""


OutletT = TypeVar("OutletT", bound=Outlet)


class Bay(Generic[OutletT]):
    """A charging bay. States `occupied` (what is there) and `seen` (what its sensor says; a perfect one says that).

    The knob `soaked_c` is how warm the battery of the next car is at least; more of who comes is in `comers`.
    `sensor_says` is what the sensor sticks at, or ""; with `is_obstructed` no car can park, and the sensor sees why.
    """

    __slots__ = ("_kernel", "_sensor", "comers", "config", "evses", "is_listed", "is_obstructed", "is_promised",
                 "number", "occupied", "on_seen", "path", "seen", "sensor_says", "soaked_c")  # fmt: skip

    def __init__(self, kernel: Kernel, config: BayConfig, number: int, sensor: SensorConfig) -> None:
        """`number` is its place in the station file, from 0."""
        self.path = f"bay[{config.id}]"
        self.config = config
        self.number = number
        self.evses: list[tuple[OutletT, str, int]] = []
        self.occupied = State(f"{self.path}.occupied", Occupancy.FREE)
        kernel.add(self.occupied)
        self.seen = self.occupied
        if sensor.delay_s > 0.0 or sensor.miss_share > 0.0:
            self.seen = State(f"{self.path}.seen", Occupancy.FREE)
            kernel.add(self.seen)
        self.soaked_c: Knob[float] = Knob(-inf, lambda: None)
        self.sensor_says: Knob[str] = Knob("", self._resee)
        self.is_obstructed: Knob[bool] = Knob(False, self._resee)
        self.comers = Comers()
        self.is_promised = False
        self.is_listed = False
        self.on_seen: Callable[[Bay[Any]], None] = lambda bay: None
        self._kernel = kernel
        self._sensor = sensor

    @property
    def seems_free(self) -> bool:
        """Whether guidance takes it for free: what its sensor says."""
        if self.sensor_says.value:
            return self.sensor_says.value == Occupancy.FREE.value
        return not self.is_obstructed.value and self.seen.value is Occupancy.FREE

    def ready_evse(self) -> tuple[OutletT, str, int] | None:
        """The first (EVSE, pile id, connector number) that reaches this bay and can take a vehicle."""
        if self.is_obstructed.value and self.occupied.value is Occupancy.FREE:
            return None
        for outlet in self.evses:
            if outlet[0].is_ready:
                return outlet
        return None

    def occupy(self, session: str) -> None:
        """A vehicle has come to stand here."""
        self._turn(Occupancy.OCCUPIED)
        self._kernel.emit("bay.occupied", self.path, {"session": session})

    def free(self, session: str) -> None:
        """It has left."""
        self._turn(Occupancy.FREE)
        self._kernel.emit("bay.freed", self.path, {"session": session})

    def _turn(self, occupancy: Occupancy) -> None:
        now, sensor = self._kernel.now, self._sensor
        self.occupied.set(now, occupancy)
        if self.seen is self.occupied:
            self.on_seen(self)
            return
        is_missed = float(self._kernel.streams["bay.sensors"].random()) < sensor.miss_share
        self._kernel.at(SimTime(now + (sensor.recheck_s if is_missed else sensor.delay_s)), self._see)

    def _see(self) -> None:
        if self.seen.set(self._kernel.now, self._sensed):
            self.on_seen(self)

    @property
    def _sensed(self) -> Occupancy:
        if self.sensor_says.value:
            return Occupancy(self.sensor_says.value)
        return Occupancy.OCCUPIED if self.is_obstructed.value else self.occupied.value

    def _resee(self) -> None:
        """The sensor sticks or is sound again, or an obstacle lies there or is gone."""
        if self.seen is not self.occupied:
            self.seen.set(self._kernel.now, self._sensed)
        self.on_seen(self)


@fault("vehicle.soaked", hits=Bay, zh="车辆暴晒后高温到站", clause="9.5.2", faces=("station", "platform"),
       needs="heat.packs")  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class VehicleSoaked:
    """Cars that come to the bay stood in the sun: their batteries are this warm, and must wait or charge slowly."""

    temp_c: float = field(default=62.0, metadata=bounds(low=30.0, high=90.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """Warm who comes."""
        yield bay.soaked_c.force(self.temp_c)


@fault(
    "bay.sensor_stuck",
    hits=Bay,
    zh="车位传感器卡死",
    clause="9.6.1",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class BaySensorStuck:
    """The sensor of the bay says the same whatever stands there: guidance sends nobody, or sends to a taken bay."""

    is_occupied: bool = True
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """Say so."""
        yield bay.sensor_says.force((Occupancy.OCCUPIED if self.is_occupied else Occupancy.FREE).value)


@fault(
    "bay.obstructed",
    hits=Bay,
    zh="车位被障碍物占据",
    clause="5.5",
    faces=(
        "station",
        "platform",
    ),
)
@dataclass(frozen=True, kw_only=True)
class BayObstructed:
    """Something lies in the bay: no car can park there, and its sensor sees it."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, bay: Bay[Any]) -> Iterable[Contribution]:
        """Put it there."""
        yield bay.is_obstructed.force(True)
