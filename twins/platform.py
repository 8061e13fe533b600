"""The platform that needs no wire: it answers in virtual time, within the instant it is asked."""

from __future__ import annotations

from collections.abc import Callable

from sim.kernel import Kernel
from twins.ports import Happening

__all__ = ["LocalPlatform"]


class LocalPlatform:
    """Accepts every token that is not blocked, and keeps the book of transactions that a run is judged by."""

    def __init__(self, kernel: Kernel, blocked: frozenset[str] = frozenset()) -> None:
        """`blocked` are the tokens it refuses."""
        self._kernel = kernel
        self._blocked = blocked
        self.open: dict[str, Happening] = {}
        self.started = 0
        self.stopped = 0
        self.misordered = 0
        self.on_transaction: Callable[[str, float], None] = lambda session, energy_wh: None

    def authorise(self, evse: str, token: str, done: Callable[[bool], None]) -> None:
        """Answer when the instant has come to rest."""
        accepted = token not in self._blocked
        self._kernel.defer(lambda: done(accepted))

    def report(self, happening: Happening) -> None:
        """Keep the book: every start has one end, in this order."""
        if happening.kind == "started":
            self.started += 1
            self.open[happening.session] = happening
        elif happening.kind == "ended":
            self.stopped += 1
            begun = self.open.pop(happening.session, None)
            if begun is None:
                self.misordered += 1
            else:
                energy_wh = 1_000.0 * (happening.energy_kwh - begun.energy_kwh)
                self.on_transaction(happening.session, energy_wh)
