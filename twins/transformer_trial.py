"""A transformer alone under a stated load and air: the station's own twin, with its protection (`voltyard physics`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

from sim.clock import Clock
from sim.events import Event
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.dry_transformer import DryTransformer
from twins.oil_transformer import OilTransformer
from twins.transformer import TransformerConfig
from twins.transformer_heat import DryHeatConfig, OilHeatConfig
from twins.trial_rows import count_rows, refuse_many_rows

__all__ = ["LoadStep", "TransformerParameters", "run_transformer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStep:
    """A load from a time on."""

    at_min: float = field(metadata=key("When it begins.", unit="min", low=0, high=1e6))
    share: float = field(metadata=key("The load over the rating without fans.", low=0, high=5))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerParameters:
    """One trial. It begins as after days of the first load; `heat` is the block of a station file."""

    heat: DryHeatConfig | OilHeatConfig = field(metadata=key("As grid.transformer.heat in a station file.", by="kind"))
    ambient_c: float = field(metadata=key("Temperature of the air.", unit="C", low=-60, high=60))
    load: tuple[LoadStep, ...] = field(metadata=key("The load, in order of time; the first at 0.", count=(1, 10_000)))
    hours: float = field(metadata=key("How long it lasts.", unit="h", above=0, high=10_000))
    step_s: float = field(default=60.0, metadata=key("Between two rows.", unit="s", low=0.1, high=86_400))

    def __post_init__(self) -> None:
        """Refuse a load that does not begin at 0 or goes back in time, and more rows than anybody wants."""
        if self.load[0].at_min != 0.0:
            raise Misfit("load[0].at_min", f"{self.load[0].at_min:g} min", "0: the load it begins with")
        for at, (before, after) in enumerate(pairwise(self.load), start=1):
            if after.at_min <= before.at_min:
                raise Misfit(f"load[{at}].at_min", f"{after.at_min:g} min", f"more than {before.at_min:g} min")
        refuse_many_rows(self.hours * SECONDS_PER_HOUR, self.step_s)


def run_transformer(parameters: TransformerParameters) -> dict[str, Any]:
    """Columns and rows every `step_s`, and the events in between as (t_s, kind, data).

    `load_share` is over the rating in force: with fans, that with fans. After a trip, and where load control holds it
    down, the load is less than stated.
    """
    trial = _Trial(parameters)
    transformer, kernel = trial.transformer, trial.kernel
    reading = transformer.pt100_c if isinstance(transformer, DryTransformer) else transformer.top_oil_c
    hot_spot = transformer.hot_spot
    signals: list[Signal | Sum] = [transformer.load_share, hot_spot.temp_c, reading, hot_spot.ageing.rate]
    signals.append(hot_spot.ageing.loss_h)
    rows = []
    for number in range(count_rows(parameters.hours * SECONDS_PER_HOUR, parameters.step_s)):
        now = SimTime(number * parameters.step_s)
        kernel.advance(now)
        kernel.jump(now)
        rows.append([now, *(signal.at(now) for signal in signals)])
    columns = ["t_s", *(signal.path.rpartition(".")[2] for signal in signals)]
    return {"columns": columns, "rows": rows, "events": trial.events}


class _Trial:
    """The transformer, and a load that its breaker and its load control cut off."""

    def __init__(self, parameters: TransformerParameters) -> None:
        self.kernel = kernel = Kernel(Clock(datetime(2022, 1, 1), "UTC"), 0)
        self.events: list[list[Any]] = []
        kernel.subscribe(self._heard)
        self._asked_kw = parameters.load[0].share * _RATING_KVA
        self._load_kw = Signal("load_kw", "kW", self._asked_kw)
        air_c = Signal("air_c", "C", parameters.ambient_c)
        heat = replace(parameters.heat, limit_share=max(step.share for step in parameters.load))
        config = TransformerConfig(id="T1", rating_kva=_RATING_KVA, no_load_loss_kw=0.0, load_loss_kw=0.0, heat=heat)
        load = Sum("all_load_kw", "kW", [self._load_kw])
        self.transformer: DryTransformer | OilTransformer
        if isinstance(heat, DryHeatConfig):
            self.transformer = DryTransformer(kernel, config, heat, 1.0, load, air_c)
        else:
            self.transformer = OilTransformer(kernel, config, heat, 1.0, load, air_c)
        self.transformer.breaker.on_switched = self._switched
        self.transformer.on_limit = self._draw
        for step in parameters.load[1:]:
            kernel.at(SimTime(step.at_min * 60.0), lambda step=step: self._ask(step))  # type: ignore[misc]

    def _ask(self, step: LoadStep) -> None:
        self._asked_kw = step.share * _RATING_KVA
        self._draw()

    def _switched(self, is_closed: bool) -> None:
        self.transformer.energise(is_closed)
        self._draw()

    def _draw(self) -> None:
        drawn_kw = min(self._asked_kw, self.transformer.relief.limit_kw) if self.transformer.is_live else 0.0
        self._load_kw.set(self.kernel.now, drawn_kw)

    def _heard(self, event: Event) -> None:
        self.events.append([event.t, event.kind, dict(event.data)])


_RATING_KVA = 1_000.0
