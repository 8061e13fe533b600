"""Sums: an aggregate `offset + scale * (sum of parts)` that is never copied and costs its parts nothing.

Its total is exact by linearity: the parts' own totals, scaled, and what was carried over when a coefficient changed.
What is recorded of it is written from the recorded segments of its parts (`sim.sum_rows`).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from math import exp
from typing import NamedTuple

from sim.signals import Signal, root_between
from sim.units import SimTime

__all__ = ["Sum"]


class Sum:
    """`offset + scale * sum(parts)`; parts are signals or sums. Has the readers' face of a `Signal`."""

    __slots__ = (
        "_carried", "_flat", "_is_tuned", "_uppers", "index", "offset", "parts", "path", "scale", "structure",
        "tunings", "unit", "watchers",
    )  # fmt: skip

    def __init__(
        self, path: str, unit: str, parts: Sequence[Signal | Sum], scale: float = 1.0, offset: float = 0.0
    ) -> None:
        """`offset` is in the sum's own unit.

        `tunings` buffers changed coefficients (t, scale, offset), if recorded; `structure` counts the changes of what
        it is made of.
        """
        self.path = path
        self.unit = unit
        self.parts = tuple(parts)
        self.scale = scale
        self.offset = offset
        self.index = -1
        self.structure = 0
        self.tunings: array[float] | None = None
        self.watchers: tuple[Callable[[], None], ...] = ()
        self._carried = 0.0
        self._is_tuned = False
        self._uppers: tuple[Sum, ...] = ()
        self._flat: _Flat | None = None
        for part in self.parts:
            if isinstance(part, Sum):
                part._uppers = (*part._uppers, self)

    def at(self, t: SimTime) -> float:
        """The value at `t`."""
        flat = self._flat or self._flatten()
        value = 0.0
        for leaf, weight in flat.leaves:
            if leaf.c != 0.0 or leaf.b != 0.0:
                value += weight * leaf.at(t)
            elif leaf.a != 0.0:
                value += weight * leaf.a
        for tuned, weight in flat.tuned:
            value += weight * tuned.at(t)
        return self.offset + self.scale * (flat.offset + value)

    def total_at(self, t: SimTime) -> float:
        """The integral from the run's start to `t`, in unit-seconds."""
        return self._carried + self.scale * self._parts_total(t) + self.offset * t

    def retune(self, t: SimTime, scale: float, offset: float) -> None:
        """Take other coefficients from `t` on."""
        if scale == self.scale and offset == self.offset:
            return
        if not self._is_tuned:
            self._is_tuned = True
            self._forget_flat()
        self._carried += (self.scale - scale) * self._parts_total(t) + (self.offset - offset) * t
        self.scale = scale
        self.offset = offset
        if self.tunings is not None:
            self.tunings.extend((t, scale, offset))
        for watcher in self.watchers:
            watcher()

    def leaves(self) -> Iterator[Signal]:
        """Every signal that it is made of, parts of parts included, each once."""
        seen: dict[int, Signal] = {}
        for part in self.parts:
            for leaf in (part,) if isinstance(part, Signal) else part.leaves():
                seen[id(leaf)] = leaf
        yield from seen.values()

    def weighted_leaves(self) -> dict[Signal, float]:
        """What one unit of each signal counts in it, with the coefficients that hold now."""
        flat = self._flat or self._flatten()
        weights = {leaf: self.scale * weight for leaf, weight in flat.leaves}
        for tuned, share in flat.tuned:
            for leaf, weight in tuned.weighted_leaves().items():
                weights[leaf] = weights.get(leaf, 0.0) + self.scale * share * weight
        return weights

    def exact_parts(self) -> tuple[list[tuple[Signal | Sum, float]], float]:
        """([(part, weight)], offset) from whose recorded rows this sum's follow without a loss.

        A sum's rows are exact at its own breakpoints alone: it may stand for its leaves where it has all of them. One
        that has been retuned stays whole in any case; its rows are then to be cut where the other parts' are.
        """
        mine = {id(leaf) for leaf in self.leaves()}
        sums = [part for part in self.parts if isinstance(part, Sum)]
        if len(sums) == len(self.parts) and all({id(leaf) for leaf in part.leaves()} == mine for part in sums):
            return [(part, 1.0) for part in sums], 0.0
        flat = self._flat or self._flatten()
        return [*flat.leaves, *flat.tuned], flat.offset

    def crossing(self, level: float, after: SimTime) -> SimTime | None:
        """When the present plan first passes through `level` later than `after`; None when it never does.

        Between changes a sum is a constant, a slope and decaying terms. Where they bound it off `level` nothing is
        searched; else it is bisected in 64 steps that grow with the slowest time constant. A slope is followed for a
        day at least.
        """
        settled, slope, decays = self.terms(after)
        slowest = max((tau for _, tau in decays), default=0.0)
        reach = 40.0 * slowest if slope == 0.0 else max(40.0 * slowest, 86_400.0)
        lowest = settled + min(0.0, slope * reach) + sum(min(0.0, start) for start, _ in decays)
        highest = settled + max(0.0, slope * reach) + sum(max(0.0, start) for start, _ in decays)
        if not lowest < level < highest:
            return None

        def value(t: SimTime) -> float:
            dt = t - after
            return settled + slope * dt + sum(start * exp(-dt / tau) for start, tau in decays)

        low, is_above = after, value(after) > level
        for step in range(1, 65):
            high = SimTime(after + reach * (step / 64.0) ** 3)
            if (v_high := value(high)) == level or (v_high > level) is not is_above:
                found = root_between(value, level, low, high)
                if found is not None and found > after:
                    return found
                is_above = v_high > level
            low = high
        return None

    def terms(self, t: SimTime) -> tuple[float, float, list[tuple[float, float]]]:
        """(settled value, slope a second, [(share that decays, time constant in s)]) of the plan from `t` on."""
        flat, scale = self._flat or self._flatten(), self.scale
        settled, slope = flat.offset, 0.0
        decays: list[tuple[float, float]] = []
        for leaf, weight in flat.leaves:
            settled += weight * leaf.a
            if leaf.b != 0.0:
                settled += weight * leaf.b * (t - leaf.t0)
                slope += weight * leaf.b
            if leaf.c != 0.0:
                decays.append((scale * weight * leaf.c * exp(-(t - leaf.t0) / leaf.tau), leaf.tau))
        for tuned, weight in flat.tuned:
            its_settled, its_slope, its_decays = tuned.terms(t)
            settled += weight * its_settled
            slope += weight * its_slope
            decays.extend((scale * weight * start, tau) for start, tau in its_decays)
        return self.offset + scale * settled, scale * slope, decays

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of a part or coefficient."""
        self.watchers = (*self.watchers, watcher)
        for part in self.parts:
            part.watch(watcher)

    def watch_tuning(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after every change of a coefficient, here or in a part."""
        self.watchers = (*self.watchers, watcher)
        for part in self.parts:
            if isinstance(part, Sum):
                part.watch_tuning(watcher)

    def _parts_total(self, t: SimTime) -> float:
        flat = self._flat or self._flatten()
        total = flat.offset * t
        for leaf, weight in flat.leaves:
            total += weight * leaf.total_at(t)
        for tuned, weight in flat.tuned:
            total += weight * tuned.total_at(t)
        return total

    def _flatten(self) -> _Flat:
        """The sum of the parts as one list of weighted leaves; sums that have been retuned stay parts."""
        weights: dict[int, tuple[Signal, float]] = {}
        tuned: list[tuple[Sum, float]] = []
        offset = 0.0
        for part in self.parts:
            if isinstance(part, Signal):
                weights[id(part)] = (part, weights.get(id(part), (part, 0.0))[1] + 1.0)
            elif part._is_tuned:
                tuned.append((part, 1.0))
            else:
                inner = part._flat or part._flatten()
                offset += part.offset + part.scale * inner.offset
                for leaf, weight in inner.leaves:
                    weights[id(leaf)] = (leaf, weights.get(id(leaf), (leaf, 0.0))[1] + part.scale * weight)
                tuned.extend((one, part.scale * weight) for one, weight in inner.tuned)
        self._flat = _Flat(tuple(weights.values()), tuple(tuned), offset)
        return self._flat

    def _forget_flat(self) -> None:
        for upper in self._uppers:
            upper._flat = None
            upper.structure += 1
            upper._forget_flat()


class _Flat(NamedTuple):
    """`offset + sum(weight * leaf) + sum(weight * tuned)`: a sum of parts without its nesting."""

    leaves: tuple[tuple[Signal, float], ...]
    tuned: tuple[tuple[Sum, float], ...]
    offset: float
