"""The REST face of the embedded CSMS: what it knows, and every operation it may ask of a charge point.

Numbers that JSON cannot say are refused like any other bad body. A Host or Origin that is not ours is refused, so that
no page in a browser can reach a CSMS on loopback; beyond loopback a bearer token is required.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import orjson
import uvicorn
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hil.ocpp.csms.engine import CSMS_ACTIONS
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import ID_TAG_STATUSES
from hil.ocpp.rpc import Answered, BadPayload, Invalid, Refused, TimedOut

__all__ = ["ApiServer", "create_app"]

_MAX_BODY_BYTES: Final = 262_144
_MAX_TAG_CHARS: Final = 20
_NO_CHARGE_POINT: Final = "no charge point of this id; see GET /api/v1/charge-points"

Limit = Annotated[int, Query(ge=1, le=100_000)]
After = Annotated[int, Query(ge=0, le=2**53 - 1)]


def create_app(csms: Csms, *, host: str = "127.0.0.1", token: str | None = None) -> ASGIApp:
    """The application; `host` is the address it is served on, `token` is asked for when given."""
    app = FastAPI(title="Voltyard CSMS", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    store = csms.system.store

    def shown(row: dict[str, Any]) -> dict[str, Any]:
        query = "SELECT connector, status, error_code, info, changed_at FROM connectors WHERE charge_point=? ORDER BY 1"
        return row | {"connected": csms.is_connected(row["id"]), "connectors": store.rows(query, (row["id"],))}

    @app.get("/api/v1/health")
    async def health() -> dict[str, Any]:
        counted = store.rows("SELECT status, count(*) AS n FROM transactions GROUP BY status")
        return {
            "status": "ok",
            "connected": len(csms.system.sessions),
            "transactions": {row["status"]: row["n"] for row in counted},
        }

    @app.get("/api/v1/charge-points")
    async def charge_points() -> list[dict[str, Any]]:
        return [shown(row) for row in store.rows("SELECT * FROM charge_points ORDER BY id")]

    @app.get("/api/v1/charge-points/{charge_point}")
    async def charge_point(charge_point: str) -> dict[str, Any]:
        rows = store.rows("SELECT * FROM charge_points WHERE id=?", (charge_point,))
        if not rows:
            raise HTTPException(404, _NO_CHARGE_POINT)
        store.flush_counts()
        query = "SELECT action, verdict, n FROM messages WHERE charge_point=? ORDER BY 1, 2"
        return shown(rows[0]) | {"messages": store.rows(query, (charge_point,))}

    @app.get("/api/v1/transactions")
    async def transactions(
        charge_point: str | None = None, status: str | None = None, after: After = 0, limit: Limit = 1000
    ) -> list[dict[str, Any]]:
        query = (
            "SELECT * FROM transactions WHERE id > ? AND (? IS NULL OR charge_point = ?) AND (? IS NULL OR status = ?)"
            " ORDER BY id LIMIT ?"
        )
        return store.rows(query, (after, charge_point, charge_point, status, status, limit))

    @app.get("/api/v1/violations")
    async def violations(
        charge_point: str | None = None, after: After = 0, limit: Limit = 1000
    ) -> list[dict[str, Any]]:
        query = "SELECT * FROM violations WHERE seq > ? AND (? IS NULL OR charge_point = ?) ORDER BY seq LIMIT ?"
        return store.rows(query, (after, charge_point, charge_point, limit))

    @app.get("/api/v1/id-tags")
    async def id_tags() -> list[dict[str, Any]]:
        return store.rows("SELECT tag, status FROM id_tags ORDER BY tag")

    @app.put("/api/v1/id-tags/{tag}")
    async def id_tag(tag: str, request: Request) -> dict[str, Any]:
        body = await _object(request)
        if len(tag) > _MAX_TAG_CHARS:
            raise HTTPException(422, f"an idTag has at most {_MAX_TAG_CHARS} characters")
        if body.keys() != {"status"} or body["status"] not in ID_TAG_STATUSES:
            raise HTTPException(422, f'the body is {{"status": S}} with S one of {", ".join(ID_TAG_STATUSES)}')
        store.set_id_tag(tag, body["status"])
        return {"tag": tag, "status": body["status"]}

    @app.post("/api/v1/charge-points/{charge_point}/actions/{action}")
    async def act(charge_point: str, action: str, request: Request) -> Any:
        if action not in CSMS_ACTIONS:
            raise HTTPException(404, f"no action {action[:50]!r} of a CSMS; known: {', '.join(CSMS_ACTIONS)}")
        payload = await _object(request)
        if not csms.is_connected(charge_point):
            is_known = store.rows("SELECT 1 FROM charge_points WHERE id=?", (charge_point,))
            raise HTTPException(404, "this charge point is not connected" if is_known else _NO_CHARGE_POINT)
        try:
            answer = await csms.call(charge_point, action, payload)
        except BadPayload as error:
            raise HTTPException(422, str(error)) from None
        if isinstance(answer, Answered):
            return answer.payload
        if isinstance(answer, Refused):
            said = {"code": answer.code, "description": answer.description, "details": answer.details}
            return JSONResponse({"detail": f"the charge point refused: {answer.code}"} | said, 409)
        if isinstance(answer, Invalid):
            raise HTTPException(502, f"the charge point's answer is not valid: {answer.violation.description}")
        why = "did not answer in time" if isinstance(answer, TimedOut) else "was lost before it answered"
        raise HTTPException(504, f"the charge point {why}")

    return _Guard(app, host, token)


class ApiServer(uvicorn.Server):
    """uvicorn in our loop, without signal handlers of its own."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=3
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the process's affair."""
        yield


class _Guard:
    """Turns away requests with a foreign Host or Origin, and those without the token where there is one."""

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        self._app = app
        self._names = {host.lower(), "localhost"}
        self._token = token.encode() if token is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {name.lower(): value for name, value in scope["headers"]}
            refusal = self._refusal(headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: dict[bytes, bytes]) -> JSONResponse | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if not self._is_ours(host):
            return JSONResponse({"detail": "foreign Host"}, 403)
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").lower().partition("://")[2] != host:
            return JSONResponse({"detail": "foreign Origin"}, 403)
        if self._token is not None:
            said = headers.get(b"authorization", b"")
            if not hmac.compare_digest(said, b"Bearer " + self._token):
                return JSONResponse({"detail": "bearer token required"}, 401, {"WWW-Authenticate": "Bearer"})
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


async def _object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; none is an empty one."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
    if not body:
        return {}
    try:
        value = orjson.loads(bytes(body))
    except orjson.JSONDecodeError as error:
        raise HTTPException(422, f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "the body is not a JSON object")
    return value
