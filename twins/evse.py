"""The EVSE with its connector: lock, contactors, start sequence, meter; supplies one vehicle at a time.

The charge itself follows the plugged BMS: the EVSE offers what its limits allow and takes the BMS's closed form as its
power. True and registered energy are two things: the meter has an error within its class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.events import Scalar
from sim.faults import Knob
from sim.kernel import Kernel
from sim.signals import Signal
from sim.units import FOREVER, SimTime
from twins.lock import LockState, PlugLock
from twins.ports import PlatformPort
from twins.register import Register
from twins.supply import AC_PHASE_V, EvseState, Supply, phases_of
from twins.token_reader import TokenReader

if TYPE_CHECKING:
    from twins.bms import Bms
    from twins.contact import Contact
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["PARAMETERS_FROM", "Evse"]

BMS_SILENCE_S = 1.0
PARAMETERS_FROM = 0.5
"""The share of the handshake that agrees on versions; in the rest the vehicle tells its parameters."""
CONNECTION_TIMEOUT_S = 120.0
LOCAL_START_S = 120.0
"""How long a driver tries in vain to begin."""
_SAME = 1e-9


def _nothing() -> None:
    return None


class Evse(Supply):
    """A simulated outlet. Beside the signals of a `Supply`: state `lock`.

    Of the vehicle that is, or was last, plugged in: `vehicle_soc` (0 to 1), `vehicle_temp_c` (its cells),
    `vehicle_heat_kw` (what warms them).
    """

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort
    ) -> None:
        """`path` is the connector's, as `pile[A01].connector[1]`."""
        super().__init__(kernel, path, model, config, control, platform)
        self._phases = phases_of(model)
        self.lock = PlugLock(f"{path}.lock", self._jam_changed)
        self.vehicle_soc = Signal(f"{path}.vehicle_soc", "1")
        self.vehicle_temp_c = Signal(f"{path}.vehicle_temp_c", "C")
        self.vehicle_heat_kw = Signal(f"{path}.vehicle_heat_kw", "kW")
        kernel.add(self.lock, self.vehicle_soc, self.vehicle_temp_c, self.vehicle_heat_kw)
        self.register = Register(kernel, self.power_kw, self.meter_factor, self._regauged)
        self.contactor_closed = Knob(False, self._touch)
        self.reader = TokenReader(kernel, path)
        self.obeys_driver = Knob(True, _nothing)
        self.bms: Bms | None = None
        self.contact: Contact | None = None
        self.on_ended: Callable[[str], None] = lambda reason: None
        self.on_started: Callable[[], None] = _nothing
        self.on_drawn: Callable[[], None] = lambda: None
        self.on_reset: Callable[[], bool] = lambda: False
        self._sequence_ends = FOREVER
        self._silent_since: SimTime | None = None
        self._stop_reason = ""
        self._holds: dict[str, str] = {}
        self._is_in_service = True
        self._awaited_token = ""
        self._awaited_until = SimTime(0.0)

    # What others ask of it

    def asks_kw(self, now: SimTime) -> float:
        """What it would give its vehicle if the cabinet had modules without end; 0 without one."""
        return min(self.bms.wish_kw(now), self.ceiling_kw) if self.bms is not None else 0.0

    def needs_kwh(self, now: SimTime) -> float:
        """What the plugged pack still lacks to its target."""
        bms = self.bms
        return max(0.0, (bms.target - bms.soc.at(now)) * bms.pack.capacity_kwh) if bms is not None else 0.0

    @property
    def is_ready(self) -> bool:
        """Whether a vehicle may plug in."""
        return self.bms is None and self.state.value is EvseState.AVAILABLE

    @property
    def is_starting(self) -> bool:
        """Whether the start sequence runs."""
        return self._sequence_ends < FOREVER

    @property
    def alarms(self) -> frozenset[str]:
        """What it raises while it lasts: what holds it locked out, and what it serves on with."""
        return frozenset((*self._holds.values(), *self._warnings))

    def plug(
        self, bms: Bms, session: str, on_ended: Callable[[str], None], on_started: Callable[[], None] = _nothing
    ) -> None:
        """A vehicle is plugged in; `on_started` hears of a beginning charge, `on_ended` why it ended or none began."""
        self.bms, self.session, self.on_ended, self.on_started = bms, session, on_ended, on_started
        self.started_s = None
        bms.on_change = self._touch
        if self.model.evse_max_a is not None:
            bms.limit_current(self.model.evse_max_a)
        self._go(EvseState.PREPARING)

    def present(self, token: str) -> None:
        """A token is shown; charging begins when the platform accepts it, or at once if it has asked for a start."""
        if self._awaited_token and self._kernel.now <= self._awaited_until:
            token, self._awaited_token = self._awaited_token, ""
            self.start(token)
            return
        session = self.session
        if not self.reader.reads():
            self._kernel.emit("session.unread", self.path, {"session": session}, clause="10.2.1")
            self._kernel.at(SimTime(self._kernel.now + LOCAL_START_S), lambda: self._despair(session))
            return
        self.token = token
        self._platform.authorise(self.path, token, lambda accepted: self._authorised(session, accepted))

    def _despair(self, session: str) -> None:
        if self.session == session and self.state.value is EvseState.PREPARING and not self.is_starting:
            self.give_up()

    def start(self, token: str) -> bool:
        """The platform asks to charge for this token: the vehicle that is plugged in, or one that plugs in soon."""
        if self.state.value is EvseState.PREPARING and self._sequence_ends == FOREVER:
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
        return not self.contactor_closed.preview(False) and not self.lock.holds_plug

    def stop(self, reason: str) -> bool:
        """End the charge; False when none is on."""
        if self._sequence_ends == FOREVER and not self.is_charging:
            return False
        self._stop_reason = reason
        self._touch()
        return True

    def pull(self) -> None:
        """Somebody pulls at the plug under load (clause 9.5.4): the lock holds, and he ends the charge as he should."""
        if self.is_charging:
            self._kernel.emit("connector.pulled", self.path, {"lock": self.lock.value.value}, clause="9.5.4")
            self._stop_by_hand()

    def give_up(self) -> None:
        """The driver ends the charge, or does not wait for one to begin any longer."""
        is_waiting = self.state.value is EvseState.PREPARING and self._sequence_ends == FOREVER
        if is_waiting:
            self._go(EvseState.FINISHING)
            self.on_ended("driver")
        else:
            self._stop_by_hand()

    def _stop_by_hand(self) -> None:
        if self.obeys_driver.value or not self.is_charging:
            self.stop("driver")
        else:
            self._kernel.emit("session.stop_ignored", self.path, {"session": self.session}, clause="10.2.6")

    def unplug(self) -> None:
        """The vehicle is unplugged, by the emergency release where the lock holds; only after the end of the charge."""
        assert not self.is_charging
        self.lock.set(self._kernel.now, LockState.UNLOCKED)
        self.lock.on_freed = _nothing
        if self.bms is not None:
            self.bms.on_change = lambda: None
        self.bms, self.session = None, ""
        if self.state.value is not EvseState.FAULTED:
            self._go_free()
        else:
            self._touch()

    def lock_out(self, cause: str, alarm: str) -> None:
        """Do not serve while `cause` lasts (clause 9.4.1); a charge ends with that reason."""
        if cause in self._holds:
            return
        self._holds[cause] = alarm
        if self.state.value in (EvseState.PREPARING, EvseState.CHARGING):
            self._end(self._kernel.now, cause)
        else:
            self._raise(alarm)
            self._go(EvseState.FAULTED, alarm)

    def lift(self, cause: str) -> None:
        """That cause is over; the EVSE serves again when no other holds it and no vehicle stands at it."""
        if self._holds.pop(cause, None) is not None:
            self._touch()

    def current_a(self, now: SimTime) -> float:
        """What flows through its contacts, of AC in each phase; the vehicle's own draw goes the same way."""
        voltage_v = self.voltage_v(now)
        return 1_000.0 * self.power_kw.at(now) / (self._phases * voltage_v) if voltage_v else 0.0

    def voltage_v(self, now: SimTime) -> float:
        """At its contacts, of AC the phase's; 0 while they are open."""
        if self.bms is None or not self.is_charging:
            return 0.0
        return AC_PHASE_V if self.model.kind == "ac" else self.bms.voltage_v(now)

    def energy_kwh(self, now: SimTime) -> float:
        """The meter's register."""
        return self.register.kwh(now)

    def delivered_kwh(self, now: SimTime) -> tuple[float, float]:
        """(true, registered) energy since the present charge began, or of the one that has just ended."""
        return self.true_energy_kwh(now) - self._true_start_kwh, self.register.kwh(now) - self._started_kwh

    def _regauged(self, factor: float) -> None:
        self.meter_factor = factor

    def vehicle_at(self, now: SimTime) -> tuple[float | None, float | None]:
        """State of charge (0 to 1) and cell temperature, of DC alone: from the handshake's second half on."""
        bms = self.bms
        if bms is None or bms.is_silent or self.model.kind == "ac" or not self._has_parameters(now):
            return None, None
        return bms.told_soc(now), bms.temp_c.at(now)

    def _has_parameters(self, now: SimTime) -> bool:
        """Whether the vehicle has told its own."""
        return self.started_s is not None or (
            self.is_starting and now - self.lock.since >= PARAMETERS_FROM * self.model.handshake_s
        )

    def settle_claim(self, now: SimTime) -> None:
        """Claim no more than is drawn now, where that can only fall until the next piece."""
        power, bms = self.power_kw, self.bms
        if power.c > 0.0 and bms is not None:
            self.claim_kw = power.at(now)

    # Planning

    def plan(self, now: SimTime) -> SimTime:
        """Advance the sequence and the charge to `now`."""
        state = self.state.value
        if state is EvseState.CHARGING:
            if not self._stop_reason:
                return self._charge(now)
            self._end(now, self._stop_reason)
        elif self._sequence_ends < FOREVER:
            tests_until = self._tests_until()
            if self._stop_reason:
                self._end(now, self._stop_reason)
            elif now >= tests_until and (cause := self._finds(now)):
                self._fail(now, cause)
            elif now >= self._sequence_ends:
                return self._close(now)
            else:
                return tests_until if now < tests_until else self._sequence_ends
        elif state is EvseState.FAULTED:
            self._try_recovery()
        return FOREVER

    def _tests_until(self) -> SimTime:
        """When the tests of the start sequence have a result."""
        return self._sequence_ends

    def _finds(self, now: SimTime) -> str:
        """The cause for which its circuit must not be live now; empty where there is none."""
        return ""

    def _fail(self, now: SimTime, cause: str) -> None:
        """End, locked out for a cause that lasts."""
        self._holds[cause] = cause
        self._end(now, cause)

    def _jam_changed(self) -> None:
        """A bolt that has come loose is driven where it belongs; one that slips open under load ends the charge."""
        now, lock = self._kernel.now, self.lock
        if not lock.jam.value:
            self.lift("lock_jammed")
            if not self.is_starting and not self.is_charging and not self.contactor_closed.value:
                lock.drive(now, LockState.UNLOCKED)
                lock.on_freed()
        elif lock.jam.value == "open" and lock.value is LockState.LOCKED:
            lock.set(now, LockState.UNLOCKED)
            if self.is_starting or self.is_charging:
                self.lock_out("lock_jammed", "lock_failed")

    def _close(self, now: SimTime) -> SimTime:
        self._sequence_ends = FOREVER
        self.contactor_closed.rebase(True)
        if not self.contactor_closed.value:
            self._end(now, "contactor_open")
            return FOREVER
        self._true_start_kwh = self.true_energy_kwh(now)
        self._started_kwh = self.register.kwh(now)
        self.peak_kw = 0.0
        self.started_s = now
        self._kernel.emit("session.started", self.path, {"session": self.session})
        self.on_started()
        self._platform.started(self.path, self.session, self.token, self._started_kwh)
        self._go(EvseState.CHARGING)
        self.claim_kw = self._claim(now)
        return self._charge(now) if self._control.join(self, now) else FOREVER

    def _charge(self, now: SimTime) -> SimTime:
        bms = self.bms
        assert bms is not None
        if not self.contactor_closed.value:
            self._end(now, "contactor_open")
            return FOREVER
        if cause := self._finds(now):
            self._fail(now, cause)
            return FOREVER
        silence_ends = FOREVER
        if bms.is_silent:
            if self._silent_since is None:
                self._silent_since = now
            silence_ends = SimTime(self._silent_since + BMS_SILENCE_S)
            if now >= silence_ends:
                self._kernel.emit("alarm.raised", self.path, {"alarm": "bms_timeout"}, clause="8.3")
                self._end(now, "bms_timeout")
                return FOREVER
        else:
            self._silent_since = None
        power = self.power_kw
        if bms.has_heat:
            claim_kw = bms.claim_kw(now, self.cap_kw)
            if abs(claim_kw - self.claim_kw) > _SAME * claim_kw:
                self._control.claimed(self, now, claim_kw)
            ends = bms.draw(now, min(self.granted_kw, self.cap_kw, self.claim_kw), power)
        else:  # the wish can only fall: what it draws is within the claim that follows
            ends = bms.draw(now, self.granted_kw if self.granted_kw < self.cap_kw else self.cap_kw, power)
            claim_kw = bms.asked_kw if bms.asked_kw < self.cap_kw else self.cap_kw
            if self.claim_kw - claim_kw > _SAME * claim_kw:
                self._control.claimed(self, now, claim_kw)
        if ends <= now:
            if bms.alarm:
                self._kernel.emit("alarm.raised", self.path, {"alarm": bms.alarm}, clause="8.3")
            self._end(now, bms.alarm or "target_reached")
            return FOREVER
        if self.contact is not None:
            self.contact.carry(now, ends, *bms.current(now, power))
        top_kw = power.a + power.c
        if top_kw > self.peak_kw:
            self.peak_kw = top_kw
        self.on_drawn()
        return ends if ends < silence_ends else silence_ends

    def _claim(self, now: SimTime) -> float:
        """What the vehicle may draw until its next piece."""
        assert self.bms is not None
        return self.bms.claim_kw(now, self.cap_kw)

    def _end(self, now: SimTime, reason: str) -> None:
        was_charging = self.is_charging
        self._sequence_ends, self._silent_since, self._stop_reason = FOREVER, None, ""
        if self.bms is not None and was_charging:
            self.power_kw.set(now, 0.0)
            self.bms.rest(now)
            if self.contact is not None:
                self.contact.carry(now, FOREVER, 0.0)
        self.contactor_closed.rebase(False)
        is_live = self.contactor_closed.value
        if not is_live and not self.lock.drive(now, LockState.UNLOCKED):  # no plug is freed while it may be live
            self._holds["lock_jammed"] = "lock_failed"
        is_faulted = is_live or reason == "contactor_open" or bool(self._holds)
        is_vehicles = reason == "bms_timeout" or (self.bms is not None and reason == self.bms.alarm)
        alarm = reason if is_vehicles else ""
        if is_faulted:
            alarm = (
                "contactor_welded"
                if is_live
                else self._holds.get(reason) or next(iter(self._holds.values()), "contactor_open")
            )
            self._raise(alarm)
        if was_charging:
            energy_kwh = self.energy_kwh(now)
            data: dict[str, Scalar] = {
                "session": self.session,
                "reason": reason,
                "energy_kwh": energy_kwh - self._started_kwh,
            }
            self._kernel.emit("session.ended", self.path, data)
            self._platform.ended(self.path, self.session, energy_kwh, reason)
        self._go(EvseState.FAULTED if is_faulted else EvseState.FINISHING, alarm)
        self.on_switched()
        if was_charging:
            self._control.leave(self, now)
        self.on_ended(reason)

    def _authorised(self, session: str, accepted: bool) -> None:
        is_waiting = self.state.value is EvseState.PREPARING and self._sequence_ends == FOREVER
        if session != self.session or not is_waiting:
            return
        if not accepted:
            self._kernel.emit("session.refused", self.path, {"session": session, "token": self.token})
            self._go(EvseState.FINISHING)
            self.on_ended("not_authorised")
            return
        now, model = self._kernel.now, self.model
        if not self.lock.drive(now, LockState.LOCKED):
            self.lock_out("lock_jammed", "lock_failed")
            return
        self._sequence_ends = SimTime(now + model.handshake_s + model.insulation_test_s + model.precharge_s)
        self._kernel.wake(self, self._sequence_ends)
        self.on_switched()

    def _try_recovery(self) -> None:
        """A locked-out EVSE serves again once its contactor obeys and no vehicle stands at it (clause 9.4.1)."""
        if self.bms is None and not self._holds and self._obeys():
            self._faulted_s += self._kernel.now - self.state.since
            self._kernel.emit("evse.recovered", self.path, clause="9.4.1")
            self._go_free()

    def _obeys(self) -> bool:
        """The test before it serves again: the contactor is driven both ways, with nobody there."""
        return self.contactor_closed.preview(True) and not self.contactor_closed.preview(False)

    def _recapped(self, before_kw: float) -> None:
        now = self._kernel.now
        power = self.power_kw
        draws_kw = power.at(now)
        is_above = draws_kw > self.cap_kw or (power.c < 0.0 and self.claim_kw > self.cap_kw)  # or will rise there
        # before it draws more, the others make room; what it cannot draw any more, they may have within this instant
        if is_above:
            claim_kw = min(self.claim_kw, self.cap_kw)
        else:  # the present piece goes on, whatever the next would be
            claim_kw = max(self._claim(now), power.a if power.c < 0.0 else draws_kw)
        self._control.claimed(self, now, claim_kw)
        if is_above or self.claim_kw > before_kw:
            self._touch()
        self._control.recapped(self, now)

    def _go_free(self) -> None:
        self._go(EvseState.AVAILABLE if self._is_in_service else EvseState.UNAVAILABLE)

    def _go(self, state: EvseState, alarm: str = "") -> bool:
        is_changed = super()._go(state, alarm)
        if is_changed and state is EvseState.AVAILABLE and self.bms is None:
            self.on_free()
        return is_changed
