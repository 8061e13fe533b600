"""What a driver shows his token to: a card reader beside a screen, either of which may be dead."""

from __future__ import annotations

from sim.faults import Knob
from sim.kernel import Kernel

__all__ = ["TokenReader"]


class TokenReader:
    """Of one outlet. Knobs, 0 to 1: `unread_share` of the cards, `lost_share` of the drivers who need the screen."""

    def __init__(self, kernel: Kernel, path: str) -> None:
        """`path` is the outlet's; in good order nothing is drawn."""
        self.unread_share: Knob[float] = Knob(0.0, lambda: None)
        self.lost_share: Knob[float] = Knob(0.0, lambda: None)
        self._kernel = kernel
        self._stream = f"{path}.screen"

    def reads(self) -> bool:
        """Whether the next driver manages to show his token."""
        share = max(self.unread_share.value, self.lost_share.value)
        return share <= 0.0 or float(self._kernel.streams[self._stream].random()) >= share
