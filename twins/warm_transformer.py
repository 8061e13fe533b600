"""A transformer that warms by its load, ages, and is guarded: the part that is common to dry units and those in oil.

Each temperature over the air is a rise that tends to what the load asks of it, `dr/dt = (asked - r) / tau`, as in
IEC 60076-7 and 60076-12. These are no heat balances: what the losses of a transformer heat beside that is left out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import copysign, exp, inf, sqrt

from sim.events import Event
from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.breaker import Breaker
from twins.insulation import Ageing, Insulation
from twins.load_course import LoadCourse
from twins.relay import Relay
from twins.relief import Relief
from twins.thermal import Threshold
from twins.transformer import Transformer, TransformerConfig
from twins.transformer_heat import DryHeatConfig, Levels, OilHeatConfig

__all__ = ["Rise", "SensorBroken", "SensorState", "SensorStuck", "WarmTransformer"]

_STEP_K = 0.3  # by which the hot spot may be wrong before it is seen what the load has done
_DRIFT_K = 0.2  # the same of how the load bends
_BEND_K = 0.04  # by which it may bend off the straight line on which ageing is followed, where that counts
_COOL_BEND_K = 1.0
_SETTLED_K = 0.05
_MUCH = 0.15  # of the rating: such a step is followed at once
_RUN = 0.1  # of the rating: as far as a load that runs is taken to warm along a straight line


class Rise:
    """One rise in K. Between two plans it tends to a straight line; then it takes up what the mean load asked."""

    __slots__ = ("signal", "tau_s")

    def __init__(self, path: str, tau_s: float) -> None:
        """Begins at 0."""
        self.signal = Signal(path, "K")
        self.tau_s = tau_s

    def follow(self, now: SimTime, span_s: float, mean_k: float, asked_k: float, slope: float) -> float:
        """It was asked `mean_k` for `span_s`, and from now on `asked_k` and `slope` a second more; its value now."""
        signal = self.signal
        risen_k = mean_k + (signal.a + signal.c - mean_k) * exp(-span_s / self.tau_s)
        lag_k = slope * self.tau_s
        signal.set(now, asked_k - lag_k, slope, risen_k - asked_k + lag_k, self.tau_s)
        return risen_k


class SensorState(Enum):
    """Whether the protection has a reading."""

    READING = "reading"
    BROKEN = "broken"


class WarmTransformer(Transformer, Twin):
    """Signals `hot_spot_c` (true), `load_share` (load over the rating in force), `ageing_rate`, `loss_of_life_h`.

    States `breaker` and `sensor`. A step of the load is followed at once or as soon as it would show; the exact mean of
    the load since the last plan is made up for then.
    """

    rank = Rank.THERMAL

    def __init__(
        self, kernel: Kernel, config: TransformerConfig, heat: DryHeatConfig | OilHeatConfig, power_factor: float,
        load_kw: Sum, air_c: Signal, rises: Sequence[Rise], insulation: Insulation,
    ) -> None:  # fmt: skip
        """`rises` add up to the hot spot over the air."""
        super().__init__(kernel, config, power_factor, load_kw)
        self.rises = rises
        self.air_c = air_c
        self._load_kw = load_kw
        self._rated_kw = config.rating_kva * power_factor
        self.load_share = Sum(f"{self.path}.load_share", "1", [load_kw], scale=1.0 / self._rated_kw)
        signals = [rise.signal for rise in rises]
        self.hot_spot_c = Sum(f"{self.path}.hot_spot_c", "C", [air_c, *signals])
        self.sensor = State(f"{self.path}.sensor", SensorState.READING)
        kernel.add(self.load_share, *signals, self.hot_spot_c, self.sensor)
        self.ageing = Ageing(kernel, self.path, insulation)
        self.breaker = Breaker(kernel, self.path, heat.reset)
        self.relief = Relief(kernel, heat.load_control, self._rated_kw, self._relieve)
        self.relays: list[Relay] = []
        self.is_sensor_stuck = Knob(False, self._sensor_changed)
        self.is_sensor_broken = Knob(False, self._sensor_changed)
        self._alarms: dict[str, Event] = {}
        self._much_kw = _MUCH * self._rated_kw
        self._course = LoadCourse(kernel, load_kw, self._much_kw, self._due_by)
        self._ends = self._planned_ends = self._acts_at = FOREVER
        self._highest_c = inf
        self._is_stale = self._is_recooled = True
        air_c.watch(self._follow)
        kernel.touch(self)

    # The rises

    @abstractmethod
    def asked_k(self, load_kw: float) -> tuple[float, ...]:
        """What each rise would settle at under this load, cooled as it is now."""

    @abstractmethod
    def adopt(self, now: SimTime) -> None:
        """Take up another cooling from now on."""

    @property
    def is_live(self) -> bool:
        """Whether it has voltage."""
        return self._is_live

    def energise(self, is_live: bool) -> None:
        """Its core is magnetised, or not; without voltage nothing warms it."""
        super().energise(is_live)
        self.recool()

    def recool(self) -> None:
        """Its cooling has changed, or whether anything warms it."""
        self._is_recooled = True
        self._follow()

    def settle(self, now: SimTime) -> None:
        """Begin as after days of the present load."""
        self.adopt(now)
        for rise, asked_k in zip(self.rises, self.asked_k(abs(self._load_kw.at(now))), strict=True):
            rise.signal.set(now, asked_k)
        self._renew(now)

    def plan(self, now: SimTime) -> SimTime:
        """Follow the load, let the protection act."""
        if self._is_stale or now >= self._ends:
            self._renew(now)
        if self.is_sensor_broken.value:
            return self._ends
        highest_c = inf if self.is_sensor_stuck.value else self._highest_c
        near = [relay for relay in self.relays if relay.is_on or relay.reach_c <= highest_c]
        for relay in near:
            relay.see(now)
        if now >= self.relief.due:
            self.relief.step(now, abs(self._load_kw.at(now)), self.limit_kw)
        if self._is_stale:
            self._renew(now)
        self._acts_at = min([self.relief.due, *(relay.due(now, self._ends) for relay in near)])
        return min(self._ends, self._acts_at)

    def _renew(self, now: SimTime) -> None:
        """Take up what the mean load has asked since the last look, and plan from the load as it is and runs now."""
        load_kw, mean_kw, span_s, slope, bend = self._course.look(now)
        means_k = self.asked_k(abs(mean_kw))
        if self._is_recooled:
            self.adopt(now)
        if load_kw < 0.0:  # fed back, it warms as much
            load_kw, slope, bend = -load_kw, -slope, -bend
        much_kw = self._much_kw
        asked_k, more_k = self.asked_k(load_kw), self.asked_k(load_kw + much_kw)
        creep = 0.0  # how fast the hot spot goes wrong, in K/s, for each kW unseen
        for rise, one_k, other_k in zip(self.rises, asked_k, more_k, strict=True):
            creep += abs(other_k - one_k) / (rise.tau_s * much_kw)
        ends_s, then_k = inf, asked_k
        if slope != 0.0:
            ends_s = _RUN * self._rated_kw / abs(slope)
            if creep * bend != 0.0:
                ends_s = min(ends_s, (6.0 * _DRIFT_K / (creep * abs(bend))) ** (1.0 / 3.0))
            if bend * slope < 0.0:  # straight on, and as far in the mean
                slope += copysign(min(abs(bend) * ends_s, abs(slope)) / 3.0, bend)
            then_k = self.asked_k(abs(load_kw + slope * ends_s))
        far_k = bends = risen_c = 0.0
        highest_c = max(0.0, self.air_c.b) * SECONDS_PER_HOUR
        for rise, mean_k, one_k, other_k in zip(self.rises, means_k, asked_k, then_k, strict=True):
            risen_k = rise.follow(now, span_s, mean_k, one_k, (other_k - one_k) / ends_s)
            gap_k = abs(rise.signal.c)
            far_k += gap_k
            bends += gap_k / rise.tau_s**2
            risen_c += risen_k
            highest_c += max(risen_k, one_k, other_k)
        air_c = self.air_c.at(now)
        self._highest_c = highest_c = highest_c + air_c
        if far_k > _SETTLED_K:
            may_bend_k = _BEND_K if highest_c > self.ageing.counts_from_c else _COOL_BEND_K
            ends_s = min(ends_s, sqrt(8.0 * may_bend_k / bends))
        if self.air_c.b != 0.0:
            ends_s = min(ends_s, SECONDS_PER_HOUR)
        self._ends = self._planned_ends = SimTime(now + ends_s)
        self._course.allow(_STEP_K / creep if creep > 0.0 else inf)
        self._is_stale = self._is_recooled = False
        # through both ends the ageing would run on one side of a hot spot that bends
        half_s = 0.5 * ends_s if ends_s < inf else 10.0 * max(rise.tau_s for rise in self.rises)
        halfway = SimTime(now + half_s)
        then_c = self.air_c.at(halfway) + sum([rise.signal.at(halfway) for rise in self.rises])
        self.ageing.follow(now, air_c + risen_c, then_c, half_s)

    def _due_by(self, t: SimTime) -> None:
        """The load has changed: it must be looked at by then."""
        if t <= self._kernel.now:
            self._follow()
            return
        self._ends = min(t, self._planned_ends)
        self._kernel.wake(self, min(self._ends, self._acts_at))

    def _follow(self) -> None:
        self._is_stale = True
        self._kernel.touch(self)

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

        thresholds = [
            *others,
            Threshold(levels.alarm_c, lambda is_on: self._alarm("overtemperature", name, is_on)),
            Threshold(levels.trip_c, trip, clear_c=reset_c),
        ]
        control = self.relief.config
        if control is not None:
            level_c = levels.trip_c - control.below_trip_k
            thresholds.append(Threshold(level_c, lambda is_on: self.relief.turn(reading, is_on)))
        self.relays.append(Relay(reading, thresholds))

    def _alarm(self, alarm: str, by: str, is_on: bool) -> None:
        raised = self._alarms.pop(by, None)
        if is_on:
            data = {"alarm": alarm, "by": by}
            self._alarms[by] = self._kernel.emit("alarm.raised", self.path, data, clause="8.4.1.1")
        elif raised is not None:
            self._kernel.emit("alarm.cleared", self.path, {"alarm": alarm, "by": by}, raised.seq, clause="8.4.1.1")

    def _sensor_changed(self) -> None:
        """A reading that sticks, or has none, stays where it was; a broken sensor is told, one that sticks is not."""
        now, is_broken = self._kernel.now, self.is_sensor_broken.value
        reading = self.relays[0].reading
        if is_broken or self.is_sensor_stuck.value:
            reading.retune(now, 0.0, reading.at(now))
        else:
            reading.retune(now, 1.0, 0.0)
        if self.sensor.set(now, SensorState.BROKEN if is_broken else SensorState.READING):
            self._alarm("sensor_broken", "sensor", is_broken)
        self._kernel.touch(self)

    def _relieve(self) -> None:
        limit_kw = self.relief.limit_kw if self.relief.limit_kw < inf else self.limit_kw
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
class SensorStuck:
    """The temperature reading of the transformer stays where it is; its protection is blind and does not know."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: WarmTransformer) -> Iterable[Contribution]:
        """Hold the reading."""
        yield transformer.is_sensor_stuck.force(True)


@fault("transformer.sensor_broken", hits=WarmTransformer, zh="变压器测温断线", clause="8.4.1.3", faces=("station",))
@dataclass(frozen=True, kw_only=True)
class SensorBroken:
    """The transformer's temperature sensor is open: its controller reads nothing, says so, and switches nothing."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: WarmTransformer) -> Iterable[Contribution]:
        """Take the reading away."""
        yield transformer.is_sensor_broken.force(True)
