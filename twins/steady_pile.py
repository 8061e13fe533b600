"""A cabinet alone, with a pile in it that is asked for a steady output: `voltyard physics pile-derating`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sim.clock import Clock
from sim.files import Misfit, did_you_mean, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SimTime
from twins.cabinet import Cabinet, CabinetConfig
from twins.pile import PileModel
from twins.station_file import pile_models
from twins.trial_rows import count_rows, refuse_many_rows

__all__ = ["PileDeratingParameters", "run_pile_derating"]

_RATED_KW = 120.0
_EFFICIENCY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class PileDeratingParameters:
    """The pile, what it is asked for, the air and the sun around it; it begins at the temperature of the air."""

    ambient_c: float = field(metadata=key("Air around the cabinet.", unit="C", low=-60, high=100))
    model: str | None = field(
        default=None, metadata=key("A shipped model of pile, for what is not given: rating, efficiency, cabinet.")
    )
    rated_kw: float | None = field(
        default=None, metadata=key("Output of the pile; left out, the model's, or 120.", unit="kW", above=0, high=5_000)
    )
    output_kw: float | None = field(
        default=None, metadata=key("What it is asked for; left out, all it has.", unit="kW", low=0, high=5_000)
    )
    efficiency: float | None = field(
        default=None,
        metadata=key("Output to input, at every load; left out, the model's at its rating, or 0.95.", above=0, high=1),
    )
    sun_w_m2: float = field(default=0.0, metadata=key("Sun on level ground.", unit="W/m2", low=0, high=1_400))
    fan_factor: float = field(default=1.0, metadata=key("What is left of the fans' air.", low=0, high=1))
    cabinet: CabinetConfig | None = field(
        default=None, metadata=key("Heat of the cabinet; left out, the model's, or one of 120 kW.")
    )
    duration_s: float = field(default=7_200.0, metadata=key("How long.", unit="s", above=0, high=1e7))
    step_s: float = field(default=60.0, metadata=key("From row to row.", unit="s", above=0, high=1e7))

    def __post_init__(self) -> None:
        """Refuse a model that is not shipped, and more rows than anybody reads."""
        if self.model is not None and self.model not in pile_models():
            raise Misfit("model", f"unknown model {self.model}", did_you_mean(self.model, pile_models()))
        refuse_many_rows(self.duration_s, self.step_s)

    @property
    def pile(self) -> PileModel | None:
        """The shipped model, if one is named."""
        return None if self.model is None else pile_models()[self.model]

    @property
    def full_kw(self) -> float:
        """Its rating."""
        if self.rated_kw is not None:
            return self.rated_kw
        return _RATED_KW if self.pile is None else self.pile.rated_kw

    @property
    def lost_share(self) -> float:
        """Loss over output."""
        if self.efficiency is None and self.pile is not None:
            return self.pile.loss_ratio + self.pile.no_load_loss_kw / self.pile.rated_kw
        return 1.0 / (_EFFICIENCY if self.efficiency is None else self.efficiency) - 1.0

    @property
    def heat(self) -> CabinetConfig:
        """Of the cabinet."""
        if self.cabinet is not None:
            return self.cabinet
        return CabinetConfig() if self.pile is None else self.pile.cabinet


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
        self.loss_kw = Sum("pile.loss_kw", "kW", [self.power_kw], scale=given.lost_share)
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

    def remark(self, what: str, is_on: bool) -> None:
        """Nobody listens."""

    def _give(self) -> None:
        given = self._given
        may_kw = 0.0 if self._holds else given.full_kw * self._share
        asked_kw = given.full_kw if given.output_kw is None else given.output_kw
        self.power_kw.set(self._kernel.now, min(asked_kw, may_kw))


def run_pile_derating(given: PileDeratingParameters) -> dict[str, Any]:
    """A row each `step_s` from 0 on.

    Columns: s, temperature of the cabinet in C, % of the rating that it may give, output and loss in kW, and the air in
    m3/h that would carry that loss off 15 K warmer.
    """
    kernel = Kernel(Clock(datetime(2022, 7, 1), "Asia/Shanghai"), 1)
    pile = _SteadyPile(kernel, given)
    air_c, sun_w_m2 = Signal("air_c", "C", given.ambient_c), Signal("sun_w_m2", "W/m2", given.sun_w_m2)
    cabinet = Cabinet(kernel, pile, given.heat, air_c, sun_w_m2)
    cabinet.fan.rebase(cabinet.fan.value * given.fan_factor)
    rows = []
    for number in range(count_rows(given.duration_s, given.step_s)):
        t = SimTime(number * given.step_s)
        kernel.advance(t)
        kernel.jump(t)
        share, temp_c = cabinet.derating.at(t), cabinet.body.temp_c.at(t)
        rows.append(
            [t, temp_c, 100.0 * share, pile.power_kw.at(t), pile.loss_kw.at(t), cabinet.airflow_needed_m3_h.at(t)]
        )
    return {
        "columns": ["t_s", "cabinet_temp_c", "derating_pct", "power_kw", "loss_kw", "cabinet_airflow_needed_m3_h"],
        "rows": rows,
    }
