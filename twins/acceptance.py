"""What batteries take: maps of acceptance by state of charge and cell temperature, piecewise linear.

`site_2022` is fitted to the recorded sessions of the two-outlet site; `ev_fast` is the fast-charge map of the physics
sheet, section 1, a default of ours and no prediction.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import isclose

__all__ = ["ACCEPTANCE_MAPS", "AcceptanceMap", "SocPiece"]

SocPiece = tuple[float, float, float, float]
"""(soc at its start, soc at its end, share at its start, slope of the share by soc)."""


@dataclass(frozen=True, slots=True)
class AcceptanceMap:
    """C-rate = `rate(temp_c) * share(soc)`; points ascend in soc (0 to 1) and in temperature (C).

    `nameplate_weight` leans the strength of a pack towards its nameplate (taken at `nameplate_c_rate`); `ceiling` is
    the share of the nameplate that a car asks for at most.
    """

    shares: tuple[tuple[float, float], ...]
    rates: tuple[tuple[float, float], ...]
    nameplate_c_rate: float = 1.0
    nameplate_weight: float = 0.0
    ceiling: float = 1.0
    pieces: tuple[SocPiece, ...] = field(init=False)
    _starts: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the pieces; neighbours on one line are one piece."""
        pieces = _joined(
            (x0, x1, y0, (y1 - y0) / (x1 - x0))
            for (x0, y0), (x1, y1) in zip(self.shares, self.shares[1:], strict=False)
        )
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "_starts", tuple(x0 for x0, *_ in pieces))

    def piece(self, soc: float) -> SocPiece:
        """The piece that begins at or before `soc`, which is 0 or more."""
        return self.pieces[bisect_right(self._starts, soc) - 1]

    def share(self, soc: float) -> float:
        """Of the highest C-rate at this temperature, 0 or more."""
        start, _, share, slope = self.piece(min(max(soc, 0.0), 1.0))
        return share + slope * (soc - start)

    def rate(self, temp_c: float) -> float:
        """The C-rate at share 1 and a cell temperature."""
        points = self.rates
        if temp_c <= points[0][0]:
            return points[0][1]
        for (x0, y0), (x1, y1) in pairwise(points):
            if temp_c <= x1:
                return y0 + (y1 - y0) * (temp_c - x0) / (x1 - x0)
        return points[-1][1]


def _joined(pieces: Iterable[SocPiece]) -> tuple[SocPiece, ...]:
    joined: list[SocPiece] = []
    for piece in pieces:
        if joined and isclose(joined[-1][3], piece[3], rel_tol=1e-9, abs_tol=1e-12):
            start, _, share, slope = joined[-1]
            joined[-1] = (start, piece[1], share, slope)
        else:
            joined.append(piece)
    return tuple(joined)


ACCEPTANCE_MAPS = {
    "site_2022": AcceptanceMap(
        shares=((0.0, 3.60), (0.2, 2.35), (0.4, 1.97), (0.6, 1.18), (0.8, 0.95), (0.9, 0.46), (1.0, 0.25)),
        rates=((-17.4, 0.10), (30.0, 1.00), (45.0, 1.00), (55.0, 0.20), (60.0, 0.0)),
        nameplate_c_rate=2.5,
        nameplate_weight=0.17,
        ceiling=0.88,
    ),
    "ev_fast": AcceptanceMap(
        shares=((0.0, 1.0), (0.5, 1.0), (0.6, 0.8), (0.7, 0.6), (0.8, 0.4), (0.9, 0.2), (0.97, 0.08), (1.0, 0.08)),
        rates=((-20.0, 0.0), (-10.0, 0.1), (0.0, 0.3), (10.0, 0.8), (20.0, 1.5), (25.0, 2.0), (40.0, 2.0),
               (45.0, 1.5), (50.0, 0.7), (55.0, 0.2), (60.0, 0.0)),
    ),
    "ev_fast_800v": AcceptanceMap(
        shares=((0.0, 1.2), (0.5, 1.2), (0.6, 0.96), (0.7, 0.72), (0.8, 0.48), (0.9, 0.24), (0.97, 0.096),
                (1.0, 0.096)),
        rates=((-20.0, 0.0), (-10.0, 0.1), (0.0, 0.3), (10.0, 0.8), (20.0, 1.5), (25.0, 2.0), (40.0, 2.0),
               (45.0, 1.5), (50.0, 0.7), (55.0, 0.2), (60.0, 0.0)),
    ),
}  # fmt: skip
