"""Parameter sweeps: every setting with every seed, and what the runs say about the key figures.

The same seeds serve every setting (common random numbers): settings are compared by the differences of runs of one
seed, in which what chance brings to both cancels. Who plays the runs, and in what order they come back, is no matter.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeAlias

from scenarios.estimates import Estimate, estimate
from scenarios.grid import Setting
from scenarios.verdict import EXIT_CODES, VERDICTS
from twins.kpis import Kpi

__all__ = ["Case", "Play", "Result", "Sweep", "sweep"]

_JUDGED = ("pass", "fail", "inconclusive")
_NOISE = 1e-9


class Case(NamedTuple):
    """One run to be played."""

    setting: Setting
    seed: int

    def said(self) -> str:
        """Which run it is, for people."""
        return f"setting {self.setting.number} ({self.setting.said()}), seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of one run; `reason` says why it did not pass."""

    verdict: str
    kpis: tuple[Kpi, ...] = ()
    event_digest: str = ""
    reason: str = ""

    @property
    def figures(self) -> dict[str, float]:
        """What was measured, by name; nothing of a run that broke off."""
        if self.verdict not in _JUDGED:
            return {}
        return {kpi.name: kpi.value for kpi in self.kpis if kpi.value is not None and math.isfinite(kpi.value)}


Play: TypeAlias = Callable[[Sequence[Case]], Iterable[tuple[Case, Result]]]
"""Plays cases and yields them as they end, in any order; it may end early."""


def sweep(settings: Sequence[Setting], seeds: Sequence[int], play: Play) -> Sweep:
    """Play every setting with every seed."""
    cases = [Case(setting, seed) for setting in settings for seed in seeds]
    played = dict(play(cases))
    return Sweep(tuple(settings), tuple(seeds), {case: played[case] for case in cases if case in played})


@dataclass(frozen=True, slots=True)
class Sweep:
    """The runs of a sweep, by setting and seed; fewer than planned when it was ended early."""

    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    results: dict[Case, Result]
    units: dict[str, str] = field(init=False)
    """Unit of each key figure, in the order of the runs' own."""

    def __post_init__(self) -> None:
        """Gather the names of the key figures."""
        units = {kpi.name: kpi.unit for result in self.results.values() for kpi in result.kpis}
        object.__setattr__(self, "units", units)

    @property
    def planned(self) -> int:
        """Runs that were to be played."""
        return len(self.settings) * len(self.seeds)

    @property
    def exit_code(self) -> int:
        """As the contract fixes it: the code of the gravest verdict among the runs; ended early is `aborted`."""
        found = {result.verdict for result in self.results.values()}
        found |= {"aborted"} if len(self.results) < self.planned else set()
        return next((EXIT_CODES[verdict] for verdict in ("error", "fail", "inconclusive", "aborted")
                     if verdict in found), 0)  # fmt: skip

    def of(self, setting: Setting) -> Iterator[tuple[int, Result]]:
        """The runs of one setting, by seed."""
        return ((seed, self.results[case]) for seed in self.seeds if (case := Case(setting, seed)) in self.results)

    def verdicts(self, setting: Setting) -> dict[str, int]:
        """How many runs of a setting came to each verdict."""
        counted = Counter(result.verdict for _, result in self.of(setting))
        return {verdict: counted[verdict] for verdict in VERDICTS}

    def estimates(self, setting: Setting) -> dict[str, Estimate]:
        """Each key figure over the runs of a setting that measured it."""
        figures = [result.figures for _, result in self.of(setting)]
        return {name: estimate([one[name] for one in figures if name in one]) for name in self.units}

    def differences(self, setting: Setting) -> dict[str, Estimate]:
        """Each key figure less that of the first setting with the same seed, where both measured it."""
        first = {seed: result.figures for seed, result in self.of(self.settings[0])}
        pairs = [(result.figures, first.get(seed, {})) for seed, result in self.of(setting)]
        return {
            name: estimate([_less(one[name], other[name]) for one, other in pairs if name in one and name in other])
            for name in self.units
        }

    def document(self) -> list[dict[str, Any]]:
        """The entries of `settings` in what `sweep --json` prints; the same digits whoever played the runs."""
        return [self._entry(setting) for setting in self.settings]

    def _entry(self, setting: Setting) -> dict[str, Any]:
        runs = list(self.of(setting))
        kpis = {name: {"unit": self.units[name], **asdict(found)} for name, found in self.estimates(setting).items()}
        against = None if setting is self.settings[0] else {
            name: {
                "mean": one.mean, "ci95_low": one.ci95_low, "ci95_high": one.ci95_high, "n": one.n,
                "is_significant": one.excludes_zero,
            }
            for name, one in self.differences(setting).items()
        }  # fmt: skip
        return {
            "set": dict(setting.changes), "n": len(runs), "verdicts": self.verdicts(setting), "kpis": kpis,
            "against_first": against,
            "not_passed": [
                {"seed": seed, "verdict": result.verdict, "reason": result.reason}
                for seed, result in runs
                if result.verdict != "pass"
            ],
        }  # fmt: skip


def _less(one: float, other: float) -> float:
    """The difference; what rounding alone may bring is none, else it would be found significant."""
    return 0.0 if math.isclose(one, other, rel_tol=_NOISE, abs_tol=_NOISE) else one - other
