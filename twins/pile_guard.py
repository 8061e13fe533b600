"""What makes a pile safe by itself: its stop button, its door, its sensors of water, tilt, residual current and earth.

Each locks the whole pile out (clause 9.4.1). The button and the residual-current device stay tripped when their cause
has gone, until somebody resets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any, Final, Protocol

from sim.faults import Contribution, Knob, bounds, fault

__all__ = [
    "LEAKAGE_TRIP_MA", "TILT_TRIP_DEG", "WATER_TRIP_CM", "DoorOpen", "EstopPressed", "GroundLost", "GuardedPile",
    "Leakage", "PileGuard", "Tilted", "WaterInside",
]  # fmt: skip

LEAKAGE_TRIP_MA: Final = 30.0
"""What a residual-current device of an outlet trips at, at the latest (IEC 61851-1)."""
WATER_TRIP_CM: Final = 5.0
"""Where the water sensor sits over the cabinet's floor; a default of ours."""
TILT_TRIP_DEG: Final = 15.0
"""What the tilt sensor takes for a knocked-over cabinet; a default of ours."""


class GuardedPile(Protocol):
    """The pile that is guarded."""

    path: str

    def lock_out(self, cause: str, alarm: str) -> None:
        """Serve nobody while `cause` lasts."""

    def lift(self, cause: str) -> None:
        """That cause is over."""


@dataclass(frozen=True, slots=True)
class _Watch:
    """One thing that is watched: its knob, the value from which on it trips, and whether it then needs a reset."""

    cause: str
    alarm: str
    knob: Knob[Any]
    trip: float
    is_latching: bool

    @property
    def is_met(self) -> bool:
        """Whether it stands at or above its trip level."""
        return float(self.knob.value) >= self.trip


class PileGuard:
    """The pile's own protection, `pile[ID].guard`; all of it at rest in a sound pile."""

    def __init__(self, pile: GuardedPile) -> None:
        """Nothing is tripped."""
        self.path = f"{pile.path}.guard"
        self._pile = pile
        self._watches: list[_Watch] = []
        self._latched: dict[str, _Watch] = {}
        self.is_pressed: Knob[bool] = self._watch("estop_pressed", "emergency_stop", False, 1.0, is_latching=True)
        self.is_door_open: Knob[bool] = self._watch("door_open", "door_open", False, 1.0)
        self.has_lost_earth: Knob[bool] = self._watch("ground_lost", "ground_lost", False, 1.0)
        self.leakage_ma: Knob[float] = self._watch(
            "residual_current", "residual_current", 0.0, LEAKAGE_TRIP_MA, is_latching=True
        )
        self.water_cm: Knob[float] = self._watch("water_inside", "water_inside", 0.0, WATER_TRIP_CM)
        self.tilt_deg: Knob[float] = self._watch("tilted", "tilted", 0.0, TILT_TRIP_DEG)

    def reset(self) -> bool:
        """Set back what has tripped and is not met any more; returns whether anything was."""
        over = [watch for watch in self._latched.values() if not watch.is_met]
        for watch in over:
            del self._latched[watch.cause]
            self._pile.lift(watch.cause)
        return bool(over)

    def behind(self, alarm: str) -> Knob[Any] | None:
        """What leans where this alarm of its is raised; None for the alarms of others."""
        return next((watch.knob for watch in self._watches if watch.alarm == alarm), None)

    def _watch(self, cause: str, alarm: str, base: Any, trip: float, *, is_latching: bool = False) -> Knob[Any]:
        knob: Knob[Any] = Knob(base, lambda: None)
        watch = _Watch(cause, alarm, knob, trip, is_latching)
        knob.on_change = partial(self._moved, watch)
        self._watches.append(watch)
        return knob

    def _moved(self, watch: _Watch) -> None:
        if watch.is_met:
            if watch.is_latching:
                self._latched[watch.cause] = watch
            self._pile.lock_out(watch.cause, watch.alarm)
        elif watch.cause not in self._latched:
            self._pile.lift(watch.cause)


@fault("pile.estop_pressed", hits=PileGuard, zh="急停按钮被按下", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class EstopPressed:
    """Somebody presses the pile's emergency stop: no power until it is released and reset."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """Hold it pressed."""
        yield guard.is_pressed.force(True)


@fault("pile.door_open", hits=PileGuard, zh="桩门打开", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class DoorOpen:
    """The door of the cabinet stands open: its interlock takes the power away."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """Open it."""
        yield guard.is_door_open.force(True)


@fault("pile.ground_lost", hits=PileGuard, zh="保护接地丢失", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class GroundLost:
    """The protective earth of the pile is lost; nothing may be live without it."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """Cut it."""
        yield guard.has_lost_earth.force(True)


@fault("pile.leakage", hits=PileGuard, zh="漏电", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class Leakage:
    """Current leaks to earth: from 30 mA on the pile trips and stays so until it is reset; less adds up unnoticed."""

    current_ma: float = field(default=60.0, metadata=bounds(low=0.1, high=10_000.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """More of it."""
        yield guard.leakage_ma.add(self.current_ma)


@fault("pile.water_inside", hits=PileGuard, zh="桩内进水", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class WaterInside:
    """Water stands in the cabinet; at its sensor, 5 cm over the floor, the pile trips."""

    level_cm: float = field(default=10.0, metadata=bounds(low=0.1, high=200.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """More of it."""
        yield guard.water_cm.add(self.level_cm)


@fault("pile.tilted", hits=PileGuard, zh="桩体倾斜", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class Tilted:
    """The cabinet leans, as after a knock; from 15 degrees on the pile trips."""

    angle_deg: float = field(default=30.0, metadata=bounds(low=0.1, high=90.0))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, guard: PileGuard) -> Iterable[Contribution]:
        """Lean it over."""
        yield guard.tilt_deg.add(self.angle_deg)
