"""The distribution transformer: its losses by load, its limit, the peak of what it carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf

from sim.ceilings import Ceiling
from sim.faults import Contribution, Knob, bounds, fault
from sim.files import ID_PATTERN, key
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime
from twins.breaker import Breaker
from twins.transformer_heat import DryHeatConfig, OilHeatConfig, ResetConfig

__all__ = ["Transformer", "TransformerConfig", "TransformerDerated"]

BANDS = 5
_SLACK = 0.3  # of a band, beyond which another chord is taken: there it errs by 1.6 % of the load loss


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """The distribution transformer between the medium-voltage feed and the site's 400 V busbar."""

    id: str = field(metadata=key("Name of the transformer, as in `grid.transformer[T1]`.", pattern=ID_PATTERN))
    rating_kva: float = field(metadata=key("Rated apparent power.", unit="kVA", above=0, high=100_000))
    no_load_loss_kw: float = field(metadata=key("Loss in the core, always there.", unit="kW", low=0, high=1_000))
    load_loss_kw: float = field(metadata=key("Loss in the windings at rated power.", unit="kW", low=0, high=1_000))
    heat: DryHeatConfig | OilHeatConfig | None = field(
        default=None,
        metadata=key("How it warms and ages, and what guards it; left out, its heat is not followed.", by="kind"),
    )

    @property
    def highest_kva(self) -> float:
        """What it may carry."""
        return self.rating_kva if self.heat is None else self.rating_kva * self.heat.highest_share


class Transformer:
    """Follows its load from band to band. Sums `grid.loss_kw` and `grid.power_kw`, which is what it takes in.

    Signal `limit_kw`: the load that it may carry now; state `breaker`, of its breaker.
    Its load loss bends with power; it is followed by the chord of bands a fifth of the rating wide. It looks when an
    instant has come to rest: what powers are within one, while shares are handed on, is no load.
    """

    def __init__(self, kernel: Kernel, config: TransformerConfig, power_factor: float, load_kw: Sum) -> None:
        """`load_kw` is what it gives; `power_factor` is the load's."""
        self.path = f"grid.transformer[{config.id}]"
        self.config = config
        self.loss_kw = Sum("grid.loss_kw", "kW", [load_kw], scale=0.0, offset=config.no_load_loss_kw)
        self.power_kw = Sum("grid.power_kw", "kW", [load_kw, self.loss_kw])
        kernel.add(self.loss_kw, self.power_kw)
        self.peak_kw = 0.0
        self.rating_share: Knob[float] = Knob(1.0, self._rerated)
        self.limit = Signal(f"{self.path}.limit_kw", "kW", config.highest_kva * power_factor)
        kernel.add(self.limit)
        self.breaker = Breaker(kernel, self.path, config.heat.reset if config.heat is not None else ResetConfig())
        self._is_live = True
        self.on_limit: Callable[[], None] = lambda: None
        self._kernel = kernel
        self._power_factor = power_factor
        self._width_kw = config.rating_kva / BANDS
        self._calm = (0.0, -1.0)
        self._peak_load_kw = 0.0
        self._ceiling = Ceiling(load_kw, self._moved)
        self._is_due = False
        self._due()

    @property
    def limit_kw(self) -> float:
        """The load that it may carry."""
        return self.config.highest_kva * self._power_factor * self.rating_share.value

    def energise(self, is_live: bool) -> None:
        """Its core is magnetised, or not."""
        self._is_live = is_live
        self._calm = (0.0, -1.0)
        self._due()

    @property
    def chord_excess_kw(self) -> float:
        """How far above the bend a chord lies, at most: in the middle of its band."""
        return self.config.load_loss_kw / (2.0 * BANDS) ** 2

    def _due(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._kernel.defer(self._look)

    def _look(self) -> None:
        """Take the chord of the load's band, and see whether this is a peak."""
        self._is_due = False
        now = self._kernel.now
        load_kw = self._ceiling.rebase(now)
        if not self._calm[0] <= load_kw <= self._calm[1]:
            self._take_chord(now, int(load_kw / self._width_kw))
        self._peak_load_kw = max(self._peak_load_kw, load_kw)
        loss = self.loss_kw
        self.peak_kw = max(self.peak_kw, load_kw + loss.offset + loss.scale * load_kw)

    def _moved(self, bound_kw: float) -> None:
        if bound_kw > self._calm[1] or bound_kw < self._calm[0] or bound_kw > self._peak_load_kw:
            self._due()

    def _take_chord(self, now: SimTime, band: int) -> None:
        slack_kw = _SLACK * self._width_kw
        self._calm = (band * self._width_kw - slack_kw, (band + 1) * self._width_kw + slack_kw)
        config, low, high = self.config, band / BANDS, (band + 1) / BANDS
        slope = config.load_loss_kw * (low + high) / config.rating_kva
        no_load_kw = config.no_load_loss_kw if self._is_live else 0.0
        self.loss_kw.retune(now, slope, no_load_kw - config.load_loss_kw * low * high)

    def _rerated(self) -> None:
        self.limit.set(self._kernel.now, self.limit_kw)
        self._kernel.emit("transformer.limited", self.path, {"limit_kw": self.limit_kw})
        self.on_limit()


@fault("transformer.derated", hits=Transformer, zh="变压器降容", clause="8.4.1.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class TransformerDerated:
    """The transformer may carry only a share of its rating; the site must follow at once."""

    share: float = field(default=0.6, metadata=bounds(low=0.05, high=1.0))
    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: Transformer) -> Iterable[Contribution]:
        """Cap the rating."""
        yield transformer.rating_share.cap(self.share)
