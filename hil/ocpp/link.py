"""The socket behind one charge point: what arrives becomes commands, what the engine says goes out.

Nothing here acts on the engine: a frame, a connection or its loss is posted, and acts when the kernel admits it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from hil.ocpp.charge_point import ChargePoint
from hil.ocpp.frames import FrameError, parse
from hil.ocpp.redaction import redact
from hil.ocpp.transport import WebSocketClient
from sim.errors import Unreachable
from sim.events import WIRE, Command
from sim.kernel import Kernel

__all__ = ["OcppLink"]

_RETRY_S = 0.05


class OcppLink:
    """One charge point's connection to its CSMS; the clock may wait for it (`hil.loop.PacedLink`).

    Once an outage a refused connect is tried again for `patience_s` of wall time before it counts as refused, so that
    a CSMS that comes up in seconds is not missed by simulated time that runs far faster.
    """

    def __init__(self, kernel: Kernel, engine: ChargePoint, url: str, target: str, patience_s: float) -> None:
        """`url` is where the charge point connects, its id included; `target` is whom the commands are for."""
        self.engine = engine
        self.url = url
        self._kernel = kernel
        self._target = target
        self._patience_s = patience_s
        self._client = WebSocketClient(self._heard, self._closed, timeout_s=max(patience_s, 1.0))
        self._count = 0
        self._raw: dict[int, bytes] = {}
        self._early: list[Callable[[], None]] = []
        self._arrived = 0
        self._opening: asyncio.Task[None] | None = None
        self._is_closing = False
        self._is_released = False
        self._is_patient = True
        self._is_shut = False
        self._unanswered: Counter[str] = Counter()
        self._outbox: list[tuple[str, bytes]] = []
        self._fencing: asyncio.Future[bool] | None = None
        self.on_wire: set[str] | None = None
        """Ids of calls that the CSMS has got and not answered; None as long as no fault has leaned on the wire."""

    @property
    def is_settled(self) -> bool:
        """Whether nothing is awaited."""
        if self._arrived:
            return True
        if self._opening is not None or self._is_closing:
            return False
        if self._fencing is not None:
            return False
        rpc = self.engine.rpc
        if rpc is None or rpc.open_call is None or self._is_released:
            return True
        return self.on_wire is not None and rpc.open_call.id not in self.on_wire

    @property
    def is_provoking(self) -> bool:
        """Whether the CSMS may be acting on what it was told."""
        rpc = self.engine.rpc
        return rpc is not None and rpc.provoking and self._client.is_open

    @property
    def strikes(self) -> int:
        """How often in a row such a call as the open one was not answered in time."""
        rpc = self.engine.rpc
        call = rpc.open_call if rpc is not None else None
        return self._unanswered[call.action] if call is not None else 0

    def open(self) -> None:
        """Begin to connect; the outcome is a command."""
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    def flush(self) -> None:
        """Send what the engine has to say, and hang up if it wants to."""
        if self._outbox:
            self._send_impaired()
        for data in self.engine.outgoing():
            self._is_released = False
            self._client.send(data)
        if self.engine.wants_close and self._client.is_open and not self._is_closing:
            self._is_closing = True
            self._hang_up()

    def impaired(self, message_id: str, data: bytes) -> None:
        """An impaired wire delivers this to the CSMS, at the next flush."""
        self._outbox.append((message_id, data))

    def take(self) -> None:
        """What has arrived is being admitted."""
        self._arrived = 0

    def fence(self) -> asyncio.Future[bool]:
        """Done once all that the CSMS had sent is here."""
        if self.engine.rpc is not None:
            self.engine.rpc.provoking = False
        return self._client.fence()

    def release(self) -> None:
        """Do not wait for the open call any more; the next one is waited for half as long."""
        self._is_released = True
        self._fencing = None
        self._is_closing = False
        rpc = self.engine.rpc
        if rpc is not None and rpc.open_call is not None:
            self._unanswered[rpc.open_call.action] += 1

    def answered(self, action: str) -> None:
        """The CSMS does answer such calls."""
        del self._unanswered[action]

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self._client.is_open:
            self._is_closing = True
            self._client.abort()

    def raw(self, number: int) -> bytes | None:
        """The bytes of a message that may not, or cannot, be recorded as they came; once."""
        return self._raw.pop(number, None)

    def shut(self) -> asyncio.Future[None]:
        """End it all; what arrives now is not posted any more."""
        self._is_shut = True
        return asyncio.ensure_future(self._shut())

    async def _shut(self) -> None:
        if self._opening is not None:
            await self._opening
        await self._client.close(1000, "end of run")

    def _send_impaired(self) -> None:
        """Send what has come through; what answers no open call is followed by a fence, for its echo to be awaited."""
        outbox, self._outbox = self._outbox, []
        rpc = self.engine.rpc
        awaited = rpc.open_call.id if rpc is not None and rpc.open_call is not None else ""
        is_strange = False
        for message_id, data in outbox:
            self._client.send(data)
            if message_id and message_id == awaited and self.on_wire is not None and message_id not in self.on_wire:
                self._is_released = False
                self.on_wire.add(message_id)
            else:
                is_strange = True
        if is_strange and self._client.is_open and self._fencing is None:
            self._fencing = self._client.fence()
            self._fencing.add_done_callback(self._fenced)

    def _fenced(self, _done: asyncio.Future[bool]) -> None:
        self._fencing = None
        self._kernel.on_post()

    def _hang_up(self) -> None:
        task = asyncio.get_running_loop().create_task(self._client.close(1000, "reset"))
        self._farewell = task  # a task nobody holds may vanish

    async def _open(self) -> None:
        error = ""
        try:
            async with asyncio.timeout(self._patience_s if self._is_patient else None):
                while True:
                    try:
                        await self._client.connect(self.url)
                    except Unreachable as refusal:
                        error = str(refusal)
                        if not self._is_patient or self._is_shut:
                            break
                        await asyncio.sleep(_RETRY_S)
                    else:
                        error = ""
                        break
        except TimeoutError:
            error = error or f"{self.url}: no answer within {self._patience_s:g} s"
        self._opening = None
        self._is_patient = not error
        if error:
            self._post("refused", error=error)
        else:
            self._post("connected")
        early, self._early = self._early, []
        for again in early:
            again()

    def _heard(self, data: bytes) -> None:
        if self._opening is not None:  # it came with the handshake: first things first
            self._early.append(lambda: self._heard(data))
            return
        self._is_released = False
        text = data.decode("utf-8", "replace")
        if b"AuthorizationKey" in data or text.encode() != data:
            self._raw[self._count + 1] = data
            text = _shown(data)
        self._post("received", text=text)

    def _closed(self, code: int, reason: str) -> None:
        if self._opening is not None:
            self._early.append(lambda: self._closed(code, reason))
            return
        self._is_closing = False
        self._post("lost", code=code)

    def _post(self, verb: str, **args: str | int) -> None:
        if self._is_shut:
            return
        self._count += 1
        self._arrived += 1
        key = (self.engine.identity, self._count)
        self._kernel.post(Command(WIRE, self.engine.identity, verb, self._target, args, key))


def _shown(data: bytes) -> str:
    try:
        return redact(parse(data))
    except FrameError:
        return ""
