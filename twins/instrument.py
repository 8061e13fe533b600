"""A real meter or sensor in a twin's place: what it reads is what the station has there, until it falls silent.

Its words come as commands to `<path>.device`, as a charger's do. A reading that cannot be is not believed: it becomes
an alarm, and one that lasts counts as silence; so does a device that has nothing to read. A register that has fallen is
believed again once the device was away, or has told so thrice: it was reset, rolled over, or another was put there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite, nan

from sim.events import Command, Scalar
from sim.kernel import Kernel, Rank, Twin
from sim.signals import State
from sim.units import FOREVER, SimTime
from twins.device_supply import Presence
from twins.register_step import BELIEVED_AFTER, RegisterStep

__all__ = ["Instrument"]

_BOUNDS = {"_c": (-60.0, 200.0), "_pct": (0.0, 100.0), "_v": (0.0, 1e6), "_a": (-1e5, 1e5), "_kw": (-1e6, 1e6),
           "_kwh": (0.0, 1e10), "_hz": (0.0, 100.0), "_m_s": (0.0, 150.0), "_w_m2": (-50.0, 2_000.0)}  # fmt: skip
"""What can be read at all, by the unit at a name's end (ours)."""
_SLACK_KWH = 1e-3


class Instrument(Twin):
    """State `<path>.device`; alarms `device_silent`, `device_nonsense`; events `device.*`.

    `device.absent` names what it read once and has not now.
    `value(name)` is of the last reading, `nan` where that had none of this name or the device is silent.
    """

    rank = Rank.GRID

    def __init__(self, kernel: Kernel, path: str, watchdog_s: float, on_change: Callable[[], None]) -> None:
        """`path` is the thing's whose place it takes; `on_change` hears of new readings and of silence."""
        self.path = path
        self._kernel = kernel
        self._watchdog_s = watchdog_s
        self._on_change = on_change
        self._values: dict[str, float] = {}
        self._registers: dict[str, float] = {}
        self.steps: list[RegisterStep] = []
        self._missing: set[str] = set()
        self._known: set[str] = set()
        self._fallen: dict[str, float] = {}
        self._fallen_readings = 0
        self._was_away = False
        self._heard_s = kernel.now
        self._is_nonsense = False
        self.presence = State(f"{path}.device", Presence.UNKNOWN)
        kernel.add(self.presence)
        kernel.handle(f"{path}.device", self._obey)
        kernel.touch(self)

    @property
    def is_silent(self) -> bool:
        """Whether nothing is known of it any more."""
        return self.presence.value is Presence.SILENT

    @property
    def heard_s(self) -> SimTime:
        """When the last reading came that was believed; the run's start before any."""
        return self._heard_s

    def value(self, name: str) -> float:
        """The last reading of this name."""
        return nan if self.is_silent else self._values.get(name, nan)

    def stepped_kwh(self, name: str) -> float:
        """By how much this register has been set back, or forth, all in all."""
        return sum(step.to_kwh - step.from_kwh for step in self.steps if step.quantity == name)

    def plan(self, now: SimTime) -> SimTime:
        """Look whether it has made no sense for too long."""
        if self.is_silent:
            return FOREVER
        silent_at = SimTime(self._heard_s + self._watchdog_s)
        if now < silent_at:
            return silent_at
        self.presence.set(now, Presence.SILENT)
        self._alarm("device_silent")
        self._on_change()
        return FOREVER

    def _obey(self, command: Command, seq: int) -> None:
        if command.verb == "reading":
            self._read(command.args)
        elif command.verb == "nonsense":
            self._not_believed(str(command.args["what"]))
        elif command.verb == "joined":
            self._kernel.emit("device.joined", self.path, cause=seq)
        elif command.verb == "lost":
            self._was_away = True
            self._kernel.emit("device.lost", self.path, cause=seq)
        self._kernel.touch(self)

    def _read(self, args: Mapping[str, Scalar]) -> None:
        self._tell_missing(args)
        if not args:
            self._values = {}
            self._on_change()
            return
        if misfit := self._misfit(args):
            self._fallen_readings = 0
            self._not_believed(misfit)
            return
        registers = {name: float(value) for name, value in args.items() if name.endswith("_kwh") and value is not None}
        fell = [name for name, kwh in registers.items() if kwh < self._registers.get(name, 0.0) - _SLACK_KWH]
        if fell:
            self._not_believed(
                ", ".join(f"{name} {registers[name]:g}, which was {self._registers[name]:g}" for name in fell)
            )
            is_again = all(kwh >= self._fallen.get(name, kwh) - _SLACK_KWH for name, kwh in registers.items())
            self._fallen_readings = self._fallen_readings + 1 if is_again else 1
            self._fallen = registers
            if not self._was_away and self._fallen_readings < BELIEVED_AFTER:
                return
            for name in fell:
                self._step(name, registers[name])
        self._fallen, self._fallen_readings, self._was_away = {}, 0, False
        self._take(args)

    def _step(self, name: str, to_kwh: float) -> None:
        step = RegisterStep(self.path, name, self._kernel.now, self._registers[name], to_kwh)
        self.steps.append(step)
        self._kernel.emit("device.register_stepped", self.path, step.told)

    def _tell_missing(self, args: Mapping[str, Scalar]) -> None:
        self._known.update(args)
        missing = self._known.difference(args)
        if missing - self._missing:
            self._kernel.emit("device.absent", self.path, {"names": ",".join(sorted(missing))})
        self._missing = missing

    def _take(self, args: Mapping[str, Scalar]) -> None:
        now = self._kernel.now
        self._heard_s = now
        if self._is_nonsense:
            self._is_nonsense = False
            self._kernel.emit("alarm.cleared", self.path, {"alarm": "device_nonsense"})
        was_silent = self.is_silent
        self.presence.set(now, Presence.PRESENT)
        if was_silent:
            self._kernel.emit("alarm.cleared", self.path, {"alarm": "device_silent"})
        self._values = {name: float(value) for name, value in args.items() if value is not None}
        self._registers.update({name: value for name, value in self._values.items() if name.endswith("_kwh")})
        self._on_change()

    def _not_believed(self, what: str) -> None:
        if not self._is_nonsense:
            self._is_nonsense = True
            self._kernel.emit("device.nonsense", self.path, {"what_said": what})
            self._alarm("device_nonsense")

    def _alarm(self, alarm: str) -> None:
        self._kernel.emit("alarm.raised", self.path, {"alarm": alarm}, clause="9.4.1")

    def _misfit(self, args: Mapping[str, Scalar]) -> str:
        for name, told in args.items():
            value = nan if told is None else float(told)
            low, high = next((bounds for end, bounds in _BOUNDS.items() if name.endswith(end)), (-1e12, 1e12))
            if not isfinite(value) or not low <= value <= high:
                return f"{name} {value:g}, where {low:g} to {high:g} can be"
        return ""
