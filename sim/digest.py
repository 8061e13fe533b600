"""Fingerprints of a run: one bit-exact, one that holds across processors and paces.

The `digest` covers every twin event, every command (of a wire's commands all but the words) and the final segment of
every signal, to the last bit.
The `event_digest` covers twin events alone: kind, subject, t to 1 ms, numbers to three decimals; what falls within one
millisecond is put in order, so that the order of arrival on a wire does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any

import orjson

from sim.events import WIRE, WIRE_PREFIXES, Command, Event, Scalar
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Digest"]

_SORTED = orjson.OPT_SORT_KEYS
_PLACE = itemgetter(0)
_Line = tuple[tuple[int, str, str], Mapping[str, Scalar]]


class Digest:
    """Takes events and commands as they happen; recording levels do not reach it."""

    def __init__(self) -> None:
        """Starts empty; what happens is put into `events`."""
        self._exact = sha256()
        self._coarse = sha256()
        self.events: list[Event | tuple[object, ...]] = []
        self._instant: list[_Line] = []

    def command(self, t: SimTime, command: Command) -> None:
        """Take one command at the time it was applied; of a wire's, not its words (a platform's clock, its ids)."""
        args = None if command.source == WIRE else command.args
        self.events.append((t, command.source, command.verb, command.target, args))

    def finish(self, t: SimTime, quantities: Iterable[Signal | Sum | State[Any]]) -> tuple[str, str]:
        """The (digest, event digest) in hexadecimal, once the run has ended at `t`."""
        self.drain()
        self._coarsen(self._instant)
        self._instant = []
        for q in quantities:
            if isinstance(q, Signal):
                final: tuple[object, ...] = (q.path, q.t0, q.a, q.b, q.c, q.total, q.version)
            elif isinstance(q, Sum):
                final = (q.path, q.total_at(t), q.at(t))
            else:
                final = (q.path, q.since, q.codes[q.value], q.version)
            self._exact.update(orjson.dumps(final))
        return self._exact.hexdigest(), self._coarse.hexdigest()

    def drain(self) -> None:
        """Take in what stands in `events`."""
        exact: list[tuple[object, ...]] = []
        coarse = self._instant
        for entry in self.events:
            if type(entry) is not Event:
                exact.append(entry)
                continue
            _, t, kind, subject, data, _, _ = entry
            if kind.startswith(WIRE_PREFIXES):
                continue
            exact.append((t, kind, subject, data))
            for value in data.values():
                if type(value) is float:
                    data = {key: round(v, 3) if type(v) is float else v for key, v in data.items()}
                    break
            coarse.append(((round(t * 1000.0), kind, subject), data))
        self.events.clear()
        self._exact.update(orjson.dumps(exact, option=_SORTED))
        if coarse:
            closed, last_ms = len(coarse), coarse[-1][0][0]
            while closed and coarse[closed - 1][0][0] == last_ms:
                closed -= 1
            self._coarsen(coarse[:closed])
            self._instant = coarse[closed:]

    def _coarsen(self, lines: list[_Line]) -> None:
        """Take whole instants; within one, lines are in order of their words."""
        lines.sort(key=_PLACE)
        if len(set(map(_PLACE, lines))) < len(lines):
            lines.sort(key=lambda line: (*line[0], orjson.dumps(line[1], option=_SORTED)))
        self._coarse.update(orjson.dumps(lines, option=_SORTED)[1:-1] + b"," if lines else b"")
