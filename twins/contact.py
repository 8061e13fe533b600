"""Heat of a connector's contact: `C dT/dt = I^2 R - (T - Tair) / Rth`, and what the pile does about it.

One warm body for the hotter of the two DC contacts (physics sheet, section 3). The square of a decaying current is no
curve that a body can follow in closed form: it is given to it as straight lines of the same mean, short enough that the
temperature errs by less than 0.15 K.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, exp, expm1, inf
from typing import Final, Protocol

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.units import FOREVER, SimTime
from twins.connector import ConnectorConfig, LadderConfig
from twins.sensor import Reading
from twins.thermal import Threshold, WarmBody

__all__ = ["Contact", "ContactLoose", "HeatedOutlet", "TempSensorStuck", "bend_limit"]

_OHM: Final = 1e-6
_ERROR_K: Final = 0.15
_LINE: Final = 72.0 * 3.0**0.5
"""A line of the same mean in place of a bend b (unit/s2) over s seconds: its integral is off by b s^3 / 72 sqrt 3."""


def bend_limit(capacity_j_k: float) -> float:
    """How much `uohm * bend of the current's square * s^3` one line may stand for in a body of this heat capacity."""
    return _ERROR_K * _LINE * capacity_j_k / _OHM


class HeatedOutlet(Protocol):
    """What a contact asks of the outlet that it belongs to (`twins.evse.Evse`)."""

    path: str

    def warn(self, alarm: str) -> None:
        """Serve on with this alarm."""

    def calm(self, alarm: str) -> None:
        """That alarm is over."""

    def derate(self, source: str, share: float | None) -> None:
        """Give no more than this share of what is given now; None: no matter any longer."""

    def lock_out(self, cause: str, alarm: str) -> None:
        """Do not serve while `cause` lasts."""

    def lift(self, cause: str) -> None:
        """That cause is over."""


class Contact(WarmBody):
    """The hotter DC contact. Signals `contact_rise_k`, `contact_temp_c`; `contact_sensor_c` is what the pile knows.

    Alarms `connector_hot`, `connector_derated` and, with a lock-out, `connector_overtemperature`, by the sensor.
    """

    def __init__(self, kernel: Kernel, outlet: HeatedOutlet, config: ConnectorConfig, air_c: Signal) -> None:
        """As warm as the air, without current."""
        super().__init__(kernel, f"{outlet.path}.contact", air_c, config.capacity_j_k, 1.0 / config.cooled_k_w)
        self.config = config
        self._outlet = outlet
        self.sensor_c = Reading(kernel, f"{self.path}_sensor_c", "C", [self.temp_c], self._sensor_changed)
        kernel.add(self.sensor_c)
        self.resistance_uohm: Knob[float] = Knob(config.resistance_uohm, self._worn)
        self._current_a = Curve(0.0)
        self._ends = self._bends = FOREVER
        self._is_near = self._has_acted = False
        self._bend_limit = bend_limit(config.capacity_j_k)
        if isinstance(config.ladder, LadderConfig):
            self._climb(config.ladder)

    def carry(self, now: SimTime, ends: SimTime, a: float, c: float = 0.0, tau_s: float = inf) -> None:
        """Until `ends`, or until told anew, the current is `a + c exp(-(t - now) / tau_s)` amperes."""
        self._current_a.set(now, a, 0.0, c, tau_s)
        self._ends = ends
        version = self.rise_k.version
        self._heat(now)
        if self.rise_k.version == version:  # it flows on as before, but longer: that may now lead to a level
            self._watch(self.rise_k.at(now))
        if self._bends < FOREVER:
            self._kernel.wake(self, self._bends)

    def plan(self, now: SimTime) -> SimTime:
        """Go on with the current, let the thresholds act that the sensor has reached; what comes next."""
        if now >= self._bends:
            self._heat(now)
        stuck_c = self.sensor_c.stuck_at.value
        if stuck_c < inf:
            for threshold in self.thresholds:
                if threshold.see(now, stuck_c):
                    threshold.on_turn(threshold.is_on)
            due = min((one.due(lambda level_c: FOREVER) for one in self.thresholds), default=FOREVER)
        elif self._is_near:
            due = super().plan(now)
        else:
            return self._bends
        self._has_acted = any(threshold.is_on for threshold in self.thresholds)
        return min(due, self._bends)

    # Heat

    def _heat(self, now: SimTime) -> None:
        """Take the next line of the current's square."""
        current = self._current_a
        a, tau_s, left_s = current.a, current.tau, self._ends - now
        self._bends = FOREVER
        if current.c == 0.0 or left_s <= 0.0:
            self._warmed_by(now, current.at(now) ** 2, 0.0)
            return
        decay = current.c * exp(-(now - current.t0) / tau_s)
        bend = (2.0 * abs(a * decay) + 4.0 * decay * decay) / (tau_s * tau_s)
        lines = ceil(left_s * (self.resistance_uohm.value * bend / self._bend_limit) ** (1.0 / 3.0))
        length_s = left_s
        if lines > 1:
            length_s = left_s / lines
            self._bends = SimTime(now + length_s)
        lost = -expm1(-length_s / tau_s)
        left = 1.0 - lost
        mean = a * a + decay * lost * tau_s / length_s * (2.0 * a + 0.5 * decay * (1.0 + left))
        fall = decay * lost * (2.0 * a + decay * (1.0 + left))
        self._warmed_by(now, mean + 0.5 * fall, -fall / length_s)

    def _warmed_by(self, now: SimTime, square_a2: float, slope_a2_s: float) -> None:
        """The square of the current is this straight line from `now` on."""
        ohm = _OHM * self.resistance_uohm.value
        self.warm(now, ohm * square_a2, ohm * slope_a2_s)

    def _watch(self, rise_k: float) -> None:
        """Have the thresholds looked at where one is on, or what flows until it is told anew may lead to one."""
        now, room_k = self._kernel.now, self._room_k
        self._is_near = self._has_acted or rise_k >= room_k
        if not self._is_near:
            left_s, slope_w_s = min(self._ends, self._bends) - now, self._slope_w_s
            most_w = self.heat_w(now) + (slope_w_s * left_s if slope_w_s > 0.0 else 0.0)
            hottest_k = most_w / self.conductance_w_k  # the most heat until then would settle no higher
            if hottest_k >= room_k:
                self._is_near = hottest_k + (rise_k - hottest_k) * exp(-left_s / self.tau_s) >= room_k
        if self._is_near:
            self._kernel.touch(self)

    # What is done about it

    def _climb(self, ladder: LadderConfig) -> None:
        outlet, share = self._outlet, ladder.derate_share

        def warn(is_on: bool) -> None:
            (outlet.warn if is_on else outlet.calm)("connector_hot")

        def derate(is_on: bool) -> None:
            outlet.derate("contact_heat", share if is_on else None)
            (outlet.warn if is_on else outlet.calm)("connector_derated")

        def stop(is_on: bool) -> None:
            if is_on:
                outlet.lock_out("connector_overtemperature", "connector_overtemperature")
            else:
                outlet.lift("connector_overtemperature")

        rungs = ((ladder.warn_c, warn), (ladder.derate_c, derate), (ladder.stop_c, stop))
        thresholds = [Threshold(level_c, act) for level_c, act in rungs if level_c is not None]
        if thresholds:
            self.add(*thresholds)

    def _worn(self) -> None:
        current = self._current_a
        now = self._kernel.now
        self.carry(now, self._ends, current.a, current.at(now) - current.a, current.tau)

    def _sensor_changed(self) -> None:
        self._is_near = self._is_near or self.sensor_c.is_sound
        self._kernel.touch(self)


@fault("connector.contact_loose", hits=Contact, zh="充电枪触头接触不良", clause="8.4.1.2", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class ContactLoose:
    """A contact of the connector is worn or loose: its resistance grows, and with it the heat of the same current."""

    factor: float = field(default=5.0, metadata=bounds(low=1.0, high=100.0))
    """Of the sound contact's resistance: 2 worn, 5 loose (physics sheet, section 3)."""
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, contact: Contact) -> Iterable[Contribution]:
        """Scale the resistance."""
        yield contact.resistance_uohm.scale(self.factor)


@fault(
    "connector.temp_sensor_stuck", hits=Contact, zh="充电枪温度传感器卡死", clause="8.4.1.2", faces=("station", "wire")
)
@dataclass(frozen=True, kw_only=True)
class TempSensorStuck:
    """The connector's temperature sensor shows one value, whatever the contact's temperature: the pile goes by it."""

    temp_c: float = field(default=inf, metadata=bounds(low=-50.0, high=200.0))
    """Left out: what it shows when it sticks."""
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, contact: Contact) -> Iterable[Contribution]:
        """Hold what it shows."""
        yield contact.sensor_c.stick(self.temp_c)
