"""The fire alarm control panel: its mains, its mode, its outputs and its log of events.

It logs alarms of its detectors, its own mains lost and back, outputs started, and resets. Codes of events
and of components are those of GB/T 26875.3. A battery carries it through outages, and its detectors too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple

from sim.deeds import CannotDo
from sim.files import ID_PATTERN, key
from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.units import UNIX_S
from twins.gas_detector import GasDetectorConfig

__all__ = ["OUTPUTS", "FireConfig", "FirePanel", "FirePanelConfig", "PanelEvent", "PanelEventKind"]

OUTPUTS: Final = ("sounder", "smoke_exhaust", "power_cut", "suppression", "door_release")
"""What it drives."""
LOG_LENGTH: Final = 32

_PANEL: Final = 1  # component type codes
_DETECTOR: Final = 10
_WORD: Final = 0x10000


@dataclass(frozen=True, slots=True, kw_only=True)
class FirePanelConfig:
    """The fire alarm control panel."""

    path_form = "fire_panel[ID]"

    id: str = field(metadata=key("Name of the panel, as in `fire_panel[FP1]`.", pattern=ID_PATTERN))


@dataclass(frozen=True, slots=True, kw_only=True)
class FireConfig:
    """What watches the site for fire."""

    panel: FirePanelConfig = field(metadata=key("The control panel."))
    detectors: tuple[GasDetectorConfig, ...] = field(
        default=(), metadata=key("The detectors on its loop, by their address from 1 on.", count=(0, 253))
    )


class PanelEventKind(IntEnum):
    """What its log tells."""

    NONE = 0
    FIRE = 1
    FAULT = 2
    SHIELD = 3
    RECOVER = 4
    START = 5
    FEEDBACK = 6
    RESET = 7


class PanelEvent(NamedTuple):
    """One entry of the log: `seq` counts from 1, loop and device 0 are the panel itself; `unix_s` is in UTC."""

    seq: int
    kind: PanelEventKind
    loop: int
    device: int
    component: int
    zone: int
    unix_s: int


_NOTHING: Final = PanelEvent(0, PanelEventKind.NONE, 0, 0, 0, 0, 0)


class FirePanel:
    """`outputs` says what it drives now; `on_power_cut(is_cut)` hears of the output that cuts the charging power.

    The log is a ring: entry n is in slot n - 1 modulo 32. Gauges: see `_gauges`.
    """

    def __init__(self, kernel: Kernel, config: FirePanelConfig, detectors: int) -> None:
        """Begins normal, automatic, on its mains; so many detectors are on its loop."""
        self.path = f"fire_panel[{config.id}]"
        self.config = config
        self.outputs = dict.fromkeys(OUTPUTS, False)
        self.is_testing = self.is_manual = False
        self.on_power_cut: Callable[[bool], None] = lambda is_cut: None
        self._kernel = kernel
        self._has_mains = True
        self._alarms: set[int] = set()
        self._count = 0
        self._log = [_NOTHING] * LOG_LENGTH
        kernel.show_later(lambda: self._gauges(detectors))

    def energise(self, is_live: bool) -> None:
        """Its mains are there, or not; a fault while they are not."""
        if is_live is not self._has_mains:
            self._has_mains = is_live
            self._note(PanelEventKind.RECOVER if is_live else PanelEventKind.FAULT)

    def hear(self, device: int, level: int) -> None:
        """A detector, by its address, has another level of alarm: from 1 on it is logged, and the sounder starts."""
        if level and device not in self._alarms:
            self._alarms.add(device)
            self._note(PanelEventKind.FIRE, device)
            if not self.is_testing:
                self.drive("sounder", True)
        elif not level and device in self._alarms:
            self._alarms.remove(device)
            self._note(PanelEventKind.RECOVER, device)

    def drive(self, output: str, is_on: bool) -> None:
        """Start or stop one of its outputs; raises `CannotDo` in a test, which drives nothing."""
        if self.is_testing:
            raise CannotDo("the panel is being tested")
        if self.outputs[output] is is_on:
            return
        self.outputs[output] = is_on
        if is_on:
            self._note(PanelEventKind.START)
        if output == "power_cut":
            self.on_power_cut(is_on)

    def test(self, is_on: bool) -> None:
        """Put it to the test, or back to normal; raises `CannotDo` while it drives an output."""
        if is_on and any(self.outputs.values()):
            raise CannotDo("the panel drives an output")
        self.is_testing = is_on

    def silence(self) -> None:
        """Stop the sounder; raises `CannotDo` when it is silent."""
        if not self.outputs["sounder"]:
            raise CannotDo("the sounder is silent")
        self.drive("sounder", False)

    def reset(self) -> None:
        """Stop all outputs, end a test."""
        self.is_testing = False
        for output in OUTPUTS:
            self.drive(output, False)
        self._note(PanelEventKind.RESET)

    def _note(self, kind: PanelEventKind, device: int = 0) -> None:
        self._count += 1
        unix_s = self._kernel.clock.unix_s(self._kernel.now)
        self._log[(self._count - 1) % LOG_LENGTH] = PanelEvent(
            self._count, kind, int(device > 0), device, _DETECTOR if device else _PANEL, 0, unix_s
        )

    def _gauges(self, detectors: int) -> Iterator[Gauge]:
        path = self.path
        flags: dict[str, Callable[[], bool]] = {
            "is_normal": lambda: not self.is_testing,
            "is_testing": lambda: self.is_testing,
            "is_manual": lambda: self.is_manual,
            "has_started": lambda: any(self.outputs.values()),
            "has_mains_lost": lambda: not self._has_mains,
        }
        flags |= {f"is_{output}_on": lambda output=output: self.outputs[output] for output in OUTPUTS}  # type: ignore[misc]
        for name, read in flags.items():
            yield Gauge(f"{path}.{name}", "1", lambda _t, read=read: float(read()))  # type: ignore[misc]
        yield Gauge(f"{path}.fires", "1", lambda _t: float(len(self._alarms)))
        yield Gauge(f"{path}.faults", "1", lambda _t: float(not self._has_mains))
        yield Gauge(f"{path}.shielded", "1", lambda _t: 0.0)
        yield Gauge(f"{path}.last_seq", "1", lambda _t: float(self._count % _WORD))
        for slot in range(LOG_LENGTH):
            yield from self._slot(slot)
        for number in range(1, max(detectors, 1) + 1):
            yield Gauge(
                f"{path}.device[{number}].is_normal",
                "1",
                lambda _t, number=number: float(detectors > 0 and number not in self._alarms),  # type: ignore[misc]
            )

    def _slot(self, slot: int) -> Iterator[Gauge]:
        parts: dict[str, Callable[[PanelEvent], int]] = {
            "seq": lambda event: event.seq % _WORD,
            "kind": lambda event: event.kind,
            "loop": lambda event: event.loop,
            "device": lambda event: event.device,
            "component": lambda event: event.component,
            "zone": lambda event: event.zone,
            "unix_s": lambda event: event.unix_s,
        }
        for name, part in parts.items():
            path = f"{self.path}.event[{slot + 1}].{name}"
            yield Gauge(path, UNIX_S if name == "unix_s" else "1", lambda _t, part=part: float(part(self._log[slot])))  # type: ignore[misc]
