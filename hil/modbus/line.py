"""The serial line behind a gateway: one request at a time, masters in turn, each master's own in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from math import inf
from typing import Generic, Protocol, TypeVar

__all__ = ["Line"]


class _Owned(Protocol):
    @property
    def owner(self) -> Hashable:
        """Who asked."""


R = TypeVar("R", bound=_Owned)


class Line(Generic[R]):
    """Requests on their way; times are in seconds of whatever clock the caller keeps.

    When all places are taken, a master that has more waiting than the newcomer's gives up its last one, so that nobody
    who floods the line keeps the others off it.
    """

    def __init__(self, turnaround_s: float, places: int) -> None:
        """A request takes `turnaround_s`; at most `places` wait beside the one on the line."""
        self._turnaround_s = turnaround_s
        self._places = places
        self._waiting: dict[Hashable, deque[R]] = {}
        self._count = 0
        self._current: R | None = None
        self.due_s = inf
        """When the request that is on the line will be done; inf: the line is free."""

    def offer(self, request: R, now: float) -> R | None:
        """Take a request in; whichever has no place and is to be refused, this one or another, or None."""
        if self._current is None:
            self._begin(request, now)
            return None
        refused = None
        if self._count >= self._places:
            longest = max(self._waiting.values(), key=len)
            if len(longest) <= len(self._waiting.get(request.owner, ())) + 1:
                return request
            refused = longest.pop()
            self._count -= 1
        self._waiting.setdefault(request.owner, deque()).append(request)
        self._count += 1
        return refused

    def done(self, now: float) -> R | None:
        """The request that is done by `now`, and the next one is on the line; None while it is not. To be repeated."""
        if now < self.due_s:
            return None
        done, ended_s = self._current, self.due_s
        self._current, self.due_s = None, inf
        if self._waiting:
            owner = next(iter(self._waiting))
            queue = self._waiting.pop(owner)
            self._begin(queue.popleft(), ended_s)
            self._count -= 1
            if queue:
                self._waiting[owner] = queue
        return done

    def forget(self, owner: Hashable) -> None:
        """Whoever asked is gone: what of his is waiting does not come on the line."""
        self._count -= len(self._waiting.pop(owner, ()))

    def _begin(self, request: R, now: float) -> None:
        self._current = request
        self.due_s = now + self._turnaround_s
