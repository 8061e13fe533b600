"""What one may ask of the house: its lights by hand, its cooling on and off and from which temperature on."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.deeds import deed
from sim.faults import bounds
from twins.house import House

__all__ = ["SetCooling", "SwitchCooling", "TurnLights"]


@deed("house.lights", on=House, zh="场站照明手动/自动", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class TurnLights:
    """Light the site by hand, keep it dark, hold its lights as they are, or leave them to dusk and dawn."""

    position: str = field(metadata=bounds(choices=("auto", "on", "off", "hold")))

    def lack(self, house: House) -> str:
        """The lights."""
        return "" if house.lights is not None else "the house has no lights that are switched"

    def do(self, house: House, source: str) -> None:
        """Turn their switch."""
        assert house.lights is not None
        as_it_is = "on" if house.lights.is_lit else "off"
        house.lights.turn(as_it_is if self.position == "hold" else self.position)


@deed("house.cooling", on=House, zh="空调温度设定", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SetCooling:
    """Cool the station's rooms from another air temperature on."""

    set_c: float = field(metadata=bounds(low=-20.0, high=60.0))

    def lack(self, house: House) -> str:
        """The cooling."""
        return _no_cooling(house)

    def do(self, house: House, source: str) -> None:
        """Take the set-point."""
        assert house.cooling is not None
        house.cooling.set_point(self.set_c)


@deed("house.cooling_switch", on=House, zh="空调启停", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class SwitchCooling:
    """Switch the cooling of the station's rooms on or off."""

    is_on: bool

    def lack(self, house: House) -> str:
        """The cooling."""
        return _no_cooling(house)

    def do(self, house: House, source: str) -> None:
        """Turn its switch."""
        assert house.cooling is not None
        house.cooling.turn(self.is_on)


def _no_cooling(house: House) -> str:
    return "" if house.cooling is not None else "the house has no cooling"
