"""The dry transformer after IEC 60076-12: one winding, a controller on its Pt100, fans that raise its rating.

`rise = rated * K^q`, q = 1.6 cooled by itself and 2.0 by fans. With fans K counts against the rating with fans. The
standard adds the air as it is: its changes act on the winding at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Final

from sim.deeds import CannotDo
from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel
from sim.signals import Signal, State
from sim.sums import Sum
from sim.units import SimTime
from twins.hot_spot import Rise
from twins.insulation import DRY_CLASSES
from twins.sensor import Reading
from twins.thermal import Threshold
from twins.transformer import TransformerConfig
from twins.transformer_heat import FANNED_EXPONENT, PT100_SHARE, DryHeatConfig, Levels
from twins.warm_transformer import WarmTransformer

__all__ = ["DryTransformer", "FanState", "TransformerFanFailed"]

_NATURAL: Final = 1.6


class FanState(Enum):
    """Whether they turn."""

    OFF = "off"
    ON = "on"


class DryTransformer(WarmTransformer):
    """Signal `pt100_c`: what its controller reads, the mean of the winding; state `fans`.

    `life_h` is what its insulation lasts at the rated hot spot. Fans that have failed, or have no voltage, do not turn;
    `fan_position` is their switch, which `auto` leaves to the controller. `heat` has the levels in force.
    """

    path_form = "grid.transformer[ID]"

    def __init__(
        self, kernel: Kernel, config: TransformerConfig, heat: DryHeatConfig, power_factor: float, load_kw: Sum,
        air_c: Signal,
    ) -> None:  # fmt: skip
        """Begins as after days of its present load."""
        insulation = DRY_CLASSES[heat.insulation]
        rise = Rise(f"grid.transformer[{config.id}].hot_spot_rise_k", heat.tau_min * 60.0)
        super().__init__(kernel, config, heat, power_factor, load_kw, air_c, [rise], insulation)
        self.heat = heat
        self.life_h = Signal(f"{self.path}.life_h", "h", insulation.life_h)
        mean = Sum(f"{self.path}.winding_rise_k", "K", [rise.signal], scale=PT100_SHARE)
        self.pt100_c = self.reading = Reading(kernel, f"{self.path}.pt100_c", "C", [air_c, mean], self._sensor_changed)
        self.fans = State(f"{self.path}.fans", FanState.OFF)
        kernel.add(self.life_h, mean, self.pt100_c, self.fans)
        self.are_fans_failed = Knob(False, self._switch_fans)
        self.fan_position = "auto"
        self._are_fans_wanted = False
        self._share = self.load_share.scale
        self._exponent = _NATURAL
        self._rise_k = heat.rated_rise_k
        self._fan_switch: Threshold | None = None
        if heat.fans is not None:
            self._fan_switch = Threshold(heat.fans.on_c, self._want_fans, clear_c=heat.fans.off_c, hold_s=0.0)
        switches = [self._fan_switch] if self._fan_switch is not None else []
        self.guard("pt100", self.pt100_c, Levels(heat.alarm_c, heat.trip_c), *switches)
        self.hot_spot.settle(kernel.now)

    def asked_k(self, load_kw: float) -> tuple[float, ...]:
        """The hot spot's rise under this load."""
        return (self._rise_k * (load_kw * self._share) ** self._exponent,)

    def adopt(self, now: SimTime) -> None:
        """With fans or without, live or dead."""
        fans = self.heat.fans
        is_fanned = fans is not None and self.fans.value is FanState.ON
        self._exponent = FANNED_EXPONENT if is_fanned else _NATURAL
        self._share = 1.0 / (self._rated_kw * (fans.af_ratio if is_fanned and fans is not None else 1.0))
        self._rise_k = self.heat.rated_rise_k if self.is_live else 0.0
        self.load_share.retune(now, self._share, 0.0)

    def energise(self, is_live: bool) -> None:
        """Its fans hang on the same busbar."""
        super().energise(is_live)
        self._switch_fans()

    def turn_fans(self, position: str) -> None:
        """Their switch: `on`, `off`, or `auto` by the controller; raises `CannotDo` where there are none."""
        if self.heat.fans is None:
            raise CannotDo(f"{self.path} has no fans")
        self.fan_position = position
        self._switch_fans()

    def set_levels(self, heat: DryHeatConfig) -> None:
        """Take the levels of this configuration: of the fans, the alarm and the trip."""
        self.heat = heat
        if self._fan_switch is not None and heat.fans is not None:
            self._fan_switch.move(heat.fans.on_c, heat.fans.off_c)
        self.reset_levels("pt100", Levels(heat.alarm_c, heat.trip_c))

    def _want_fans(self, is_on: bool) -> None:
        self._are_fans_wanted = is_on
        self._switch_fans()

    def _switch_fans(self) -> None:
        is_wanted = self._are_fans_wanted if self.fan_position == "auto" else self.fan_position == "on"
        is_on = is_wanted and self.is_live and not self.are_fans_failed.value
        if self.fans.set(self._kernel.now, FanState.ON if is_on else FanState.OFF):
            reading_c = self.pt100_c.at(self._kernel.now)
            data = {"state": self.fans.value.value, "reading_c": reading_c}
            self._kernel.emit("transformer.fans", self.path, data, clause="8.4.1.1")
            self.recool()


@fault("transformer.fan_failed", hits=DryTransformer, zh="变压器风机故障", clause="8.4.1.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class TransformerFanFailed:
    """The fans of the transformer do not turn when they should: what was a load is an overload."""

    duration_s: float = field(default=inf, metadata=bounds(low=1.0, high=1e9))

    def contributions(self, transformer: DryTransformer) -> Iterable[Contribution]:
        """Keep them from turning."""
        yield transformer.are_fans_failed.force(True)
