"""The socket of an attacker: a connection to the CSMS under test beside its charge points' own."""

from __future__ import annotations

import asyncio

import orjson

from hil.ocpp.transport import WebSocketClient
from sim.errors import Unreachable
from sim.events import WIRE, Command
from sim.kernel import Kernel

__all__ = ["AttackerSocket"]

_MOST_WORD = 50


class AttackerSocket:
    """One connection, once; the clock waits for its answers (`hil.loop.PacedLink`). What is told is a command."""

    def __init__(self, kernel: Kernel, url: str, actor: str, patience_s: float) -> None:
        """`url` is where it connects, the id that it says it has included; `actor` is who posts the commands."""
        self.url = url
        self.strikes = 0
        self._kernel = kernel
        self._actor = actor
        self._client = WebSocketClient(self._heard, self._closed, timeout_s=max(patience_s, 1.0))
        self._target = ""
        self._attack = 0
        self._count = 0
        self._arrived = 0
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._outbox: list[tuple[str, bytes, bool]] = []
        self._asked: dict[str, str] = {}
        self._fencing: asyncio.Future[bool] | None = None
        self._is_shut = False
        self.is_contested = False
        """Whether somebody has come since under the same name, for whom the CSMS may hang up on this one."""

    @property
    def is_provoking(self) -> bool:
        """Whether what another did may make the CSMS act on this connection."""
        return self.is_contested and self._client.is_open

    @property
    def is_settled(self) -> bool:
        """Whether nothing is awaited."""
        if self._arrived:
            return True
        return self._opening is None and self._fencing is None and self._closing is None and not self._asked

    def open(self, target: str, attack: int) -> None:
        """Begin to connect; the outcome is a command for `target` about the attack of this number."""
        self._target, self._attack = target, attack
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def say(self, action: str, lines: list[bytes], *, is_answerable: bool) -> None:
        """Send these at the next flush; answers are awaited if there can be any."""
        self._outbox += [(action, data, is_answerable) for data in lines]

    def hang_up(self) -> None:
        """Close; what comes then is not told any more."""
        self._is_shut = True
        self._asked.clear()
        if self._client.is_open:
            self._closing = asyncio.get_running_loop().create_task(self._client.close(1000, ""))
            self._closing.add_done_callback(self._gone)

    def flush(self) -> None:
        """Send what waits."""
        outbox, self._outbox = self._outbox, []
        if not outbox or not self._client.is_open:
            return
        for action, data, is_answerable in outbox:
            if is_answerable:
                self._asked[str(orjson.loads(data)[1])] = action
            self._client.send(data)
        if self._client.is_open and self._fencing is None:
            self._fencing = self._client.fence()
            self._fencing.add_done_callback(self._fenced)

    def take(self) -> None:
        """What has arrived is being admitted."""
        self._arrived = 0

    def fence(self) -> asyncio.Future[bool]:
        """Done once all that the CSMS had sent is here."""
        self.is_contested = False
        return self._client.fence()

    def release(self) -> None:
        """Do not wait for answers any more."""
        self._asked.clear()
        self._fencing = self._closing = None
        self.strikes += 1

    def shut(self) -> asyncio.Future[None]:
        """End it all; what arrives now is not posted any more."""
        self._is_shut = True
        return asyncio.ensure_future(self._shut())

    async def _shut(self) -> None:
        if self._opening is not None:
            await self._opening
        await self._client.close(1000, "")

    async def _open(self) -> None:
        try:
            await self._client.connect(self.url)
        except Unreachable:
            self._opening = None
            self._post("refused", "", "refused")
        else:
            self._opening = None
            if self._is_shut:
                await self._client.close(1000, "")
            else:
                self._post("connected", "", "connected")

    def _fenced(self, _done: asyncio.Future[bool]) -> None:
        self._fencing = None
        self._kernel.on_post()

    def _gone(self, _done: asyncio.Task[None]) -> None:
        self._closing = None
        self._kernel.on_post()

    def _heard(self, data: bytes) -> None:
        try:
            kind, identity, *rest = orjson.loads(data)
            if kind == 2:
                self._post("answered", str(rest[0])[:_MOST_WORD], "asked")
                return
            action = self._asked.pop(str(identity), "")
            status = str(rest[0]) if kind == 4 else _status(rest[0])
        except (ValueError, IndexError, TypeError):
            action, status = "", "unreadable"
        self._post("answered", action, status[:_MOST_WORD])

    def _closed(self, code: int, _reason: str) -> None:
        self._asked.clear()
        self._post("lost", "", f"closed {code}")

    def _post(self, verb: str, action: str, status: str) -> None:
        if self._is_shut:
            return
        self._count += 1
        self._arrived += 1
        args: dict[str, str | int] = {"attack": self._attack, "action": action, "status": status}
        self._kernel.post(Command(WIRE, self._actor, verb, self._target, args, (self._actor, self._count)))


def _status(payload: object) -> str:
    """The CSMS's word, wherever the action has it."""
    if not isinstance(payload, dict):
        return "unreadable"
    info = payload.get("idTagInfo")
    found = info.get("status") if isinstance(info, dict) else payload.get("status")
    return str(found) if found is not None else "answered"
