"""The REST face of a station that is up, under /api/v1; its OpenAPI document stands beside its routes."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from bench_api.routes import commands, endpoints, events, faults, health, run_control, runs, scenarios, signals, station
from bench_api.served import Served
from hil.rest_guard import Guard

__all__ = ["create_app"]

_ROUTES: Final = (health, station, run_control, signals, events, commands, faults, endpoints, scenarios, runs)
_SHOWN_PROBLEMS: Final = 5


def create_app(served: Served, *, host: str, token: str | None) -> Guard:
    """The application; `host` is the address it is served on, `token` is asked for when given."""
    app = FastAPI(title="Voltyard", version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    for module in _ROUTES:
        app.include_router(module.routes(served))

    @app.exception_handler(RequestValidationError)
    async def refused(request: Request, error: RequestValidationError) -> JSONResponse:
        said = _problems(error)
        if any(one["type"] == "extra_forbidden" for one in error.errors()) and (keys := _keys_of_body(request)):
            said.append(f"the body has {', '.join(keys)}")
        if request.method == "POST" and "json" not in request.headers.get("content-type", ""):
            said.append("a body is sent as Content-Type: application/json")
        return JSONResponse({"detail": "; ".join(said)}, 422)

    @app.exception_handler(Exception)
    async def failed(_request: Request, error: Exception) -> JSONResponse:
        served.door.fail(error)
        return JSONResponse({"detail": "a fault of the bench, which ends the run"}, 500)

    return Guard(app, host, token)


def _problems(error: RequestValidationError) -> list[str]:
    """Where and what, without the values, which may be large."""
    found = error.errors()
    said = [f"{'.'.join(str(part)[:50] for part in one['loc'])}: {one['msg'][:200]}" for one in found]
    more = len(said) - _SHOWN_PROBLEMS
    return [*said[:_SHOWN_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]


def _keys_of_body(request: Request) -> list[str]:
    """The keys that the body of this route may have."""
    field = getattr(request.scope.get("route"), "body_field", None)
    shape = field.field_info.annotation if field is not None else None
    return list(shape.model_fields) if isinstance(shape, type) and issubclass(shape, BaseModel) else []
