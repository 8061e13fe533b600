"""What one may ask of a dry transformer's temperature controller: its fans by hand, other set-points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf

from sim.deeds import CannotDo, deed
from sim.faults import bounds
from sim.files import Misfit
from twins.dry_transformer import DryTransformer

__all__ = ["SetLevels", "TurnFans"]


@deed("transformer.fans", on=DryTransformer, zh="变压器风机手动/自动", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class TurnFans:
    """Run the transformer's fans by hand, keep them off, or leave them to the controller; what trips still does."""

    position: str = field(metadata=bounds(choices=("auto", "on", "off")))

    def do(self, transformer: DryTransformer, source: str) -> None:
        """Turn their switch."""
        transformer.turn_fans(self.position)


@deed("transformer.set_points", on=DryTransformer, zh="变压器温控定值整定")
@dataclass(frozen=True, kw_only=True)
class SetLevels:
    """Set at which readings the fans start and stop, the alarm is raised, the breaker trips; left out: as they are.

    Refused is what a station file may not say either: levels in the wrong order, or in reach of normal service.
    """

    fan_on_c: float = field(default=inf, metadata=bounds(low=0.0, high=300.0))
    fan_off_c: float = field(default=inf, metadata=bounds(low=0.0, high=300.0))
    alarm_c: float = field(default=inf, metadata=bounds(low=0.0, high=300.0))
    trip_c: float = field(default=inf, metadata=bounds(low=0.0, high=300.0))

    def do(self, transformer: DryTransformer, source: str) -> None:
        """All of them, or none."""
        heat, fans = transformer.heat, transformer.heat.fans
        if fans is None and min(self.fan_on_c, self.fan_off_c) < inf:
            raise CannotDo(f"{transformer.path} has no fans")
        alarm_c, trip_c = _or(self.alarm_c, heat.alarm_c), _or(self.trip_c, heat.trip_c)
        try:
            if fans is not None:
                fans = replace(fans, on_c=_or(self.fan_on_c, fans.on_c), off_c=_or(self.fan_off_c, fans.off_c))
            heat = replace(heat, fans=fans, alarm_c=alarm_c, trip_c=trip_c)
        except Misfit as misfit:
            raise CannotDo(str(misfit)) from None
        transformer.set_levels(heat)


def _or(level_c: float, present_c: float) -> float:
    return level_c if level_c < inf else present_c
