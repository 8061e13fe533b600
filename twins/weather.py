"""The weather over the station."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta

from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import Signal

__all__ = ["Weather", "WeatherConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeatherConfig:
    """Air temperature: a mean for each month, or one constant; exactly one of the two is given."""

    monthly_mean_c: tuple[float, ...] | None = field(
        default=None, metadata=key("Mean air temperature of January to December.", unit="C", count=(12, 12))
    )
    air_temp_c: float | None = field(
        default=None, metadata=key("Constant air temperature.", unit="C", low=-60, high=60)
    )

    def __post_init__(self) -> None:
        """Refuse none or both, and months that no place on earth has."""
        if (self.monthly_mean_c is None) == (self.air_temp_c is None):
            both = "neither monthly_mean_c nor air_temp_c" if self.air_temp_c is None else "both"
            raise Misfit("", f"{both} given", "exactly one of monthly_mean_c and air_temp_c")
        for month, mean_c in enumerate(self.monthly_mean_c or ()):
            if not -60 <= mean_c <= 60:
                raise Misfit(f"monthly_mean_c[{month}]", f"{mean_c:g} C is out of range", "-60 to 60 C")


class Weather:
    """The air over the station. Signal `weather.air_temp_c`: the month's mean, or the stated constant."""

    def __init__(self, kernel: Kernel, config: WeatherConfig) -> None:
        """Turns with the months of the station's calendar."""
        self._kernel = kernel
        self._config = config
        self.air_temp_c = Signal("weather.air_temp_c", "C")
        kernel.add(self.air_temp_c)
        self._turn()

    def _turn(self) -> None:
        now = self._kernel.now
        if self._config.monthly_mean_c is None:
            assert self._config.air_temp_c is not None
            self.air_temp_c.set(now, self._config.air_temp_c)
            return
        local = self._kernel.clock.local(now)
        self.air_temp_c.set(now, self._config.monthly_mean_c[local.month - 1])
        following = (local.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(
            day=1
        )
        self._kernel.at(self._kernel.clock.seconds(following.astimezone(UTC)), self._turn)
