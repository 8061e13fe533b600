"""What one may ask of the house: its lights by hand, its cooling on and off and from which temperature on."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.deeds import CannotDo, deed
from sim.faults import bounds
from twins.house import Cooling, House

__all__ = ["SetCooling", "SwitchCooling", "TurnLights"]


@deed("house.lights", on=House, zh="场站照明手动/自动", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class TurnLights:
    """Light the site by hand, keep it dark, or leave its lights to dusk and dawn."""

    position: str = field(metadata=bounds(choices=("auto", "on", "off")))

    def do(self, house: House, source: str) -> None:
        """Turn their switch."""
        if house.lights is None:
            raise CannotDo("the house has no lights that are switched")
        house.lights.turn(self.position)


@deed("house.cooling", on=House, zh="空调温度设定", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SetCooling:
    """Cool the station's rooms from another air temperature on."""

    set_c: float = field(metadata=bounds(low=-20.0, high=60.0))

    def do(self, house: House, source: str) -> None:
        """Take the set-point."""
        _cooling(house).set_point(self.set_c)


@deed("house.cooling_switch", on=House, zh="空调启停", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SwitchCooling:
    """Switch the cooling of the station's rooms on or off."""

    is_on: bool

    def do(self, house: House, source: str) -> None:
        """Turn its switch."""
        _cooling(house).turn(self.is_on)


def _cooling(house: House) -> Cooling:
    if house.cooling is None:
        raise CannotDo("the house has no cooling")
    return house.cooling
