"""Addresses of a station's ports: what only this machine reaches, and the networks that others may come from."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from sim.files import Misfit

__all__ = ["Network", "is_among", "is_loopback", "network_of"]

Network = IPv4Network | IPv6Network


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def network_of(key: str, text: str) -> Network:
    """A network as `192.168.10.0/24`, or one address; Misfit (with `key`) for what is none."""
    try:
        return ip_network(text)
    except ValueError as error:
        right = "a network as 192.168.10.0/24, without bits of a host, or one address"
        raise Misfit(key, f"{text!r} is no network ({error})", right) from None


def is_among(peer: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of them; one of IPv4 that came in by IPv6 is looked for as what it is."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
