"""An outlet that gives DC: insulation test and pre-charge in its start sequence, and the watch on its insulation."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from sim.faults import Knob
from sim.kernel import Kernel
from sim.units import FOREVER, SimTime
from twins.evse import Evse
from twins.ports import PlatformPort

if TYPE_CHECKING:
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["DcEvse"]

INSULATION_OHM_V = 100.0
"""Below this, of the battery's voltage, a DC circuit is not insulated (GB/T 18487.1)."""


class DcEvse(Evse):
    """Knobs: `insulation_kohm` to earth (inf when healthy), `precharges` whether its output follows."""

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort
    ) -> None:
        """As any outlet."""
        super().__init__(kernel, path, model, config, control, platform)
        self.insulation_kohm: Knob[float] = Knob(inf, self._circuit_changed)
        self.precharges = Knob(True, self._circuit_changed)

    def _tests_until(self) -> SimTime:
        if self.insulation_kohm.value == inf:
            return self._sequence_ends
        return SimTime(self._sequence_ends - self.model.precharge_s)

    def _finds(self, now: SimTime) -> str:
        kohm = self.insulation_kohm.value
        if kohm < inf and self.bms is not None and 1e3 * kohm < INSULATION_OHM_V * self.bms.voltage_v(now):
            return "insulation_low"
        return ""

    def _close(self, now: SimTime) -> SimTime:
        if self.precharges.value:
            return super()._close(now)
        self._fail(now, "precharge_failed")
        return FOREVER

    def _circuit_changed(self) -> None:
        if self.insulation_kohm.value == inf:
            self._holds.pop("insulation_low", None)
        if self.precharges.value:
            self._holds.pop("precharge_failed", None)
        self._touch()
