"""A cabinet alone, with a pile in it that is asked for a steady output: `voltyard physics pile-derating`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import floor
from typing import Any

from sim.clock import Clock
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SimTime
from twins.cabinet import Cabinet, CabinetConfig

__all__ = ["PileDeratingParameters", "run_pile_derating"]

_MOST_ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PileDeratingParameters:
    """The pile, what it is asked for, the air and the sun around it; it begins at the temperature of the air."""

    ambient_c: float = field(metadata=key("Air around the cabinet.", unit="C", low=-60, high=100))
    rated_kw: float = field(default=120.0, metadata=key("Output of the pile.", unit="kW", above=0, high=5_000))
    output_kw: float = field(default=120.0, metadata=key("What it is asked for.", unit="kW", low=0, high=5_000))
    efficiency: float = field(default=0.95, metadata=key("Output to input, at every load.", above=0, high=1))
    sun_w_m2: float = field(default=0.0, metadata=key("Sun on level ground.", unit="W/m2", low=0, high=1_400))
    fan_factor: float = field(default=1.0, metadata=key("What is left of the fans' air.", low=0, high=1))
    cabinet: CabinetConfig = field(default=CabinetConfig(), metadata=key("Heat of the cabinet, as of a pile model."))
    duration_s: float = field(default=7_200.0, metadata=key("How long.", unit="s", above=0, high=1e7))
    step_s: float = field(default=60.0, metadata=key("From row to row.", unit="s", above=0, high=1e7))

    def __post_init__(self) -> None:
        """Refuse more rows than anybody reads."""
        if self.duration_s / self.step_s > _MOST_ROWS:
            what = f"{self.duration_s / self.step_s:.0f} rows"
            raise Misfit("step_s", what, f"at least {self.duration_s / _MOST_ROWS:g} s")


class _SteadyPile:
    """Gives what it is asked for, as far as it may."""

    path = "pile"
    wake_at = FOREVER

    def __init__(self, kernel: Kernel, given: PileDeratingParameters) -> None:
        self._kernel = kernel
        self._given = given
        self._share = 1.0
        self._holds: set[str] = set()
        self.power_kw = Signal("pile.power_kw", "kW")
        self.loss_kw = Sum("pile.loss_kw", "kW", [self.power_kw], scale=1.0 / given.efficiency - 1.0)
        kernel.add(self.power_kw, self.loss_kw)
        self._give()

    @property
    def evses(self) -> Sequence[_SteadyPile]:
        return (self,)

    def derate(self, share: float) -> None:
        self._share = share
        self._give()

    def lock_out(self, cause: str, alarm: str) -> None:
        self._holds.add(cause)
        self._give()

    def lift(self, cause: str) -> None:
        self._holds.discard(cause)
        self._give()

    def _give(self) -> None:
        given = self._given
        output_kw = 0.0 if self._holds else min(given.output_kw, given.rated_kw * self._share)
        self.power_kw.set(self._kernel.now, output_kw)


def run_pile_derating(given: PileDeratingParameters) -> dict[str, Any]:
    """A row each `step_s` from 0 on.

    Columns: s, temperature of the cabinet in C, % of the rating that it may give, output and loss in kW, and the air in
    m3/h that would carry that loss off 15 K warmer.
    """
    kernel = Kernel(Clock(datetime(2022, 7, 1), "Asia/Shanghai"), 1)
    pile = _SteadyPile(kernel, given)
    air_c, sun_w_m2 = Signal("air_c", "C", given.ambient_c), Signal("sun_w_m2", "W/m2", given.sun_w_m2)
    cabinet = Cabinet(kernel, pile, given.cabinet, air_c, sun_w_m2)
    cabinet.fan.rebase(cabinet.fan.value * given.fan_factor)
    rows = []
    for number in range(floor(given.duration_s / given.step_s + 1e-9) + 1):
        t = SimTime(number * given.step_s)
        kernel.advance(t)
        kernel.jump(t)
        share, temp_c = cabinet.derating.at(t), cabinet.body.temp_c.at(t)
        rows.append([t, temp_c, 100.0 * share, pile.power_kw.at(t), pile.loss_kw.at(t), cabinet.airflow_m3_h.at(t)])
    return {"columns": ["t_s", "cabinet_temp_c", "derating_pct", "power_kw", "loss_kw", "airflow_m3_h"], "rows": rows}
