"""What is the matter with the next cars that come to a bay, and with their drivers."""

from __future__ import annotations

from math import inf

from sim.faults import Knob

__all__ = ["Comers"]


def _later() -> None:
    """Who is there already is let be."""


class Comers:
    """Knobs, read when a car comes: `cooling_kw`, `overstay_s` and `petrol_stay_s` are at least so much.

    `pulls_after_s` is from plugging in to pulling at the plug, `inf` for whoever does not.
    """

    __slots__ = ("cooling_kw", "overstay_s", "petrol_stay_s", "pulls_after_s")

    def __init__(self) -> None:
        """Nothing is the matter."""
        self.cooling_kw: Knob[float] = Knob(0.0, _later)
        self.overstay_s: Knob[float] = Knob(0.0, _later)
        self.petrol_stay_s: Knob[float] = Knob(0.0, _later)
        self.pulls_after_s: Knob[float] = Knob(inf, _later)
