"""The hot spot of a transformer: rises over the air that follow the load, and what they cost the insulation.

Each rise tends to what the load asks of it, `dr/dt = (asked - r) / tau`, as in IEC 60076-7 and 60076-12. The top oil of
IEC 60076-7 lags the air as it lags the load: `dr/dt = (asked - r) / tau - dT_air/dt`. These are no heat balances: what
the losses of a transformer warm beside it is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import copysign, exp, inf, sqrt
from typing import Protocol

from sim.kernel import Kernel
from sim.signals import Curve, Signal
from sim.sums import Sum
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.insulation import Ageing, Insulation
from twins.load_course import LoadCourse

__all__ = ["Cooling", "HotSpot", "Rise"]

_STEP_K = 0.3  # by which the hot spot may be wrong before it is seen what the load has done
_DRIFT_K = 0.2  # the same of how the load bends
_BEND_K = 0.04  # by which it may bend off the straight line on which ageing is followed, where that counts
_COOL_BEND_K = 1.0
_SETTLED_K = 0.05
_MUCH = 0.15  # of the rating: such a step is followed at once
_RUN = 0.1  # of the rating: as far as a load that runs is taken to warm along a straight line


class Rise:
    """One rise in K. Between two plans it tends to a straight line; then it takes up what the mean load asked."""

    __slots__ = ("_air_slope", "_lags_air", "signal", "tau_s")

    def __init__(self, path: str, tau_s: float, *, lags_air: bool = False) -> None:
        """Begins at 0. With `lags_air` the air's changes come off it at first, and act by its time constant."""
        self.signal = Signal(path, "K")
        self.tau_s = tau_s
        self._lags_air = lags_air
        self._air_slope = 0.0

    def follow(
        self, now: SimTime, span_s: float, mean_k: float, asked_k: float, slope: float, air_jump_k: float,
        air_slope: float,
    ) -> float:  # fmt: skip
        """It was asked `mean_k` for `span_s`, and from now on `asked_k` and `slope` a second more; its value now.

        The air has just jumped by so much, and from now on changes by `air_slope` a second.
        """
        signal, tau_s = self.signal, self.tau_s
        mean_k -= self._air_slope * tau_s
        risen_k = mean_k + (signal.a + signal.c - mean_k) * exp(-span_s / tau_s)
        settled_k = asked_k - slope * tau_s
        if self._lags_air:
            risen_k -= air_jump_k
            settled_k -= air_slope * tau_s
            self._air_slope = air_slope
        signal.set(now, settled_k, slope, risen_k - settled_k, tau_s)
        return risen_k


class Cooling(Protocol):
    """How a transformer is cooled."""

    def asked_k(self, load_kw: float) -> tuple[float, ...]:
        """What each rise would settle at under this load, 0 or more, cooled as it is."""

    def adopt(self, now: SimTime) -> None:
        """From now on it is cooled otherwise: `asked_k` answers so."""


