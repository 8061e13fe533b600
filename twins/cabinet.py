"""The cabinet of a pile: warmed by the pile's losses and the sun, cooled by its fans; derates and cuts off when hot.

Physics sheet, section 2: `C dT/dt = loss - (G_leak + G_fan fan) (T - T_air) + sun`. Its controls go by a sensor at the
inlet of the modules, which reads what the cabinet has, or lies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Literal, Protocol

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import Misfit, key
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.derating import CURVES, Derating, DeratingCurve
from twins.heat_lines import LossLine, PowerWriter, SunLine
from twins.sensor import Reading
from twins.thermal import Threshold, WarmBody

__all__ = ["Cabinet", "CabinetConfig", "FanDusty", "FanFailed", "InletSensorBroken", "InletSensorStuck"]

AIR_KG_M3, AIR_J_KG_K, AIR_RISE_K = 1.15, 1_005.0, 15.0
DUSTY_FAN, DUSTY_AFTER_DAYS = 0.5, 90.0

_TOLD = 0.1 - 1e-9
_DAY_S = 24.0 * SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinetConfig:
    """Heat of one cabinet; the defaults are ours, for one of 120 kW, and predict no maker's."""

    capacity_kj_k: float = field(default=150.0, metadata=key("Heat capacity.", unit="kJ/K", low=1, high=10_000))
    fan_w_k: float = field(
        default=420.0, metadata=key("What its fans carry off, clean and at full speed.", unit="W/K", low=0, high=50_000)
    )
    leak_w_k: float = field(default=25.0, metadata=key("What its walls give off.", unit="W/K", above=0, high=5_000))
    solar_m2: float = field(
        default=1.2, metadata=key("Wall in the sun times what it takes in of it.", unit="m2", low=0, high=50)
    )
    derating: Literal["module_20kw", "abb_terra_94_184", "gb_default"] | tuple[tuple[float, float], ...] = field(
        default="gb_default",
        metadata=key("A named curve, or points [C, % of the rating] from cold to hot, by the air in the cabinet."),
    )
    inlet_cutoff_c: float = field(
        default=80.0, metadata=key("Inlet temperature that stops the pile.", unit="C", low=30, high=120)
    )
    fan_on_c: float = field(
        default=50.0, metadata=key("From here on the fans run without a charge too.", unit="C", low=0, high=120)
    )
    dust_days: float | None = field(
        default=None,
        metadata=key(
            "Days since its filters were cleaned: the fans' air falls to half over 90. Left out: they stay clean.",
            unit="d",
            low=0,
            high=36_500,
        ),
    )

    def __post_init__(self) -> None:
        """Refuse a curve that rises with heat, and fans that start when all is over."""
        if not self.derating:
            raise Misfit("derating", "no points", "a named curve, or points such as [[50, 100], [65, 50]]")
        _ = self.curve
        if self.fan_on_c >= self.inlet_cutoff_c:
            right = f"below inlet_cutoff_c, {self.inlet_cutoff_c:g} C"
            raise Misfit("fan_on_c", f"{self.fan_on_c:g} C comes after the cut-off", right)

    @property
    def curve(self) -> DeratingCurve:
        """What it derates by."""
        return CURVES[self.derating] if isinstance(self.derating, str) else DeratingCurve(self.derating)


class HeatedPile(Protocol):
    """The pile that stands in a cabinet."""

    path: str
    loss_kw: Sum

    @property
    def evses(self) -> Sequence[PowerWriter]:
        """Its outlets, on whose powers the loss depends."""

    def derate(self, share: float) -> None:
        """Give no more than this share of the rating, 0 to 1, from now on."""

    def lock_out(self, cause: str, alarm: str) -> None:
        """Serve nobody while `cause` lasts."""

    def lift(self, cause: str) -> None:
        """That cause is over."""

    def remark(self, what: str, is_on: bool) -> None:
        """Serve on, but tell of it; or it is over."""


