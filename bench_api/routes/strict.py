"""Routers whose requests are read strictly: a body is bounded, and JSON means JSON."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from hil.rest_guard import json_body, whole_body

__all__ = ["strict_router"]


def strict_router(tag: str) -> APIRouter:
    """A router for the routes of one subject."""
    return APIRouter(prefix="/api/v1", tags=[tag], route_class=_StrictRoute)


class _StrictRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = await whole_body(self)
        return self._body

    async def json(self) -> Any:
        return json_body(await self.body())


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strictly
