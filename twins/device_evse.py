"""A real charging device in an EVSE's place: what it reports is what is there, what the site grants it is told.

Its words come as commands to `<path>.device`, so that a recording without the device repeats the run. Nothing is
believed that cannot be, and who is silent is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sim.events import Command, Scalar
from sim.kernel import Kernel
from sim.signals import State
from sim.units import FOREVER, SECONDS_PER_HOUR, SimTime
from twins.device_meter import DeviceMeter
from twins.ports import DevicePort, NoDevice, PlatformPort
from twins.supply import EvseState, Supply

if TYPE_CHECKING:
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["DeviceEvse", "DeviceTerms", "Presence"]

TYPICAL_KWH = 20.0
"""What a vehicle lacks of which nothing is known (ours)."""
CONNECTION_TIMEOUT_S = 120.0
OVER_SHARE, OVER_KW, OVER_S = 0.05, 0.5, 5.0
"""Beyond this share and power together, for so long, it is over its limit: chargers regulate coarsely (ours)."""
_PLUGGED = (EvseState.PREPARING, EvseState.CHARGING, EvseState.FINISHING)


class Presence(Enum):
    """What is known of the device: never heard yet, there, or silent for longer than its watchdog."""

    UNKNOWN = "unknown"
    PRESENT = "present"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTerms:
    """On what terms a device takes part.

    `max_kw` is what the bench allows it; `reserve_kw` is what the site keeps for it while nothing is granted, and what
    it then draws at most by itself; `watchdog_s` is how long it may be silent.
    """

    max_kw: float
    reserve_kw: float = 0.0
    watchdog_s: float = 10.0


class DeviceEvse(Supply):
    """One outlet that is a device. State `device` beside the signals of a `Supply`; events `device.*`.

    A charge that it begins is told to the platform once that accepts its token, and power is granted only then. It
    claims what it may draw at most: its rating, the bench's limit and whatever else limits the outlet. `held_kwh` is
    what was assumed on after its last reading, until it counted as silent.
    """

    obeys_at_once = False

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort,
        terms: DeviceTerms,
    ) -> None:  # fmt: skip
        """`model` and `config` are the station file's for the pile whose place it takes."""
        super().__init__(kernel, path, model, config, control, platform)
        self.terms = terms
        self.meter = DeviceMeter(model.evse_max_kw)
        self.port: DevicePort = NoDevice()
        self.presence = State(f"{path}.device", Presence.UNKNOWN)
        kernel.add(self.presence)
        self.on_plugged: Callable[[], None] = lambda: None
        self.on_started: Callable[[], None] = lambda: None
        self.on_ended: Callable[[str], None] = lambda reason: None
        self.on_left: Callable[[], None] = lambda: None
        self._heard_s = kernel.now
        self._nonsense_s: SimTime | None = None
        self._over_s: SimTime | None = None
        self._read_s = kernel.now
        self.held_kwh = 0.0
        self._is_plugged = self._is_open = self._is_distrusted = False
        self._asked_kw = 0.0
        self._stop_reason = ""
        self._awaited_token, self._awaited_until = "", SimTime(0.0)
        self._verbs: Mapping[str, Callable[[Mapping[str, Scalar]], None]] = {
            "joined": self._joined, "heard": lambda args: None, "status": self._told, "reading": self._read,
            "began": self._began, "ended": self._stopped, "limited": self._limited,
        }  # fmt: skip
        self.limit("bench", terms.max_kw)
        kernel.handle(f"{path}.device", self._obey)
        self._touch()

    # What others ask of it

    @property
    def is_ready(self) -> bool:
        """Simulated vehicles cannot be plugged into a real device."""
        return False

    @property
    def is_silent(self) -> bool:
        """Whether it has been heard, and is not any more."""
        return self.presence.value is Presence.SILENT

    def asks_kw(self, now: SimTime) -> float:
        """What it may draw while a vehicle is at it."""
        return self.ceiling_kw if self._is_plugged else 0.0

    def needs_kwh(self, now: SimTime) -> float:
        """Not known; a typical charge while one runs."""
        return TYPICAL_KWH if self.is_charging else 0.0

    def start(self, token: str) -> bool:
        """Pass the wish on; the device says when it has begun."""
        if self.presence.value is not Presence.PRESENT or self._is_open:
            return False
        self._awaited_token, self._awaited_until = token, SimTime(self._kernel.now + CONNECTION_TIMEOUT_S)
        self.port.start(token)
        return True

    def stop(self, reason: str) -> bool:
        """Pass the wish on; the charge ends when the device says so."""
        if not self._is_open:
            return False
        self._stop_reason = reason
        self.port.stop(reason)
        return True

    def set_in_service(self, is_in_service: bool) -> bool:
        """A limit of 0 keeps it from charging; False while a vehicle is at it."""
        self.limit("service", None if is_in_service else 0.0)
        return not self._is_plugged

    def unlock(self) -> bool:
        """A real plug is freed at the device."""
        self.stop("unlock")
        return False

    def lock_out(self, cause: str, alarm: str) -> None:
        """Grant it nothing and end its charge."""
        self._raise(alarm)
        self.limit(cause, 0.0)
        self.stop(cause)

    def lift(self, cause: str) -> None:
        """That cause is over."""
        self.limit(cause, None)

    def energy_kwh(self, now: SimTime) -> float:
        """What its register counted while charges ran."""
        return self.meter.registered_kwh

    def delivered_kwh(self, now: SimTime) -> tuple[float, float]:
        """(by reported power, by the device's register) since the charge began, or of the one that has ended."""
        return self.true_energy_kwh(now) - self._true_start_kwh, self.meter.registered_kwh - self._started_kwh

    def current_a(self, now: SimTime) -> float:
        """What it reported last."""
        return (self.meter.value("current_a") or 0.0) if self.is_charging else 0.0

    def voltage_v(self, now: SimTime) -> float:
        """What it reported last."""
        return (self.meter.value("voltage_v") or 0.0) if self.is_charging else 0.0

    def vehicle_at(self, now: SimTime) -> tuple[float | None, float | None]:
        """What it reported last."""
        return self.meter.value("soc"), self.meter.value("temp_c")

    # Planning

    def offer(self, now: SimTime, limit_kw: float) -> None:
        """The site's allocation; the device is told within the instant."""
        super().offer(now, limit_kw)
        self._touch()

    def settle_claim(self, now: SimTime) -> None:
        """What it draws tells nothing of what it will."""

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
        if self.is_charging:
            limit_kw = min(self.granted_kw, self.cap_kw)
            if limit_kw != self._asked_kw:
                self._asked_kw = limit_kw
                self.port.limit(limit_kw)
        return silent_at

    def _recapped(self, before_kw: float) -> None:
        """Less is claimed only once the device has confirmed less."""
        now = self._kernel.now
        self._reclaim(now)
        self._control.recapped(self, now)
        self._touch()

    # What the device says

    def _obey(self, command: Command, seq: int) -> None:
        now, verb = self._kernel.now, command.verb
        if verb == "nonsense":
            self._not_believed(str(command.args["what"]))
        elif verb == "lost":
            self._kernel.emit("device.lost", self.path, cause=seq)
        elif verb in self._verbs:
            self._heard_s = now
            if self.presence.value is Presence.UNKNOWN:
                self.presence.set(now, Presence.PRESENT)
            elif self.is_silent and verb != "heard" and not self._is_distrusted:
                self._return(now)
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

    def _read(self, args: Mapping[str, Scalar]) -> None:
        """A reading of its meter, in the words of `DeviceMeter.misfit`."""
        now = self._kernel.now
        if misfit := self.meter.misfit(args, now):
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

    def _drawn(self, now: SimTime, power_kw: float) -> None:
        """Who draws more than it was told has that held for it, and an alarm is raised where it lasts."""
        self.power_kw.set(now, power_kw)
        self._read_s = now
        self.peak_kw = max(self.peak_kw, power_kw)
        told_kw = max(self.told_kw, self._asked_kw) if self.is_charging else self.terms.reserve_kw
        is_over = power_kw > (1.0 + OVER_SHARE) * told_kw + OVER_KW
        if is_over and self._over_s is None:
            self._over_s = now
        elif is_over and self._over_s is not None and now >= self._over_s + OVER_S:
            if "device_over_limit" not in self._warnings:
                self.warn("device_over_limit")
            if not self._is_open:
                self.port.stop("device_over_limit")
        elif not is_over:
            self._over_s = None
            if "device_over_limit" in self._warnings:
                self.calm("device_over_limit")
        held_kw = 0.0 if self.is_charging else self.terms.reserve_kw
        self._control.hold(self, max(held_kw, power_kw) if is_over else held_kw)
        self._reclaim(now)

    def _reclaim(self, now: SimTime) -> None:
        """Claim what it may draw, and no less than it was told; who is over its limit has all that it draws held."""
        claim_kw = 0.0 if self._over_s is not None else max(self.cap_kw, self.told_kw)
        if self.is_charging and claim_kw != self.claim_kw:
            self._control.claimed(self, now, claim_kw)

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
        self._plug()
        self._register(args)
        self.token, self._is_open, self._stop_reason = str(args["token"]), True, ""
        self._go(EvseState.PREPARING)
        if self._awaited_token == self.token and self._kernel.now <= self._awaited_until:
            self._awaited_token = ""
            self._authorised(self.session, True)
            return
        session = self.session
        self._platform.authorise(self.path, self.token, lambda accepted: self._authorised(session, accepted))

    def _authorised(self, session: str, accepted: bool) -> None:
        if session != self.session or not self._is_open or self.is_charging or self.is_silent:
            return
        if not accepted:
            self._kernel.emit("session.refused", self.path, {"session": session, "token": self.token})
            self.stop("not_authorised")
            return
        now = self._kernel.now
        self._true_start_kwh, self._started_kwh = self.true_energy_kwh(now), self.meter.registered_kwh
        self.peak_kw, self.started_s, self._asked_kw, self.told_kw, self._over_s = 0.0, now, 0.0, 0.0, None
        self._control.hold(self, 0.0)
        self._kernel.emit("session.started", self.path, {"session": session})
        self.on_started()
        self._platform.started(self.path, session, self.token, self.meter.registered_kwh)
        self._go(EvseState.CHARGING)
        self.claim_kw = self.cap_kw
        self._control.join(self, now)
        self._touch()

    def _limited(self, args: Mapping[str, Scalar]) -> None:
        """It obeys this limit now, or says that it does not: then it may not charge here."""
        if not args["is_obeyed"]:
            self._raise("device_unlimited")
            self.stop("device_unlimited")
        elif self.is_charging:
            before_kw, self.told_kw = self.told_kw, float(args["limit_kw"] or 0.0)
            self._reclaim(self._kernel.now)
            if self.told_kw < before_kw:
                self._control.confirmed()

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
        if misfit := self.meter.misfit(args, now):
            self._not_believed(misfit)
        else:
            self.meter.take(args, now, is_charging=self.is_charging)

    def _end(self, reason: str) -> None:
        now, energy_kwh = self._kernel.now, self.meter.registered_kwh
        self.power_kw.set(now, 0.0)
        self.told_kw = self._asked_kw = 0.0
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
        self._is_open, self._nonsense_s, self._over_s = False, None, None
        self.power_kw.set(now, 0.0)
        self._control.hold(self, self.terms.reserve_kw)
        self._go(EvseState.FAULTED, "device_silent")
