"""Derating: the share of its rating that a pile may give when it is hot, by named curves and how they are followed.

Curves of the physics sheet, section 2. Where one falls it is followed in steps of half a kelvin; where it jumps, what
it took away comes back only `restore_k` below, after a minute (`twins.thermal.Threshold`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor

from sim.files import Misfit
from sim.units import FOREVER, SimTime
from twins.thermal import RESTORE_K, Threshold

__all__ = ["CURVES", "STEP_K", "Derating", "DeratingCurve", "Staircase"]

STEP_K = 0.5
"""How far the temperature may move from the one that the share was taken for."""

_NEAR_K = 1e-6
_BEYOND_K = 1e-3


@dataclass(frozen=True, slots=True)
class DeratingCurve:
    """Points (C, % of the rating), straight between them; two at one temperature are a jump beyond it.

    It goes by the air in the cabinet, or by the air over the station (`is_by_air`).
    """

    points: tuple[tuple[float, float], ...]
    is_by_air: bool = False
    restore_k: float = RESTORE_K

    def __post_init__(self) -> None:
        """Refuse what is no curve, or one that rises with heat."""
        for at, (temp_c, pct) in enumerate(self.points):
            if not 0.0 <= pct <= 100.0:
                raise Misfit(f"derating[{at}]", f"{pct:g} % of the rating", "[C, %] with 0 to 100 %")
            if at and temp_c < self.points[at - 1][0]:
                what = f"{temp_c:g} C comes after {self.points[at - 1][0]:g} C"
                raise Misfit(f"derating[{at}]", what, "points from cold to hot")
            if at and pct > self.points[at - 1][1]:
                what = f"{pct:g} % at {temp_c:g} C, after {self.points[at - 1][1]:g} %: it rises with heat"
                raise Misfit(f"derating[{at}]", what, f"at most {self.points[at - 1][1]:g} %")

    def share(self, temp_c: float) -> float:
        """Share of the rating, 0 to 1; at a jump what holds up to there, beyond the last point what holds there."""
        points = self.points
        if temp_c <= points[0][0]:
            return points[0][1] / 100.0
        for (x0, y0), (x1, y1) in pairwise(points):
            if temp_c <= x1:
                return (y0 + (y1 - y0) * (temp_c - x0) / (x1 - x0)) / 100.0
        return points[-1][1] / 100.0

    @property
    def slope(self) -> tuple[float, float] | None:
        """From where to where (C) it falls other than by jumps; None if it does not."""
        falls = [(x0, x1) for (x0, y0), (x1, y1) in pairwise(self.points) if x1 > x0 and y1 < y0]
        return (falls[0][0], falls[-1][1]) if falls else None

    @property
    def jumps(self) -> list[tuple[float, float]]:
        """(C, share beyond it) of each jump."""
        return [(x0, y1 / 100.0) for (x0, y0), (x1, y1) in pairwise(self.points) if x1 == x0 and y1 < y0]


CURVES = {
    # a module maker's 20 kW module: by the air that it takes in
    "module_20kw": DeratingCurve(((55.0, 100.0), (75.0, 50.0), (75.0, 0.0))),
    # ABB Terra 94 to 184, normal duty: by ambient air, the table ends at 55 C; back 2 K below, as other tables' bands
    "abb_terra_94_184": DeratingCurve(
        ((35.0, 100.0), (35.0, 90.0), (40.0, 90.0), (40.0, 85.0), (45.0, 85.0), (45.0, 75.0), (50.0, 75.0),
         (50.0, 65.0), (55.0, 65.0), (55.0, 0.0)),
        is_by_air=True,
        restore_k=2.0,
    ),
    # ours
    "gb_default": DeratingCurve(((50.0, 100.0), (65.0, 50.0), (70.0, 0.0))),
}  # fmt: skip


class Staircase(Threshold):
    """Follows a temperature between two levels in steps: `held_c` is never more than `STEP_K` away from it there."""

    __slots__ = ("held_c", "high_c", "low_c")

    def __init__(self, low_c: float, high_c: float, on_turn: Callable[[bool], None]) -> None:
        """`on_turn(is above low_c)` is told each step."""
        super().__init__(low_c + STEP_K, on_turn, clear_c=low_c, hold_s=0.0)
        self.low_c = low_c
        self.high_c = high_c
        self.held_c = low_c

    def see(self, now: SimTime, temp_c: float) -> bool:
        """Take the temperature of `now`; whether it has come a step away from the one that is held."""
        steps = (temp_c - self.low_c) / STEP_K
        if temp_c >= self.held_c + STEP_K - _NEAR_K and self.held_c < self.high_c:
            self.held_c = min(self.low_c + STEP_K * floor(steps + _NEAR_K), self.high_c)
        elif temp_c <= self.held_c - STEP_K + _NEAR_K and self.held_c > self.low_c:
            self.held_c = max(self.low_c + STEP_K * ceil(steps - _NEAR_K), self.low_c)
        else:
            return False
        self.is_on = self.held_c > self.low_c
        return True

    def due(self, crossing: Callable[[float], SimTime]) -> SimTime:
        """When the next step up or down is reached."""
        up = crossing(self.held_c + STEP_K) if self.held_c < self.high_c else FOREVER
        return min(up, crossing(self.held_c - STEP_K)) if self.held_c > self.low_c else up


class Derating:
    """A curve being followed by `thresholds`, whose owner has them look at the temperature."""

    def __init__(self, curve: DeratingCurve, on_turn: Callable[[bool], None]) -> None:
        """`on_turn` is told each change."""
        self.curve = curve
        slope = curve.slope
        self._stairs = Staircase(*slope, on_turn) if slope is not None else None
        self._jumps = [
            (Threshold(level_c + _BEYOND_K, on_turn, clear_c=level_c - curve.restore_k), share)
            for level_c, share in curve.jumps
        ]
        stairs = [self._stairs] if self._stairs is not None else []
        self.thresholds: list[Threshold] = [*stairs, *(threshold for threshold, _ in self._jumps)]

    @property
    def share(self) -> float:
        """What it allows now, 0 to 1."""
        stairs = self._stairs
        share = self.curve.points[0][1] / 100.0 if stairs is None else self.curve.share(stairs.held_c)
        return min((share, *(beyond for threshold, beyond in self._jumps if threshold.is_on)))
