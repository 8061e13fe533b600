"""The grid connection: transformer, feeders, trade meter and the site's own load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.files import ID_PATTERN, Misfit, key
from sim.kernel import Kernel, Rank, Twin
from sim.peaks import Peak
from sim.signals import Signal
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime

__all__ = ["METER_CLASSES", "FeederConfig", "Grid", "GridConfig", "MeterConfig", "TransformerConfig"]

BANDS = 10
METER_CLASSES = (0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """The distribution transformer between the medium-voltage feed and the site's 400 V busbar."""

    id: str = field(metadata=key("Name of the transformer, as in `grid.transformer[T1]`.", pattern=ID_PATTERN))
    rating_kva: float = field(metadata=key("Rated apparent power.", unit="kVA", above=0, high=100_000))
    no_load_loss_kw: float = field(metadata=key("Loss in the core, always there.", unit="kW", low=0, high=1_000))
    load_loss_kw: float = field(metadata=key("Loss in the windings at rated power.", unit="kW", low=0, high=1_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederConfig:
    """One 400 V feeder from the busbar to its piles."""

    id: str = field(metadata=key("Name of the feeder, as in `grid.feeder[F1]`.", pattern=ID_PATTERN))
    breaker_a: float = field(metadata=key("Rated current of its breaker, per phase.", unit="A", above=0, high=10_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConfig:
    """The trade meter at the site's boundary; its class bounds its error (IEC 62053)."""

    id: str = field(metadata=key("Name of the meter, as in `grid.meter[M1]`.", pattern=ID_PATTERN))
    accuracy_class: float = field(metadata=key("Accuracy class: 0.2, 0.5, 1 or 2.", name="class"))
    error_pct: float = field(default=0.0, metadata=key("What this meter reads too much, within its class.", unit="%"))

    def __post_init__(self) -> None:
        """Refuse a class that does not exist and an error beyond it."""
        if self.accuracy_class not in METER_CLASSES:
            raise Misfit("class", f"{self.accuracy_class:g} is no accuracy class", "0.2, 0.5, 1 or 2")
        if abs(self.error_pct) > self.accuracy_class:
            right = f"-{self.accuracy_class:g} to {self.accuracy_class:g} %"
            raise Misfit("error_pct", f"{self.error_pct:g} % is more than class {self.accuracy_class:g} allows", right)


@dataclass(frozen=True, slots=True, kw_only=True)
class GridConfig:
    """The connection of the site, from the medium-voltage feed to the feeders."""

    feed_kv: float = field(metadata=key("Voltage of the feed, phase to phase.", unit="kV", above=0, high=500))
    transformer: TransformerConfig = field(metadata=key("The site's transformer."))
    feeders: tuple[FeederConfig, ...] = field(metadata=key("The 400 V feeders.", count=(1, 100)))
    meter: MeterConfig = field(metadata=key("The trade meter."))
    house_load_kw: float = field(
        default=0.0, metadata=key("Lights, offices and the like, constant.", unit="kW", low=0, high=100_000)
    )


class Grid:
    """Feed, transformer, feeders and trade meter. Signals `grid.power_kw` (import), `grid.loss_kw`, `grid.house_kw`.

    The transformer's load loss bends with power; it is followed in bands a tenth of the rating wide, by their chord.
    """

    def __init__(self, kernel: Kernel, config: GridConfig, inputs: Mapping[str, Sequence[Sum]]) -> None:
        """`inputs` are the piles' input signals by feeder id."""
        self.config = config
        self._kernel = kernel
        transformer = config.transformer
        self.house_kw = Signal("grid.house_kw", "kW", config.house_load_kw)
        self.feeders = {
            feeder.id: Sum(f"grid.feeder[{feeder.id}].power_kw", "kW", inputs.get(feeder.id, ()))
            for feeder in config.feeders
        }
        self.load_kw = Sum("grid.load_kw", "kW", [*self.feeders.values(), self.house_kw])
        self.loss_kw = Sum("grid.loss_kw", "kW", [self.load_kw], scale=0.0, offset=transformer.no_load_loss_kw)
        self.power_kw = Sum("grid.power_kw", "kW", [self.load_kw, self.loss_kw])
        kernel.add(self.house_kw, *self.feeders.values(), self.load_kw, self.loss_kw, self.power_kw)
        self.peak = Peak(kernel, self.power_kw)
        self._band = -1
        self._follow = _BandFollower(self)
        self.load_kw.watch(lambda: kernel.touch(self._follow))
        kernel.touch(self._follow)

    def registered_kwh(self, now: SimTime) -> float:
        """What the trade meter shows."""
        return self.power_kw.total_at(now) * (1.0 + self.config.meter.error_pct / 100.0) / SECONDS_PER_HOUR

    def follow_load(self, now: SimTime) -> SimTime:
        """Take the loss chord of the band the load is in; returns when the load leaves it."""
        transformer = self.config.transformer
        width_kw = transformer.rating_kva / BANDS
        load_kw = self.load_kw.at(now)
        band = max(0, int(load_kw / width_kw + 1e-9))
        if band != self._band:
            self._band = band
            low, high = band / BANDS, (band + 1) / BANDS
            chord = transformer.load_loss_kw * (high * high - low * low) / width_kw
            base = (
                transformer.no_load_loss_kw
                + transformer.load_loss_kw * low * low
                - chord * low * transformer.rating_kva
            )
            self.loss_kw.retune(now, chord, base)
        edges = (band * width_kw * (1.0 - 1e-9) - 1e-6, (band + 1) * width_kw)
        times = [t for edge in edges if (t := self.load_kw.crossing(edge, now)) is not None]
        return min(times, default=FOREVER)


class _BandFollower(Twin):
    rank = Rank.THERMAL
    path = "grid.transformer"

    def __init__(self, grid: Grid) -> None:
        self._grid = grid

    def plan(self, now: SimTime) -> SimTime:
        return self._grid.follow_load(now)
