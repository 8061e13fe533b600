"""One generic registry: a decorator, a refusal of duplicates, and an entry-point group for other people's packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from sim.errors import DuplicateName, UsageError
from sim.nearest import nearest

__all__ = ["Registry", "did_you_mean"]

T = TypeVar("T")


def did_you_mean(name: str, known: list[str]) -> str:
    """A sentence naming the nearest known name, or all of them when none is near."""
    near = nearest(name, known)
    return f"did you mean '{near}'?" if near is not None else f"known: {', '.join(known) or 'none'}"


class Registry(Generic[T]):
    """Names of one kind of thing. What is registered by other packages is loaded at the first look-up."""

    def __init__(self, kind: str, group: str) -> None:
        """`kind` is the word used in messages; `group` the entry-point group, for example `voltyard.faults`."""
        self.kind = kind
        self.group = group
        self._entries: dict[str, T] = {}
        self._discovered = False

    def add(self, name: str, entry: T) -> T:
        """Register `entry`; raises `DuplicateName` when the name is taken by another."""
        taken = self._entries.get(name)
        if taken is not None and taken is not entry:
            raise DuplicateName(f"{self.kind} '{name}' is registered twice: {taken!r} and {entry!r}")
        self._entries[name] = entry
        return entry

    def __call__(self, name: str) -> Callable[[T], T]:
        """The decorator form of `add`."""
        return lambda entry: self.add(name, entry)

    def get(self, name: str) -> T:
        """The entry called `name`; raises `UsageError` with the nearest known name."""
        self._discover()
        try:
            return self._entries[name]
        except KeyError:
            raise UsageError(f"unknown {self.kind} '{name}'; {did_you_mean(name, self.names())}") from None

    def names(self) -> list[str]:
        """Every known name, sorted."""
        self._discover()
        return sorted(self._entries)

    def items(self) -> Iterator[tuple[str, T]]:
        """Every (name, entry), sorted by name."""
        self._discover()
        return iter(sorted(self._entries.items()))

    def __contains__(self, name: str) -> bool:
        """Whether `name` is known."""
        self._discover()
        return name in self._entries

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for point in entry_points(group=self.group):
            point.load()
