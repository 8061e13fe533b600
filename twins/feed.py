"""The medium-voltage feed: its voltage, sags and outages, and how piles ride through, trip and come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf

from sim.deeds import CannotDo, deed
from sim.faults import Contribution, Knob, bounds, fault
from sim.files import key
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.units import SimTime
from twins.breaker import Breaker

__all__ = ["Feed", "FeedState", "Outage", "RideThroughConfig", "Sag", "SwitchBreaker"]

_DEAD_PU = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class RideThroughConfig:
    """What the station's piles stand, and how they come back: one after the other, so that the grid is not hit."""

    trip_below_pu: float = field(default=0.85, metadata=key("Voltage that trips them.", low=0.1, high=0.99))
    back_above_pu: float = field(default=0.9, metadata=key("Voltage at which they come back.", low=0.1, high=1))
    ride_through_s: float = field(default=0.2, metadata=key("How long they stand less.", unit="s", low=0, high=10))
    restart_s: float = field(default=30.0, metadata=key("From the voltage's return.", unit="s", low=0, high=3_600))
    stagger_s: float = field(default=5.0, metadata=key("Between one pile and the next.", unit="s", low=0, high=600))


class FeedState(Enum):
    """What the feed gives."""

    path_form = "grid.feed"

    NORMAL = "normal"
    SAG = "sag"
    OUTAGE = "outage"


class Feed:
    """Signal `grid.voltage_pu` (of the busbar), state `grid.feed`. `on_live` hears when it dies and comes back.

    `breaker` stands between it and the busbar.
    The busbar is dead in an outage, and while the breaker between it and the feed is open.
    """

    path = "grid.feed"

    def __init__(self, kernel: Kernel, config: RideThroughConfig) -> None:
        """`piles` join with `supply`."""
        self._kernel = kernel
        self._config = config
        self.voltage_pu = Signal("grid.voltage_pu", "1", 1.0)
        self.state = State("grid.feed.state", FeedState.NORMAL)
        kernel.add(self.voltage_pu, self.state)
        self.voltage: Knob[float] = Knob(1.0, self._changed)
        self.on_live: Callable[[bool], None] = lambda is_live: None
        self._trips: Sequence[Callable[[], None]] = ()
        self._returns: Sequence[Callable[[], None]] = ()
        self.breaker: Breaker | None = None
        self._generation = 0
        self._is_tripped = False
        self._is_connected = True

    def supply(self, trips: Sequence[Callable[[], None]], returns: Sequence[Callable[[], None]]) -> None:
        """What every pile does when the voltage is too low for too long, and when it is back; in order of return."""
        self._trips, self._returns = trips, returns

    def connect(self, is_connected: bool) -> None:
        """The breaker between the feed and the busbar has closed, or opened."""
        self._is_connected = is_connected
        self._changed()

    def _changed(self) -> None:
        now, feed_pu = self._kernel.now, self.voltage.value
        volts = feed_pu if self._is_connected else 0.0
        was_live, is_live = self.voltage_pu.a > _DEAD_PU, volts > _DEAD_PU
        self.voltage_pu.set(now, volts)
        state = FeedState.OUTAGE if feed_pu <= _DEAD_PU else FeedState.SAG if feed_pu < 1.0 else FeedState.NORMAL
        if self.state.set(now, state):
            self._tell(state)
        if is_live is not was_live:
            self.on_live(is_live)
        self._generation += 1
        generation = self._generation
        if volts < self._config.trip_below_pu and not self._is_tripped:
            self._kernel.at(SimTime(now + self._config.ride_through_s), lambda: self._trip(generation))
        elif volts >= self._config.back_above_pu and self._is_tripped:
            self._is_tripped = False
            for number, come_back in enumerate(self._returns):
                after_s = self._config.restart_s + number * self._config.stagger_s
                self._kernel.at(SimTime(now + after_s), lambda act=come_back: self._return(generation, act))  # type: ignore[misc]

    def _tell(self, state: FeedState) -> None:
        data = {"voltage_pu": self.voltage.value}
        if state is FeedState.OUTAGE:
            self._kernel.emit("grid.outage", self.path, data, clause="8.4.1.1")
        elif state is FeedState.SAG:
            self._kernel.emit("grid.sag", self.path, data, clause="8.4.1.1")
        else:
            self._kernel.emit("grid.restored", self.path, data, clause="8.4.1.1")

    def _trip(self, generation: int) -> None:
        if generation == self._generation and not self._is_tripped:
            self._is_tripped = True
            for trip in self._trips:
                trip()

    def _return(self, generation: int, come_back: Callable[[], None]) -> None:
        if generation == self._generation:
            come_back()


@fault("grid.sag", hits=Feed, zh="电压暂降", clause="8.4.1.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class Sag:
    """The voltage of the feed falls to a part of its rating; what rides through goes on, what cannot trips."""

    residual_pu: float = field(default=0.6, metadata=bounds(low=0.06, high=0.99))
    duration_s: float = field(default=0.5, metadata=bounds(low=0.01, high=3_600.0))

    def contributions(self, feed: Feed) -> Iterable[Contribution]:
        """Cap the voltage."""
        yield feed.voltage.cap(self.residual_pu)


@fault("grid.outage", hits=Feed, zh="供电中断", clause="8.4.1.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class Outage:
    """The feed is dead: every charge ends, the house is dark, nothing is metered."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.01, high=1e9))

    def contributions(self, feed: Feed) -> Iterable[Contribution]:
        """No voltage."""
        yield feed.voltage.cap(0.0)


@deed("grid.breaker", on=Feed, zh="主断路器分合闸")
@dataclass(frozen=True, kw_only=True)
class SwitchBreaker:
    """Open or close the breaker between the feed and the busbar; nobody closes one from afar that has tripped."""

    is_closed: bool

    def do(self, feed: Feed, source: str) -> None:
        """Drive it."""
        if feed.breaker is None:
            raise CannotDo("there is no breaker")
        if self.is_closed:
            feed.breaker.close(source)
        else:
            feed.breaker.open(source)
