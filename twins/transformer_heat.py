"""What a station file says of a transformer's heat: dry by IEC 60076-12, in oil by IEC 60076-7, and its protection.

Values that are no law of these standards are defaults of usual units, to be replaced by the nameplate and the site's
settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from sim.files import Misfit, key
from twins.bay import PlaceConfig
from twins.insulation import DRY_CLASSES

__all__ = [
    "FANNED_EXPONENT", "PT100_SHARE", "DryHeatConfig", "FansConfig", "Levels", "LoadControlConfig", "OilHeatConfig",
    "ResetConfig",
]  # fmt: skip

PT100_SHARE: Final = 1.0 / 1.25
"""Of the hot spot's rise: the mean of the winding, which a Pt100 reads."""
FANNED_EXPONENT: Final = 2.0
"""Of the load, for the rise of a winding that fans cool (IEC 60076-12)."""


class Levels(NamedTuple):
    """Where a reading raises the alarm and where it trips (C)."""

    alarm_c: float
    trip_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FansConfig:
    """Fans that the temperature controller of a dry transformer switches; they raise its rating."""

    af_ratio: float = field(
        default=1.4, metadata=key("Rating with fans (AF) over that without (AN).", low=1.25, high=1.5)
    )
    on_c: float = field(default=110.0, metadata=key("Reading that switches them on.", unit="C", low=0, high=300))
    off_c: float = field(default=90.0, metadata=key("Reading that switches them off.", unit="C", low=0, high=300))

    def __post_init__(self) -> None:
        """Refuse fans that would switch off where they switch on."""
        if self.off_c >= self.on_c:
            raise Misfit("off_c", f"{self.off_c:g} C is not below on_c", f"less than {self.on_c:g} C")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadControlConfig:
    """Lowers the site's load in steps while a reading is near its trip, and gives it back in steps."""

    below_trip_k: float = field(
        default=20.0, metadata=key("Begins this far below what trips.", unit="K", above=0, high=150)
    )
    step_share: float = field(default=0.1, metadata=key("One step, as a share of the rating.", above=0, high=1))
    every_s: float = field(default=300.0, metadata=key("Between two steps.", unit="s", low=10, high=7_200))


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetConfig:
    """How the breaker comes back after a trip: cooled, and reset by somebody who is there."""

    below_c: float = field(
        default=100.0, metadata=key("The reading that tripped must have fallen to this.", unit="C", low=0, high=300)
    )
    after_min: float = field(
        default=30.0,
        metadata=key("When somebody comes from outside, after the trip.", unit="min", low=0, high=10_000),
    )
    place: PlaceConfig | None = field(
        default=None, metadata=key("Where the transformer stands: a technician of the station goes there instead.")
    )


_HOT_AIR_C: Final = 40.0
"""Air in which a transformer may carry its rating all day."""


def _check(
    levels: dict[tuple[str, str], tuple[Levels, float]], control: LoadControlConfig | None, reset: ResetConfig
) -> None:
    """Refuse levels in the wrong order; by the keys of alarm and trip, with what is read at rated load in hot air."""
    for (alarm_key, trip_key), ((alarm_c, trip_c), rated_c) in levels.items():
        if alarm_c >= trip_c:
            raise Misfit(alarm_key, f"{alarm_c:g} C is not below {trip_key}", f"less than {trip_c:g} C")
        if reset.below_c >= trip_c:
            raise Misfit("reset.below_c", f"{reset.below_c:g} C is not below {trip_key}", f"less than {trip_c:g} C")
        if control is not None and trip_c - control.below_trip_k < rated_c - 1e-9:
            begins_c = trip_c - control.below_trip_k
            what = f"load control would begin at {begins_c:g} C, in normal service: rated load in {_HOT_AIR_C:g} C of"
            right = f"at most {trip_c - rated_c:.4g} K below {trip_key}"
            if trip_c <= rated_c:
                right = f"a {trip_key} above {rated_c:.4g} C, or no load_control"
            raise Misfit("load_control.below_trip_k", f"{what} air reads {rated_c:.4g} C", right)