class Cabinet(Twin):
    """Warms `body` and acts on what the inlet sensor says.

    Signals of the pile: `cabinet_temp_c`, `cabinet_rise_k` (over the air), `cabinet_airflow_needed_m3_h` (air that
    would carry its loss off, 15 K warmer, whether or not the fans turn), `inlet_temp_c` (what the sensor says),
    `fan_share` (of what clean fans carry off),
    `derating` (share of the rating that it may give). Events `pile.derated` (share, temp_c; when it begins and at each
    tenth of the rating) and `pile.derating_ended`. Above the cut-off, and while the sensor says nothing, it is locked
    out; the fans run while there is loss, or while it is hot. The pile tells of fans that do not turn when they should.
    """

    rank = Rank.THERMAL

    def __init__(
        self, kernel: Kernel, pile: HeatedPile, config: CabinetConfig, air_c: Signal, sun_w_m2: Signal | None
    ) -> None:
        """`sun_w_m2` is the sun on level ground, None under a roof; it begins at the temperature of the air."""
        self.path = f"{pile.path}.cabinet"
        self.config = config
        self._kernel = kernel
        self._pile = pile
        self._air_c = air_c
        self.body = WarmBody(kernel, self.path, air_c, 1e3 * config.capacity_kj_k, config.leak_w_k)
        per_kw = 1e3 * SECONDS_PER_HOUR / (AIR_KG_M3 * AIR_J_KG_K * AIR_RISE_K)
        self.airflow_needed_m3_h = Sum(f"{self.path}_airflow_needed_m3_h", "m3/h", [pile.loss_kw], scale=per_kw)
        self.inlet_temp_c = Reading(kernel, f"{pile.path}.inlet_temp_c", "C", [self.body.temp_c], self._doubt)
        self.fan_share = Signal(f"{pile.path}.fan_share", "1")
        self.derating = Signal(f"{pile.path}.derating", "1", 1.0)
        kernel.add(self.airflow_needed_m3_h, self.inlet_temp_c, self.fan_share, self.derating)
        self.fan = Knob(1.0, self._doubt)
        self._derating = Derating(config.curve, self._turned)
        self._cutoff = Threshold(config.inlet_cutoff_c, self._turned)
        self._warning = Threshold(config.fan_on_c, self._turned)
        self.body.add(self._cutoff, self._warning)
        if not config.curve.is_by_air:
            self.body.add(*self._derating.thresholds)
        self._losses = self._loss_lines()
        self._sun = SunLine(sun_w_m2, config.solar_m2) if sun_w_m2 is not None else None
        for outside in (air_c if config.curve.is_by_air else None, sun_w_m2):
            if outside is not None:
                outside.watch(partial(kernel.touch, self))
        self._has_loss = self._is_hot = self._is_mute = False
        self._is_unsure = True
        self._told = 1.0
        self._gives_off_w_k = config.leak_w_k
        self._gather_dust()
        kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Follow what warms it; act where something has turned."""
        heat_w, slope_w_s, has_loss, wake_at = 0.0, 0.0, False, FOREVER
        for line in self._losses:
            until = line.follow(now)
            wake_at = until if until < wake_at else wake_at
            heat_w += line.heat_w + line.slope_w_s * (now - line.since)
            slope_w_s += line.slope_w_s
            has_loss = has_loss or line.is_on
        if self._derating.curve.is_by_air:
            wake_at = min(wake_at, self._look_at_air(now))
        if has_loss is not self._has_loss:
            self._has_loss = has_loss
            self._run_fans(now)
        if self._is_unsure:
            self._is_unsure = False
            self._run_fans(now)
            self._protect()
            self._derate(now)
        sun = self._sun
        if sun is not None:
            wake_at = min(wake_at, sun.follow(now))
            heat_w += sun.heat_w + sun.slope_w_s * (now - sun.since)
            slope_w_s += sun.slope_w_s
        self.body.warm(now, heat_w, slope_w_s, self._gives_off_w_k)
        return wake_at

    def _loss_lines(self) -> list[LossLine]:
        pile, capacity_j_k = self._pile, self.body.capacity_j_k
        outlets = {id(outlet.power_kw): outlet for outlet in pile.evses}
        weighted = pile.loss_kw.weighted_leaves().items()
        for power, _ in weighted:
            power.watch(partial(self._kernel.touch, self))
        return [LossLine(power, 1e3 * weight, outlets.get(id(power)), capacity_j_k) for power, weight in weighted]

    def _look_at_air(self, now: SimTime) -> SimTime:
        air, thresholds = self._air_c, self._derating.thresholds
        for threshold in thresholds:
            if threshold.see(now, air.at(now)):
                self._is_unsure = True
        return min((one.due(lambda level: air.crossing(level, now) or FOREVER) for one in thresholds), default=FOREVER)

    def _run_fans(self, now: SimTime) -> None:
        is_running = self._has_loss or self.inlet_temp_c.is_broken.value or self._is_above(self._warning)
        share = self.fan.value if is_running else 0.0
        if is_running:  # fans that are to stand still tell nothing of how they are
            self._pile.remark("fan_failed", share <= 0.0)
        self.fan_share.set(now, share)
        self._gives_off_w_k = self.config.leak_w_k + self.config.fan_w_k * share

    def _protect(self) -> None:
        is_mute = self.inlet_temp_c.is_broken.value
        if is_mute is not self._is_mute:
            self._is_mute = is_mute
            self._hold("inlet_sensor_broken", is_mute)
        is_hot = self._is_above(self._cutoff)
        if is_hot is not self._is_hot:
            self._is_hot = is_hot
            self._hold("high_temperature", is_hot)

    def _hold(self, cause: str, is_on: bool) -> None:
        if is_on:
            self._pile.lock_out(cause, cause)
        else:
            self._pile.lift(cause)

    def _is_above(self, threshold: Threshold) -> bool:
        """Whether the controls hold this threshold to be reached; a sensor that lies has no hysteresis."""
        if self.inlet_temp_c.is_broken.value:
            return False
        stuck_c = self.inlet_temp_c.stuck_at.value
        return threshold.is_on if stuck_c == inf else stuck_c >= threshold.level_c

    def _derate(self, now: SimTime) -> None:
        curve, stuck_c = self._derating.curve, self.inlet_temp_c.stuck_at.value
        if self.inlet_temp_c.is_broken.value and not curve.is_by_air:
            return  # locked out, until it says something again
        share = self._derating.share if stuck_c == inf or curve.is_by_air else curve.share(stuck_c)
        if share == self.derating.a:
            return
        self.derating.set(now, share)
        self._pile.derate(share)
        if share == 1.0:
            self._told = 1.0
            self._kernel.emit("pile.derating_ended", self._pile.path, clause="8.4.1.2")
        elif self._told == 1.0 or abs(share - self._told) >= _TOLD:
            self._told = share
            temp_c = (self._air_c if curve.is_by_air else self.inlet_temp_c).at(now)
            told = {"share": round(share, 4), "temp_c": round(temp_c, 2)}
            self._kernel.emit("pile.derated", self._pile.path, told, clause="8.4.1.2")

    def _turned(self, _is_on: bool) -> None:
        self._doubt()

    def _doubt(self) -> None:
        self._is_unsure = True
        self._kernel.touch(self)

    def _gather_dust(self) -> None:
        """What dust leaves of the fans' air, taken anew every day."""
        if self.config.dust_days is None:
            return
        days = self.config.dust_days + self._kernel.now / _DAY_S
        self.fan.rebase(1.0 - (1.0 - DUSTY_FAN) * min(1.0, days / DUSTY_AFTER_DAYS))
        self._doubt()
        if days < DUSTY_AFTER_DAYS:
            self._kernel.at(SimTime(self._kernel.now + _DAY_S), self._gather_dust)


