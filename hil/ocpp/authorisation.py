"""Whether an identifier may charge: asked of the CSMS, kept until it can be asked, or decided by the cache.

OCPP 1.6 edition 2, sections 3.5 (local authorisation, offline behaviour) and 4.1 (Authorize).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from typing import NamedTuple

from hil.ocpp.configuration import Configuration, IdTagCache
from hil.ocpp.rpc import Answer, Answered, Lost, Rpc, TimedOut
from hil.ocpp.transactions import check_payload

__all__ = ["Authorisation", "Authorised"]

Authorised = Callable[[str, float], None]


class _Waiting(NamedTuple):
    id_tag: str
    done: Authorised
    deadline: float


class Authorisation:
    """The identifiers that are asked for; each asker's `done(status, now)` is called once."""

    def __init__(
        self, configuration: Configuration, cache: IdTagCache, stamp: Callable[[float], str], timeout_s: float
    ) -> None:
        """`timeout_s` is how long an identifier waits for the first boot; `stamp` writes a time as ISO 8601."""
        self._configuration = configuration
        self._cache = cache
        self._stamp = stamp
        self._timeout_s = timeout_s
        self._waiting: list[_Waiting] = []

    def decide(self, id_tag: str, rpc: Rpc | None, is_starting: bool, now: float, done: Authorised) -> None:
        """Ask by `rpc`; without one wait while the charge point is starting, else let the cache decide.

        Raises:
            BadPayload: an identifier that OCPP cannot say (more than 20 characters).
        """
        known = self._cache.status(id_tag, self._stamp(now))
        if known == "Accepted" and self._configuration.flag("LocalPreAuthorize"):
            done(known, now)
        elif rpc is not None:
            self._ask(id_tag, done, rpc, now)
        elif is_starting:
            check_payload("Authorize", {"idTag": id_tag})
            self._waiting.append(_Waiting(id_tag, done, now + self._timeout_s))
        else:
            done(self._cache.offline_status(id_tag, self._stamp(now)), now)

    def ask_waiting(self, rpc: Rpc, now: float) -> None:
        """The CSMS can be asked from now on."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self._ask(one.id_tag, one.done, rpc, now)

    def decide_waiting(self, now: float) -> None:
        """The CSMS cannot be asked: the cache decides."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.done(self._cache.offline_status(one.id_tag, self._stamp(now)), now)

    def next_timer(self) -> float:
        """When `tick` is due, infinity for never."""
        return self._waiting[0].deadline if self._waiting else inf

    def tick(self, now: float) -> None:
        """Decide what has waited for too long, and all that waits with it."""
        if now >= self.next_timer():
            self.decide_waiting(now)

    def _ask(self, id_tag: str, done: Authorised, rpc: Rpc, now: float) -> None:
        rpc.call("Authorize", {"idTag": id_tag}, partial(self._answered, id_tag, done), now)

    def _answered(self, id_tag: str, done: Authorised, answer: Answer, now: float) -> None:
        if isinstance(answer, Answered):
            self._cache.learn(id_tag, answer.payload["idTagInfo"])
            done(answer.payload["idTagInfo"]["status"], now)
        else:
            is_silent = isinstance(answer, Lost | TimedOut)
            done(self._cache.offline_status(id_tag, self._stamp(now)) if is_silent else "Invalid", now)