@dataclass(frozen=True, slots=True, kw_only=True)
class DryHeatConfig:
    """A dry transformer: one winding hot spot over the air, read as the average that a Pt100 in the winding sees."""

    kind: Literal["dry"] = field(metadata=key("dry or oil."))
    insulation: Literal["A", "E", "B", "F", "H"] = field(default="F", metadata=key("Class of its insulation."))
    hot_spot_rise_k: float | None = field(
        default=None,
        metadata=key(
            "Hot-spot rise at rated load without fans; left out, the class's rated hot spot less 20 C.",
            unit="K", above=0, high=250,
        ),
    )  # fmt: skip
    tau_min: float = field(default=30.0, metadata=key("Time constant of the winding.", unit="min", low=0.1, high=1_000))
    fans: FansConfig | None = field(default=None, metadata=key("Its fans; {} takes the defaults; left out, none."))
    limit_share: float | None = field(
        default=None,
        metadata=key(
            "Highest load of the site as a share of the rating; left out, 1, or the rating with fans.", above=0, high=2
        ),
    )
    alarm_c: float = field(default=155.0, metadata=key("Reading that raises the alarm.", unit="C", low=0, high=300))
    trip_c: float = field(default=170.0, metadata=key("Reading that trips.", unit="C", low=0, high=300))
    load_control: LoadControlConfig | None = field(
        default=None, metadata=key("Lowers the load before it trips; {} takes the defaults; left out, nobody does.")
    )
    reset: ResetConfig = field(default=ResetConfig(), metadata=key("How it comes back after a trip."))

    def __post_init__(self) -> None:
        """Refuse levels in the wrong order."""
        if self.fans is not None and self.fans.on_c >= self.alarm_c:
            raise Misfit("fans.on_c", f"{self.fans.on_c:g} C is not below alarm_c", f"less than {self.alarm_c:g} C")
        rated_c = _HOT_AIR_C + PT100_SHARE * self.rated_rise_k
        if self.fans is not None:
            fanned_c = _HOT_AIR_C + PT100_SHARE * self.rated_rise_k / self.fans.af_ratio**FANNED_EXPONENT
            rated_c = max(self.fans.on_c, fanned_c)
        levels = {("alarm_c", "trip_c"): (Levels(self.alarm_c, self.trip_c), rated_c)}
        _check(levels, self.load_control, self.reset)

    @property
    def rated_rise_k(self) -> float:
        """Hot-spot rise at rated load without fans."""
        return DRY_CLASSES[self.insulation].rated_c - 20.0 if self.hot_spot_rise_k is None else self.hot_spot_rise_k

    @property
    def highest_share(self) -> float:
        """The load that the site may draw, over the rating."""
        if self.limit_share is not None:
            return self.limit_share
        return 1.0 if self.fans is None else self.fans.af_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class OilHeatConfig:
    """A transformer in oil that cools by itself (ONAN): top oil over the air, hot spot over the top oil."""

    kind: Literal["oil"] = field(metadata=key("dry or oil."))
    paper: Literal["normal", "upgraded"] = field(default="normal", metadata=key("Its paper."))
    top_oil_rise_k: float = field(
        default=55.0, metadata=key("Top oil over the air at rated load.", unit="K", above=0, high=150)
    )
    gradient_k: float = field(
        default=23.0, metadata=key("Hot spot over the top oil at rated load.", unit="K", above=0, high=100)
    )
    loss_ratio: float = field(default=5.0, metadata=key("R: load loss over no-load loss.", above=0, high=50))
    oil_exponent: float = field(default=0.8, metadata=key("x: of the losses.", above=0, high=2))
    winding_exponent: float = field(default=1.6, metadata=key("y: of the load.", low=1, high=3))
    oil_tau_min: float = field(default=180.0, metadata=key("Of the oil.", unit="min", low=0.1, high=10_000))
    winding_tau_min: float = field(default=4.0, metadata=key("Of the winding.", unit="min", low=0.1, high=1_000))
    k11: float = field(default=1.0, metadata=key("Factor of the oil's time constant.", low=0.1, high=10))
    k21: float = field(default=1.0, metadata=key("How far the hot spot overshoots: 1 not at all.", low=1, high=10))
    k22: float = field(default=2.0, metadata=key("Factor of the winding's time constant.", low=0.1, high=10))
    limit_share: float | None = field(
        default=None,
        metadata=key("Highest load of the site as a share of the rating; 1 if left out.", above=0, high=2),
    )
    alarm_top_oil_c: float = field(
        default=105.0, metadata=key("Top oil that raises the alarm.", unit="C", low=0, high=300)
    )
    trip_top_oil_c: float = field(default=115.0, metadata=key("Top oil that trips.", unit="C", low=0, high=300))
    alarm_hot_spot_c: float = field(
        default=120.0, metadata=key("Winding indicator that raises the alarm.", unit="C", low=0, high=300)
    )
    trip_hot_spot_c: float = field(
        default=140.0, metadata=key("Winding indicator that trips.", unit="C", low=0, high=300)
    )
    load_control: LoadControlConfig | None = field(
        default=None, metadata=key("Lowers the load before it trips; {} takes the defaults; left out, nobody does.")
    )
    reset: ResetConfig = field(default=ResetConfig(), metadata=key("How it comes back after a trip."))

    def __post_init__(self) -> None:
        """Refuse levels in the wrong order."""
        oil_c = _HOT_AIR_C + self.top_oil_rise_k
        levels = {
            ("alarm_top_oil_c", "trip_top_oil_c"): (Levels(self.alarm_top_oil_c, self.trip_top_oil_c), oil_c),
            ("alarm_hot_spot_c", "trip_hot_spot_c"): (
                Levels(self.alarm_hot_spot_c, self.trip_hot_spot_c), oil_c + self.gradient_k
            ),
        }  # fmt: skip
        _check(levels, self.load_control, self.reset)

    @property
    def highest_share(self) -> float:
        """The load that the site may draw, over the rating."""
        return 1.0 if self.limit_share is None else self.limit_share
