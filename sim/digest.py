"""Fingerprints of a run: one bit-exact, one that holds across processors and paces.

The `digest` covers every twin event, every command (of a wire's commands all but the words) and the final segment of
every signal, to the last bit.
The `event_digest` covers twin events alone: kind, subject, t to 1 ms, numbers to three decimals; what falls within one
millisecond is put in order, so that the order of arrival on a wire does not show.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import orjson

from sim.events import WIRE, WIRE_PREFIX, Command, Event
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["Digest"]

_BATCH = 512
_KEYS = orjson.OPT_SORT_KEYS


class Digest:
    """Takes events and commands as they happen; recording levels do not reach it."""

    def __init__(self) -> None:
        """Starts empty."""
        self._exact = sha256()
        self._coarse = sha256()
        self._batch: list[tuple[object, ...]] = []
        self._instant: list[bytes] = []
        self._instant_ms = -1

    def event(self, event: Event) -> None:
        """Take one event; wire events do not count."""
        if event.kind.startswith(WIRE_PREFIX):
            return
        self._take((event.t, event.kind, event.subject, event.data))

    def command(self, t: SimTime, command: Command) -> None:
        """Take one command at the time it was applied; of a wire's, not its words (a platform's clock, its ids)."""
        args = None if command.source == WIRE else command.args
        self._take((t, None, command.source, command.verb, command.target, args))

    def finish(self, t: SimTime, quantities: Iterable[Signal | Sum | State[Any]]) -> tuple[str, str]:
        """The (digest, event digest) in hexadecimal, once the run has ended at `t`."""
        self._drain()
        self._close_instant()
        for q in quantities:
            if isinstance(q, Signal):
                final: tuple[object, ...] = (q.path, q.t0, q.a, q.b, q.c, q.total, q.version)
            elif isinstance(q, Sum):
                final = (q.path, q.total_at(t), q.at(t))
            else:
                final = (q.path, q.since, q.codes[q.value], q.version)
            self._exact.update(orjson.dumps(final))
        return self._exact.hexdigest(), self._coarse.hexdigest()

    def _take(self, entry: tuple[object, ...]) -> None:
        self._batch.append(entry)
        if len(self._batch) >= _BATCH:
            self._drain()

    def _drain(self) -> None:
        self._exact.update(orjson.dumps(self._batch, option=_KEYS))
        for entry in self._batch:
            if entry[1] is not None:
                self._coarsen(entry)
        self._batch = []

    def _coarsen(self, entry: tuple[object, ...]) -> None:
        t, kind, subject, data = entry
        assert isinstance(t, float | int) and isinstance(data, dict)
        t_ms = round(t * 1000.0)
        if t_ms != self._instant_ms:
            self._close_instant()
            self._instant_ms = t_ms
        values = {key: round(value, 3) if isinstance(value, float) else value for key, value in data.items()}
        self._instant.append(orjson.dumps((t_ms, kind, subject, values), option=_KEYS))

    def _close_instant(self) -> None:
        for line in sorted(self._instant):
            self._coarse.update(line)
        self._instant = []
