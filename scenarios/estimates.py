"""What repeated runs say about a key figure: mean, spread, and the interval that holds the true mean.

The interval is Student's, for a normal mean of unknown spread. Its quantile is found without tables: the distribution
function for whole degrees of freedom by its finite series (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4), the quantile
by Newton's method. Sums are `math.fsum`, so that no order of the runs shows in the digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

__all__ = ["CONFIDENCE", "Estimate", "estimate", "t_quantile"]

CONFIDENCE = 0.95
"""Share of intervals, over repeated sweeps, that hold the true mean."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of `n` values, in their unit; None where there are too few: no mean of none, no spread of one."""

    n: int
    mean: float | None = None
    sd: float | None = None
    ci95_low: float | None = None
    ci95_high: float | None = None
    min: float | None = None
    max: float | None = None

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval."""
        if self.mean is None or self.ci95_high is None:
            return None
        return self.ci95_high - self.mean

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0; False where there is none."""
        low, high = self.ci95_low, self.ci95_high
        return low is not None and high is not None and (low > 0.0 or high < 0.0)


def estimate(values: Sequence[float]) -> Estimate:
    """Sample mean, sample standard deviation (n - 1) and the 95 % interval of the mean of finite values."""
    n = len(values)
    if n == 0:
        return Estimate(0)
    low, high = min(values), max(values)
    # rounding must not give equal values a spread
    mean = float(low) if low == high else math.fsum(values) / n
    if n == 1:
        return Estimate(1, mean, min=low, max=high)
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = t_quantile((1.0 + CONFIDENCE) / 2.0, n - 1) * sd / math.sqrt(n)
    return Estimate(n, mean, sd, mean - half, mean + half, low, high)


@cache
def t_quantile(share: float, freedom: int) -> float:
    """The value that Student's t with `freedom` degrees of freedom (from 1) stays below with this probability.

    `share` is from 0.5 to below 1; relative error below 1e-9 for shares up to 0.9999.

    Raises:
        ValueError: a share or degrees of freedom out of range.
    """
    if not 0.5 <= share < 1.0 or freedom < 1:
        raise ValueError(f"share {share} with {freedom} degrees of freedom is out of range; 0.5 to below 1, at least 1")
    # Starts below the quantile, and the distribution bends down above 0: each step stays below and comes nearer.
    z = NormalDist().inv_cdf(share)
    t = z + z * (z * z + 1.0) / (4.0 * freedom)
    while True:
        nearer = t + (share - _distribution(t, freedom)) / _density(t, freedom)
        if nearer <= t * (1.0 + 1e-14):
            return t
        t = nearer


def _density(t: float, freedom: int) -> float:
    log = math.lgamma((freedom + 1) / 2.0) - math.lgamma(freedom / 2.0) - 0.5 * math.log(freedom * math.pi)
    return math.exp(log - (freedom + 1) / 2.0 * math.log1p(t * t / freedom))


def _distribution(t: float, freedom: int) -> float:
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = freedom % 2 == 1
    term = cosine if is_odd else 1.0
    terms = [] if freedom == 1 else [term]
    for k in range(2 if is_odd else 1, freedom - 2, 2):
        term *= cosine * cosine * k / (k + 1)
        terms.append(term)
    between = sine * math.fsum(terms)  # probability between -t and t
    if is_odd:
        between = (angle + between) * 2.0 / math.pi
    return 0.5 + between / 2.0
