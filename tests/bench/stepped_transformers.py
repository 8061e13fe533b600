"""Transformers by the equations of IEC 60076-12 (dry) and 60076-7 (oil) in steps of 0.1 s: physics sheet, section 4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import exp

import numpy as np

from sim.clock import Clock
from sim.kernel import Kernel
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.platform import LocalPlatform
from twins.station import Station
from twins.station_file import find_station, read_station
from twins.transformer_heat import DryHeatConfig, FansConfig, OilHeatConfig
from twins.warm_transformer import WarmTransformer

STEP_S = 0.1
EVENING = datetime(2022, 7, 13, 14)
_RISE_K, _AVERAGE = 125.0, 1.0 / 1.25
FANS = FansConfig()
_RATING_KVA = 630.0


@dataclass(frozen=True)
class Course:
    """Over `t_s`: hot spot, what is read (winding's mean, or top oil) in C, and hours of life lost so far."""

    t_s: np.ndarray
    hot_spot_c: np.ndarray
    reading_c: np.ndarray
    lost_h: np.ndarray


class Dry:
    """Class F, 30 min, by itself or with fans at the maker's levels."""

    def __init__(self, share: float, *, has_fans: bool = False) -> None:
        """As after days of this load."""
        self._has_fans, self._is_fanned = has_fans, False
        self.rise_k = _RISE_K * share**1.6

    def step(self, share: float, air_c: float) -> tuple[float, float, float]:
        """(hot spot, winding's mean, ageing rate) as the step begins; then to its end."""
        hot_c, mean_c = air_c + self.rise_k, air_c + _AVERAGE * self.rise_k
        if self._has_fans:
            self._is_fanned = mean_c >= FANS.on_c or (self._is_fanned and mean_c > FANS.off_c)
        asked_k = _RISE_K * ((share / FANS.af_ratio) ** 2.0 if self._is_fanned else share**1.6)
        self.rise_k += STEP_S * (asked_k - self.rise_k) / 1_800.0
        return hot_c, mean_c, exp(20_475.0 / 418.0 - 20_475.0 / (hot_c + 273.0))


class Oil:
    """ONAN with the usual figures of distribution transformers, normal paper."""

    def __init__(self, share: float, air_c: float) -> None:
        """As after days of this load in this air."""
        oil_k, self.gradient_k = self._asked_k(share)
        self.oil_c = air_c + oil_k

    def step(self, share: float, air_c: float) -> tuple[float, float, float]:
        """(hot spot, top oil, ageing rate) as the step begins; then to its end."""
        oil_c = self.oil_c
        hot_c = oil_c + self.gradient_k
        oil_k, gradient_k = self._asked_k(share)
        self.oil_c += STEP_S * (air_c + oil_k - oil_c) / 10_800.0
        self.gradient_k += STEP_S * (gradient_k - self.gradient_k) / 480.0
        return hot_c, oil_c, 2.0 ** ((hot_c - 98.0) / 6.0)

    def _asked_k(self, share: float) -> tuple[float, float]:
        return 55.0 * ((1.0 + 5.0 * share**2) / 6.0) ** 0.8, 23.0 * share**1.6


def stepped(winding: Dry | Oil, t_s: np.ndarray, shares: Sequence[float], air_c: Sequence[float]) -> Course:
    """The course over evenly spaced `t_s`; load over rating and air stand from one to the next."""
    each, lost_h, rows = round(float(t_s[1] - t_s[0]) / STEP_S), 0.0, []
    for n in range(len(t_s)):
        before_h = lost_h
        for k in range(each):
            hot_c, reading_c, rate = winding.step(shares[n], air_c[n])
            lost_h += rate * STEP_S / SECONDS_PER_HOUR
            if k == 0:
                rows.append((hot_c, reading_c, before_h))
    return Course(t_s, *np.array(rows).T)


def busy_evening(hours: float, heat: DryHeatConfig | OilHeatConfig) -> tuple[Course, Course]:
    """(twin, steps) of a transformer too small for the public station, in the air of that evening."""
    public = read_station(find_station("public")).value
    transformer = replace(public.grid.transformer, rating_kva=_RATING_KVA, heat=heat)
    file = replace(public, grid=replace(public.grid, transformer=transformer, contract_limit_kw=None))
    kernel = Kernel(Clock(EVENING, file.station.timezone), 11)
    station = Station(kernel, file, LocalPlatform(kernel))
    station.draw_demand(600.0, hours * SECONDS_PER_HOUR)
    twin = station.grid.transformer
    assert isinstance(twin, WarmTransformer)
    reading = twin.reading
    rows = []
    for second in range(round(hours * SECONDS_PER_HOUR) + 1):
        now = SimTime(second)
        kernel.advance(now)
        kernel.jump(now)
        share = station.grid.load_kw.at(now) / (_RATING_KVA * file.grid.power_factor)
        rows.append((now, twin.hot_spot.temp_c.at(now), reading.at(now), twin.hot_spot.ageing.loss_h.at(now),
                     share, station.weather.air_temp_c.at(now)))  # fmt: skip
    t_s, hot_c, reading_c, lost_h, shares, air_c = np.array(rows).T
    winding: Dry | Oil
    if heat.kind == "dry":
        winding = Dry(0.0, has_fans=True)
        winding.rise_k = hot_c[0] - air_c[0]
    else:
        winding = Oil(0.0, air_c[0])
        winding.oil_c, winding.gradient_k = reading_c[0], hot_c[0] - reading_c[0]
    return Course(t_s, hot_c, reading_c, lost_h), stepped(winding, t_s, shares.tolist(), air_c.tolist())
