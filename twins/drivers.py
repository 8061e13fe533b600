"""Drivers: what they want and how they behave; one set of habits a visit, drawn from named streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf, isclose
from typing import NamedTuple

from sim.files import Misfit, key
from sim.streams import Streams
from twins.vehicle import VehicleModel

__all__ = ["Arrival", "DriversConfig", "Habits", "TargetConfig", "draw_habits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetConfig:
    """A state of charge that some drivers charge to."""

    soc_pct: float = field(metadata=key("Charged to this.", unit="%", low=10, high=100))
    share: float = field(metadata=key("Share of the drivers; all shares add up to 1.", low=0, high=1))


def _share(text: str) -> dict[str, object]:
    return dict(key(text, low=0, high=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class DriversConfig:
    """The habits of a station's customers; shares from 0 to 1, times are means of exponential draws."""

    patience_mean_min: float | None = field(
        default=None,
        metadata=key("How long they wait; for ever, if left out.", unit="min", above=0, high=1e5),
    )
    balk_at: int | None = field(
        default=None, metadata=key("They drive on where this many wait already.", low=1, high=10_000)
    )
    slow_share: float = field(
        default=0.0, metadata=_share("Who looks for a slow bay; nobody whose car has no AC charger.")
    )
    soc_in_mean_pct: float = field(default=32.0, metadata=key("Charge on arrival, mean.", unit="%", low=0, high=95))
    soc_in_sd_pct: float = field(default=14.0, metadata=key("Its standard deviation.", unit="%", low=0, high=50))
    targets: tuple[TargetConfig, ...] = field(
        default=(TargetConfig(soc_pct=80.0, share=0.5), TargetConfig(soc_pct=90.0, share=0.3),
                 TargetConfig(soc_pct=98.0, share=0.2)),
        metadata=key("What they charge to.", count=(1, 20)),
    )  # fmt: skip
    timed_share: float = field(default=0.0, metadata=_share("Who leaves at a time, whatever the charge."))
    timed_stay_mean_min: float = field(default=45.0, metadata=key("Their stay.", unit="min", above=0, high=1e4))
    early_share: float = field(default=0.0, metadata=_share("Who breaks off before the target."))
    overstay_share: float = field(default=0.0, metadata=_share("Who stays on after the charge."))
    overstay_mean_min: float = field(default=15.0, metadata=key("For how long.", unit="min", above=0, high=1e4))
    hot_unplug_share: float = field(default=0.0, metadata=_share("Who pulls at the plug under load (clause 9.5.4)."))
    cooling_share: float = field(default=0.0, metadata=_share("Who leaves the air conditioning on (clause 9.5.3)."))
    cooling_kw: float = field(default=2.0, metadata=key("What it draws.", unit="kW", low=0, high=20))
    soaked_share: float = field(default=0.0, metadata=_share("Whose car stood in the sun (clause 9.5.2)."))
    soaked_k: float = field(
        default=25.0, metadata=key("How much that warms its battery under 1000 W/m2.", unit="K", low=0, high=60)
    )
    petrol_share: float = field(default=0.0, metadata=_share("Petrol cars that take a charging bay."))
    petrol_stay_mean_min: float = field(default=25.0, metadata=key("For how long.", unit="min", above=0, high=1e4))

    def __post_init__(self) -> None:
        """Refuse targets whose shares do not add up."""
        total = sum(one.share for one in self.targets)
        if not isclose(total, 1.0, abs_tol=1e-6):
            raise Misfit("targets", f"the shares add up to {total:g}", "shares that add up to 1")


class Habits(NamedTuple):
    """One driver's. `stay_s` None: leaves when the charge ends, and `overstay_s` later; times in seconds."""

    wants: str = ""
    patience_s: float = inf
    balk_at: float = inf
    stay_s: float | None = None
    overstay_s: float = 0.0
    early_share: float = 1.0
    hot_unplug_share: float = 1.0
    cooling_kw: float = 0.0
    petrol_stay_s: float = 0.0
    soaked_k: float = 0.0

    @property
    def is_petrol(self) -> bool:
        """Whether the car takes a bay and no energy."""
        return self.petrol_stay_s > 0.0


class Arrival(NamedTuple):
    """A vehicle on its way: when it comes (s since start), what it is, its charge and target in %, its driver."""

    t_s: float
    model: VehicleModel
    soc_in_pct: float
    soc_target_pct: float
    habits: Habits


def draw_habits(config: DriversConfig, streams: Streams, count: int) -> Iterator[tuple[float, float, Habits]]:
    """(charge on arrival in %, target in %, habits) of so many drivers, each kind of draw from its own stream."""
    patience_s = _times(streams, "patience", config.patience_mean_min, count)
    is_slow = _chosen(streams, "slow", config.slow_share, count)
    soc_in = streams["driver.soc_in"].normal(config.soc_in_mean_pct, config.soc_in_sd_pct, count).tolist()
    total = sum(one.share for one in config.targets)
    shares = [one.share / total for one in config.targets]
    targets = streams["driver.target"].choice([one.soc_pct for one in config.targets], size=count, p=shares).tolist()
    is_timed = _chosen(streams, "timed", config.timed_share, count)
    stay_s = _times(streams, "timed_stay", config.timed_stay_mean_min, count)
    is_early = _chosen(streams, "early", config.early_share, count)
    early = streams["driver.early_at"].uniform(0.3, 0.95, count).tolist()
    is_staying = _chosen(streams, "overstay", config.overstay_share, count)
    overstay_s = _times(streams, "overstay_time", config.overstay_mean_min, count)
    is_hot = _chosen(streams, "hot_unplug", config.hot_unplug_share, count)
    hot = streams["driver.hot_unplug_at"].uniform(0.1, 0.9, count).tolist()
    is_cooling = _chosen(streams, "cooling", config.cooling_share, count)
    is_petrol = _chosen(streams, "petrol", config.petrol_share, count)
    petrol_s = _times(streams, "petrol_stay", config.petrol_stay_mean_min, count)
    is_soaked = _chosen(streams, "soaked", config.soaked_share, count)
    balk_at = inf if config.balk_at is None else float(config.balk_at)
    for n in range(count):
        target = targets[n]
        yield min(max(soc_in[n], 3.0), target - 5.0), target, Habits(
            "slow" if is_slow[n] else "fast",
            patience_s[n],
            balk_at,
            stay_s[n] if is_timed[n] else None,
            overstay_s[n] if is_staying[n] else 0.0,
            early[n] if is_early[n] else 1.0,
            hot[n] if is_hot[n] else 1.0,
            config.cooling_kw if is_cooling[n] else 0.0,
            petrol_s[n] if is_petrol[n] else 0.0,
            config.soaked_k if is_soaked[n] else 0.0,
        )  # fmt: skip


def _chosen(streams: Streams, name: str, share: float, count: int) -> list[bool]:
    if share == 0.0:
        return [False] * count
    chosen: list[bool] = (streams[f"driver.{name}"].random(count) < share).tolist()
    return chosen


def _times(streams: Streams, name: str, mean_min: float | None, count: int) -> list[float]:
    if mean_min is None:
        return [inf] * count
    times: list[float] = streams[f"driver.{name}"].exponential(60.0 * mean_min, count).tolist()
    return times
