"""Expectations of quantities: a signal within bounds throughout, a signal or a figure of the books as it should be."""

from __future__ import annotations

from scenarios.bounds import Range, in_words
from scenarios.expectations import Form, expectation
from scenarios.judgement import Judgement, concluded, told
from scenarios.moments import moment
from sim.events import Event
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Always", "Equals"]


@expectation("equals")
class Equals(Form):
    """A signal, or a figure of the books, has a value or is as another."""

    def begin(self) -> None:
        """Look at that time."""
        wanted = self.one.equals
        assert wanted is not None
        self._seen: tuple[float, float, float] | None = None
        if wanted.at != "end":
            self.kernel.at(moment(self.clock, wanted.at), lambda: self.kernel.defer(self._look))

    def finish(self, now: SimTime) -> Judgement:
        """Compare."""
        wanted = self.one.equals
        assert wanted is not None
        unit = self._unit()
        if wanted.at == "end":
            self._look()
        if self._seen is None:
            why = f"the run ended before {wanted.at}" if wanted.at != "end" else "the run drew up no books"
            return concluded(self.one, "not_judged", now, bound=wanted.value, unit=unit, notes=[why])
        t_s, value, bound = self._seen
        if abs(value - bound) <= wanted.tolerance:
            return concluded(self.one, "pass", t_s, bound=bound, observed=value, unit=unit)
        notes = [f"near that instant: {told(event)}" for event in self.nearest.around(t_s)]
        return concluded(self.one, "fail", t_s, bound=bound, observed=value, unit=unit, notes=notes)

    def _unit(self) -> str:
        wanted = self.one.equals
        assert wanted is not None
        if wanted.signal is not None:
            return self.quantity(wanted.signal).unit
        return {"kwh": "kWh", "cny": "CNY"}.get((wanted.books or "").rpartition("_")[2], "")

    def _look(self) -> None:
        wanted = self.one.equals
        assert wanted is not None
        value = self._figure(wanted.signal, wanted.books)
        is_book = wanted.books is not None
        bound = wanted.value
        if bound is None:
            bound = self._figure(None if is_book else wanted.to, wanted.to if is_book else None)
        if value is not None and bound is not None:
            self._seen = self.kernel.now, value, bound

    def _figure(self, signal: str | None, book: str | None) -> float | None:
        if signal is not None:
            found = self.kernel.signals[signal]
            assert isinstance(found, Signal | Sum)
            return found.at(self.kernel.now)
        name, _, figure = (book or "").partition(".")
        value = self.books.get(name, {}).get(figure)
        return None if value is None else float(value)


@expectation("always")
class Always(Form):
    """A signal stays within its bounds."""

    def begin(self) -> None:
        """Follow it."""
        wanted = self.one.always
        assert wanted is not None
        self._broken: tuple[float, float] | None = None
        self._nearest: float | None = None
        self._around: int | None = None
        self._last_seq: int | None = None
        self.kernel.subscribe(self._note)
        Range(self.kernel, self.quantity(wanted.signal), wanted.below, wanted.above, self._look)

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first instant outside."""
        wanted = self.one.always
        assert wanted is not None
        quantity = self.quantity(wanted.signal)
        bound = in_words(wanted.below, wanted.above)
        if self._broken is None:
            return concluded(self.one, "pass", None, bound=bound, observed=self._nearest, unit=quantity.unit)
        t_s, value = self._broken
        around = self.nearest.around(t_s)
        evidence = [self._around] if self._around is not None else []
        return concluded(self.one, "fail", t_s, bound=bound, observed=value, unit=quantity.unit, evidence=evidence,
                         notes=[f"near that instant: {told(event)}" for event in around])  # fmt: skip

    def _look(self, is_inside: bool, value: float) -> None:
        wanted = self.one.always
        assert wanted is not None
        pick = max if wanted.below is not None else min
        self._nearest = value if self._nearest is None else pick(self._nearest, value)
        if not is_inside and self._broken is None:
            self._broken = self.kernel.now, value
            self._around = self._last_seq

    def _note(self, event: Event) -> None:
        self._last_seq = event.seq
