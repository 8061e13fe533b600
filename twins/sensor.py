"""What a sensor says of something: what is, until the sensor sticks or its wire is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from sim.faults import Contribution, Knob
from sim.kernel import Kernel
from sim.signals import Signal
from sim.sums import Sum
from sim.units import SimTime

__all__ = ["CUT_WIRE_C", "Reading"]

CUT_WIRE_C = -50.0
"""What a thermometer reads whose wire is cut; no place of ours is as cold."""


class Reading(Sum):
    """What is said of the parts' sum, or by a real sensor instead (`report`).

    Knobs `stuck_at` (in its unit; `inf`: it follows) and `is_broken` (wire cut).
    """

    __slots__ = ("_cut_wire", "_kernel", "_on_change", "_sound_scale", "is_broken", "reported", "stuck_at")

    def __init__(
        self, kernel: Kernel, path: str, unit: str, parts: Sequence[Signal | Sum], on_change: Callable[[], None],
        scale: float = 1.0, cut_wire: float = CUT_WIRE_C,
    ) -> None:  # fmt: skip
        """`on_change` hears that it sticks, is broken or is sound again; `cut_wire` is what it then reads."""
        super().__init__(path, unit, parts, scale)
        self.stuck_at: Knob[float] = Knob(inf, self._changed)
        self.is_broken: Knob[bool] = Knob(False, self._changed)
        self.reported: float | None = None
        self._kernel = kernel
        self._on_change = on_change
        self._sound_scale = scale
        self._cut_wire = cut_wire

    @property
    def is_sound(self) -> bool:
        """Whether it follows what is."""
        return self.stuck_at.value == inf and not self.is_broken.value

    def would_be(self, now: SimTime) -> float:
        """What it would say itself, were it sound."""
        return self._sound_scale * sum(part.at(now) for part in self.parts)

    def report(self, value: float) -> None:
        """A real sensor says this from now on, whatever is; `nan`: its wire is cut."""
        self.is_broken.rebase(value != value)
        self.reported = value
        self._changed()

    def stick(self, at: float = inf) -> Contribution:
        """Say `at` from now on or, left out, what it says now, were its wire whole."""
        if at == inf:
            at = self.stuck_at.value
        if at == inf:
            now = self._kernel.now
            at = self._sound_scale * sum(part.at(now) for part in self.parts)
        return self.stuck_at.force(at)

    def _changed(self) -> None:
        now = self._kernel.now
        if self.is_broken.value:
            self.retune(now, 0.0, self._cut_wire)
        elif self.stuck_at.value < inf:
            self.retune(now, 0.0, self.stuck_at.value)
        elif self.reported is not None:
            self.retune(now, 0.0, self.reported)
        else:
            self.retune(now, self._sound_scale, 0.0)
        self._on_change()
