"""A device's energy register that goes on from elsewhere: reset, rolled over, or another device's."""

from __future__ import annotations

from dataclasses import dataclass

from sim.events import Scalar
from sim.units import SimTime

__all__ = ["BELIEVED_AFTER", "RegisterStep"]

BELIEVED_AFTER = 3
"""So many readings in a row that go on from one another are a new base (ours)."""


@dataclass(frozen=True, slots=True)
class RegisterStep:
    """Where the register of one quantity of the device at `slot` stood before, and where after, in kWh."""

    slot: str
    quantity: str
    at_s: SimTime
    from_kwh: float
    to_kwh: float

    @property
    def told(self) -> dict[str, Scalar]:
        """As data of the event `device.register_stepped`."""
        return {"quantity": self.quantity, "from_kwh": self.from_kwh, "to_kwh": self.to_kwh}
