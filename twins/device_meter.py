"""The meter of a real device, as far as it can be believed: readings that cannot be are told from those that can."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from sim.events import Scalar
from sim.units import SECONDS_PER_HOUR
from twins.register_step import BELIEVED_AFTER

__all__ = ["DeviceMeter"]

OVER = 1.2
"""A reading may be so much over the rating: meters err, and a limit is met from above (ours, as the two below)."""
SLACK_KW = 0.1
SLACK_KWH = 0.2
"""What whole watt-hours and late readings may do to a register between two readings."""
_BOUNDS = {"voltage_v": (0.0, 2_000.0), "current_a": (-5.0, 5_000.0), "soc": (0.0, 1.0), "temp_c": (-60.0, 200.0)}


class DeviceMeter:
    """The last believed values: `soc` (0 to 1), `temp_c`, `voltage_v`, `current_a`.

    `first_soc` is the first of the vehicle that is there. Of what the register counts, `registered_kwh` belongs to
    charges of the station and `outside_kwh` to none. `was_away` is set by who knows that another device may be there.
    """

    def __init__(self, rated_kw: float) -> None:
        """`rated_kw` is the most that the device can give."""
        self._most_kw = OVER * rated_kw + SLACK_KW
        self._register_kwh: float | None = None
        self._read_s = 0.0
        self._odd_kwh, self._odd_s, self._odd_readings = 0.0, 0.0, 0
        self.was_away = False
        self._values: dict[str, float] = {}
        self.first_soc: float | None = None
        self.registered_kwh = 0.0
        self.outside_kwh = 0.0

    def value(self, name: str) -> float | None:
        """The last value of this name, or None."""
        return self._values.get(name)

    def forget_vehicle(self) -> None:
        """Another vehicle has come."""
        self._values.clear()
        self.first_soc = None

    def stepped(self, reading: Mapping[str, Scalar], now: float) -> tuple[float, float] | None:
        """From and to where the register (kWh) has stepped, which is its base from now on; None: not, or not yet sure.

        It is sure where the device was away, or has gone on from the new place for `BELIEVED_AFTER` readings.
        """
        to_kwh, from_kwh = _number(reading, "register_kwh"), self._register_kwh
        if to_kwh is None or from_kwh is None or not isfinite(to_kwh) or to_kwh < 0.0:
            return None
        if self._goes_on(from_kwh, self._read_s, to_kwh, now):
            self._odd_readings, self.was_away = 0, False
            return None
        goes_on = self._odd_readings > 0 and self._goes_on(self._odd_kwh, self._odd_s, to_kwh, now)
        self._odd_readings = self._odd_readings + 1 if goes_on else 1
        self._odd_kwh, self._odd_s = to_kwh, now
        if not self.was_away and self._odd_readings < BELIEVED_AFTER:
            return None
        self._register_kwh, self._read_s, self._odd_readings, self.was_away = to_kwh, now, 0, False
        return from_kwh, to_kwh

    def _goes_on(self, from_kwh: float, from_s: float, to_kwh: float, now: float) -> bool:
        return from_kwh - 1e-9 <= to_kwh <= self._most_after_kwh(from_kwh, from_s, now)

    def _most_after_kwh(self, from_kwh: float, from_s: float, now: float) -> float:
        return from_kwh + self._most_kw * (now - from_s) / SECONDS_PER_HOUR + SLACK_KWH

    def misfit(self, reading: Mapping[str, Scalar], now: float) -> str:
        """Why this reading cannot be at `now` (s); empty where it can.

        It may hold `power_kw`, `register_kwh`, `voltage_v`, `current_a`, `soc` and `temp_c`.
        """
        power_kw, register_kwh = _number(reading, "power_kw"), _number(reading, "register_kwh")
        if power_kw is not None and not -SLACK_KW <= power_kw <= self._most_kw:
            return f"{power_kw:g} kW, where 0 to {self._most_kw:g} kW can be"
        for name, (low, high) in _BOUNDS.items():
            value = _number(reading, name)
            if value is not None and not low <= value <= high:
                return f"{name} {value:g}, where {low:g} to {high:g} can be"
        if register_kwh is None:
            return ""
        if not isfinite(register_kwh) or register_kwh < 0.0:
            return f"a register of {register_kwh:g} kWh"
        if self._register_kwh is None:
            return ""
        if not self._goes_on(self._register_kwh, self._read_s, register_kwh, now):
            most_kwh = self._most_after_kwh(self._register_kwh, self._read_s, now)
            return f"a register of {register_kwh:g} kWh, where {self._register_kwh:g} to {most_kwh:g} kWh can be"
        return ""

    def take(self, reading: Mapping[str, Scalar], now: float, *, is_charging: bool) -> None:
        """Believe a reading that has no misfit; what the register counted is of the charge that runs, or of none."""
        for name in _BOUNDS:
            value = _number(reading, name)
            if value is not None:
                self._values[name] = value
        if self.first_soc is None:
            self.first_soc = self._values.get("soc")
        register_kwh = _number(reading, "register_kwh")
        if register_kwh is None:
            return
        more_kwh = max(0.0, register_kwh - self._register_kwh) if self._register_kwh is not None else 0.0
        if is_charging:
            self.registered_kwh += more_kwh
        else:
            self.outside_kwh += more_kwh
        self._register_kwh, self._read_s = register_kwh, now


def _number(reading: Mapping[str, Scalar], name: str) -> float | None:
    value = reading.get(name)
    return None if value is None else float(value)
