"""The power side of a real device: what it claims, what it is granted and told, what it draws.

It obeys a lower grant only once it has confirmed it and is seen to draw no more; until then `told_kw` stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sim.events import Scalar
from sim.kernel import Kernel
from sim.signals import State
from sim.units import SimTime
from twins.device_meter import DeviceMeter
from twins.ports import DevicePort, NoDevice, PlatformPort
from twins.supply import Supply

if TYPE_CHECKING:
    from twins.control import Control
    from twins.pile import EvseConfig, PileModel

__all__ = ["DeviceSupply", "DeviceTerms", "Presence"]

TYPICAL_KWH = 20.0
"""What a vehicle lacks of which nothing is known (ours)."""
CONNECTION_TIMEOUT_S = 120.0
OVER_SHARE, OVER_KW, OVER_S = 0.05, 0.5, 5.0
"""Beyond this share and power together, for so long, it is over its limit: chargers regulate coarsely (ours)."""


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


class DeviceSupply(Supply):
    """A device behind a `DevicePort`, on its terms.

    It claims what it may draw at most: its rating, the bench's limit and whatever else limits the outlet.
    """

    obeys_at_once = False

    def __init__(
        self, kernel: Kernel, path: str, model: PileModel, config: EvseConfig, control: Control, platform: PlatformPort,
        terms: DeviceTerms,
    ) -> None:  # fmt: skip
        """`model` and `config` are the station file's for the pile whose place it takes."""
        super().__init__(kernel, path, model, config, control, platform)
        self.terms = terms
        self.meter_factor = 1.0  # what it reports is its own meter's, whatever error the file's has
        self.meter = DeviceMeter(model.evse_max_kw)
        self.port: DevicePort = NoDevice()
        self.presence = State(f"{path}.device", Presence.UNKNOWN)
        kernel.add(self.presence)
        self._read_s = kernel.now
        self._high_s: SimTime | None = None
        self._is_over = False
        self._is_plugged = self._is_open = self._is_cut = False
        self._asked_kw = self._confirmed_kw = 0.0
        self._stop_reason = ""
        self._awaited_token, self._awaited_until = "", SimTime(0.0)
        self.limit("bench", terms.max_kw)

    # What others ask of it

    @property
    def is_ready(self) -> bool:
        """Simulated vehicles cannot be plugged into a real device."""
        return False

    @property
    def is_silent(self) -> bool:
        """Whether it has been heard, and is not any more."""
        return self.presence.value is Presence.SILENT

    @property
    def absence(self) -> str:
        """Why a command cannot reach it now, in words; empty where it can."""
        if self.presence.value is Presence.UNKNOWN:
            return "the device has not joined"
        if self.is_silent:
            return "the device is silent"
        return "the connection to the device is lost" if self._is_cut else ""

    def asks_kw(self, now: SimTime) -> float:
        """What it may draw while a vehicle is at it."""
        return self.ceiling_kw if self._is_plugged else 0.0

    def needs_kwh(self, now: SimTime) -> float:
        """Not known; a typical charge while one runs."""
        return TYPICAL_KWH if self.is_charging else 0.0

    def start(self, token: str) -> bool:
        """Pass the wish on; the device says when it has begun."""
        if self.absence or self._is_open:
            return False
        self._awaited_token, self._awaited_until = token, SimTime(self._kernel.now + CONNECTION_TIMEOUT_S)
        self.port.start(token)
        return True

    def stop(self, reason: str) -> bool:
        """Pass the wish on; the charge ends when the device says so. False where it would not hear."""
        if not self._is_open or self.absence:
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
        """What it reported last of the vehicle that is there."""
        return (self.meter.value("soc"), self.meter.value("temp_c")) if self._is_plugged else (None, None)

    # Limits

    def offer(self, now: SimTime, limit_kw: float) -> None:
        """The site's allocation; the device is told within the instant."""
        super().offer(now, limit_kw)
        self._touch()

    def settle_claim(self, now: SimTime) -> None:
        """What it draws tells nothing of what it will."""

    def _tell(self) -> None:
        """Tell it its limit, where that is another."""
        limit_kw = min(self.granted_kw, self.cap_kw)
        if self.is_charging and limit_kw != self._asked_kw:
            self._asked_kw = limit_kw
            self.port.limit(limit_kw)

    def _recapped(self, before_kw: float) -> None:
        """Less is claimed only once the device has confirmed less."""
        now = self._kernel.now
        self._reclaim(now)
        self._control.recapped(self, now)
        self._touch()

    def _limited(self, args: Mapping[str, Scalar]) -> None:
        """It has taken this limit, or says that it does not: then it may not charge here."""
        if not args["is_obeyed"]:
            self._raise("device_unlimited")
            self.stop("device_unlimited")
        elif self.is_charging:
            self._confirmed_kw = float(args["limit_kw"] or 0.0)
            self._settle(self._kernel.now)

    def _settle(self, now: SimTime) -> None:
        """It is where it was told to be once it has confirmed that and is seen to draw no more."""
        before_kw, confirmed_kw = self.told_kw, self._confirmed_kw
        is_seen_above = self.power_kw.at(now) > _with_tolerance(confirmed_kw)
        self.told_kw = 0.0 if self._is_over else max(before_kw, confirmed_kw) if is_seen_above else confirmed_kw
        self._reclaim(now)
        if self.told_kw < before_kw:
            self._control.confirmed()

    def _drawn(self, now: SimTime, power_kw: float) -> None:
        """Who draws more than it was told has that held for it, and an alarm is raised where it lasts."""
        self.power_kw.set(now, power_kw)
        self._read_s = now
        self.peak_kw = max(self.peak_kw, power_kw)
        may_kw = max(self._confirmed_kw, self._asked_kw) if self.is_charging else self.terms.reserve_kw
        if power_kw <= _with_tolerance(may_kw):
            self._high_s, self._is_over = None, False
            if "device_over_limit" in self._warnings:
                self.calm("device_over_limit")
        else:
            self._high_s = now if self._high_s is None else self._high_s
            lasts = now >= self._high_s + OVER_S
            self._is_over = self._is_over or lasts or power_kw > _with_tolerance(max(self.told_kw, may_kw))
            if lasts and "device_over_limit" not in self._warnings:
                self.warn("device_over_limit")
            if lasts and not self._is_open:
                self.port.stop("device_over_limit")
        held_kw = 0.0 if self.is_charging else self.terms.reserve_kw
        self._control.hold(self, max(held_kw, power_kw) if self._is_over else held_kw)
        if self.is_charging:
            self._settle(now)

    def _reclaim(self, now: SimTime) -> None:
        """Claim what it may draw, and no less than it was told; who is over its limit has all that it draws held."""
        claim_kw = 0.0 if self._is_over else max(self.cap_kw, self.told_kw)
        if self.is_charging and claim_kw != self.claim_kw:
            self._control.claimed(self, now, claim_kw)


def _with_tolerance(limit_kw: float) -> float:
    return (1.0 + OVER_SHARE) * limit_kw + OVER_KW
