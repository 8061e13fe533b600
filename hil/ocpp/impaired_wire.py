"""A charge point's wire once a fault has leaned on it: its frames pass the impairment, its connection is reset."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from hil.ocpp.frames import Payload
from hil.ocpp.impairment import Impairment, Passage
from sim.kernel import Kernel
from sim.units import SimTime
from twins.links import Link, LinkState

if TYPE_CHECKING:
    from hil.ocpp.planned_point import PlannedPoint

__all__ = ["ImpairedWire"]


class ImpairedWire:
    """Between the engine and the socket. All happens in virtual time, so that the recorded commands repeat it.

    `is_altered` while the engine takes in what the CSMS has not said so: that is no breach of the CSMS's.
    """

    def __init__(self, kernel: Kernel, wire: Link, point: PlannedPoint) -> None:
        """`point` is whose wire it is."""
        self.is_altered = False
        self._kernel = kernel
        self._wire = wire
        self._point = point
        self._impairment = Impairment(kernel, wire, self._sent, self._heard, self._swallowed)
        self._mean_s = -1.0
        self._resets = 0
        rpc = point.engine.rpc
        if point.link is not None:
            point.link.on_wire = {rpc.open_call.id} if rpc is not None and rpc.open_call is not None else set()

    def send_all(self) -> None:
        """What the engine has to say sets out."""
        for data in self._point.engine.outgoing():
            self._forget_call(data)
            self._impairment.send(data)

    def hear(self, data: bytes) -> None:
        """What the CSMS has said comes in."""
        self._forget_call(data)
        self._impairment.hear(data)

    def lost(self) -> None:
        """The connection is gone."""
        self._impairment.lost()
        if self._point.link is not None:
            self._point.link.on_wire = set()

    def obey(self) -> None:
        """A fault has come or gone, or there is a connection: half-open it is seen so, and resets are set going."""
        wire, now = self._wire, self._kernel.now
        if wire.is_half_open.value and wire.state.value is LinkState.UP:
            wire.state.set(now, LinkState.HALF_OPEN)
        elif not wire.is_half_open.value and wire.state.value is LinkState.HALF_OPEN:
            wire.state.set(now, LinkState.UP)
            self._reset()
        mean_s = wire.reset_mean_s.value
        if mean_s != self._mean_s:
            self._mean_s = mean_s
            self._resets += 1
            if mean_s >= 0.0:
                self._reset_and_again(self._resets)

    def _reset_and_again(self, turn: int) -> None:
        if turn != self._resets:
            return
        self._reset()
        if self._mean_s > 0.0:
            wait_s = float(self._kernel.streams[f"link.{self._wire.identity}.reset"].exponential(self._mean_s))
            self._kernel.at(SimTime(self._kernel.now + wait_s), lambda: self._reset_and_again(turn))

    def _reset(self) -> None:
        if self._point.link is not None:
            self._point.link.cut()

    def _sent(self, passage: Passage, data: bytes) -> None:
        if self._point.link is not None:
            is_plain = not passage.is_altered and not passage.extra and passage.kind == "call"
            self._point.link.impaired(passage.id if is_plain else "", data)

    def _heard(self, passage: Passage, data: bytes) -> None:
        self._take(data, is_altered=passage.is_altered)

    def _swallowed(self, passage: Passage) -> None:
        payload: Payload = {}
        if passage.action == "Heartbeat":
            payload = {"currentTime": self._kernel.clock.stamp(self._kernel.now)}
        answer = orjson.dumps([3, passage.id, payload])
        self._kernel.at(self._kernel.now, lambda: self._take(answer, is_altered=True))

    def _take(self, data: bytes, *, is_altered: bool) -> None:
        self.is_altered = is_altered
        try:
            self._point.engine.received(data, self._kernel.now)
        finally:
            self.is_altered = False
        self._kernel.touch(self._point)

    def _forget_call(self, data: bytes) -> None:
        link = self._point.link
        if link is not None and link.on_wire:
            with suppress(ValueError, IndexError, KeyError, TypeError):  # no frame, and no answer to a call
                link.on_wire.discard(orjson.loads(data)[1])
