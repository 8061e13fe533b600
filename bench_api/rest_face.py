"""The REST face on its socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from bench_api.endpoint_rows import Row, rest_row
from hil.listening import shown_host
from hil.rest_server import RestServer

if TYPE_CHECKING:
    from bench_api.live import LiveFeed

__all__ = ["RestFace", "RestPort"]


@dataclass(frozen=True, slots=True)
class RestPort:
    """Where it listens, since before the run began: a port that is taken is no reason to begin one."""

    listening: socket.socket
    host: str
    token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """As others reach it."""
        return f"http://{shown_host(self.host)}:{self.listening.getsockname()[1]}"


class RestFace:
    """An application served on a port, and the live feed beside it."""

    def __init__(
        self, port: RestPort, app: ASGIApp, fail: Callable[[BaseException], None], live: LiveFeed | None = None
    ) -> None:
        """`fail` is told when the server itself breaks down; `live` has the WebSockets."""
        self._port = port
        self._live = live
        self._server = RestServer(app, live.welcome if live is not None else None)
        self._fail = fail
        self._serving: asyncio.Task[None] | None = None

    def rows(self) -> list[Row]:
        """Its row."""
        return [rest_row(self._port.url)]

    async def start(self) -> None:
        """Serve; connections that came before are in the socket's queue."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._port.listening]))
        self._serving.add_done_callback(self._over)

    async def stop(self) -> None:
        """Answer what is under way, for three seconds at most, and close."""
        if self._live is not None:
            await self._live.stop()
        if self._serving is not None:
            self._server.should_exit = True
            await asyncio.wait([self._serving])

    def _over(self, serving: asyncio.Task[None]) -> None:
        failure = None if serving.cancelled() else serving.exception()
        if failure is not None:
            self._fail(failure)
