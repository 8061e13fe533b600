"""What goes on, told as it goes: one WebSocket, a snapshot, then frames of what has changed and every event by number.

Frames are encoded once for all clients. One that reads too slowly misses frames and gets a snapshot in their place;
events it does not miss, and where it falls so far behind that they would be forgotten, it is closed to ask for them.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
from picows import WSListener, WSTransport, WSUpgradeRequest, WSUpgradeResponseWithListener

from bench_api.readings import Readings, Value
from bench_api.served import Served
from hil.ocpp.connection import Connection
from hil.rest_guard import Guard
from hil.rest_socket import refusal
from sim.events import Event

__all__ = ["BEHIND", "LIVE_PATH", "LiveFeed"]

LIVE_PATH: Final = "/api/v1/live"
BEHIND: Final = 4008
"""The closing code of a client that has fallen too far behind: it asks REST for the events after its last."""

_EVERY_S: Final = 0.1
_MOST_CLIENTS: Final = 32
_MOST_BEHIND: Final = 5_000
_PAGE: Final = 1_000
_LONGEST_DEAF: Final = 300  # ticks
_MAX_MESSAGE_BYTES: Final = 4_096
_UNREAD_BYTES: Final = 65_536  # what waits for a slow reader is old when it reads it
_LARGEST: Final = 2**53 - 1


class LiveFeed:
    """The clients of a station that is up. Nothing is done while there are none."""

    def __init__(self, served: Served, guard: Guard) -> None:
        """`guard` turns away here whom it turns away from REST."""
        self._served = served
        self._guard = guard
        self._readings = Readings(served.station.kernel)
        self._clients: list[_Client] = []
        self._values: dict[str, Value] = {}
        self._t_s = -1.0
        self._timer: asyncio.TimerHandle | None = None

    def welcome(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        """A client that may come in, or why it may not."""
        refused = self._guard.refusal(
            {name.lower().encode(): value.encode() for name, value in request.headers.items()}
        )
        if refused is not None:
            return refusal(*refused)
        parts = urlsplit(request.path.decode("latin-1"))
        if parts.path != LIVE_PATH:
            return refusal(404, f"no WebSocket is here; there is one at {LIVE_PATH}")
        query = parse_qs(parts.query, keep_blank_values=True)
        after = query.pop("after", None)
        if query or (after is not None and not _is_number(after)):
            return refusal(422, "only `after`, once: the number of an event, 0 or more")
        if len(self._clients) >= _MOST_CLIENTS:
            return refusal(429, f"{_MOST_CLIENTS} are listening already")
        return _Client(self, int(after[0]) if after is not None else None)

    async def stop(self) -> None:
        """Tell what is left, and say goodbye to all."""
        if self._clients:
            self._tell()
        if self._timer is not None:
            self._timer.cancel()
        clients = list(self._clients)
        for client in clients:
            client.close(1001, "the run has ended")
        await asyncio.gather(*(client.wait_closed() for client in clients))

    def opened(self, client: _Client) -> None:
        """A client has come: its snapshot, and what it has missed."""
        ring = self._served.events
        now = self._served.door.present()
        last, oldest = ring.last, ring.after(ring.last, 1).oldest
        known = last if client.after is None or client.after > last else client.after
        is_complete = client.after is None or oldest <= client.after <= last
        client.seq = max(known, oldest)
        values = self._readings.values(now)
        client.send(self._snapshot(values, {"is_complete": is_complete, "after": client.seq}))
        client.needs_whole = values != self._values and bool(self._clients)
        if not self._clients:
            self._values, self._t_s = values, now
            self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._tick)
        self._clients.append(client)

    def closed(self, client: _Client) -> None:
        """A client has gone."""
        if client in self._clients:
            self._clients.remove(client)
        if not self._clients and self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_EVERY_S, self._tick)
        self._tell()

    def _tell(self) -> None:
        now = self._served.door.present()
        values, before = self._readings.values(now), self._values
        changed = {name: value for name, value in values.items() if value != before.get(name, "")}
        is_still = not changed and now == self._t_s
        self._values, self._t_s = values, now
        frame = b"" if is_still else orjson.dumps({"type": "frame", "t_s": now, "values": changed})
        whole = b""
        encoded: dict[int, bytes] = {}
        for client in list(self._clients):
            if not self._has_all_events(client, encoded):
                continue
            if client.needs_whole:
                whole = whole or self._snapshot(values, {"is_complete": True, "after": client.seq})
                client.needs_whole = False
                client.send(whole)
            elif frame:
                client.send(frame)

    def _has_all_events(self, client: _Client, encoded: dict[int, bytes]) -> bool:
        """Send a client the events that it lacks, as far as it reads; whether it has all now."""
        ring = self._served.events
        client.deaf = client.deaf + 1 if client.is_paused else 0
        while not client.is_paused and client.seq < ring.last:
            page = ring.after(client.seq, _PAGE)
            if client.seq < page.oldest:
                break
            for event in page.events:
                if event.seq not in encoded:
                    encoded[event.seq] = self._encoded(event)
                client.send(encoded[event.seq])
                client.seq = event.seq
                if client.is_paused:
                    break
            else:
                client.seq = page.next
        if client.seq >= ring.last and not client.is_paused:
            return True
        client.needs_whole = True
        if ring.last - client.seq > _MOST_BEHIND or client.deaf > _LONGEST_DEAF:
            self.closed(client)
            client.close(BEHIND, f"too far behind: ask for the events after {client.seq}")
        return False

    def _snapshot(self, values: dict[str, Value], more: dict[str, Any]) -> bytes:
        served = self._served
        faults = [
            {"id": one.id, "fault": one.spec.name, "target": one.target, "state": one.state}
            for one in served.station.faults.injected.values()
            if one.state != "cleared"
        ]
        now = served.station.kernel.now
        return orjson.dumps({"type": "snapshot", "t_s": now, "is_paused": served.loop.is_paused, "faults": faults,
                             "last_event": served.events.last, "values": values, **more})  # fmt: skip

    def _encoded(self, event: Event) -> bytes:
        return orjson.dumps({"type": "event", "seq": event.seq, "t_s": event.t, "kind": event.kind,
                             "subject": event.subject, "data": dict(event.data), "cause": event.cause,
                             "clause": event.clause})  # fmt: skip


class _Client(Connection):
    """One who listens: `seq` is the last event that it was sent, `after` the one it asked for those after."""

    def __init__(self, feed: LiveFeed, after: int | None) -> None:
        super().__init__(self._said, lambda _code, _reason: feed.closed(self), max_message_bytes=_MAX_MESSAGE_BYTES)
        self._feed = feed
        self.after = after
        self.seq = 0
        self.needs_whole = False
        self.deaf = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        super().on_ws_connected(transport)
        below = transport.underlying_transport
        below.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNREAD_BYTES)
        below.set_write_buffer_limits(high=_UNREAD_BYTES)
        self._feed.opened(self)

    def _said(self, _data: bytes) -> None:
        self.close(1008, "this is for listening; commands go by REST")


def _is_number(words: list[str]) -> bool:
    (word, *more) = words
    return not more and word.isascii() and word.isdigit() and len(word) <= 16 and int(word) <= _LARGEST
