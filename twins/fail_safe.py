"""A wallbox's watchdog over its master: who is not polled for so long falls back to a current of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from sim.deeds import deed
from sim.faults import bounds
from sim.kernel import Kernel, Rank, Twin
from sim.units import FOREVER, SimTime
from twins.supply import AC_PHASE_V, LEAST_PILOT_A, Supply, phases_of

__all__ = ["FailSafe", "HearMaster", "SetFailSafe", "fail_safe_of"]

_SOURCE = "fail_safe"


class FailSafe(Twin):
    """Of one outlet: `timeout_s` (0: off) and `limit_a`, which it falls back to; event `evse.fail_safe`."""

    rank = Rank.PILE

    def __init__(self, kernel: Kernel, evse: Supply) -> None:
        """Off, with no current to fall back to."""
        self.path = f"{evse.path}.fail_safe"
        self._kernel = kernel
        self._evse = evse
        self._heard_s = kernel.now
        self.timeout_s = 0.0
        self.limit_a = 0.0
        self.has_fallen = False

    def set(self, timeout_s: float | None, limit_a: float | None) -> None:
        """Take these; None leaves what there is. Its master has been heard with it."""
        self.timeout_s = self.timeout_s if timeout_s is None else timeout_s
        self.limit_a = self.limit_a if limit_a is None else limit_a
        self.hear()

    def hear(self) -> None:
        """Its master has said something: what it was told holds again."""
        self._heard_s = self._kernel.now
        if self.has_fallen:
            self.has_fallen = False
            self._evse.limit(_SOURCE, None)
            self._kernel.emit("evse.fail_safe", self._evse.path, {"has_fallen": False})
        self._kernel.touch(self)

    def plan(self, now: SimTime) -> SimTime:
        """Fall back once its time is over."""
        if self.timeout_s <= 0.0 or self.has_fallen:
            return FOREVER
        falls_at = SimTime(self._heard_s + self.timeout_s)
        if now < falls_at:
            return falls_at
        self.has_fallen = True
        offered_a = self.limit_a if self.limit_a >= LEAST_PILOT_A else 0.0
        self._evse.limit(_SOURCE, offered_a * phases_of(self._evse.model) * AC_PHASE_V / 1_000.0)
        self._kernel.emit("evse.fail_safe", self._evse.path, {"has_fallen": True})
        return FOREVER


def fail_safe_of(evse: Supply) -> FailSafe:
    """The watchdog of an outlet, made when it is first set."""
    if evse.fail_safe is None:
        evse.fail_safe = FailSafe(evse.kernel, evse)
    return evse.fail_safe


@deed("evse.fail_safe", on=Supply, zh="充电枪通讯失效保护", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SetFailSafe:
    """Fall back to a current when no master polls the outlet for so long; 0 s switches that off.

    What is left out stays as it is. Less than 6 A makes the charge rest.
    """

    timeout_s: float = field(default=inf, metadata=bounds(low=0.0, high=600.0))
    limit_a: float = field(default=inf, metadata=bounds(low=0.0, high=63.0))

    def do(self, evse: Supply, source: str) -> None:
        """Set it."""
        given = [value if value < inf else None for value in (self.timeout_s, self.limit_a)]
        fail_safe_of(evse).set(*given)


@deed("evse.hear", on=Supply, zh="主站在线", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class HearMaster:
    """A master has polled the outlet: its fail-safe waits anew."""

    def do(self, evse: Supply, source: str) -> None:
        """Note it, where it has a fail-safe."""
        if evse.fail_safe is not None:
            evse.fail_safe.hear()
