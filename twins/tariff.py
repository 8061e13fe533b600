"""What a kilowatt-hour costs."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.files import key

__all__ = ["TariffConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffConfig:
    """A flat tariff: the energy itself and the service, each by the kilowatt-hour."""

    energy_cny_kwh: float = field(metadata=key("Price of the energy.", unit="CNY/kWh", low=0, high=1_000))
    service_cny_kwh: float = field(metadata=key("Price of the service.", unit="CNY/kWh", low=0, high=1_000))
