"""What a DC connector is: its contact as a warm body, its cable's cooling, the levels of heat at which a pile acts.

Physics sheet, section 3. All figures are defaults of ours for a class of connectors, no maker's data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from sim.files import ID_PATTERN, Misfit, key

__all__ = ["RISE_MOST_K", "ConnectorConfig", "CoolingConfig", "LadderConfig"]

RISE_MOST_K = 50.0
"""What GB/T 20234.1 grants a contact over the air at rated current."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderConfig:
    """Levels of the contact's sensor, each let go 5 K lower after a minute; null: nothing is done there."""

    warn_c: float | None = field(default=80.0, metadata=key("An alarm from here on.", unit="C", low=40, high=200))
    derate_c: float | None = field(default=85.0, metadata=key("Less current from here on.", unit="C", low=40, high=200))
    stop_c: float | None = field(default=90.0, metadata=key("No current from here on.", unit="C", low=40, high=200))
    derate_share: float = field(
        default=0.5, metadata=key("What derating leaves of the power that flows.", above=0, high=1)
    )

    def __post_init__(self) -> None:
        """Refuse levels that do not ascend."""
        levels = {"warn_c": self.warn_c, "derate_c": self.derate_c, "stop_c": self.stop_c}
        given = [(name, level_c) for name, level_c in levels.items() if level_c is not None]
        for (below, below_c), (name, level_c) in pairwise(given):
            if level_c <= below_c:
                raise Misfit(name, f"{level_c:g} C is not above {below}, {below_c:g} C", f"more than {below_c:g} C")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingConfig:
    """A liquid-cooled cable: the coolant takes the contact's heat, and the conductors', to a cooler."""

    thermal_resistance_k_w: float = field(
        default=2.0, metadata=key("Contact to air while the coolant flows.", unit="K/W", low=0.01, high=100)
    )
    cable_uohm: float = field(
        default=5_200.0, metadata=key("Both conductors of the cable.", unit="uohm", above=0, high=100_000)
    )
    capacity_j_k: float = field(
        default=8_000.0, metadata=key("Heat capacity of coolant and conductors.", unit="J/K", low=1, high=1e6)
    )
    cooler_w_k: float = field(
        default=65.0,
        metadata=key("What the cooler gives off for each kelvin over the air.", unit="W/K", above=0, high=10_000),
    )
    still_w_k: float = field(
        default=5.0, metadata=key("The same by the cable alone, when nothing flows.", unit="W/K", above=0)
    )
    outlet_c: float = field(
        default=65.0, metadata=key("Coolant this warm at its outlet derates.", unit="C", low=40, high=150)
    )
    flow_loss_s: float = field(
        default=5.0, metadata=key("No current after so long without flow.", unit="s", low=0, high=600)
    )

    def __post_init__(self) -> None:
        """Refuse a cooler that cools less than none."""
        if self.still_w_k > self.cooler_w_k:
            what = f"{self.still_w_k:g} W/K without flow is more than with it"
            raise Misfit("still_w_k", what, f"at most {self.cooler_w_k:g} W/K, as cooler_w_k")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorConfig:
    """A kind of connector with its cable: one node of heat for the hotter of its two DC contacts."""

    name: str = field(default="uncooled_250", metadata=key("Name of the kind of cable.", pattern=ID_PATTERN))
    rated_a: float = field(default=250.0, metadata=key("Rated current.", unit="A", above=0, high=2_000))
    resistance_uohm: float = field(
        default=60.0, metadata=key("Of the contact when new.", unit="uohm", above=0, high=10_000)
    )
    thermal_resistance_k_w: float = field(
        default=9.3, metadata=key("Contact to air, without coolant.", unit="K/W", low=0.01, high=100)
    )
    capacity_j_k: float = field(
        default=96.8, metadata=key("Heat capacity of the contact.", unit="J/K", low=1, high=100_000)
    )
    cooled: CoolingConfig | None = field(default=None, metadata=key("Of a liquid-cooled cable; {} takes the defaults."))
    ladder: LadderConfig | Literal["off"] = field(
        default=LadderConfig(), metadata=key("What is done about heat; off: nothing, whatever happens.")
    )

    def __post_init__(self) -> None:
        """Refuse a coolant that keeps heat in, and a connector that GB/T 20234.1 would not pass."""
        if self.cooled is not None and self.cooled.thermal_resistance_k_w > self.thermal_resistance_k_w:
            what = f"{self.cooled.thermal_resistance_k_w:g} K/W with coolant is more than without"
            right = f"at most {self.thermal_resistance_k_w:g} K/W, as thermal_resistance_k_w"
            raise Misfit("cooled.thermal_resistance_k_w", what, right)
        rise_k = 1e-6 * self.resistance_uohm * self.rated_a**2 * self.cooled_k_w
        if rise_k > RISE_MOST_K:
            what = f"{self.rated_a:g} A warm the contact by {rise_k:.1f} K"
            right = f"at most {RISE_MOST_K:g} K at rated current (GB/T 20234.1): less current, ohms or K/W"
            raise Misfit("rated_a", what, right)

    @property
    def cooled_k_w(self) -> float:
        """Contact to air, with all its cooling at work, in K/W."""
        return self.thermal_resistance_k_w if self.cooled is None else self.cooled.thermal_resistance_k_w
