"""The contact of a liquid-cooled cable, with its coolant: a second warm body, heated by the cable's conductors.

Physics sheet, section 3: the contact gives its heat to the coolant while that flows, to the air alone when it does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from math import inf

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import SimTime
from twins.connector import ConnectorConfig
from twins.contact import Contact, HeatedOutlet, bend_limit
from twins.thermal import Threshold, WarmBody

__all__ = ["CablePumpFailed", "CooledContact"]

_OHM = 1e-6


class CooledContact(Contact):
    """A contact, and the coolant at its outlet: signals `coolant_rise_k`, `coolant_temp_c`.

    Alarms beside the contact's own: `coolant_hot` with less power, and `coolant_flow_lost` with a lock-out.
    """

    def __init__(self, kernel: Kernel, outlet: HeatedOutlet, config: ConnectorConfig, air_c: Signal) -> None:
        """`config.cooled` is given; the pump runs."""
        assert config.cooled is not None
        super().__init__(kernel, outlet, config, air_c)
        self.cooled = config.cooled
        path = f"{outlet.path}.coolant"
        self.coolant = WarmBody(kernel, path, air_c, self.cooled.capacity_j_k, self.cooled.cooler_w_k)
        cable = config.resistance_uohm / self.cooled.cable_uohm
        self._bend_limit = min(self._bend_limit, cable * bend_limit(self.cooled.capacity_j_k))
        self.pump_runs: Knob[bool] = Knob(True, self._pump_changed)
        self._losses = 0
        if config.ladder != "off":
            self.coolant.add(Threshold(self.cooled.outlet_c, partial(self._coolant_hot, config.ladder.derate_share)))

    def _warmed_by(self, now: SimTime, square_a2: float, slope_a2_s: float) -> None:
        super()._warmed_by(now, square_a2, slope_a2_s)
        ohm = _OHM * self.cooled.cable_uohm
        self.coolant.warm(now, ohm * square_a2, ohm * slope_a2_s)

    def _coolant_hot(self, share: float, is_on: bool) -> None:
        self._outlet.derate("coolant_heat", share if is_on else None)
        (self._outlet.warn if is_on else self._outlet.calm)("coolant_hot")

    def _pump_changed(self) -> None:
        now, config = self._kernel.now, self.config
        if self.pump_runs.value:
            self._losses += 1
            self.cool(now, 1.0 / config.cooled_k_w)
            self.coolant.cool(now, self.cooled.cooler_w_k)
            self._outlet.lift("coolant_flow_lost")
            return
        self.cool(now, 1.0 / config.thermal_resistance_k_w)
        self.coolant.cool(now, self.cooled.still_w_k)
        if config.ladder != "off":
            lost = partial(self._flow_lost, self._losses)
            self._kernel.at(SimTime(now + self.cooled.flow_loss_s), lost)

    def _flow_lost(self, loss: int) -> None:
        if loss == self._losses:
            self._outlet.lock_out("coolant_flow_lost", "coolant_flow_lost")


@fault("connector.coolant_pump_failed", hits=CooledContact, zh="液冷枪冷却泵故障", clause="8.4.1.2",
       faces=("station", "wire"))  # fmt: skip
@dataclass(frozen=True, kw_only=True)
class CablePumpFailed:
    """The pump of a liquid-cooled cable stops: contact and cable are left to the air, and the flow is found missing."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, contact: CooledContact) -> Iterable[Contribution]:
        """Stop the pump."""
        yield contact.pump_runs.force(False)
