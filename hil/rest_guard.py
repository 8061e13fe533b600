"""What stands before every REST face of ours: foreign pages, missing tokens and bodies that are no JSON are refused.

Numbers that JSON cannot say are refused like any other bad body. A Host or Origin that is not ours is refused, so that
no page in a browser can reach a face on loopback; beyond loopback a bearer token is required.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Guard", "json_body", "json_object", "whole_body"]

_MAX_BODY_BYTES: Final = 262_144


class Guard:
    """Turns away requests with a foreign Host or Origin, and those without the token where there is one."""

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        """`host` is the address that `app` is served on."""
        self._app = app
        self._names = {host.lower(), "localhost"}
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            headers = {name.lower(): value for name, value in scope["headers"]}
            refused = self.refusal(headers)
            if refused is not None:
                status, detail = refused
                more = {"WWW-Authenticate": "Bearer"} if status == 401 else None
                await JSONResponse({"detail": detail}, status, more)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def refusal(self, headers: Mapping[bytes, bytes]) -> tuple[int, str] | None:
        """The status and the reason for which a request with these headers, by small names, is turned away."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._is_ours(host):
            return 403, "foreign Host"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host:
            return 403, "foreign Origin"
        if self._token is not None:
            said = headers.get(b"authorization", b"")
            if not hmac.compare_digest(said, b"Bearer " + self._token):
                return 401, "bearer token required"
        return None

    def _is_ours(self, host: str) -> bool:
        """A bare address cannot be a rebound name; of names, only those we were given."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True


async def whole_body(request: Request) -> bytes:
    """The body; 413 for one that is larger than it may be."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def json_body(body: bytes) -> Any:
    """What it says; 422 for what is not JSON, NaN, Infinity and 1e400 among it."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(422, f"the body is not JSON: {error}") from None


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; none is an empty one."""
    body = await whole_body(request)
    value = json_body(body) if body else {}
    if not isinstance(value, dict):
        raise HTTPException(422, "the body is not a JSON object")
    return value
