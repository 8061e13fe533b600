"""What batteries take: maps of acceptance by state of charge and cell temperature, piecewise linear.

`site_2022` is fitted to the recorded sessions of the two-outlet site; `ev_fast` is the fast-charge map of the physics
sheet, section 1, a default of ours and no prediction. The bands of the same section: `lfp_module_standard` and
`lfp_module_fast` after the manual of a module (where that gives a range, its lower end), `lfp_storage` after a data
sheet, whose end at 80 % from 0 to 5 C is left out. Bands stand for the current; with the share by charge of `ev_fast`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, isclose

__all__ = ["ACCEPTANCE_MAPS", "AcceptanceMap", "SocPiece"]

SocPiece = tuple[float, float, float, float]
"""(soc at its start, soc at its end, share at its start, slope of the share by soc)."""

RatePiece = tuple[float, float, float, float]
"""(temperature at its start, at its end, rate at its start, slope of the rate by temperature)."""


@dataclass(frozen=True, slots=True)
class AcceptanceMap:
    """C-rate = `rate(temp_c) * share(soc)`; points ascend in soc (0 to 1) and in temperature (C).

    `nameplate_weight` leans the strength of a pack towards its nameplate (taken at `nameplate_c_rate`); `ceiling` is
    the share of the nameplate that a car asks for at most. `is_current`: the rate is of the current, else of the power.
    `is_banded`: rates are steps, each from its temperature up; going down, a step holds for 2 K more.
    """

    shares: tuple[tuple[float, float], ...]
    rates: tuple[tuple[float, float], ...]
    nameplate_c_rate: float = 1.0
    nameplate_weight: float = 0.0
    ceiling: float = 1.0
    is_current: bool = False
    is_banded: bool = False
    pieces: tuple[SocPiece, ...] = field(init=False)
    _rate_pieces: tuple[RatePiece, ...] = field(init=False)
    _starts: tuple[float, ...] = field(init=False)
    _bends: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Derive the pieces; neighbours on one line are one piece."""
        pieces = _joined(
            (x0, x1, y0, (y1 - y0) / (x1 - x0))
            for (x0, y0), (x1, y1) in zip(self.shares, self.shares[1:], strict=False)
        )
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "_starts", tuple(x0 for x0, *_ in pieces))
        object.__setattr__(self, "_bends", tuple(temp_c for temp_c, _ in self.rates))
        (coldest_c, first), (hottest_c, last) = self.rates[0], self.rates[-1]
        between = [(x0, x1, y0, (y1 - y0) / (x1 - x0)) for (x0, y0), (x1, y1) in pairwise(self.rates)]
        rate_pieces = ((-inf, coldest_c, first, 0.0), *between, (hottest_c, inf, last, 0.0))
        object.__setattr__(self, "_rate_pieces", rate_pieces)

    def strength_kw(self, capacity_kwh: float, power_max_kw: float) -> float:
        """Power at share 1 and rate 1: the capacity, leaning towards the nameplate where the map says so."""
        if self.nameplate_weight == 0.0:
            return capacity_kwh
        nameplate = power_max_kw / (self.nameplate_c_rate * capacity_kwh)
        return float(capacity_kwh * nameplate**self.nameplate_weight)

    def piece(self, soc: float) -> SocPiece:
        """The piece that begins at or before `soc`, which is 0 or more."""
        return self.pieces[bisect_right(self._starts, soc) - 1]

    def share(self, soc: float) -> float:
        """Of the highest C-rate at this temperature, 0 or more."""
        start, _, share, slope = self.pieces[bisect_right(self._starts, soc if soc > 0.0 else 0.0) - 1]
        return share + slope * (soc - start)

    def rate(self, temp_c: float) -> float:
        """The C-rate at share 1 and a cell temperature."""
        points = self.rates
        if self.is_banded:
            return self.band_rate(self.band(temp_c, None))
        at = bisect_right(self._bends, temp_c)
        if at == 0:
            return points[0][1]
        if at == len(points):
            return points[-1][1]
        (x0, y0), (x1, y1) = points[at - 1], points[at]
        return y0 + (y1 - y0) * (temp_c - x0) / (x1 - x0)

    @property
    def least_rate(self) -> float:
        """The lowest C-rate above 0 that it has."""
        return min(rate for _, rate in self.rates if rate > 0.0)

    def rate_piece(self, temp_c: float) -> RatePiece:
        """The straight piece of the rates that this temperature lies in; those beyond all points are level."""
        return self._rate_pieces[bisect_right(self._bends, temp_c)]

    def band(self, temp_c: float, before: int | None) -> int:
        """The number of the band of a temperature, given the one before it: -1 below all."""
        band = sum(temp_c >= start - _ON_EDGE_K for start, _ in self.rates) - 1
        if before is not None and band < before and temp_c > self.edges(before)[0]:
            return before
        return band

    def band_rate(self, band: int) -> float:
        """The C-rate of a band at share 1."""
        return self.rates[band][1] if band >= 0 else 0.0

    def edges(self, band: int) -> tuple[float, float]:
        """(where a band is left going down, where going up) in C."""
        low_c = self.rates[band][0] - HYSTERESIS_K if band >= 0 else -inf
        return low_c, self.rates[band + 1][0] if band + 1 < len(self.rates) else inf

    def opens_at(self, temp_c: float) -> float | None:
        """The nearest temperature at which it takes current, where it takes none at `temp_c`; None if it never does."""
        points = self.rates
        if self.is_banded:
            starts = [*(start for start, _ in points), inf]
            taking = [at for at, (_, rate) in enumerate(points) if rate > 0.0]
            ends_c = (starts[at + 1] - HYSTERESIS_K for at in taking if starts[at + 1] < inf)
            edges_c = [*(starts[at] for at in taking), *ends_c]
        else:
            taking = [at for at, (_, rate) in enumerate(points) if rate > 0.0]
            if not taking:
                return None
            edges_c = [points[taking[0]][0], points[taking[-1]][0]]
            if taking[0] > 0:
                edges_c[0] = min(edges_c[0], points[taking[0] - 1][0] + _OPENS_K)
            if taking[-1] + 1 < len(points):
                edges_c[1] = max(edges_c[1], points[taking[-1] + 1][0] - _OPENS_K)
        return min(edges_c, key=lambda edge: abs(edge - temp_c), default=None)