class HotSpot:
    """Signals `hot_spot_c`, those of its rises, and of its ageing.

    A step of the load is followed at once, or as soon as it would show; what the load was in the mean since the last
    plan is then made up for. `ends` is when to `renew` at the latest; `highest_c` bounds the hot spot until then.
    """

    def __init__(
        self, kernel: Kernel, path: str, rises: Sequence[Rise], air_c: Signal, load_kw: Sum, rated_kw: float,
        cooling: Cooling, insulation: Insulation, on_due: Callable[[], None],
    ) -> None:  # fmt: skip
        """`on_due` hears when `ends` has come nearer, even to now."""
        self.rises = rises
        signals = [rise.signal for rise in rises]
        self.temp_c = Sum(f"{path}.hot_spot_c", "C", [air_c, *signals])
        kernel.add(*signals, self.temp_c)
        self.ageing = Ageing(kernel, path, insulation)
        self.ends = FOREVER
        self.highest_c = inf
        self._kernel = kernel
        self._air_c = air_c
        self._known_air_c = Curve(air_c.at(kernel.now), kernel.now)
        self._load_kw = load_kw
        self._cooling = cooling
        self._on_due = on_due
        self._much_kw, self._run_kw = _MUCH * rated_kw, _RUN * rated_kw
        self._course = LoadCourse(kernel, load_kw, self._much_kw, self._due_by)
        air_c.watch(self.recall)

    def settle(self, now: SimTime) -> None:
        """Begin as after days of the present load."""
        self._cooling.adopt(now)
        for rise, asked_k in zip(self.rises, self._cooling.asked_k(abs(self._load_kw.at(now))), strict=True):
            rise.signal.set(now, asked_k)
        self.renew(now, is_recooled=False)

    def recall(self) -> None:
        """What warms it has changed: renew it now."""
        self._due_by(self._kernel.now)

    def renew(self, now: SimTime, *, is_recooled: bool) -> None:
        """Take up what the mean load has asked, and plan from the load, the air and the cooling as they are now."""
        load_kw, mean_kw, span_s, slope, bend = self._course.look(now)
        asked_of = self._cooling.asked_k
        means_k = asked_of(abs(mean_kw))
        if is_recooled:
            self._cooling.adopt(now)
        if load_kw < 0.0:  # fed back, it warms as much
            load_kw, slope, bend = -load_kw, -slope, -bend
        much_kw = self._much_kw
        asked_k, more_k = asked_of(load_kw), asked_of(load_kw + much_kw)
        creep = 0.0  # how fast it goes wrong, in K/s, for each kW unseen
        for rise, one_k, other_k in zip(self.rises, asked_k, more_k, strict=True):
            creep += abs(other_k - one_k) / (rise.tau_s * much_kw)
        ends_s, then_k = inf, asked_k
        if slope != 0.0:
            ends_s = self._run_kw / abs(slope)
            if creep * bend != 0.0:
                ends_s = min(ends_s, (6.0 * _DRIFT_K / (creep * abs(bend))) ** (1.0 / 3.0))
            if bend * slope < 0.0:  # straight on, and as far in the mean
                slope += copysign(min(abs(bend) * ends_s, abs(slope)) / 3.0, bend)
            then_k = asked_of(abs(load_kw + slope * ends_s))
        air, known = self._air_c, self._known_air_c
        risen_c = air.at(now)
        jump_k = risen_c - known.at(now)
        known.set(now, risen_c, air.b)
        highest_c = risen_c + max(0.0, air.b) * SECONDS_PER_HOUR
        far_k = bends = 0.0
        for rise, mean_k, one_k, other_k in zip(self.rises, means_k, asked_k, then_k, strict=True):
            risen_k = rise.follow(now, span_s, mean_k, one_k, (other_k - one_k) / ends_s, jump_k, air.b)
            gap_k = abs(rise.signal.c)
            far_k += gap_k
            bends += gap_k / rise.tau_s**2
            risen_c += risen_k
            highest_c += max(risen_k, one_k, other_k)
        if far_k > _SETTLED_K:
            may_bend_k = _BEND_K if highest_c > self.ageing.counts_from_c else _COOL_BEND_K
            ends_s = min(ends_s, sqrt(8.0 * may_bend_k / bends))
        if air.b != 0.0:
            ends_s = min(ends_s, SECONDS_PER_HOUR)
        self.ends = SimTime(now + ends_s)
        self.highest_c = highest_c
        self._course.allow(_STEP_K / creep if creep > 0.0 else inf)
        if ends_s < inf:
            # through both ends the ageing would run on one side of a hot spot that bends
            halfway = SimTime(now + 0.5 * ends_s)
            then_c = air.at(halfway) + sum([rise.signal.at(halfway) for rise in self.rises])
            self.ageing.follow(now, risen_c, then_c, 0.5 * ends_s)
        else:
            settled_c = air.at(now) + sum([rise.signal.a for rise in self.rises])
            self.ageing.follow(now, settled_c, settled_c, 1.0)

    def _due_by(self, t: SimTime) -> None:
        """The load has changed: it must be looked at by then."""
        if t < self.ends:
            self.ends = t
            self._on_due()
