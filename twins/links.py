"""Wires as things: what the station is connected by, and how that can be cut. No socket is needed for either."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import inf
from typing import Literal

from sim.faults import Contribution, Knob, bounds, fault
from sim.files import Misfit, key
from sim.kernel import Kernel
from sim.signals import State

__all__ = ["Link", "LinkCut", "LinkState", "OcppEndpointConfig", "charge_points"]


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
    """What is known of a wire: never tried or lost, up, or refused when last tried."""

    DOWN = "down"
    UP = "up"
    REFUSED = "refused"


class Link:
    """One charge point's wire: state `link[ID].state`, written by whoever holds the socket, who obeys `is_cut`."""

    def __init__(self, kernel: Kernel, identity: str) -> None:
        """`identity` is the charge point's."""
        self.path = f"link[{identity}]"
        self.state = State(f"{self.path}.state", LinkState.DOWN)
        kernel.add(self.state)
        self.is_cut = Knob(False, self._changed)
        self.on_change: Callable[[], None] = lambda: None

    def _changed(self) -> None:
        self.on_change()


@fault("link.cut", hits=Link, zh="通信链路中断", clause="10.2.5", faces=("wire",))
@dataclass(frozen=True, kw_only=True)
class LinkCut:
    """The wire is cut: an open connection is lost without a word, and none can be opened."""

    duration_s: float = field(default=inf, metadata=bounds(low=0.1, high=1e9))

    def contributions(self, link: Link) -> Iterable[Contribution]:
        """Cut it."""
        yield link.is_cut.force(True)
