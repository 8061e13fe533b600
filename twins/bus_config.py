"""Ports and gateways by which masters reach the station's devices: what each is made of; no socket is needed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from sim.files import ID_PATTERN, Misfit, key
from twins.networks import Network, is_loopback, network_of
from twins.ranges import names_of

__all__ = ["BusDeviceConfig", "GatewayConfig", "ModbusEndpointConfig", "TlsConfig"]

LAST_UNIT = 247


@dataclass(frozen=True, slots=True, kw_only=True)
class BusDeviceConfig:
    """One device behind a port: which of the station's things it shows, by which map. A range takes units in order."""

    unit: int = field(metadata=key("Its unit id; of a range of things the first's.", low=1, high=LAST_UNIT))
    map: str = field(metadata=key("Name of its register map.", pattern=ID_PATTERN))
    shows: str = field(
        metadata=key('Path of what it shows: "grid.meter[M1]", "pile[A01..A10]" for ten of them.', count=(1, 200))
    )
    ct_ratio: float = field(
        default=1.0,
        metadata=key("Of its current transformers, for masters to multiply by: 400 of 2000/5 A.", low=0.001, high=1e5),
    )

    def each(self) -> list[BusDeviceConfig]:
        """Itself, or one for each of its range; Misfit (key `shows`) for a range that is none or goes too far."""
        before, opening, rest = self.shows.partition("[")
        inside, closing, after = rest.partition("]")
        if ".." not in inside:
            return [self]
        try:
            names = names_of(inside)
        except Misfit as wrong:
            raise Misfit("shows", wrong.what, wrong.right) from None
        if self.unit + len(names) - 1 > LAST_UNIT:
            raise Misfit("unit", f"{len(names)} devices from {self.unit} on", f"up to unit {LAST_UNIT}")
        return [
            replace(self, unit=self.unit + number, shows=f"{before}{opening}{name}{closing}{after}")
            for number, name in enumerate(names)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayConfig:
    """A gateway from TCP to a serial line: one request at a time, each with its turnaround."""

    turnaround_ms: float = field(
        default=0.0, metadata=key("From a request to its answer on the line.", unit="ms", low=0, high=5_000)
    )
    queue: int = field(
        default=16, metadata=key("Requests that may wait for the line; more are answered busy.", low=1, high=1_000)
    )
    missing: Literal["refuse", "silent"] = field(
        default="refuse", metadata=key("A unit that is not there: refused as 0x0B, or never answered.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """What a TLS port shows; paths are relative to the station file."""

    certificate: str = field(metadata=key("PEM file of the certificate chain.", count=(1, 1_000)))
    private_key: str = field(metadata=key("PEM file of its key.", name="key", count=(1, 1_000)))
    authority: str = field(
        default="", metadata=key("PEM file of who signs masters' certificates; left out, they need none.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusEndpointConfig:
    """One port that speaks Modbus: a gateway to many units, or a device's own."""

    kind: Literal["modbus"] = field(metadata=key("The protocol."))
    id: str = field(metadata=key("Name of the port, as in `link[field]`.", pattern=ID_PATTERN))
    transport: Literal["tcp", "rtu_tcp", "tls"] = field(
        default="tcp", metadata=key("Modbus TCP, RTU frames over TCP, or Modbus TCP in TLS.")
    )
    port: int = field(default=0, metadata=key("TCP port; 0 takes any free one.", low=0, high=65_535))
    host: str = field(default="127.0.0.1", metadata=key("Address to listen on; left out, loopback.", count=(1, 253)))
    allow: tuple[str, ...] = field(
        default=(), metadata=key("Networks that masters may come from, as 192.168.10.0/24.", count=(0, 100))
    )
    tls: TlsConfig | None = field(default=None, metadata=key("With transport tls: certificate and key."))
    gateway: GatewayConfig | None = field(
        default=None, metadata=key("Habits of the gateway before the units; left out, units answer at once.")
    )
    connections: int = field(default=32, metadata=key("Masters at once; more are turned away.", low=1, high=1_000))
    idle_s: float = field(
        default=300.0, metadata=key("A silent master is dropped after this.", unit="s", low=1, high=86_400)
    )
    maps: str = field(default="", metadata=key("Folder of maps of one's own, relative to the station file."))
    devices: tuple[BusDeviceConfig, ...] = field(metadata=key("What answers there.", count=(1, 247)))

    def __post_init__(self) -> None:
        """Refuse two devices of one unit, ranges that are none, TLS without its files, a port open to everybody."""
        _ = self.networks
        has_guard = bool(self.allow) or (self.tls is not None and bool(self.tls.authority))
        if not is_loopback(self.host) and not has_guard:
            what = f"{self.host} is beyond loopback, and Modbus asks nobody for a token"
            right = "`allow` with the networks that masters come from (0.0.0.0/0 is all), or `tls` with an `authority`"
            raise Misfit("host", what, right)
        if (self.tls is None) == (self.transport == "tls"):
            raise Misfit("tls", "given" if self.tls else "missing", "with transport tls, and only there")
        units: dict[int, str] = {}
        for at, device in enumerate(self.devices):
            try:
                each = device.each()
            except Misfit as wrong:
                raise Misfit(f"devices[{at}].{wrong.key}", wrong.what, wrong.right) from None
            for one in each:
                if one.unit in units:
                    what = f"unit {one.unit} is {units[one.unit]} already"
                    raise Misfit(f"devices[{at}].unit", what, "a unit id of its own")
                units[one.unit] = one.shows

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those that masters may come from; empty: all that reach the port."""
        return tuple(network_of(f"allow[{at}]", text) for at, text in enumerate(self.allow))
