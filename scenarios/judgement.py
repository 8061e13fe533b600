"""What an expectation came to, and the events that came nearest to what a failed one asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from scenarios.schema import Expectation
from sim.events import Event
from twins.station_file import LocalText

__all__ = ["Judgement", "Nearest"]

_KEPT = 20_000
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`verdict` is pass, fail or not_judged; `t_s` when that was decided; `evidence` are numbers of events."""

    id: str
    title: LocalText | None
    clause: str
    verdict: str
    t_s: float | None
    bound: float | int | str | None
    observed: float | int | str | None
    unit: str
    evidence: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()


class Nearest:
    """The last events of the run, to be compared with one that was missed."""

    def __init__(self) -> None:
        """Starts empty; keeps the last 20,000."""
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._events.append(event)

    def to(self, kind: str, subject: str | None, begin_s: float, end_s: float) -> tuple[Event, ...]:
        """The three events most like one of `kind` and `subject` between two times."""

        def distance(event: Event) -> tuple[bool, bool, float]:
            early, late = begin_s - event.t, event.t - end_s
            return event.kind != kind, subject is not None and event.subject != subject, max(early, late, 0.0)

        alike = (one for one in self._events if one.kind == kind or one.kind.split(".")[0] == kind.split(".")[0])
        return tuple(sorted(alike, key=distance)[:_SHOWN])

    def notes(self, events: Iterable[Event], kind: str, subject: str | None, begin_s: float, end_s: float) -> list[str]:
        """How each of these differs from what was asked for."""
        lines = []
        for event in events:
            differs = []
            if event.kind != kind:
                differs.append(f"is {event.kind}, not {kind}")
            if subject is not None and event.subject != subject:
                differs.append(f"concerns {event.subject}, not {subject}")
            if event.t < begin_s:
                differs.append(f"{begin_s - event.t:.3f} s too early")
            if event.t > end_s:
                differs.append(f"{event.t - end_s:.3f} s too late")
            lines.append(
                f"#{event.seq} {event.kind} {event.subject} at {event.t:.3f} s: {', '.join(differs) or 'fits'}"
            )
        return lines


def concluded(
    one: Expectation,
    verdict: str,
    t_s: float | None,
    *,
    bound: float | int | str | None = None,
    observed: float | int | str | None = None,
    unit: str = "",
    evidence: Iterable[int] = (),
    notes: Iterable[str] = (),
) -> Judgement:
    """The judgement of an expectation, its name and clause taken over."""
    return Judgement(
        id=one.id, title=one.title, clause=one.clause, verdict=verdict, t_s=t_s, bound=bound, observed=observed,
        unit=unit, evidence=tuple(evidence), notes=tuple(notes),
    )  # fmt: skip
