"""Wires as things: what the station is connected by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sim.files import Misfit, key

__all__ = ["EndpointConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointConfig:
    """One face of the station on a wire; `url` knows the placeholders ${csms} and {charge_point} alone."""

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
