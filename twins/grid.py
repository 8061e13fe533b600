"""The grid connection: transformer, feeders, trade meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

from sim.files import ID_PATTERN, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from twins.dry_transformer import DryTransformer
from twins.feed import Feed, RideThroughConfig
from twins.meter import LOW_VOLTAGE_KV, FeederMeterConfig, MeterConfig
from twins.oil_transformer import OilTransformer
from twins.transformer import Transformer, TransformerConfig
from twins.transformer_heat import DryHeatConfig, OilHeatConfig
from twins.warm_transformer import WarmTransformer

__all__ = ["FeederConfig", "Grid", "GridConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederConfig:
    """One 400 V feeder from the busbar to its piles."""

    id: str = field(metadata=key("Name of the feeder, as in `grid.feeder[F1]`.", pattern=ID_PATTERN))
    breaker_a: float = field(metadata=key("Rated current of its breaker, per phase.", unit="A", above=0, high=10_000))
    meter: FeederMeterConfig = field(default=FeederMeterConfig(), metadata=key("Its meter, `grid.feeder[F1].meter`."))


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConfig:
    """The connection of the site, from the medium-voltage feed to the feeders."""

    feed_kv: float = field(metadata=key("Voltage of the feed, phase to phase.", unit="kV", above=0, high=500))
    frequency_hz: float = field(default=50.0, metadata=key("Its frequency.", unit="Hz", low=45, high=65))
    transformer: TransformerConfig = field(metadata=key("The site's transformer."))
    feeders: tuple[FeederConfig, ...] = field(metadata=key("The 400 V feeders.", count=(1, 100)))
    meter: MeterConfig = field(metadata=key("The trade meter."))
    contract_limit_kw: float | None = field(
        default=None, metadata=key("What the trade meter may show at most, by contract.", unit="kW", above=0, high=1e6)
    )
    ride_through: RideThroughConfig = field(
        default=RideThroughConfig(), metadata=key("What the piles stand of a weak feed.")
    )
    power_factor: float = field(
        default=0.98, metadata=key("Of the whole load, as the transformer and the feeders see it.", low=0.5, high=1)
    )
    house_load_kw: float = field(
        default=0.0,
        metadata=key("Offices and the like, constant; `house` has what comes and goes.", unit="kW", low=0, high=1e5),
    )


class Grid:
    """Feed, transformer, feeders and trade meter. Signals `grid.power_kw` (import), `grid.loss_kw`.

    Limits are signals beside what they limit: `grid.contract_limit_kw` of the import, `feeder[ID].limit_kw`.
    """

    def __init__(
        self, kernel: Kernel, config: GridConfig, inputs: Mapping[str, Sequence[Sum]], house_kw: Sum, air_c: Signal
    ) -> None:
        """`inputs` are the piles' by feeder id, `house_kw` is what the house draws, `air_c` is at the transformer."""
        self.config = config
        self._kernel = kernel
        self.feed = Feed(kernel, config.ride_through)
        self.house_kw = house_kw
        self.feeders = {
            feeder.id: Sum(f"grid.feeder[{feeder.id}].power_kw", "kW", inputs.get(feeder.id, ()))
            for feeder in config.feeders
        }
        self.load_kw = Sum("grid.load_kw", "kW", [*self.feeders.values(), self.house_kw])
        kernel.add(*self.feeders.values(), self.load_kw)
        for feeder in config.feeders:
            kernel.add(Signal(f"grid.feeder[{feeder.id}].limit_kw", "kW", self.feeder_limit_kw(feeder.id)))
        if config.contract_limit_kw is not None:
            kernel.add(Signal("grid.contract_limit_kw", "kW", config.contract_limit_kw))
        self.transformer = self._transformer(air_c)
        self.feed.breaker = self.transformer.breaker
        self.feed.breaker.on_switched = self.feed.connect
        self.loss_kw, self.power_kw = self.transformer.loss_kw, self.transformer.power_kw

    def energise(self, is_live: bool) -> None:
        """The busbar has voltage, or not."""
        self.transformer.energise(is_live)

    @property
    def peak_kw(self) -> float:
        """The highest import so far, as it was right after a change of plan."""
        return self.transformer.peak_kw

    def feeder_limit_kw(self, feeder: str) -> float:
        """What a feeder carries: its breaker's rated current at 400 V between phases."""
        breaker_a = next(one.breaker_a for one in self.config.feeders if one.id == feeder)
        return LOW_VOLTAGE_KV * sqrt(3.0) * breaker_a * self.config.power_factor

    def load_limits_kw(self) -> dict[str, float]:
        """What may be drawn from the busbar at most, by what asks for it."""
        transformer = self.config.transformer
        limits = {"transformer": self.transformer.limit_kw}
        if isinstance(self.transformer, WarmTransformer):
            limits["transformer_heat"] = self.transformer.relief.limit_kw
        if self.config.contract_limit_kw is not None:
            # load + no-load loss + load loss * (load / rating)^2 = contract
            bend = transformer.load_loss_kw / transformer.rating_kva**2
            room_kw = self.config.contract_limit_kw - transformer.no_load_loss_kw - self.transformer.chord_excess_kw
            limits["contract"] = 2.0 * room_kw / (1.0 + sqrt(1.0 + 4.0 * bend * max(room_kw, 0.0)))
        return limits

    def _transformer(self, air_c: Signal) -> Transformer:
        config, power_factor = self.config.transformer, self.config.power_factor
        made: WarmTransformer
        match config.heat:
            case DryHeatConfig():
                made = DryTransformer(self._kernel, config, config.heat, power_factor, self.load_kw, air_c)
            case OilHeatConfig():
                made = OilTransformer(self._kernel, config, config.heat, power_factor, self.load_kw, air_c)
            case None:
                return Transformer(self._kernel, config, power_factor, self.load_kw)
        return made
