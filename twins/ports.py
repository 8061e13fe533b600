"""The narrow doors between twins and whoever stands behind them; no protocol words, every method returns at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["DevicePort", "NoDevice", "PlatformPort"]


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


class DevicePort(Protocol):
    """What a real device in a slot is asked for; whoever drives it implements this.

    Every method returns at once and never raises; what comes of it is posted to the kernel as commands to the device's
    twin (`twins.device_evse`), at least one within the slot's watchdog for as long as the device is there. A limit that
    the device has taken is told (`limited`), one that it refuses too. Of limits in a row only the last one matters.
    What was granted must lapse by itself, in the device, within the watchdog of its last sign of life: then it draws no
    more than the slot's reserve, though nobody can tell it so any more.
    """

    def limit(self, limit_kw: float) -> None:
        """Draw no more than this from now on, 0 or more, while its transaction lasts."""

    def start(self, token: str) -> None:
        """Begin to charge for this token."""

    def stop(self, reason: str) -> None:
        """End the transaction."""

    def make_safe(self) -> None:
        """Let no power flow, whatever else is under way; the bench then waits a bounded time for it."""


class NoDevice:
    """Nobody behind the port: a replay, or a driver that has not been started."""

    def limit(self, limit_kw: float) -> None:
        """Nobody to tell."""

    def start(self, token: str) -> None:
        """Nobody to tell."""

    def stop(self, reason: str) -> None:
        """Nobody to tell."""

    def make_safe(self) -> None:
        """Nobody to tell."""