HYSTERESIS_K = 2.0
_ON_EDGE_K = 1e-6
_OPENS_K = 1.0


def _joined(pieces: Iterable[SocPiece]) -> tuple[SocPiece, ...]:
    joined: list[SocPiece] = []
    for piece in pieces:
        if joined and isclose(joined[-1][3], piece[3], rel_tol=1e-9, abs_tol=1e-12):
            start, _, share, slope = joined[-1]
            joined[-1] = (start, piece[1], share, slope)
        else:
            joined.append(piece)
    return tuple(joined)


_EV_SHARES = ((0.0, 1.0), (0.5, 1.0), (0.6, 0.8), (0.7, 0.6), (0.8, 0.4), (0.9, 0.2), (0.97, 0.08), (1.0, 0.08))


def _bands(*rates: tuple[float, float]) -> AcceptanceMap:
    return AcceptanceMap(shares=_EV_SHARES, rates=rates, is_current=True, is_banded=True)


ACCEPTANCE_MAPS = {
    "site_2022": AcceptanceMap(
        shares=((0.0, 3.60), (0.2, 2.35), (0.4, 1.97), (0.6, 1.32), (0.8, 1.06), (0.9, 0.52), (1.0, 0.28)),
        rates=((-17.4, 0.10), (30.0, 1.00), (45.0, 1.00), (55.0, 0.20), (60.0, 0.0)),
        nameplate_c_rate=2.5,
        nameplate_weight=0.17,
        ceiling=0.88,
    ),
    "ev_fast": AcceptanceMap(
        shares=_EV_SHARES,
        rates=((-20.0, 0.0), (-10.0, 0.1), (0.0, 0.3), (10.0, 0.8), (20.0, 1.5), (25.0, 2.0), (40.0, 2.0),
               (45.0, 1.5), (50.0, 0.7), (55.0, 0.2), (60.0, 0.0)),
    ),
    "ev_fast_800v": AcceptanceMap(
        shares=((0.0, 1.2), (0.5, 1.2), (0.6, 0.96), (0.7, 0.72), (0.8, 0.48), (0.9, 0.24), (0.97, 0.096),
                (1.0, 0.096)),
        rates=((-20.0, 0.0), (-10.0, 0.1), (0.0, 0.3), (10.0, 0.8), (20.0, 1.5), (25.0, 2.0), (40.0, 2.0),
               (45.0, 1.5), (50.0, 0.7), (55.0, 0.2), (60.0, 0.0)),
    ),
    "lfp_module_standard": _bands((0.0, 0.1), (10.0, 0.2), (25.0, 0.5), (50.0, 0.1), (60.0, 0.0)),
    "lfp_module_fast": _bands((5.0, 0.2), (10.0, 1.0), (25.0, 0.75), (50.0, 0.0)),
    "lfp_storage": _bands((0.0, 0.1), (10.0, 0.2), (15.0, 0.5), (45.0, 0.2), (55.0, 0.0)),
}  # fmt: skip
