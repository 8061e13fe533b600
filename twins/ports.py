"""The narrow doors between twins and whoever stands behind them; no protocol words, every method returns at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["Happening", "PlatformPort"]


class Happening(NamedTuple):
    """What a pile tells its platform: `kind` started, ended or status; energies are the meter's register in kWh."""

    kind: str
    evse: str
    session: str = ""
    token: str = ""
    energy_kwh: float = 0.0
    reason: str = ""
    status: str = ""


class PlatformPort(Protocol):
    """What a pile asks of the operations platform.

    `on_transaction(session, energy_wh)` hears what each ended transaction amounts to as the platform is told it.

    `authorise` answers through `done(accepted)`, never before it returns and always at rest of an instant, so that a
    local answer and one over a socket act at the same place in the order. `report` never blocks and never fails.
    """

    on_transaction: Callable[[str, float], None]

    def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
        """May this token charge here?"""

    def report(self, happening: Happening) -> None:
        """Take note; a durable queue stands behind it where there is a wire."""
