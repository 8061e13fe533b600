"""Time and sign conventions, said once.

Power into a vehicle and import from the grid are positive; export and V2G are negative.
Quantities carry their unit as a suffix of the name: `power_kw`, `energy_kwh`, `temp_c`, `delay_s`.
"""

from __future__ import annotations

from math import inf
from typing import NewType

__all__ = ["FOREVER", "SECONDS_PER_HOUR", "UNIX_S", "SimTime"]

SimTime = NewType("SimTime", float)
"""Seconds since the run's start."""

FOREVER = SimTime(inf)
"""A planned time that never comes."""

SECONDS_PER_HOUR = 3600.0

UNIX_S = "s since 1970"
"""The unit of what is an instant, in UTC; a device whose clock is wrong tells it wrong."""
