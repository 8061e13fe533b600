"""Load control by heat: the site's load is lowered in steps while a transformer is near its trip, and given back."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from sim.kernel import Kernel
from sim.sums import Sum
from sim.units import FOREVER, SimTime
from twins.transformer_heat import LoadControlConfig

__all__ = ["Relief"]

_FALLING_K = 0.1


class Relief:
    """`limit_kw` is what the load must not exceed, inf while nothing is near its trip; `due`, when to step next.

    The first step goes below what is drawn then. A further one follows while a reading that is near its trip does not
    fall; when all are far enough again, one step a time is given back.
    """

    def __init__(
        self, kernel: Kernel, config: LoadControlConfig | None, rated_kw: float, on_limit: Callable[[], None]
    ) -> None:
        """`config` None: nothing is ever lowered. `on_limit` hears of each step."""
        self.config = config
        self.limit_kw = inf
        self.due = FOREVER
        self._kernel = kernel
        self._rated_kw = rated_kw
        self._on_limit = on_limit
        self._near: dict[Sum, float] = {}

    def turn(self, reading: Sum, is_near: bool) -> None:
        """A reading has come near its trip, or is far enough again."""
        if not is_near:
            del self._near[reading]
            return
        self._near[reading] = -inf
        if self.limit_kw == inf:
            self.due = self._kernel.now

    def step(self, now: SimTime, load_kw: float, highest_kw: float) -> None:
        """Take the step that is due; `load_kw` is drawn now, `highest_kw` may be drawn without any heat."""
        config = self.config
        assert config is not None
        self.due = SimTime(now + config.every_s)
        step_kw = config.step_share * self._rated_kw
        before_kw = self.limit_kw
        if self._near:
            temps = {reading: reading.at(now) for reading in self._near}
            if any(temp_c > self._near[reading] - _FALLING_K for reading, temp_c in temps.items()):
                self.limit_kw = max(0.0, min(before_kw, load_kw) - step_kw)
            self._near = temps
        else:
            self.limit_kw += step_kw
            if self.limit_kw >= highest_kw:
                self.limit_kw, self.due = inf, FOREVER
        if self.limit_kw != before_kw:
            self._on_limit()
