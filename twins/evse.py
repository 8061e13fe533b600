"""The EVSE with its connector: lock, contactors, insulation test, pre-charge, meter; supplies one vehicle at a time.

The charge itself follows the plugged BMS: the EVSE offers what its limits allow and takes the BMS's closed form as its
power. True and registered energy are two things: the meter has an error within its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import TYPE_CHECKING

import simpy

from sim.faults import Contribution, Knob, bounds, fault
from sim.kernel import Kernel, Rank, Twin
from sim.signals import Signal, State
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.ports import Happening, PlatformPort

if TYPE_CHECKING:
    from twins.bms import Bms
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["ContactorStuck", "Evse", "EvseState", "LockState"]

BMS_SILENCE_S = 1.0
CONNECTION_TIMEOUT_S = 120.0


class EvseState(Enum):
    """Where the EVSE is between two vehicles."""

    AVAILABLE = "available"
    PREPARING = "preparing"
    CHARGING = "charging"
    FINISHING = "finishing"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


class LockState(Enum):
    """Of the plug in the inlet."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"


class _Step(Enum):
    NONE = "none"
    HANDSHAKE = "handshake"
    INSULATION_TEST = "insulation_test"
    PRECHARGE = "precharge"


class Evse(Twin):
    """One outlet of a pile. Signals `power_kw` (what reaches the vehicle), `limit_kw`; states `state`, `lock`."""

    rank = Rank.PILE

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort
    ) -> None:
        """`path` is the connector's, as `pile[A01].connector[1]`."""
        self._kernel = kernel
        self.path = path
        self._model = model
        self._control = control
        self._platform = platform
        self.meter_factor = 1.0 + config.meter_error_pct / 100.0
        self.power_kw = Signal(f"{path}.power_kw", "kW")
        self.limit_kw = Signal(f"{path}.limit_kw", "kW")
        self.state = State(f"{path}.state", EvseState.AVAILABLE)
        self.lock = State(f"{path}.lock", LockState.UNLOCKED)
        kernel.add(self.power_kw, self.limit_kw, self.state, self.lock)
        self.contactor_closed = Knob(False, self._touch)
        self.bms: Bms | None = None
        self.session = ""
        self.token = ""
        self.on_ended: Callable[[str], None] = lambda reason: None
        self._step = _Step.NONE
        self._step_ends = FOREVER
        self._silent_since: SimTime | None = None
        self._wants_closed = False
        self._block_kw = inf
        self._stop_reason = ""
        self._started_kwh = 0.0
        self._true_start_kwh = 0.0
        self._waiting: list[simpy.Event] = []
        self._is_in_service = True
        self._awaited_token = ""
        self._awaited_until = SimTime(0.0)
        self.started_s: float | None = None
        self.peak_kw = 0.0

    # What others ask of it

    @property
    def cap_kw(self) -> float:
        """What its electronics and the modules switched to it can give."""
        return min(self._model.evse_max_kw, self._block_kw)

    def wish_kw(self, now: SimTime) -> float:
        """What the vehicle asks for, as far as the electronics can give it; 0 without one."""
        return min(self.bms.wish_kw(now), self.cap_kw) if self.bms is not None else 0.0

    @property
    def is_ready(self) -> bool:
        """Whether a vehicle may plug in."""
        return self.bms is None and self.state.value is EvseState.AVAILABLE

    def ready_event(self) -> simpy.Event:
        """What a waiting driver waits for: the next time the EVSE is ready."""
        event = self._kernel.event()
        self._waiting.append(event)
        return event

    @property
    def is_charging(self) -> bool:
        """Whether it takes part in the site's power allocation."""
        return self.state.value is EvseState.CHARGING

    def energy_kwh(self, now: SimTime) -> float:
        """The meter's register."""
        return self.power_kw.total_at(now) * self.meter_factor / SECONDS_PER_HOUR

    def true_energy_kwh(self, now: SimTime) -> float:
        """What really reached vehicles."""
        return self.power_kw.total_at(now) / SECONDS_PER_HOUR

    def plug(self, bms: Bms, session: str, on_ended: Callable[[str], None]) -> None:
        """A vehicle is plugged in."""
        self.bms, self.session, self.on_ended = bms, session, on_ended
        self.started_s = None
        bms.on_change = self._touch
        self._go(EvseState.PREPARING)

    def present(self, token: str) -> None:
        """A token is shown; charging begins when the platform accepts it, or at once if it has asked for a start."""
        if self._awaited_token and self._kernel.now <= self._awaited_until:
            token, self._awaited_token = self._awaited_token, ""
            self.start(token)
            return
        self.token = token
        session = self.session
        self._platform.authorise(self.path, token, lambda accepted: self._authorised(session, accepted))

    def start(self, token: str) -> bool:
        """The platform asks to charge for this token: the vehicle that is plugged in, or one that plugs in soon."""
        if self.state.value is EvseState.PREPARING and self._step is _Step.NONE:
            self.token = token
            self._authorised(self.session, True)
            return True
        if self.is_ready:
            self._awaited_token, self._awaited_until = token, SimTime(self._kernel.now + CONNECTION_TIMEOUT_S)
            return True
        return False

    def set_in_service(self, is_in_service: bool) -> bool:
        """Take the EVSE out of service or back; False while a vehicle stands at it: then it follows that."""
        self._is_in_service = is_in_service
        if self.bms is not None:
            return False
        if self.state.value in (EvseState.AVAILABLE, EvseState.UNAVAILABLE):
            self._go_free()
        return True

    def unlock(self) -> bool:
        """Free the plug, after the end of the charge; False when the contactor does not open."""
        self.stop("unlock")
        return not self.contactor_closed.value or self.is_charging

    def stop(self, reason: str) -> bool:
        """End the charge; False when none is on."""
        if self._step is _Step.NONE and not self.is_charging:
            return False
        self._stop_reason = reason
        self._touch()
        return True

    def unplug(self) -> None:
        """The vehicle is unplugged, by the emergency release where the lock holds; only after the end of the charge."""
        assert not self.is_charging
        self.lock.set(self._kernel.now, LockState.UNLOCKED)
        if self.bms is not None:
            self.bms.on_change = lambda: None
        self.bms, self.session = None, ""
        if self.state.value is not EvseState.FAULTED:
            self._go_free()
        self._touch()

    def offer(self, now: SimTime, limit_kw: float) -> None:
        """The site's allocation for this outlet."""
        if limit_kw != self.limit_kw.at(now):
            self.limit_kw.set(now, limit_kw)
            self._touch()

    def switch_block(self, block_kw: float) -> None:
        """The cabinet has switched modules of this much power to the outlet."""
        if block_kw != self._block_kw:
            self._block_kw = block_kw
            if self.is_charging:
                self._touch()
                self._kernel.touch(self._control)

    # Planning

    def plan(self, now: SimTime) -> SimTime:
        """Advance the sequence and the charge to `now`."""
        if self.state.value is EvseState.FAULTED:
            self._try_recovery()
            return FOREVER
        if self._stop_reason and (self.is_charging or self._step is not _Step.NONE):
            self._end(now, self._stop_reason)
            return FOREVER
        if self._step is not _Step.NONE:
            return self._sequence(now)
        if self.is_charging:
            return self._charge(now)
        return FOREVER

    def _sequence(self, now: SimTime) -> SimTime:
        model = self._model
        following = {
            _Step.HANDSHAKE: (_Step.INSULATION_TEST, model.insulation_test_s),
            _Step.INSULATION_TEST: (_Step.PRECHARGE, model.precharge_s),
        }
        while now >= self._step_ends:
            if self._step is _Step.PRECHARGE:
                return self._close(now)
            self._step, length_s = following[self._step]
            self._kernel.emit("evse.step", self.path, {"step": self._step.value})
            self._step_ends = SimTime(now + length_s)
        return self._step_ends

    def _close(self, now: SimTime) -> SimTime:
        self._step, self._step_ends = _Step.NONE, FOREVER
        self._wants_closed = True
        self._set_contactor(True)
        if not self.contactor_closed.value:
            self._end(now, "contactor_open")
            return FOREVER
        self._started_kwh, self._true_start_kwh = self.energy_kwh(now), self.true_energy_kwh(now)
        self.peak_kw = 0.0
        self.started_s = now
        self._kernel.emit("session.started", self.path, {"session": self.session})
        self._platform.report(Happening("started", self.path, self.session, self.token, self._started_kwh))
        self._go(EvseState.CHARGING)
        self._kernel.touch(self._control)
        return FOREVER

    def _charge(self, now: SimTime) -> SimTime:
        bms = self.bms
        assert bms is not None
        if bms.is_full(now):
            self._end(now, "target_reached")
            return FOREVER
        silence_ends = FOREVER
        if bms.is_muted.value:
            if self._silent_since is None:
                self._silent_since = now
            silence_ends = SimTime(self._silent_since + BMS_SILENCE_S)
            if now >= silence_ends:
                self._kernel.emit("alarm.raised", self.path, {"alarm": "bms_timeout"}, clause="8.3")
                self._end(now, "bms_timeout")
                return FOREVER
        else:
            self._silent_since = None
        limit_kw = min(self.limit_kw.at(now), self.cap_kw)
        ends = bms.draw(now, limit_kw, self.power_kw)
        self.peak_kw = max(self.peak_kw, self.power_kw.at(now))
        self._control.demand_moved(self, now)
        return min(ends, silence_ends)

    def _end(self, now: SimTime, reason: str) -> None:
        was_charging = self.is_charging
        self.power_kw.set(now, 0.0)
        self._step, self._step_ends, self._silent_since, self._stop_reason = _Step.NONE, FOREVER, None, ""
        if self.bms is not None:
            self.bms.rest(now)
        self._wants_closed = False
        self._set_contactor(False)
        if not self.contactor_closed.value:  # no plug is freed while it may be live
            self.lock.set(now, LockState.UNLOCKED)
        is_faulted = self.contactor_closed.value or reason == "contactor_open"
        alarm = "bms_timeout" if reason == "bms_timeout" else ""
        if is_faulted:
            alarm = "contactor_welded" if self.contactor_closed.value else "contactor_open"
            self._kernel.emit("alarm.raised", self.path, {"alarm": alarm}, clause="9.4.1")
        if was_charging:
            energy_kwh = self.energy_kwh(now) - self._started_kwh
            self._kernel.emit(
                "session.ended",
                self.path,
                {"session": self.session, "reason": reason, "energy_kwh": energy_kwh},
            )
            self._platform.report(Happening("ended", self.path, self.session, self.token, self.energy_kwh(now), reason))
        self._go(EvseState.FAULTED if is_faulted else EvseState.FINISHING, alarm)
        self.limit_kw.set(now, 0.0)
        self._kernel.touch(self._control)
        self.on_ended(reason)

    def delivered_kwh(self, now: SimTime) -> tuple[float, float]:
        """(true, registered) energy since the present charge began."""
        return self.true_energy_kwh(now) - self._true_start_kwh, self.energy_kwh(now) - self._started_kwh

    def _authorised(self, session: str, accepted: bool) -> None:
        if session != self.session or self.state.value is not EvseState.PREPARING or self._step is not _Step.NONE:
            return
        if not accepted:
            self._kernel.emit("session.refused", self.path, {"session": session, "token": self.token})
            self._go(EvseState.FINISHING)
            self.on_ended("not_authorised")
            return
        self.lock.set(self._kernel.now, LockState.LOCKED)
        self._step = _Step.HANDSHAKE
        self._step_ends = SimTime(self._kernel.now + self._model.handshake_s)
        self._touch()

    def _try_recovery(self) -> None:
        """A locked-out EVSE serves again once its contactor obeys and no vehicle stands at it (clause 9.4.1)."""
        if self.bms is None and self.contactor_closed.value is self._wants_closed:
            self._kernel.emit("evse.recovered", self.path, clause="9.4.1")
            self._go_free()

    def _set_contactor(self, closed: bool) -> None:
        self.contactor_closed.rebase(closed)

    def _go_free(self) -> None:
        self._go(EvseState.AVAILABLE if self._is_in_service else EvseState.UNAVAILABLE)

    def _go(self, state: EvseState, alarm: str = "") -> None:
        if self.state.set(self._kernel.now, state):
            self._kernel.emit("evse.state", self.path, {"state": state.value})
            self._platform.report(Happening("status", self.path, self.session, reason=alarm, status=state.value))
        if self.is_ready:
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                event.succeed()

    def _touch(self) -> None:
        self._kernel.touch(self)


@fault("pile.contactor_stuck", hits=Evse, zh="接触器卡滞", clause="9.4.1", faces=("station", "wire"))
@dataclass(frozen=True, kw_only=True)
class ContactorStuck:
    """The contactor does not follow its coil; the EVSE must not keep serving."""

    position: str = field(default="closed", metadata=bounds(choices=("closed", "open")))
    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, evse: Evse) -> Iterable[Contribution]:
        """Hold the contactor where it is said to stick."""
        yield evse.contactor_closed.force(self.position == "closed")
