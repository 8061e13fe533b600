"""What supplies one vehicle at a time: its place in the site's allocation, its limits, its meter, its state.

`twins.evse` is the simulated one, `twins.device_evse` a real device in its place.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from enum import Enum
from math import inf
from typing import TYPE_CHECKING

from sim.events import Scalar
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal, State
from sim.units import SECONDS_PER_HOUR, SimTime
from twins.ports import PlatformPort

if TYPE_CHECKING:
    from twins.control import Control
    from twins.fail_safe import FailSafe
    from twins.pile import EvseConfig, PileModel

__all__ = ["AC_PHASE_V", "LEAST_PILOT_A", "ONE_PHASE_KW", "EvseState", "Supply", "phases_of"]

AC_PHASE_V = 230.0
LEAST_PILOT_A = 6.0
"""The least current that a control pilot can offer (IEC 61851-1); less than that is none."""
ONE_PHASE_KW = 7.4
"""An AC outlet of more than a phase of 32 A has three."""
_SAME = 1e-9


class EvseState(Enum):
    """Where the EVSE is between two vehicles."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    FINISHING = "finishing"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


_WORDS = {state: str(state.value) for state in EvseState}  # `Enum.value` is a slow look-up


class Supply(Twin):
    """One outlet of a pile. Signals `power_kw` (what reaches the vehicle), `limit_kw`; state `state`.

    `claim_kw` bounds what it draws until it says otherwise; `granted_kw` is its share of the site's power; `cap_kw` is
    what its electronics can give now. `told_kw` is what it may still draw because it was told so before: 0 for whoever
    obeys a new grant within the instant.
    """

    path_form = "pile[ID].connector[N]"
    rank = Rank.PILE
    obeys_at_once = True

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort
    ) -> None:
        """`path` is the connector's, as `pile[A01].connector[1]`."""
        self._kernel = kernel
        self.path = path
        self.model = model
        self._control = control
        self._platform = platform
        self.meter_factor = 1.0 + config.meter_error_pct / 100.0
        self.power_kw = Signal(f"{path}.power_kw", "kW")
        self.limit_kw = Signal(f"{path}.limit_kw", "kW")
        self.state = State(f"{path}.state", EvseState.AVAILABLE)
        kernel.add(self.power_kw, self.limit_kw, self.state)
        self.session = ""
        self.token = ""
        self.on_switched: Callable[[], None] = lambda: None
        self.on_free: Callable[[], None] = lambda: None
        self.claim_kw = 0.0
        self.granted_kw = 0.0
        self.told_kw = 0.0
        self.departs_s: float | None = None
        self.started_s: float | None = None
        self.peak_kw = 0.0
        self.ceiling_kw = self.cap_kw = model.evse_max_kw
        self._block_kw = inf
        self._limits: dict[str, float] = {}
        self.fail_safe: FailSafe | None = None
        self._faulted_s = 0.0
        self._warnings: list[str] = []
        self._remarks: list[str] = []
        self.locked_by = ""
        """The alarm that it is out of order for, until it serves again; the cause may be over before."""
        self._started_kwh = 0.0
        self._true_start_kwh = 0.0

    # What others ask of it

    @property
    def kernel(self) -> Kernel:
        """The kernel that it lives in."""
        return self._kernel

    @property
    @abstractmethod
    def is_ready(self) -> bool:
        """Whether a simulated vehicle may plug in."""

    @property
    def is_starting(self) -> bool:
        """Whether the start sequence runs."""
        return False

    @property
    def is_charging(self) -> bool:
        """Whether it takes part in the site's power allocation."""
        return self.state.value is EvseState.CHARGING

    @abstractmethod
    def asks_kw(self, now: SimTime) -> float:
        """What it would give its vehicle if the cabinet had modules without end; 0 without one."""

    @abstractmethod
    def needs_kwh(self, now: SimTime) -> float:
        """What the plugged pack still lacks to its target."""

    @abstractmethod
    def start(self, token: str) -> bool:
        """The platform asks to charge for this token; False when that cannot be."""

    @abstractmethod
    def stop(self, reason: str) -> bool:
        """End the charge; False when none is on."""

    @abstractmethod
    def set_in_service(self, is_in_service: bool) -> bool:
        """Take it out of service or back; False while a vehicle stands at it: then it follows that."""

    @abstractmethod
    def unlock(self) -> bool:
        """Free the plug, after the end of the charge; False when that cannot be."""

    @abstractmethod
    def lock_out(self, cause: str, alarm: str) -> None:
        """Do not serve while `cause` lasts; a charge ends with that reason."""

    @abstractmethod
    def lift(self, cause: str) -> None:
        """That cause is over."""

    @property
    def alarms(self) -> frozenset[str]:
        """What it raises while it lasts."""
        return frozenset(self._warnings)

    def faulted_s(self, now: SimTime) -> float:
        """How long it has been locked out since the run began."""
        return self._faulted_s + (now - self.state.since if self.state.value is EvseState.FAULTED else 0.0)

    # Its meter

    def energy_kwh(self, now: SimTime) -> float:
        """The meter's register."""
        return self.power_kw.total_at(now) * self.meter_factor / SECONDS_PER_HOUR

    def true_energy_kwh(self, now: SimTime) -> float:
        """What really reached vehicles."""
        return self.power_kw.total_at(now) / SECONDS_PER_HOUR

    def delivered_kwh(self, now: SimTime) -> tuple[float, float]:
        """(true, registered) energy since the present charge began, or of the one that has just ended."""
        true_kwh = self.true_energy_kwh(now) - self._true_start_kwh
        return true_kwh, true_kwh * self.meter_factor

    @abstractmethod
    def current_a(self, now: SimTime) -> float:
        """What flows through its contacts, of AC in each phase."""

    @abstractmethod
    def voltage_v(self, now: SimTime) -> float:
        """At its contacts, of AC the phase's; 0 while they are open."""

    @abstractmethod
    def vehicle_at(self, now: SimTime) -> tuple[float | None, float | None]:
        """State of charge (0 to 1) and temperature (C) that the vehicle tells, None for what it does not."""

    # What others allow it

    def limit(self, source: str, limit_kw: float | None) -> None:
        """Hold the output at or below `limit_kw` for as long as `source` says so; None lifts its limit."""
        if limit_kw is None:
            self._limits.pop(source, None)
        else:
            self._limits[source] = limit_kw
        self._recap()

    def command(self, source: str, limit_kw: float | None) -> None:
        """As `limit`, for somebody outside; event `evse.limited` where that is another than before."""
        if self._limits.get(source) == limit_kw:
            return
        told: dict[str, Scalar] = {"by": source}
        self._kernel.emit("evse.limited", self.path, told if limit_kw is None else told | {"limit_kw": limit_kw})
        self.limit(source, limit_kw)

    def derate(self, source: str, share: float | None) -> None:
        """Hold the output at this share of what it gives now or, where it gives nothing, could; None lifts that."""
        if share is None:
            self.limit(source, None)
        else:
            self.limit(source, share * (self.power_kw.at(self._kernel.now) or self.model.evse_max_kw))

    def switch_block(self, block_kw: float) -> None:
        """The cabinet has switched modules of this much power to the outlet."""
        if block_kw != self._block_kw:
            self._block_kw = block_kw
            self._recap()

    def offer(self, now: SimTime, limit_kw: float) -> None:
        """The site's allocation for this outlet; what it claims and has anyhow goes on unplanned."""
        if limit_kw == self.granted_kw:
            return
        claim_kw = self.claim_kw
        moved_kw = min(limit_kw, claim_kw) - min(self.granted_kw, claim_kw)
        self.granted_kw = limit_kw
        self.limit_kw.set(now, limit_kw)
        if abs(moved_kw) > _SAME * claim_kw:
            self._touch()

    @abstractmethod
    def settle_claim(self, now: SimTime) -> None:
        """Claim no more than is drawn now, where that can only fall until the next piece."""

    def _recap(self) -> None:
        self.ceiling_kw = min((self.model.evse_max_kw, *self._limits.values()))
        before_kw, self.cap_kw = self.cap_kw, min(self.ceiling_kw, self._block_kw)
        if self.cap_kw != before_kw and self.is_charging:
            self._recapped(before_kw)

    @abstractmethod
    def _recapped(self, before_kw: float) -> None:
        """While it charges, its electronics can give more or less than `before_kw`."""

    # Alarms and states

    def warn(self, alarm: str) -> None:
        """Serve on with this alarm; the platform hears of the first of them, unless it knows of a lock-out."""
        before = self._warning
        self._warnings.append(alarm)
        self._kernel.emit("alarm.raised", self.path, {"alarm": alarm}, clause="10.2.1")
        self._tell_warning(before)

    def calm(self, alarm: str) -> None:
        """That alarm is over; the platform hears what it serves on with now, if that is another."""
        before = self._warning
        self._warnings.remove(alarm)
        self._kernel.emit("alarm.cleared", self.path, {"alarm": alarm}, clause="10.2.1")
        self._tell_warning(before)

    def remark(self, what: str, is_on: bool) -> None:
        """Something of its pile that is no alarm of its own; the platform hears of it beside the status it has."""
        if (what in self.remarks) is is_on:
            return
        before = self._warning
        if is_on:
            self._remarks.append(what)
        else:
            self._remarks.remove(what)
        self._tell_warning(before)

    @property
    def remarks(self) -> Sequence[str]:
        """What of its pile is not as it should be, in the order in which it came."""
        return self._remarks

    @property
    def _warning(self) -> str:
        """The first of the alarms that it serves on with, else the last remark."""
        return self._warnings[0] if self._warnings else self._remarks[-1] if self._remarks else ""

    def _tell_warning(self, before: str) -> None:
        state = self.state.value
        if state is not EvseState.FAULTED and self._warning != before:
            self._platform.status(self.path, _WORDS[state], self._warning)

    def _raise(self, alarm: str) -> None:
        self._kernel.emit("alarm.raised", self.path, {"alarm": alarm}, clause="9.4.1")

    def _go(self, state: EvseState, alarm: str = "") -> bool:
        """Take a state and tell of it; returns whether it is another."""
        if not self.state.set(self._kernel.now, state):
            return False
        word = _WORDS[state]
        self.locked_by = alarm if state is EvseState.FAULTED else ""
        self._kernel.emit("evse.state", self.path, {"state": word})
        self._platform.status(self.path, word, alarm or self._warning)
        if state is EvseState.CHARGING:
            self.on_switched()
        return True

    def _touch(self) -> None:
        self._kernel.touch(self)


def phases_of(model: PileModel) -> int:
    """How many phases an outlet of this model has, 1 for DC."""
    return 3 if model.kind == "ac" and model.evse_max_kw > ONE_PHASE_KW else 1
