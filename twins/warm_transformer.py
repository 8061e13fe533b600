"""A transformer that warms by its load and is guarded: what dry units and those in oil have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import NamedTuple

from sim.events import Event
from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import FOREVER, SimTime
from twins.hot_spot import HotSpot, Rise
from twins.insulation import Insulation
from twins.relay import Relay
from twins.relief import Relief
from twins.sensor import Reading
from twins.thermal import Threshold
from twins.transformer import Transformer, TransformerConfig
from twins.transformer_heat import DryHeatConfig, Levels, OilHeatConfig

__all__ = ["LoadControlFailed", "SensorState", "TransformerSensorBroken", "TransformerSensorStuck", "WarmTransformer"]


class SensorState(Enum):
    """Whether the protection has a reading."""

    READING = "reading"
    BROKEN = "broken"


class Guard(NamedTuple):
    """What guards one reading: its relay, and the relay's thresholds of alarm, trip and load control."""

    relay: Relay
    alarm: Threshold
    trip: Threshold
    near: Threshold | None


class WarmTransformer(Transformer, Twin):
    """Signals `load_share` (of the rating in force), and those of its hot spot; states `breaker` and `sensor`.

    Readings are guarded by relays: alarm, trip, and load control where the station has it (`guards`, by the reading's
    name). `reading` is what its sensor says.
    """

    rank = Rank.THERMAL
    reading: Reading

    def __init__(
        self, kernel: Kernel, config: TransformerConfig, heat: DryHeatConfig | OilHeatConfig, power_factor: float,
        load_kw: Sum, air_c: Signal, rises: Sequence[Rise], insulation: Insulation,
    ) -> None:  # fmt: skip
        """`rises` add up to the hot spot over the air."""
        super().__init__(kernel, config, power_factor, load_kw)
        self._load_kw = load_kw
        self._rated_kw = config.rating_kva * power_factor
        self.load_share = Sum(f"{self.path}.load_share", "1", [load_kw], scale=1.0 / self._rated_kw)
        self.sensor = State(f"{self.path}.sensor", SensorState.READING)
        kernel.add(self.load_share, self.sensor)
        self.hot_spot = HotSpot(
            kernel, self.path, rises, air_c, load_kw, self._rated_kw, self, insulation, self._arm
        )  # fmt: skip
        self.relief = Relief(kernel, heat.load_control, self._rated_kw, self._relieve)
        self.guards: dict[str, Guard] = {}
        self.is_uncontrolled = Knob(False, self._control_changed)
        self._alarms: dict[str, Event] = {}
        self._acts_at = FOREVER
        self._is_recooled = False
        kernel.touch(self)

    @abstractmethod
    def asked_k(self, load_kw: float) -> tuple[float, ...]:
        """What each rise would settle at under this load, 0 or more, cooled as it is."""

    @abstractmethod
    def adopt(self, now: SimTime) -> None:
        """From now on it is cooled otherwise: `asked_k` answers so."""

    @property
    def is_live(self) -> bool:
        """Whether it has voltage; without, nothing warms it."""
        return self._is_live

    def energise(self, is_live: bool) -> None:
        """Its core is magnetised, or not."""
        super().energise(is_live)
        self.recool()

    def recool(self) -> None:
        """Its cooling has changed, or whether anything warms it."""
        self._is_recooled = True
        self.hot_spot.recall()

    def plan(self, now: SimTime) -> SimTime:
        """Follow the load, let the protection act."""
        self._renew(now)
        hot_spot = self.hot_spot
        if self.reading.is_broken.value:
            return hot_spot.ends
        highest_c = hot_spot.highest_c if self.reading.is_sound else inf
        relays = [guard.relay for guard in self.guards.values()]
        near = [relay for relay in relays if relay.is_on or relay.reach_c <= highest_c]
        for relay in near:
            relay.see(now)
        if now >= self.relief.due:
            self.relief.step(now, abs(self._load_kw.at(now)), self.limit_kw)
        self._renew(now)
        self._acts_at = min([self.relief.due, *(relay.due(now, hot_spot.ends) for relay in near)])
        return min(hot_spot.ends, self._acts_at)

    def _renew(self, now: SimTime) -> None:
        if now >= self.hot_spot.ends:
            self.hot_spot.renew(now, is_recooled=self._is_recooled)
            self._is_recooled = False

    def _arm(self) -> None:
        """The hot spot wants to be renewed at another time."""
        if self.hot_spot.ends <= self._kernel.now:
            self._kernel.touch(self)
        else:
            self._kernel.wake(self, min(self.hot_spot.ends, self._acts_at))

    # The protection

    def guard(self, name: str, reading: Sum, levels: Levels, *others: Threshold) -> None:
        """Let this reading raise the alarm and trip, after what others it does."""
        reset_c = self.breaker.config.below_c

        def trip(is_on: bool) -> None:
            if is_on:
                alarm = self._alarms.get(name)
                temp_c = reading.at(self._kernel.now)
                self.breaker.trip(name, temp_c, alarm.seq if alarm is not None else None)
            else:
                self.breaker.release(name)

        alarms = Threshold(levels.alarm_c, lambda is_on: self._alarm("transformer_overtemperature", name, is_on))
        trips = Threshold(levels.trip_c, trip, clear_c=reset_c)
        control, near = self.relief.config, None
        if control is not None:
            near = Threshold(levels.trip_c - control.below_trip_k, lambda is_on: self.relief.turn(reading, is_on))
        thresholds = [*others, alarms, trips, *([near] if near is not None else [])]
        self.guards[name] = Guard(Relay(reading, thresholds), alarms, trips, near)

    def reset_levels(self, name: str, levels: Levels) -> None:
        """From now on the reading of that name raises the alarm and trips there, and load control begins as far below.

        What is on stays on until it is let go by the new level.
        """
        guard, control = self.guards[name], self.relief.config
        guard.alarm.move(levels.alarm_c)
        guard.trip.move(levels.trip_c, self.breaker.config.below_c)
        if guard.near is not None and control is not None:
            guard.near.move(levels.trip_c - control.below_trip_k)
        guard.relay.reset_reach()
        self._kernel.touch(self)

    def _alarm(self, alarm: str, by: str, is_on: bool) -> None:
        raised = self._alarms.pop(by, None)
        if is_on:
            data = {"alarm": alarm, "by": by}
            self._alarms[by] = self._kernel.emit("alarm.raised", self.path, data, clause="8.4.1.1")
        elif raised is not None:
            self._kernel.emit("alarm.cleared", self.path, {"alarm": alarm, "by": by}, raised.seq, clause="8.4.1.1")

    def _sensor_changed(self) -> None:
        """A broken sensor is told, one that sticks is not."""
        is_broken = self.reading.is_broken.value
        if self.sensor.set(self._kernel.now, SensorState.BROKEN if is_broken else SensorState.READING):
            self._alarm("transformer_sensor_broken", "sensor", is_broken)
        self._kernel.touch(self)

    def _control_changed(self) -> None:
        self.relief.switch(self.is_uncontrolled.value)
        self._kernel.touch(self)

    def _rerated(self) -> None:
        super()._rerated()
        self.limit.set(self._kernel.now, min(self.limit_kw, self.relief.limit_kw))

    def _relieve(self) -> None:
        limit_kw = min(self.limit_kw, self.relief.limit_kw)
        self.limit.set(self._kernel.now, limit_kw)
        self._kernel.emit("transformer.limited", self.path, {"limit_kw": limit_kw, "by": "heat"})
        self.on_limit()


@fault(
    "transformer.sensor_stuck",
    hits=WarmTransformer,
    zh="变压器温度传感器读数卡滞",
    clause="8.4.1.3",
    faces=("station",),
)
@dataclass(frozen=True, kw_only=True)
class TransformerSensorStuck:
    """The temperature reading of the transformer stays where it is; its protection is blind and does not know."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: WarmTransformer) -> Iterable[Contribution]:
        """Hold the reading."""
        yield transformer.reading.stick()


@fault("transformer.sensor_broken", hits=WarmTransformer, zh="变压器测温断线", clause="8.4.1.3", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class TransformerSensorBroken:
    """The transformer's temperature sensor is open: its controller reads nothing, says so, and switches nothing."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: WarmTransformer) -> Iterable[Contribution]:
        """Take the reading away."""
        yield transformer.reading.is_broken.force(True)


@fault(
    "transformer.load_control_failed", hits=WarmTransformer, zh="变压器温度限荷功能失效", clause="8.4.1.1",
    faces=("station", "wire"),
)  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class LoadControlFailed:
    """Nobody lowers the load of a hot transformer any longer: its trip is what is left."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: WarmTransformer) -> Iterable[Contribution]:
        """Switch the control off."""
        yield transformer.is_uncontrolled.force(True)
