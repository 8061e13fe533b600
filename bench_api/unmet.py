"""What a test is told when a station has not done what it expects: what came nearest, and how that differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sim.errors import UsageError
from sim.events import Event, Scalar

__all__ = ["Refused", "event_line", "is_sought", "unmet"]

_SHOWN: Final = 3


class Refused(UsageError):
    """The station, or the command that plays it, refused what a test asked for; the message says why.

    No AssertionError: a test that expects a failure must not take a mistake of its own for one.
    """


def is_sought(event: Event, kind: str, subject: str | None, data: Mapping[str, Scalar]) -> bool:
    """Whether the event is of this kind (`alarm.*` is any alarm), of this subject unless that is None, with this data.

    What `data` does not name may be anything.
    """
    return not any(_differences(event, kind, subject, data))


def unmet(
    kind: str, subject: str | None, data: Mapping[str, Scalar], events: Sequence[Event], t_s: float, within_s: float
) -> str:
    """Why a test fails: the event that did not come until `t_s` (s), and the three that are nearest to it."""
    wanted = " ".join([kind, *([f"of {subject}"] if subject is not None else []), *map(_pair, data.items())])
    lines = [f"no {wanted} within {within_s:g} s, until {t_s:.6g} s; nearest of {len(events)} events:"]
    ranked = sorted(events, key=lambda one: (_distance(one, kind, subject, data), -one.seq))[:_SHOWN]
    for one in sorted(ranked, key=lambda one: one.seq):
        said = "; ".join(_differences(one, kind, subject, data)) or "came before the time that was asked about"
        lines.append(f"  {event_line(one)}\n      {said}")
    return "\n".join(lines)


def event_line(event: Event) -> str:
    """An event on one line: its number, its time (s), what, whose, its data."""
    data = " ".join(map(_pair, event.data.items()))
    return f"#{event.seq} {event.t:.6g} s  {event.kind}  {event.subject}  {data}".rstrip()


def _differences(event: Event, kind: str, subject: str | None, data: Mapping[str, Scalar]) -> Iterator[str]:
    if not (event.kind == kind or (kind.endswith("*") and event.kind.startswith(kind[:-1]))):
        yield f"its kind is not {kind}"
    if subject is not None and event.subject != subject:
        yield f"its subject is not {subject}"
    for name, value in data.items():
        if name not in event.data:
            yield f"it has no {name}"
        elif event.data[name] != value:
            yield f"its {name} is not {value!r}"


def _distance(event: Event, kind: str, subject: str | None, data: Mapping[str, Scalar]) -> float:
    """A wrong kind weighs more than all else, half as much within the same family."""
    count = float(sum(1 for _ in _differences(event, kind, subject, data)))
    if not is_sought(event, kind, None, {}):
        count += 10.0 if event.kind.partition(".")[0] != kind.partition(".")[0] else 5.0
    return count


def _pair(item: tuple[str, Scalar]) -> str:
    return f"{item[0]}={item[1]!r}"
