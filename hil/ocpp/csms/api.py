"""The REST face of the embedded CSMS: what it knows, and every operation it may ask of a charge point."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from hil.ocpp.csms.engine import CSMS_ACTIONS
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import ID_TAG_STATUSES
from hil.ocpp.rpc import Answered, BadPayload, Invalid, Refused, TimedOut
from hil.rest_guard import Guard, json_object

__all__ = ["create_app"]

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

    @app.get("/api/v1/charge-points/{charge_point}/meter-values")
    async def meter_values(charge_point: str, limit: Limit = 100) -> list[dict[str, Any]]:
        if not store.rows("SELECT 1 FROM charge_points WHERE id=?", (charge_point,)):
            raise HTTPException(404, _NO_CHARGE_POINT)
        query = (
            "SELECT seq, connector, transaction_id, received_at, body AS said FROM meter_values"
            " WHERE charge_point=? ORDER BY seq DESC LIMIT ?"
        )
        rows = store.rows(query, (charge_point, limit))
        return [row | {"values": orjson.loads(row.pop("said"))} for row in reversed(rows)]

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
        body = await json_object(request)
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
        payload = await json_object(request)
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

    return Guard(app, host, token)
