"""The narrow doors between twins and whoever stands behind them; no protocol words, every method returns at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["PlatformPort"]


class PlatformPort(Protocol):
    """What a pile asks of the operations platform, and tells it; `evse` is a path, energies are the register in kWh.

    `authorise` answers through `done(accepted)`, never before it returns and always at rest of an instant, so that a
    local answer and one over a socket act at the same place in the order. What is told never blocks and never fails: a
    durable queue stands behind it where there is a wire. `on_transaction(session, energy_wh)` hears what each ended
    transaction amounts to as the platform is told it.
    """

    on_transaction: Callable[[str, float], None]

    def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
        """May this token charge here?"""

    def started(self, evse: str, session: str, token: str, energy_kwh: float) -> None:
        """A charge has begun."""

    def ended(self, evse: str, session: str, energy_kwh: float, reason: str) -> None:
        """It has ended."""

    def status(self, evse: str, state: str, alarm: str) -> None:
        """The EVSE has another state; `alarm` is what it raised with it, if anything."""
