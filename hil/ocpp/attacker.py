"""Attackers on the CSMS under test (`twins.attack_faults`): what each says and when, and what it is told.

All is in virtual time; what is told comes as recorded commands, so that a replay repeats it without a socket. Events
of `attack[ID]`: `wire.attack_sent` {what, action, count} and `wire.attack_answered` {what, action, status}, the same
status of one burst once; it is the CSMS's own word, a CALLERROR's code, `connected`, `refused`, `closed CODE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Final

import orjson

from hil.ocpp.attacker_socket import AttackerSocket
from hil.ocpp.frames import Call, Frame, Payload
from sim.events import Command, Scalar
from sim.faults import Contribution
from sim.kernel import Kernel
from sim.units import SimTime
from twins.attacks import Attack
from twins.links import Link

__all__ = ["Attacker", "Attackers"]

_OVERHEARD: Final = ("StartTransaction", "StopTransaction", "MeterValues")
_MOST_OVERHEARD: Final = 1_000
_STOLEN_TAG: Final = "STOLEN"
_DEPTH: Final = 20_000
_HUGE_BYTES: Final = 1_000_000


class Attackers:
    """All who come at the platform beside one charge point; `dial` opens the way to it for a name, None on a replay."""

    def __init__(
        self,
        kernel: Kernel,
        wire: Link,
        dial: Callable[[str, str], AttackerSocket] | None,
        on_connected: Callable[[], None],
    ) -> None:
        """`on_connected` is told that one of them was let in."""
        self._on_connected = on_connected
        self.path = f"attack[{wire.identity}]"
        self._kernel = kernel
        self._wire = wire
        self._dial = dial
        self._on: dict[Contribution, Attacker] = {}
        self._by_number: dict[int, Attacker] = {}
        kernel.handle(self.path, self._told)

    def obey(self) -> None:
        """Attacks have begun or ended."""
        wanted: tuple[Contribution, ...] = self._wire.attacks.value
        for gone in [one for one in self._on if one not in wanted]:
            self._on.pop(gone).end()
        for come in wanted:
            if come not in self._on:
                number = len(self._by_number) + 1
                attacker = Attacker(self._kernel, self.path, self._wire.identity, come.value, number, self._dial)
                self._on[come] = self._by_number[number] = attacker
                attacker.begin()

    def contest(self) -> None:
        """Somebody has come in: whoever has the same name may be hung up on."""
        for attacker in self._on.values():
            attacker.contest()

    def overhear(self, frame: Frame | None, data: bytes) -> None:
        """The charge point has said this."""
        if isinstance(frame, Call) and frame.action in _OVERHEARD:
            for attacker in self._on.values():
                attacker.overhear(frame, data)

    def _told(self, command: Command, seq: int) -> None:
        if command.verb == "connected":
            self.contest()
            self._on_connected()
        self._by_number[int(str(command.args["attack"]))].told(command, seq)


class Attacker:
    """One attack, from its beginning until it is cleared or the CSMS hangs up; it does not come again."""

    def __init__(
        self,
        kernel: Kernel,
        path: str,
        victim: str,
        attack: Attack,
        number: int,
        dial: Callable[[str, str], AttackerSocket] | None,
    ) -> None:
        """`victim` is the charge point's id; `number` tells the attacks of one charge point apart."""
        self._kernel = kernel
        self._path = path
        self._victim = victim
        self._attack = attack
        self._number = number
        self._dial = dial
        self._socket: AttackerSocket | None = None
        self._is_over = False
        self._count = 0
        self._overheard: list[tuple[str, bytes]] = []
        self._script: Iterator[tuple[str, bytes]] | None = None
        self._heard: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """Come, now or later."""
        self._kernel.at(SimTime(self._kernel.now + self._attack.after_s), self._come)

    def contest(self) -> None:
        """Somebody has come in, perhaps under the same name."""
        if self._socket is not None:
            self._socket.is_contested = True

    def end(self) -> None:
        """Go."""
        self._is_over = True
        if self._socket is not None:
            self._socket.hang_up()

    def overhear(self, frame: Call, data: bytes) -> None:
        """The charge point has said this."""
        if self._attack.what == "replayed" and self._script is None and len(self._overheard) < _MOST_OVERHEARD:
            self._overheard.append((frame.action, data))

    def told(self, command: Command, seq: int) -> None:
        """The CSMS has let it in or not, answered, or hung up."""
        action, status = str(command.args["action"]), str(command.args["status"])
        if (action, status) not in self._heard:
            self._heard.add((action, status))
            data: dict[str, Scalar] = {"what": self._attack.what, "action": action, "status": status}
            self._kernel.emit("wire.attack_answered", self._path, data, cause=seq, clause="9.3")
        if command.verb == "connected":
            if self._attack.what in ("guessing", "flooding"):
                action, line = self._boot()
                self._send(action, [line], is_answerable=True)
            self._speak()
        elif command.verb == "answered":
            if self._script is not None:
                self._go_on()
        else:
            self._is_over = True

    def _come(self) -> None:
        if self._is_over:
            return
        self._script = self._lines()
        if self._dial is not None:
            identity = self._attack.identity or self._victim
            self._socket = self._dial(identity, f"{self._victim}!{self._number}")
            self._socket.open(self._path, self._number)

    def _speak(self) -> None:
        """The next thing of a script; of a burst all, and again in a second or so."""
        if self._is_over:
            return
        if self._attack.what in ("stolen", "replayed"):
            self._go_on()
            return
        self._heard.clear()
        rate_hz = self._attack.rate_hz
        count = ceil(rate_hz)
        lines = [self._shout() for _ in range(count)]
        self._send(lines[0][0], [data for _, data in lines], is_answerable=self._attack.what != "malformed")
        self._kernel.at(SimTime(self._kernel.now + count / rate_hz), self._speak)

    def _go_on(self) -> None:
        assert self._script is not None
        line = None if self._is_over else next(self._script, None)
        if line is not None:
            self._send(line[0], [line[1]], is_answerable=True)

    def _send(self, action: str, lines: list[bytes], *, is_answerable: bool) -> None:
        data: dict[str, Scalar] = {"what": self._attack.what, "action": action, "count": len(lines)}
        self._kernel.emit("wire.attack_sent", self._path, data, clause="9.3")
        if self._socket is not None:
            self._socket.say(action, lines, is_answerable=is_answerable)

    def _lines(self) -> Iterator[tuple[str, bytes]]:
        """What is said one after another, each after the answer to the one before."""
        if self._attack.what == "replayed":
            yield from [*self._overheard]
        elif self._attack.what == "stolen":
            stamp = self._kernel.clock.stamp(self._kernel.now)
            yield self._boot()
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
            yield self._call("StatusNotification", status)
            start = {"connectorId": 1, "idTag": _STOLEN_TAG, "meterStart": 0, "timestamp": stamp}
            yield self._call("StartTransaction", start)

    def _shout(self) -> tuple[str, bytes]:
        what = self._attack.what
        if what == "guessing":
            stream = self._kernel.streams[f"{self._path}.{self._number}"]
            return self._call("Authorize", {"idTag": stream.bytes(7).hex().upper()})
        if what == "flooding":
            return self._call("Heartbeat", {})
        self._count += 1
        beginning = f'[2,"{self._name()}","DataTransfer",{{"vendorId":"Stranger","data":'.encode()
        if self._attack.detail == "not_json":
            return "DataTransfer", beginning
        if self._attack.detail == "nested":
            return "DataTransfer", beginning + b"[" * _DEPTH + b"]" * _DEPTH + b"}]"
        return "DataTransfer", beginning + b'"' + b"x" * _HUGE_BYTES + b'"}]'

    def _boot(self) -> tuple[str, bytes]:
        return self._call("BootNotification", {"chargePointVendor": "Stranger", "chargePointModel": "Stranger"})

    def _call(self, action: str, payload: Payload) -> tuple[str, bytes]:
        self._count += 1
        return action, orjson.dumps([2, self._name(), action, payload])

    def _name(self) -> str:
        return f"attack-{self._number}-{self._count}"
