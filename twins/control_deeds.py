"""What one may ask of the site's power allocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from sim.deeds import deed
from sim.faults import bounds
from twins.control import Control

__all__ = ["LimitSite"]


@deed("control.limit", on=Control, zh="场站总功率限值", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class LimitSite:
    """Hold what all piles give out together at or below a limit; left out, this face lifts its own."""

    limit_kw: float = field(default=inf, metadata=bounds(low=0.0, high=100_000.0))

    def do(self, control: Control, source: str) -> None:
        """Limit it for this source."""
        control.limit(source, self.limit_kw if self.limit_kw < inf else None)
