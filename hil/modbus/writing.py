"""What a master writes becomes deeds: all that one request asks for, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hil.door import Door
from hil.modbus.shown import Shown
from hil.modbus.unit import Code, Refusal
from sim.deeds import DEEDS, CannotDo
from sim.errors import UsageError
from sim.events import Scalar
from sim.units import SimTime
from twins.device_supply import DeviceSupply
from twins.station import Station

__all__ = ["BoundWrite", "Call", "carry_out"]


@dataclass(slots=True)
class Call:
    """One deed that a request asks for; `writes` are the points that ask for it, with what they read before."""

    verb: str
    target: str
    args: dict[str, Scalar]
    writes: list[BoundWrite] = field(default_factory=list)
    before: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def can_be_undone(self) -> bool:
        """Whether writing what was read before takes it back."""
        return all(one.can_be_undone for one in self.writes)

    @property
    def turn(self) -> int:
        """When to ask for it among others: what can be taken back, what can not, what is done in any case."""
        return 2 if DEEDS.get(self.verb).is_sure else 0 if self.can_be_undone else 1


@dataclass(frozen=True, slots=True)
class BoundWrite:
    """What writing one point asks for: `(verb, target, args)` of its registers, or its bit; raises `Refusal`.

    Points that ask the same deed for different arguments are `joined` in one.
    """

    asked: Callable[[Sequence[int]], tuple[str, str, Mapping[str, Scalar]]]
    shown: Shown | None
    can_be_undone: bool
    is_joined: bool


def carry_out(station: Station, door: Door, actor: str, written: Sequence[tuple[BoundWrite, Sequence[int]]]) -> None:
    """Ask for all deeds of one request, or for none and raise `Refusal`.

    What can be seen beforehand is looked at before anything is done. Then come deeds that can be taken back, by writing
    what their registers read; then one that cannot, whose refusal takes those back; last those that are done in any
    case. Two that can be refused and not taken back are refused in one request: they could not be all or none.
    """
    calls = _calls(station.kernel.now, written)
    for call in calls:
        thing = station.find(call.target)
        if thing is None or (isinstance(thing, DeviceSupply) and thing.absence):
            raise Refusal(Code.FAILURE)
        try:
            station.switchboard.check(call.verb, call.target, call.args)
        except CannotDo:
            raise Refusal(Code.FAILURE) from None
        except UsageError:
            raise Refusal(Code.VALUE) from None
    calls.sort(key=lambda call: call.turn)
    if sum(call.turn == 1 for call in calls) > 1:
        raise Refusal(Code.VALUE)
    for at, call in enumerate(calls):
        outcome = door.ask("modbus", actor, call.verb, call.target, call.args)
        if outcome.kind == "command.refused":
            for done in reversed([one for one in calls[:at] if one.can_be_undone]):
                for back in _calls(station.kernel.now, list(zip(done.writes, done.before, strict=True))):
                    door.ask("modbus", actor, back.verb, back.target, back.args)
            raise Refusal(Code.BUSY if outcome.data.get("is_busy") else Code.FAILURE)


def _calls(now: SimTime, written: Sequence[tuple[BoundWrite, Sequence[int]]]) -> list[Call]:
    calls: list[Call] = []
    for write, words in written:
        verb, target, args = write.asked(words)
        call = next((one for one in calls if _may_join(one, write, verb, target)), None)
        if call is None:
            call = Call(verb, target, {})
            calls.append(call)
        call.args.update(args)
        call.writes.append(write)
        call.before.append(write.shown.read(now) if write.shown is not None else ())
    return calls


def _may_join(call: Call, write: BoundWrite, verb: str, target: str) -> bool:
    return write.is_joined and call.writes[0].is_joined and (call.verb, call.target) == (verb, target)
