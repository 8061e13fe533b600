"""What one may ask of the house: its lights by hand, its cooling on and off and from which temperature on."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.deeds import deed
from sim.faults import bounds
from twins.house import Cooling, Lights

__all__ = ["SetCooling", "SwitchCooling", "TurnLights"]


@deed("house.lights", on=Lights, zh="场站照明手动/自动")
@dataclass(frozen=True, kw_only=True)
class TurnLights:
    """Light the site by hand, keep it dark, or leave its lights to dusk and dawn."""

    position: str = field(metadata=bounds(choices=("auto", "on", "off")))

    def do(self, lights: Lights, source: str) -> None:
        """Turn their switch."""
        lights.turn(self.position)


@deed("house.cooling", on=Cooling, zh="空调温度设定")
@dataclass(frozen=True, kw_only=True)
class SetCooling:
    """Cool the station's rooms from another air temperature on."""

    set_c: float = field(metadata=bounds(low=-20.0, high=60.0))

    def do(self, cooling: Cooling, source: str) -> None:
        """Take the set-point."""
        cooling.set_point(self.set_c)


@deed("house.cooling_switch", on=Cooling, zh="空调启停")
@dataclass(frozen=True, kw_only=True)
class SwitchCooling:
    """Switch the cooling of the station's rooms on or off."""

    is_on: bool

    def do(self, cooling: Cooling, source: str) -> None:
        """Turn its switch."""
        cooling.turn(self.is_on)
