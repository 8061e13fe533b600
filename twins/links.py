"""Wires as things: what the station is connected by, and what can be wrong with that. No socket is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from sim.faults import Knob
from sim.files import Misfit, key
from sim.gauges import Gauge
from sim.kernel import Kernel
from sim.signals import State
from twins.attacks import Attacks
from twins.frame_rules import FrameRules

__all__ = ["Link", "LinkState", "OcppEndpointConfig", "charge_points"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OcppEndpointConfig:
    """The station's face to its platform; `url` knows the placeholders ${csms} and {charge_point} alone."""

    kind: Literal["ocpp"] = field(metadata=key("The protocol."))
    version: Literal["1.6"] = field(metadata=key('Its version, in quotes: "1.6".'))
    charge_points: Literal["per_cabinet", "per_evse"] = field(
        metadata=key("One charge point a cabinet, or one an EVSE.")
    )
    url: str = field(metadata=key('Where it connects: "${csms}/{charge_point}" or ws(s)://...', count=(1, 2_000)))

    def __post_init__(self) -> None:
        """Refuse addresses that can lead nowhere."""
        rest = self.url.replace("${csms}", "ws://csms").replace("{charge_point}", "charge-point")
        right = '"${csms}/{charge_point}", or an address that begins with ws:// or wss:// and holds {charge_point}'
        if "{charge_point}" not in self.url:
            raise Misfit("url", "{charge_point} is missing: all charge points would share one address", right)
        if "{" in rest or "}" in rest or "$" in rest:
            raise Misfit("url", "unknown placeholder; known: ${csms}, {charge_point}", right)
        if not rest.startswith(("ws://", "wss://")):
            raise Misfit("url", f"{self.url!r} is no WebSocket address", right)


def charge_points(face: OcppEndpointConfig, outlets: Mapping[str, int]) -> Sequence[tuple[str, str, tuple[int, ...]]]:
    """The charge points of this face: (identity, pile, its EVSE numbers); `outlets` are EVSEs by pile id."""
    if face.charge_points == "per_cabinet":
        return [(pile, pile, tuple(range(1, count + 1))) for pile, count in outlets.items()]
    return [(f"{pile}-{number}", pile, (number,)) for pile, count in outlets.items() for number in range(1, count + 1)]


class LinkState(Enum):
    """What is known of a wire: never tried or lost, up, refused when last tried, or up on this side alone."""

    DOWN = "down"
    UP = "up"
    REFUSED = "refused"
    HALF_OPEN = "half_open"


class Link:
    """One charge point's wire: state `link[ID].state`, written by whoever holds the socket, who obeys the knobs.

    Gauges: `link[ID].traffic_kb`, what both sides have said (1 KB is 1,000 bytes), and `link[ID].frames_harmed`, how
    many frames did not pass as they were meant to.
    """

    def __init__(self, kernel: Kernel, identity: str) -> None:
        """`identity` is the charge point's."""
        self.path = f"link[{identity}]"
        self.identity = identity
        self.state = State(f"{self.path}.state", LinkState.DOWN)
        self.traffic_bytes = 0
        self.frames_harmed = 0
        kernel.add(self.state)
        kernel.show(
            Gauge(f"{self.path}.traffic_kb", "kB", lambda _t: self.traffic_bytes / 1000.0),
            Gauge(f"{self.path}.frames_harmed", "1", lambda _t: float(self.frames_harmed)),
        )
        self.is_cut = Knob(False, self._changed)
        self.is_refused = Knob(False, self._changed)
        self.is_half_open = Knob(False, self._changed)
        self.reset_mean_s = Knob(-1.0, self._changed)
        """Below 0: none; 0: once."""
        self.clock_error_s = Knob(0.0, self._changed)
        self.rules = FrameRules(self._changed)
        self.attacks = Attacks(self._attacked)
        self.on_change: Callable[[], None] = lambda: None
        self.on_attack: Callable[[], None] = lambda: None

    @property
    def knobs(self) -> tuple[Knob[Any], ...]:
        """All that faults lean on."""
        return (
            self.is_cut, self.is_refused, self.is_half_open, self.reset_mean_s, self.clock_error_s, self.rules,
            self.attacks,
        )  # fmt: skip

    @property
    def is_closed(self) -> bool:
        """Whether no connection can be opened."""
        return self.is_cut.value or self.is_refused.value or self.is_half_open.value

    @property
    def is_barred(self) -> bool:
        """Whether a fault explains that the platform is not met."""
        return self.is_closed or self.reset_mean_s.value > 0.0 or self.is_impersonated

    @property
    def is_impersonated(self) -> bool:
        """Whether somebody else comes under this name; whom of the two it serves is the platform's choice."""
        return any(not one.value.identity for one in self.attacks.value)

    def _changed(self) -> None:
        self.on_change()

    def _attacked(self) -> None:
        self.on_attack()