@fault("pile.fan_failed", hits=Cabinet, zh="机柜风机停转", clause="8.4.1.2", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class FanFailed:
    """The fans of a cabinet stand still; what it cannot give off it must not take in."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, cabinet: Cabinet) -> Iterable[Contribution]:
        """No air."""
        yield cabinet.fan.force(0.0)


@fault("pile.fan_dusty", hits=Cabinet, zh="机柜滤网积尘", clause="8.4.1.2", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class FanDusty:
    """Dust on the filters of a cabinet leaves its fans a share of their air."""

    factor: float = field(default=DUSTY_FAN, metadata=bounds(low=0.0, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, cabinet: Cabinet) -> Iterable[Contribution]:
        """Less air, on top of the dust that its file says."""
        yield cabinet.fan.scale(self.factor)


@fault("pile.inlet_sensor_stuck", hits=Cabinet, zh="进风温度传感器卡值", clause="8.4.1.2", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class InletSensorStuck:
    """The inlet sensor of a cabinet says the same whatever happens: `at_c`, or what it said last."""

    at_c: float = field(default=inf, metadata=bounds(low=-40.0, high=150.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, cabinet: Cabinet) -> Iterable[Contribution]:
        """Its controls go by that."""
        yield cabinet.inlet_temp_c.stick(self.at_c)


@fault("pile.inlet_sensor_broken", hits=Cabinet, zh="进风温度传感器断线", clause="8.4.1.2", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class InletSensorBroken:
    """The inlet sensor of a cabinet says nothing: the pile cannot know how hot it is, and stops."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, cabinet: Cabinet) -> Iterable[Contribution]:
        """A reading that no air has."""
        yield cabinet.inlet_temp_c.is_broken.force(True)
