"""A client of the live feed: a WebSocket by hand, so that it can read slowly and break the protocol."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["Listener", "Refused"]


class Refused(Exception):
    """The server did not become a WebSocket."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body!r}")
        self.status = status
        self.detail = json.loads(body)["detail"]


class Listener:
    """Connects on the way in, closes on the way out."""

    def __init__(
        self, url: str, path: str = "/api/v1/live", buffer: int = 0, headers: dict[str, str] | None = None
    ) -> None:
        address = urlsplit(url)
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20.0)
        self.socket.connect((address.hostname, address.port))
        key = base64.b64encode(os.urandom(16)).decode()
        said = {"Host": address.netloc, "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
                "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"} | (headers or {})  # fmt: skip
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._stream = self.socket.makefile("rb")
        status = int(self._stream.readline().split()[1])
        length = 0
        while (line := self._stream.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if status != 101:
            body = self._stream.read(length)
            self.__exit__()
            raise Refused(status, body)
        self.closed: tuple[int, str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self.socket.close()

    def hear(self) -> dict[str, Any] | None:
        """The next message; None once the server has closed, and `closed` says how."""
        while True:
            try:
                head = self._stream.read(2)
            except ConnectionResetError:
                head = b""
            if len(head) < 2:
                self.closed = self.closed or (1006, "")
                return None
            size = head[1] & 0x7F
            if size >= 126:
                size = int.from_bytes(self._stream.read(2 if size == 126 else 8), "big")
            body = self._stream.read(size)
            if (code := head[0] & 0x0F) == 8:
                self.closed = (struct.unpack("!H", body[:2])[0], body[2:].decode()) if body else (1005, "")
                return None
            if code == 1:
                message = json.loads(body)
                assert isinstance(message, dict)
                return message

    def hear_a(self, kind: str) -> dict[str, Any]:
        """The next message of this type."""
        while (message := self.hear()) is not None:
            if message["type"] == kind:
                return message
        raise AssertionError(f"closed: {self.closed}")

    def say(self, body: bytes, opcode: int = 1, *, is_masked: bool = True, flags: int = 0x80) -> None:
        """A frame of the client's."""
        length = struct.pack("!B", len(body)) if len(body) < 126 else struct.pack("!BH", 126, len(body))
        bit = 0x80 if is_masked else 0
        head = bytes([flags | opcode, length[0] | bit]) + length[1:] + (bytes(4) if is_masked else b"")
        self.socket.sendall(head + body)
