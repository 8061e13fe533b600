"""What every port of ours that people reach asks first: a free address, and a token beyond loopback."""

from __future__ import annotations

import socket
from typing import Final

from sim.errors import PortInUse, UsageError
from twins.networks import is_loopback

__all__ = ["REST_PORT", "TOKEN_VARIABLE", "bound", "check_port", "one_family", "require_token", "shown_host"]

REST_PORT: Final = 8080
"""Where a station that is up listens if it is not told otherwise."""

TOKEN_VARIABLE: Final = "VOLTYARD_TOKEN"
"""What may hold the token instead of a file."""


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises `PortInUse` when the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise PortInUse(f"cannot listen on {shown_host(host)}:{port}: {error.strerror or error}") from None


def check_port(option: str, port: int) -> None:
    """Raise `UsageError` for a number that is no port; `option` is what the person wrote it behind."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"{option} {port}: 0 to 65535 is possible")


def require_token(host: str, token: str | None) -> None:
    """Raise `UsageError` where others than this machine could come in without a token."""
    if not is_loopback(host) and not token:
        raise UsageError(f"--host {host}: beyond loopback a token is required (--token-file or {TOKEN_VARIABLE})")


def one_family(host: str) -> str:
    """An address that is of one family where the name is of two, so that one port is one socket."""
    return "127.0.0.1" if host == "localhost" else host


def shown_host(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
