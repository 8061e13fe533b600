"""The platform that needs no wire: it answers in virtual time, within the instant it is asked."""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel import Kernel

__all__ = ["LocalPlatform"]


class LocalPlatform:
    """Accepts every token that is not blocked, and keeps the book of transactions that a run is judged by.

    `open` is each running session's register at its start, in kWh.
    """

    def __init__(self, kernel: Kernel, blocked: frozenset[str] = frozenset()) -> None:
        """`blocked` are the tokens it refuses."""
        self._kernel = kernel
        self._blocked = blocked
        self.open: dict[str, float] = {}
        self.begun = 0
        self.stopped = 0
        self.misordered = 0
        self.on_transaction: Callable[[str, float], None] = lambda session, energy_wh: None

    def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
        """Answer when the instant has come to rest."""
        accepted = token not in self._blocked
        self._kernel.defer(lambda: done(accepted))

    def started(self, evse: str, session: str, token: str, energy_kwh: float) -> None:
        """Open a transaction."""
        self.begun += 1
        self.misordered += session in self.open
        self.open[session] = energy_kwh

    def ended(self, evse: str, session: str, energy_kwh: float, reason: str) -> None:
        """Close it: every start has one end, in this order."""
        self.stopped += 1
        begun_kwh = self.open.pop(session, None)
        if begun_kwh is None:
            self.misordered += 1
        else:
            self.on_transaction(session, 1_000.0 * (energy_kwh - begun_kwh))

    def status(self, evse: str, state: str, alarm: str) -> None:
        """Nobody here watches states."""
