"""What lies behind a port's connections: the right device for each request, the wire's impairments, a gateway's habits.

MODBUS over Serial Line V1.02, section 2.1 (unicast and broadcast); the answers of gateways are exceptions 6 and 0x0B.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from hil.modbus.frames import Adu
from hil.modbus.functions import BROADCAST, answer, exception
from hil.modbus.line import Line
from hil.modbus.unit import Code, Unit
from twins.bus import Bus, BusDevice

__all__ = ["Gateway", "Request"]

_EVERYBODY = 0
_MYSELF = 255


@dataclass(slots=True, eq=False)
class Request:
    """A request on its way to its answer. `owner` is the connection it came by."""

    adu: Adu
    owner: Hashable
    due_s: float = inf
    """When its answer may go out; inf: it has none yet."""
    answer: bytes | None = None
    """None once it is due: it is never answered."""
    is_spoilt: bool = False


class Gateway:
    """All of one port that is no socket. Times are in seconds of the caller's clock; the units are read at the call."""

    def __init__(self, bus: Bus, units: Mapping[int, Unit]) -> None:
        """`units` are by the ids that the station file gives them, all of the bus's devices."""
        self._bus = bus
        self._units = units
        config = bus.config
        self._is_serial = config.transport == "rtu_tcp"
        self._only = next(iter(bus.devices.values())) if len(bus.devices) == 1 else None
        habits = config.gateway
        self._line = Line[Request](habits.turnaround_ms / 1000.0, habits.queue) if habits is not None else None
        self._is_mute = habits is not None and habits.missing == "silent"
        self.on_failure: Callable[[Exception], None] = lambda error: None
        """Told what a unit raised that is no refusal; its master gets exception 4."""

    @property
    def next_timer(self) -> float:
        """When `tick` has to be called next."""
        return self._line.due_s if self._line is not None else inf

    def take(self, request: Request, now: float) -> None:
        """Carry out a request, or let it wait for the line; afterwards or by `tick` it gets its `due_s`."""
        bus = self._bus
        bus.requests += 1
        if bus.loses_request():
            self._settle(request, None, now)
        elif bus.is_busy.value:
            self._refuse_busy(request, now)
        elif self._line is None:
            self._settle(request, self._carry_out(request.adu), now)
        else:
            refused = self._line.offer(request, now)
            if refused is not None:
                self._refuse_busy(refused, now)

    def tick(self, now: float) -> set[Hashable]:
        """Carry out what has come through the line by now; the owners of what got its answer."""
        owners: set[Hashable] = set()
        while self._line is not None and (request := self._line.done(now)) is not None:
            self._settle(request, self._carry_out(request.adu), now)
            owners.add(request.owner)
        return owners

    def forget(self, owner: Hashable) -> None:
        """A connection is gone; what of it waits for the line is not carried out."""
        if self._line is not None:
            self._line.forget(owner)

    def _settle(self, request: Request, pdu: bytes | None, now: float) -> None:
        request.answer = pdu
        request.due_s = now + self._bus.delay_s.value
        if pdu is not None:
            self._bus.refusals += pdu[0] >> 7
            request.is_spoilt = self._bus.spoils_answer()

    def _refuse_busy(self, request: Request, now: float) -> None:
        is_for_all = self._device(request.adu.unit) is None and request.adu.unit == _EVERYBODY
        self._settle(request, None if is_for_all else exception(request.adu.pdu[0], Code.BUSY), now)

    def _device(self, unit: int) -> BusDevice | None:
        """Who is meant by a unit id that is nobody's own."""
        return self._only if unit == _MYSELF or (unit == _EVERYBODY and not self._is_serial) else None

    def _carry_out(self, adu: Adu) -> bytes | None:
        """The answer; None where there is none."""
        only = self._device(adu.unit)
        devices: Sequence[BusDevice] = (only,) if only is not None else self._bus.devices_at(adu.unit)
        if adu.unit == _EVERYBODY and only is None:
            if adu.pdu[0] in BROADCAST:
                self._answers(list(self._bus.devices.values()), adu.pdu)
            return None
        answers = self._answers(devices, adu.pdu)
        if len(answers) == 1:
            return answers[0]
        if self._is_mute or (self._line is None and devices):
            return None
        return exception(adu.pdu[0], Code.GATEWAY_TARGET)  # nobody, or several at once whose answers collide

    def _answers(self, devices: Sequence[BusDevice], pdu: bytes) -> list[bytes]:
        answers = []
        for device in devices:
            if device.is_silent.value:
                continue
            try:
                answers.append(answer(self._units[device.unit], pdu))
            except Exception as error:
                self.on_failure(error)
                answers.append(exception(pdu[0], Code.FAILURE))
        return answers
