"""What happened (events, out) and what was asked for (commands, in); both share one numbering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.units import SimTime

__all__ = ["WIRE", "WIRE_PREFIXES", "Command", "Event", "Scalar", "Ticket"]

Scalar = str | int | float | bool | None

WIRE = "wire"
"""Source of commands that a wire brings: frames, connections, losses. What they say is not the twins' own."""

WIRE_PREFIXES = ("wire.", "platform.")
"""Kinds that begin so speak of connections, frames, and what a platform asks; the event digest leaves them out."""


class Event(NamedTuple):
    """Something that happened at `t` to `subject` (a path). `cause` is the `seq` of the event or command behind it."""

    seq: int
    t: SimTime
    kind: str
    subject: str
    data: Mapping[str, Scalar]
    cause: int | None = None
    clause: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """Something from outside: a platform's call or answer, a lost connection, a trainer's click.

    `source` is the kind of face, `actor` who acted, `key` = (link, n) orders commands that arrive in one instant.
    """

    source: str
    actor: str
    verb: str
    target: str
    args: Mapping[str, Scalar] = field(default_factory=dict)
    key: tuple[str, int] = ("", 0)


@dataclass(slots=True)
class Ticket:
    """The receipt of a posted command: `seq` is set when it is applied; its outcome is an event caused by `seq`."""

    command: Command
    seq: int | None = None
