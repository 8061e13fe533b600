"""An HTTP server in the loop that is there: uvicorn without signal handlers, loggers and threads of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from hil.rest_socket import Welcome, socket_class

__all__ = ["RestServer"]


class RestServer(uvicorn.Server):
    """`serve(sockets=[...])` until `should_exit`; signals are the process's affair."""

    def __init__(self, app: ASGIApp, welcome: Welcome | None = None) -> None:
        """Binds nothing. `welcome` says who speaks on a WebSocket; without it there are none."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws=socket_class(welcome) if welcome is not None else "none",
            timeout_graceful_shutdown=3,
        )
        super().__init__(config)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are captured."""
        yield
