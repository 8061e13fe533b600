"""Whether a station is in its steady state: looked at just before the timeline first acts, and at the end."""

from __future__ import annotations

from scenarios.bounds import in_words
from scenarios.frame_shape import Hold, Steady
from scenarios.judgement import Judgement
from sim.kernel import Kernel
from sim.signals import State

__all__ = ["Steadiness"]


class Steadiness:
    """The checks of one run, judged under `ID.before` and `ID.after`."""

    def __init__(self, kernel: Kernel, steady: Steady | None) -> None:
        """Without a steady state there is nothing to judge."""
        self._kernel = kernel
        self._holds = steady.hold if steady is not None else ()
        self._before: list[Judgement] | None = None

    def begin(self) -> None:
        """Look before anything is done; only the first look counts."""
        if self._before is None:
            self._before = [self._judged(one, "before") for one in self._holds]

    @property
    def is_missing(self) -> bool:
        """Whether the run began in another state, so that nothing can be concluded from it."""
        return any(one.verdict == "not_judged" for one in self._before or ())

    def finish(self) -> list[Judgement]:
        """All judgements, those of the end taken now."""
        self.begin()
        return [*(self._before or ()), *(self._judged(one, "after") for one in self._holds)]

    def _judged(self, one: Hold, when: str) -> Judgement:
        now = self._kernel.now
        quantity = self._kernel.signals[one.signal or one.state or ""]
        observed: float | str
        if isinstance(quantity, State):
            observed, bound, unit = str(quantity.value.value), one.value or "", ""
            holds = observed == one.value
        else:
            observed, bound, unit = quantity.at(now), in_words(one.below, one.above), quantity.unit
            holds = (one.below is None or observed < one.below) and (one.above is None or observed > one.above)
        missed = "not_judged" if when == "before" else "fail"
        notes = () if holds else (f"not steady {when}: {quantity.path} is {_shown(observed)} {unit}".rstrip(),)
        return Judgement(
            id=f"{one.id}.{when}", title=one.title, clause="", verdict="pass" if holds else missed, t_s=now,
            bound=bound, observed=observed, unit=unit, notes=notes,
        )  # fmt: skip


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
