"""A real charging device in an EVSE's place: what it reports is what is there, what the site grants it is told.

Its words come as commands to `<path>.device`, so that a recording without the device repeats the run. Nothing is
believed that cannot be, and who is silent is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sim.events import Command, Scalar
from sim.kernel import Kernel
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.device_supply import DeviceSupply, DeviceTerms, Presence
from twins.ports import PlatformPort
from twins.register_step import RegisterStep
from twins.supply import EvseState

if TYPE_CHECKING:
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["DeviceEvse"]

_PLUGGED = (EvseState.PREPARING, EvseState.CHARGING, EvseState.FINISHING)


class DeviceEvse(DeviceSupply):
    """One outlet that is a device. State `device` beside the signals of a `Supply`; events `device.*`.

    A charge that it begins is told to the platform once that accepts its token, and power is granted only then.
    `held_kwh` is what was assumed on after its last reading, until it counted as silent.
    """

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort,
        terms: DeviceTerms,
    ) -> None:  # fmt: skip
        """As `DeviceSupply`."""
        super().__init__(kernel, path, model, config, control, platform, terms)
        self.on_plugged: Callable[[], None] = lambda: None
        self.on_started: Callable[[], None] = lambda: None
        self.on_ended: Callable[[str], None] = lambda reason: None
        self.on_left: Callable[[], None] = lambda: None
        self.held_kwh = 0.0
        self.steps: list[RegisterStep] = []
        self._heard_s = kernel.now
        self._nonsense_s: SimTime | None = None
        self._is_distrusted = False
        self._begun = 0
        self._verbs: Mapping[str, Callable[[Mapping[str, Scalar]], None]] = {
            "joined": self._joined, "heard": lambda args: None, "status": self._told, "reading": self._read,
            "began": self._began, "ended": self._stopped, "limited": self._limited, "alarms": self._alarmed,
        }  # fmt: skip
        kernel.handle(f"{path}.device", self._obey)
        self._touch()

    def plan(self, now: SimTime) -> SimTime:
        """Tell the device its limit, and look whether it has been silent, or has spoken nonsense, for too long."""
        if self.presence.value is Presence.UNKNOWN:
            self._control.hold(self, self.terms.reserve_kw)
            self._go(EvseState.UNAVAILABLE)
            return FOREVER
        if self.is_silent:
            return FOREVER
        since_s = self._heard_s if self._nonsense_s is None else min(self._heard_s, self._nonsense_s)
        silent_at = SimTime(since_s + self.terms.watchdog_s)
        if now >= silent_at:
            self._fall_silent(now)
            return FOREVER
        self._tell()
        return silent_at

    # What the device says

    def _obey(self, command: Command, seq: int) -> None:
        now, verb = self._kernel.now, command.verb
        if verb == "nonsense":
            self._not_believed(str(command.args["what"]))
        elif verb == "lost":
            self._is_cut = self.meter.was_away = True
            self._kernel.emit("device.lost", self.path, cause=seq)
        elif verb in self._verbs:
            self._heard_s, self._is_cut = now, False
            if self.presence.value is Presence.UNKNOWN:
                self.presence.set(now, Presence.PRESENT)
            elif self.is_silent and verb != "heard" and not self._is_distrusted:
                self._return(now)
            if not self._is_distrusted or verb == "reading":  # who spoke nonsense is believed by its meter alone
                self._verbs[verb](command.args)
        self._touch()

    def _return(self, now: SimTime) -> None:
        self.presence.set(now, Presence.PRESENT)
        self._is_distrusted = False
        self._faulted_s += now - self.state.since
        self._kernel.emit("alarm.cleared", self.path, {"alarm": "device_silent"})
        self._go(EvseState.FINISHING if self._is_plugged else EvseState.AVAILABLE)

    def _joined(self, args: Mapping[str, Scalar]) -> None:
        self._kernel.emit("device.joined", self.path, {"vendor": args["vendor"], "model": args["model"]})

    def _told(self, args: Mapping[str, Scalar]) -> None:
        """It says what state it is in; its charges are told apart from that."""
        state, was_faulted = EvseState(str(args["state"])), self.state.value is EvseState.FAULTED
        if state in _PLUGGED:
            self._plug()
        if state is EvseState.FAULTED:
            if not was_faulted:
                data = {"alarm": "device_fault", "code": args["code"]}
                self._kernel.emit("alarm.raised", self.path, data, clause="9.4.1")
            if self.is_charging:
                self._end("device_fault")
            self._go(state, "device_fault")
            return
        if was_faulted:
            self._faulted_s += self._kernel.now - self.state.since
            self._kernel.emit("alarm.cleared", self.path, {"alarm": "device_fault"})
        if not self._is_open:
            self._go(EvseState.FINISHING if state is EvseState.CHARGING else state)
            if self._is_plugged and state not in _PLUGGED:
                self._is_plugged = False
                self.on_left()

    def _alarmed(self, args: Mapping[str, Scalar]) -> None:
        """What it raises now, by the names of an EVSE's alarms, with commas between; all else of its own is over."""
        told = [name for name in str(args["names"]).split(",") if name]
        own = [alarm for alarm in self._warnings if not alarm.startswith("device_")]
        for alarm in own:
            if alarm not in told:
                self.calm(alarm)
        for alarm in told:
            if alarm not in own:
                self.warn(alarm)

    def _read(self, args: Mapping[str, Scalar]) -> None:
        """A reading of its meter, in the words of `DeviceMeter.misfit`."""
        now = self._kernel.now
        if misfit := self._misfit(args, now):
            self._not_believed(misfit)
            return
        if self.is_silent:
            self._return(now)
        if self._nonsense_s is not None:
            self._nonsense_s = None
            self.calm("device_nonsense")
        self.meter.take(args, now, is_charging=self.is_charging)
        power_kw = args.get("power_kw")
        if power_kw is not None:
            self._drawn(now, max(0.0, float(power_kw)))

    def _misfit(self, args: Mapping[str, Scalar], now: SimTime) -> str:
        """Why a reading cannot be; a register that has stepped for good is told, and then can."""
        misfit = self.meter.misfit(args, now)
        if (stepped := self.meter.stepped(args, now)) is None:
            return misfit
        self._not_believed(misfit)
        step = RegisterStep(self.path, "register_kwh", now, *stepped)
        self.steps.append(step)
        self._kernel.emit("device.register_stepped", self.path, step.told)
        return self.meter.misfit(args, now)

    def _not_believed(self, what: str) -> None:
        if self.presence.value is Presence.PRESENT and self._nonsense_s is None:
            self._nonsense_s = self._kernel.now
            self._kernel.emit("device.nonsense", self.path, {"what_said": what})
            self.warn("device_nonsense")

    # Its charges

    def _plug(self) -> None:
        if not self._is_plugged:
            self._is_plugged = True
            self.meter.forget_vehicle()
            self.started_s = None
            self.on_plugged()

    def _began(self, args: Mapping[str, Scalar]) -> None:
        """It has begun a transaction; power is granted once the platform accepts its token."""
        if self.is_charging:  # it has not said that the one before has ended
            self._end("device_fault")
        if self._is_plugged and self.started_s is not None:  # another charge of the same vehicle: a session of its own
            self._is_plugged = False
            self.on_left()
        self._plug()
        self._register(args)
        self._begun += 1
        self.token, self._is_open, self._stop_reason = str(args["token"]), True, ""
        self._go(EvseState.PREPARING)
        if self._awaited_token == self.token and self._kernel.now <= self._awaited_until:
            self._awaited_token = ""
            self._authorised(self._begun, True)
            return
        number = self._begun
        self._platform.authorise(self.path, self.token, lambda accepted: self._authorised(number, accepted))

    def _authorised(self, number: int, accepted: bool) -> None:
        """The platform has answered for the transaction of this number, which may be over meanwhile."""
        if number != self._begun or not self._is_open or self.is_charging or self.is_silent:
            return
        session = self.session
        if not accepted:
            self._kernel.emit("session.refused", self.path, {"session": session, "token": self.token})
            self.stop("not_authorised")
            return
        now = self._kernel.now
        self._true_start_kwh, self._started_kwh = self.true_energy_kwh(now), self.meter.registered_kwh
        self.peak_kw, self.started_s, self._high_s, self._is_over = 0.0, now, None, False
        self.told_kw = self._asked_kw = self._confirmed_kw = 0.0
        self._control.hold(self, 0.0)
        self._kernel.emit("session.started", self.path, {"session": session})
        self.on_started()
        self._platform.started(self.path, session, self.token, self.meter.registered_kwh)
        self._go(EvseState.CHARGING)
        self.claim_kw = self.cap_kw
        self._control.join(self, now)
        self._touch()

    def _stopped(self, args: Mapping[str, Scalar]) -> None:
        """Its transaction has ended."""
        self._register(args)
        self._is_open = False
        if self.is_charging:
            self._end(self._stop_reason or str(args["reason"]))
        elif self.state.value is EvseState.PREPARING:
            self._go(EvseState.FINISHING)

    def _register(self, args: Mapping[str, Scalar]) -> None:
        now = self._kernel.now
        if misfit := self._misfit(args, now):
            self._not_believed(misfit)
        else:
            self.meter.take(args, now, is_charging=self.is_charging)

    def _end(self, reason: str) -> None:
        now, energy_kwh = self._kernel.now, self.meter.registered_kwh
        self.power_kw.set(now, 0.0)
        self.told_kw = self._asked_kw = self._confirmed_kw = 0.0
        told: dict[str, Scalar] = {"session": self.session, "reason": reason}
        self._kernel.emit("session.ended", self.path, told | {"energy_kwh": energy_kwh - self._started_kwh})
        self._platform.ended(self.path, self.session, energy_kwh, reason)
        self._go(EvseState.FINISHING)
        self.on_switched()
        self._control.leave(self, now)
        self._control.hold(self, self.terms.reserve_kw)
        self.on_ended(reason)

    def _fall_silent(self, now: SimTime) -> None:
        """Nothing is known of it any more: its grant has lapsed, what it still may draw is held for it."""
        self._is_distrusted = self._nonsense_s is not None
        if self._is_open:
            self.port.stop("device_silent")
        self.presence.set(now, Presence.SILENT)
        self._raise("device_silent")
        self.held_kwh += self.power_kw.at(now) * (now - self._read_s) / SECONDS_PER_HOUR
        if self.is_charging:
            self._end("device_silent")
        for alarm in [*self._warnings]:
            self.calm(alarm)
        self._is_open, self._nonsense_s, self._high_s, self._is_over = False, None, None, False
        self.power_kw.set(now, 0.0)
        self._control.hold(self, self.terms.reserve_kw)
        self._go(EvseState.FAULTED, "device_silent")
