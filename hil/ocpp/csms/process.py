"""The embedded CSMS as a process: run it here until a signal comes, or start it for others and learn its addresses.

`python -m hil.ocpp.csms.process` is the light way in that `spawn` takes; `voltyard csms` is the one for people.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import orjson

from hil.event_loop import loop_factory
from hil.listening import TOKEN_VARIABLE, bound, check_port, one_family, require_token, shown_host
from hil.ocpp.csms.engine import CentralSystem
from hil.ocpp.csms.manners import Manner, read_manner
from hil.ocpp.csms.server import Csms
from hil.ocpp.csms.store import Store
from sim.errors import BenchError, UsageError, VoltyardError

__all__ = ["CsmsProcess", "serve", "spawn"]

Ready = Callable[[str, str], None]

_START_S: Final = 15.0
_STOP_S: Final = 10.0


def serve(
    host: str = "127.0.0.1",
    port: int = 9000,
    api_port: int | None = None,
    db: Path | None = None,
    ready: Ready | None = None,
    token: str | None = None,
    *,
    heartbeat_s: int = 300,
    manner: str = "plain",
    until_stdin_closes: bool = False,
) -> None:
    """Run the CSMS until SIGTERM or SIGINT, then end in order.

    Args:
        host: address for both ports.
        port: OCPP, 0 for any free one.
        api_port: REST; None for the port after `port`.
        db: the SQLite file; None keeps everything in memory.
        ready: called with both URLs once both ports listen.
        token: bearer token of the REST face, required beyond loopback.
        heartbeat_s: the interval charge points are told, s.
        manner: how it is run (`hil.ocpp.csms.manners`).
        until_stdin_closes: also end when standard input ends, that is when the parent process is gone.

    Raises:
        UsageError: beyond loopback without a token, a number out of range, or no such manner.
        PortInUse: an address is taken.
        BenchError: the database cannot be used.
    """
    rest = api_port if api_port is not None else (port + 1 if port else 0)
    require_token(host, token)
    check_port("--port", port)
    check_port("--api-port", rest)
    if heartbeat_s < 1:
        raise UsageError(f"heartbeat interval {heartbeat_s} s: at least 1 s")
    chosen = read_manner(manner)
    host = one_family(host)
    store = Store(db)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(store, host, port, rest, ready, token, heartbeat_s, chosen, until_stdin_closes))
    finally:
        store.close()


async def _serve(
    store: Store,
    host: str,
    port: int,
    api_port: int,
    ready: Ready | None,
    token: str | None,
    heartbeat_s: int,
    manner: Manner,
    until_stdin_closes: bool,
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_told)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _watch_stdin, loop, stop)
    system = CentralSystem(
        store, new_id=lambda: uuid.uuid4().hex, clock=lambda: datetime.now(UTC), heartbeat_s=heartbeat_s, manner=manner
    )
    csms = Csms(system)
    with bound(host, api_port) as rest:
        await csms.start(host, port)
        # Half of the start-up time is this import: charge points may already connect.
        from hil.ocpp.csms.api import create_app
        from hil.rest_server import RestServer

        api = RestServer(create_app(csms, host=host, token=token))
        serving = asyncio.create_task(api.serve(sockets=[rest]))
        if ready is not None:
            ready(csms.url, f"http://{shown_host(host)}:{rest.getsockname()[1]}")
        await stop.wait()
        await csms.stop()
        api.should_exit = True
        await serving


@dataclass(slots=True)
class CsmsProcess:
    """A running CSMS: where charge points connect (`ocpp_url`, without their id) and its REST face (`api_url`)."""

    ocpp_url: str
    api_url: str
    process: subprocess.Popen[bytes]

    def terminate(self) -> int:
        """End it in order; its exit code."""
        return self._end(self.process.terminate)

    def kill(self) -> int:
        """End it as a crash would (SIGKILL); its exit code."""
        return self._end(self.process.kill)

    def __enter__(self) -> CsmsProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()

    def _end(self, how: Callable[[], None]) -> int:
        how()
        try:
            code = self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        return code


def spawn(
    db: Path | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    api_port: int = 0,
    heartbeat_s: int = 300,
    manner: str = "plain",
    start_s: float = _START_S,
) -> CsmsProcess:
    """Start the CSMS as another process, which ends with this one.

    Args:
        db: the SQLite file; None keeps everything in memory.
        host: address for both ports.
        port: OCPP, 0 for any free one.
        api_port: REST, 0 for any free one.
        heartbeat_s: the interval charge points are told, s.
        manner: how it is run.
        start_s: how long it may take to come up.

    Raises:
        BenchError: it did not come up; the message holds what it said.
    """
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    # -P: a stranger's `sim` in the working folder must not stand in for ours.
    command = [sys.executable, "-P", "-m", "hil.ocpp.csms.process", "--host", host, "--port", str(port)]
    command += [
        "--api-port",
        str(api_port),
        "--heartbeat",
        str(heartbeat_s),
        "--manner",
        manner,
        "--until-stdin-closes",
    ]
    command += ["--db", str(Path(db).resolve())] if db is not None else []
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=os.environ | {"PYTHONPATH": path},
            process_group=0,  # Ctrl-C is for this process, which then ends the other in order
        )  # fmt: skip
        assert process.stdout is not None
        line = _first_line(process.stdout, start_s)
        try:
            urls = orjson.loads(line)
            return CsmsProcess(urls["ocpp"], urls["api"], process)
        except (ValueError, KeyError, TypeError):
            CsmsProcess("", "", process).kill()
            said.seek(0)
            words = said.read()[-2000:].decode(errors="replace").strip()
            why = words or f"not ready within {start_s:g} s"
            raise BenchError(f"the embedded CSMS did not come up: {why}") from None


def main(arguments: list[str] | None = None) -> int:
    """The light command line; prints one line of JSON with both URLs once it listens."""
    parser = argparse.ArgumentParser(prog="hil.ocpp.csms.process", description="The embedded OCPP 1.6J CSMS.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--api-port", type=int)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--heartbeat", type=int, default=300)
    parser.add_argument("--manner", default="plain")
    parser.add_argument("--until-stdin-closes", action="store_true")
    chosen = parser.parse_args(arguments)

    def ready(ocpp: str, api: str) -> None:
        sys.stdout.write(orjson.dumps({"ocpp": ocpp, "api": api}).decode() + "\n")
        sys.stdout.flush()

    try:
        serve(
            chosen.host,
            chosen.port,
            chosen.api_port,
            chosen.db,
            ready,
            os.environ.get(TOKEN_VARIABLE) or None,
            heartbeat_s=chosen.heartbeat,
            manner=chosen.manner,
            until_stdin_closes=chosen.until_stdin_closes,
        )
    except VoltyardError as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UsageError) else 3
    return 0


def _told(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A line instead of a traceback: hostile peers provoke most of what gets here (failed TLS handshakes, say)."""
    error = context.get("exception")
    sys.stderr.write(f"csms: {context.get('message', '')}: {type(error).__name__ if error else ''} {error or ''}\n")


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        stop.set()


def _first_line(stream: IO[bytes], wait_s: float) -> bytes:
    """The first line, or what there is of it when the stream ends or stays silent for `wait_s`."""
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], wait_s)
        part = os.read(stream.fileno(), 4096) if ready else b""
        if not part:
            break
        line += part
    return line


if __name__ == "__main__":
    raise SystemExit(main())
