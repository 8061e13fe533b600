"""What an expectation came to, and the events that came nearest to what a failed one asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scenarios.conditions import EventName
from scenarios.expectation_shape import Expectation
from sim.events import Event
from twins.station_file import LocalText

__all__ = ["Judgement", "Nearest", "concluded", "told"]

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

    def to(self, name: EventName, begin_s: float, end_s: float) -> tuple[Event, ...]:
        """The three events most like one of this name between two times."""

        def distance(event: Event) -> tuple[int, float]:
            early, late = begin_s - event.t, event.t - end_s
            return min(_misfits(one, event) for one in name.named), max(early, late, 0.0)

        families = {kind.split(".")[0] for kind in name.kinds}
        alike = (one for one in self._events if one.kind.split(".")[0] in families)
        return tuple(sorted(alike, key=distance)[:_SHOWN])

    def notes(self, events: Iterable[Event], name: EventName, begin_s: float, end_s: float) -> list[str]:
        """How each of these differs from what was asked for."""
        lines = []
        for event in events:
            wanted = min(name.named, key=lambda one: _misfits(one, event))
            differs = list(_differences(wanted, event))
            if event.t < begin_s:
                differs.append(f"{begin_s - event.t:.3f} s too early")
            if event.t > end_s:
                differs.append(f"{event.t - end_s:.3f} s too late")
            lines.append(f"{told(event)}: {', '.join(differs) or 'fits'}")
        return lines

    def around(self, t_s: float) -> tuple[Event, ...]:
        """The three events nearest in time to an instant."""
        return tuple(sorted(sorted(self._events, key=lambda one: abs(one.t - t_s))[:_SHOWN], key=lambda one: one.seq))


def told(event: Event) -> str:
    """An event in a line."""
    return f"#{event.seq} {event.kind} {event.subject} at {event.t:.3f} s"


def _differences(name: EventName, event: Event) -> Iterator[str]:
    if event.kind != name.event:
        yield f"is {event.kind}, not {name.event}"
    if name.subject is not None and not name.is_of(event.subject):
        yield f"concerns {event.subject}, not {name.subject}"
    for word, value in name.data.items() if event.kind == name.event else ():
        if event.data.get(word) != value:
            yield f"has {word} {event.data.get(word, 'not at all')}, not {value}"


def _misfits(name: EventName, event: Event) -> int:
    weight = 4 if event.kind != name.event else 0
    return weight + sum(1 for _ in _differences(name, event))


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
