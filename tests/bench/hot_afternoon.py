"""A pile on a hot afternoon: played by a station, and by steps of 0.1 s that follow the derating curve itself.

Air and sun are those of the recorded series' hottest day. When a vehicle charges is taken from the station; how warm
the cabinet gets, what its fans do and what the pile may give are not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.cabinet import CabinetConfig
from twins.derating import CURVES
from twins.heat_lines import SUN_MAX_W_M2
from twins.platform import LocalPlatform
from twins.replay import ReplayRow
from twins.station import Station
from twins.station_file import HeatConfig, find_station, read_station
from twins.weather import WeatherConfig

STEP_S = 0.1
DAY = datetime(2022, 7, 13)
FIRST_H = 11.0
RATED_KW, LOSS = 120.0, 1.0 / 0.95 - 1.0
_SHOWN_S = 10.0
_STAY_S, _EVERY_S = 3_000.0, 3_600.0
_LET_GO_K, _HOLD_S = 5.0, 60.0


@dataclass(frozen=True)
class Side:
    """One way of playing it, every ten seconds: cabinet in C, output in kW and kWh so far, share it may give."""

    temp_c: np.ndarray
    power_kw: np.ndarray
    energy_kwh: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class Afternoon:
    """Both ways, and the air."""

    hour: np.ndarray
    air_c: np.ndarray
    twin: Side
    steps: Side

    @property
    def worst(self) -> dict[str, float]:
        """Greatest differences at any time; of the energy, at the end."""
        return {
            "temperature, K": float(np.abs(self.twin.temp_c - self.steps.temp_c).max()),
            "share of the rating, points": 100.0 * float(np.abs(self.twin.share - self.steps.share).max()),
            "energy, %": 100.0 * abs(float(self.twin.energy_kwh[-1] / self.steps.energy_kwh[-1]) - 1.0),
        }


def afternoon(hours: float, dust_days: float | None = None, fails_h: tuple[float, float] | None = None) -> Afternoon:
    """From eleven on, each hour a vehicle that takes all it is given for fifty minutes.

    `dust_days` since the filters were cleaned; `fails_h` is from when to when the fans stand still.
    """
    config = CabinetConfig(dust_days=dust_days)
    station = _station(config)
    kernel, pile, weather = station.kernel, station.piles["A01"], station.weather
    assert pile.cabinet is not None
    switched: list[float] = []
    for kind in ("session.started", "session.ended"):
        kernel.subscribe(lambda event: switched.append(event.t), kind)
    first_s = FIRST_H * SECONDS_PER_HOUR
    station.replay(
        tuple(
            ReplayRow(arrival_s=first_s + n * _EVERY_S, stay_s=_STAY_S, connector=1, capacity_kwh=1_000.0,
                      soc_in_pct=5.0, soc_target_pct=90.0, power_max_kw=400.0)
            for n in range(int(hours * SECONDS_PER_HOUR / _EVERY_S))
        )
    )  # fmt: skip
    stands_s = tuple(hour * SECONDS_PER_HOUR for hour in fails_h or (np.inf, np.inf))
    if fails_h is not None:
        failed = {"duration_s": stands_s[1] - stands_s[0]}
        kernel.at(SimTime(stands_s[0]), lambda: station.faults.inject("pile.fan_failed", pile.cabinet.path, failed))
    fan = pile.cabinet.fan.value
    rows = []
    for n in range(round(hours * SECONDS_PER_HOUR / _SHOWN_S) + 1):
        t = SimTime(first_s + n * _SHOWN_S)
        kernel.advance(t)
        kernel.jump(t)
        energy_kwh = pile.power_kw.total_at(t) / SECONDS_PER_HOUR
        rows.append((t, weather.air_temp_c.at(t), weather.sun_w_m2.at(t), pile.cabinet.body.temp_c.at(t),
                     pile.power_kw.at(t), energy_kwh, pile.cabinet.derating.at(t)))  # fmt: skip
    t_s, air_c, sun_w_m2, *twin = np.array(rows).T
    cabinet = _Cabinet(config, fan, stands_s, float(twin[0][0]))
    steps = _steps(cabinet, t_s, air_c, sun_w_m2, [*switched, np.inf])
    return Afternoon(t_s / SECONDS_PER_HOUR, air_c, Side(*twin), steps)


def _station(cabinet: CabinetConfig) -> Station:
    """One pile in the open, of the round efficiency that the physics sheet reckons with."""
    two = read_station(find_station("two-outlet")).value
    pile = replace(two.piles[0], model="dc_120_1_eta95", evses=two.piles[0].evses[:1], cabinet=cabinet)
    file = replace(
        two, station=replace(two.station, timezone="Asia/Shanghai"), piles=(pile,), heat=HeatConfig(piles=True),
        weather=WeatherConfig(series="shenzhen_2022"),
    )  # fmt: skip
    kernel = Kernel(Clock(DAY, file.station.timezone), 1)
    return Station(kernel, file, LocalPlatform(kernel))


class _Cabinet:
    """Section 2 of the sheet, and the fans' controls."""

    def __init__(self, config: CabinetConfig, fan: float, stands_s: tuple[float, ...], temp_c: float) -> None:
        self.config, self.fan, self.stands_s, self.temp_c = config, fan, stands_s, temp_c
        self._is_hot, self._cool_s = temp_c >= config.fan_on_c, 0.0

    def step(self, t: float, loss_kw: float, sun_w_m2: float, air_c: float) -> None:
        """To the end of a step that begins at `t`."""
        config = self.config
        self._cool_s = self._cool_s + STEP_S if self.temp_c <= config.fan_on_c - _LET_GO_K else 0.0
        self._is_hot = self.temp_c >= config.fan_on_c or (self._is_hot and self._cool_s < _HOLD_S)
        gives_w_k = config.leak_w_k
        if (loss_kw > 0.0 or self._is_hot) and not self.stands_s[0] <= t < self.stands_s[1]:
            gives_w_k += config.fan_w_k * self.fan
        heat_w = 1e3 * loss_kw + config.solar_m2 * min(sun_w_m2, SUN_MAX_W_M2)
        self.temp_c += STEP_S * (heat_w - gives_w_k * (self.temp_c - air_c)) / (1e3 * config.capacity_kj_k)


def _steps(cabinet: _Cabinet, t_s: np.ndarray, air_c: np.ndarray, sun_w_m2: np.ndarray, due_s: list[float]) -> Side:
    """A pile that gives what the curve allows; at each of `due_s` it begins or ends. Air and sun run straight."""
    each, curve, is_charging, energy_kwh = round(_SHOWN_S / STEP_S), CURVES["gb_default"], False, 0.0
    rows = []
    for n in range(len(t_s)):
        for k in range(each):
            t, share = t_s[n] + k * STEP_S, curve.share(cabinet.temp_c)
            while due_s[0] <= t:
                is_charging = not is_charging
                due_s.pop(0)
            power_kw = RATED_KW * share if is_charging else 0.0
            if k == 0:
                rows.append((cabinet.temp_c, power_kw, energy_kwh, share))
            if n == len(t_s) - 1:
                break
            sun = sun_w_m2[n] + k / each * (sun_w_m2[n + 1] - sun_w_m2[n])
            cabinet.step(t, LOSS * power_kw, sun, air_c[n] + k / each * (air_c[n + 1] - air_c[n]))
            energy_kwh += STEP_S * power_kw / SECONDS_PER_HOUR
    return Side(*np.array(rows).T)
