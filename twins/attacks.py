"""Who comes at the platform beside its charge points: what an attacker does, and the knob that holds the attacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sim.faults import Contribution, Knob

__all__ = ["Attack", "Attacks"]

What = Literal["stolen", "replayed", "guessing", "flooding", "malformed"]


@dataclass(frozen=True, slots=True)
class Attack:
    """`identity` is who it says it is, empty for the charge point itself; `after_s` is when it comes.

    `rate_hz` is how often it speaks; `detail` is what of several things it does.
    """

    what: What
    identity: str = ""
    after_s: float = 0.0
    rate_hz: float = 1.0
    detail: str = ""


class Attacks(Knob[Any]):
    """The attacks that are on, in the order of their injection; `value` are their contributions."""

    __slots__ = ()

    def __init__(self, on_change: Callable[[], None]) -> None:
        """`on_change` tells the owner that an attack has begun or ended."""
        super().__init__((), on_change)

    def put(self, attack: Attack) -> Contribution:
        """An attack more."""
        return Contribution(self, "put", attack)

    def _folded(self) -> tuple[Contribution, ...]:
        return tuple(self._contributions)
