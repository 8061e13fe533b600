"""Expectations of how events follow each other: in an order, and each by another of the same session or subject."""

from __future__ import annotations

from scenarios.expectations import Form, expectation
from scenarios.judgement import Judgement, concluded, told
from sim.events import Event, Scalar
from sim.units import SimTime

__all__ = ["FollowedBy", "Order"]


@expectation("order")
class Order(Form):
    """Events that all happen, for the first time in the order given."""

    def begin(self) -> None:
        """Wait for the first of each."""
        assert self.one.order is not None
        self._first: dict[int, Event] = {}
        for at, name in enumerate(self.one.order):
            self.follow(name, lambda event, at=at: self._hear(at, event))  # type: ignore[misc]

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first that is missing or came before the one ahead of it."""
        names = self.one.order or ()
        bound = ", then ".join(name.said() for name in names)
        came = sorted(self._first, key=lambda at: self._first[at].seq)
        observed = ", then ".join(names[at].said() for at in came) or "none of them"
        for at, name in enumerate(names):
            event, ahead = self._first.get(at), self._first.get(at - 1)
            if event is None:
                begin_s = ahead.t if ahead is not None else 0.0
                near = self.nearest.to(name, begin_s, now)
                notes = [f"no {name.said()}", *self.nearest.notes(near, name, begin_s, now)]
                seqs = [one.seq for one in near]
            elif ahead is not None and event.seq < ahead.seq:
                notes = [f"{told(event)} came before {told(ahead)}"]
                near = self.nearest.to(name, ahead.t, now)
                notes += self.nearest.notes(near, name, ahead.t, now)
                seqs = [event.seq, ahead.seq]
            else:
                continue
            t_s = event.t if event is not None else now
            return concluded(self.one, "fail", t_s, bound=bound, observed=observed, evidence=seqs, notes=notes)
        return concluded(self.one, "pass", self._first[len(names) - 1].t, bound=bound, observed=observed)

    def _hear(self, at: int, event: Event) -> None:
        self._first.setdefault(at, event)


@expectation("followed_by")
class FollowedBy(Form):
    """Each event is followed in time by another that shares its subject, session or other word of its data."""

    def begin(self) -> None:
        """Open a window at each, close those of the same value at what follows."""
        wanted = self.one.followed_by
        assert wanted is not None
        self._same = wanted.same
        self._within_s = wanted.within_s
        self._open: list[Event] = []
        self._met: list[float] = []
        self._missed: list[Event] = []
        self.follow(wanted.by, self._close)
        self.follow(wanted.name, self._begin_window)

    def finish(self, now: SimTime) -> Judgement:
        """Fails at the first that was not followed; windows that the run's end cut off are not judged."""
        one, wanted = self.one, self.one.followed_by
        assert wanted is not None
        if self._missed:
            first = self._missed[0]
            end_s = first.t + self._within_s
            near = self.nearest.to(wanted.by, first.t, end_s)
            lines = self.nearest.notes(near, wanted.by, first.t, end_s)
            value = self._value(first)
            for at, event in enumerate(near):
                if self._value(event) != value:
                    lines[at] += f", of {self._same} {self._value(event)}, not {value}"
            count = f"{len(self._missed)} of {len(self._missed) + len(self._met)} not followed in time"
            return concluded(
                one, "fail", end_s, bound=self._within_s, unit="s", evidence=[first.seq, *(e.seq for e in near)],
                notes=[count, f"missed: {wanted.by.said()} after {told(first)}", *lines],
            )  # fmt: skip
        if not self._met:
            notes = ["nothing to judge: the first event did not happen, or too late in the run"]
            return concluded(one, "not_judged", now, bound=self._within_s, unit="s", notes=notes)
        return concluded(one, "pass", now, bound=self._within_s, observed=max(self._met), unit="s")

    def _value(self, event: Event) -> Scalar:
        """What it has in common with its like; a session's own events name it by their subject."""
        if self._same == "subject":
            return event.subject
        if self._same not in event.data and event.subject.startswith(f"{self._same}["):
            return event.subject[len(self._same) + 1 : -1]
        return event.data.get(self._same)

    def _begin_window(self, event: Event) -> None:
        self._open.append(event)
        deadline = SimTime(event.t + self._within_s)
        self.kernel.at(deadline, lambda: self.kernel.defer(lambda: self._expire(event)))

    def _expire(self, event: Event) -> None:
        if event in self._open:
            self._open.remove(event)
            self._missed.append(event)

    def _close(self, event: Event) -> None:
        value = self._value(event)
        self._met += [event.t - one.t for one in self._open if self._value(one) == value]
        self._open = [one for one in self._open if self._value(one) != value]
