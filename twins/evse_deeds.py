"""What one may ask of an EVSE: less power, a start, a stop, a rest, a reset. Limits of all faces fold by minimum."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Final

from sim.deeds import CannotDo, deed
from sim.faults import bounds
from twins.device_supply import DeviceSupply
from twins.evse import Evse
from twins.supply import AC_PHASE_V, LEAST_PILOT_A, EvseState, Supply, phases_of

__all__ = ["EnableEvse", "LimitEvse", "ResetEvse", "StartCharge", "StopCharge"]

_TOKEN: Final = 20
"""Characters of a token at most, as platforms have it."""


@deed("evse.limit", on=Supply, zh="充电枪限功率", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class LimitEvse:
    """Hold the outlet's power, or of AC the current of each phase, at or below a limit; left out, this face lifts its.

    An AC outlet offers no current below 6 A: such a limit makes the charge rest.
    """

    limit_kw: float = field(default=inf, metadata=bounds(low=0.0, high=5_000.0))
    limit_a: float = field(default=inf, metadata=bounds(low=0.0, high=2_000.0))

    def lack(self, evse: Supply) -> str:
        """Of DC there is no limit of current."""
        return "limit_a is of AC outlets; limit_kw" if self.limit_a < inf and evse.model.kind != "ac" else ""

    def do(self, evse: Supply, source: str) -> None:
        """Limit it for this source."""
        _reach(evse)
        limit_kw = min(self.limit_kw, self._by_current(evse))
        evse.command(source, limit_kw if limit_kw < inf else None)

    def _by_current(self, evse: Supply) -> float:
        if self.limit_a == inf:
            return inf
        offered_a = self.limit_a if self.limit_a >= LEAST_PILOT_A else 0.0
        return offered_a * phases_of(evse.model) * AC_PHASE_V / 1_000.0


@deed("evse.enable", on=Supply, zh="充电枪启用/禁用", is_sure=True)
@dataclass(frozen=True, kw_only=True)
class EnableEvse:
    """Let the outlet give power, or hold it at nothing: a charge rests then, and goes on when it is enabled again."""

    is_on: bool

    def do(self, evse: Supply, source: str) -> None:
        """As a limit of nothing, beside the limit that this source may have set."""
        _reach(evse)
        evse.command(f"{source}_enable", None if self.is_on else 0.0)


@deed("evse.start", on=Supply, zh="启动充电")
@dataclass(frozen=True, kw_only=True)
class StartCharge:
    """Charge the vehicle that is plugged in, or one that plugs in soon, for this token; left out, the face's name."""

    token: str = field(default="", metadata=bounds(high=_TOKEN))

    def do(self, evse: Supply, source: str) -> None:
        """As if the platform had asked for it."""
        _reach(evse)
        if not evse.start(self.token or source[:_TOKEN]):
            already = " already" if evse.is_starting else ""
            raise CannotDo(f"no charge can begin: it is {_word(evse)}{already}", is_busy=evse.is_starting)


@deed("evse.stop", on=Supply, zh="停止充电")
@dataclass(frozen=True, kw_only=True)
class StopCharge:
    """End the charge."""

    def do(self, evse: Supply, source: str) -> None:
        """As if the platform had asked for it."""
        _reach(evse)
        if not evse.stop("remote"):
            raise CannotDo(f"no charge is on: it is {_word(evse)}")


@deed("evse.reset", on=Supply, zh="故障复位")
@dataclass(frozen=True, kw_only=True)
class ResetEvse:
    """Reset what has locked out: of a failed pile it mends some failures; no cause that lasts is reset away."""

    def do(self, evse: Supply, source: str) -> None:
        """Try, once a failure."""
        if not isinstance(evse, Evse):
            raise CannotDo("a real device is reset where it stands")
        if evse.state.value is not EvseState.FAULTED:
            raise CannotDo(f"nothing is locked out: it is {_word(evse)}")
        if evse.on_reset():
            return
        if evse.alarms:
            raise CannotDo(f"what locked it out lasts: {', '.join(sorted(evse.alarms))}")
        if evse.bms is not None:
            raise CannotDo("a vehicle stands at it: it serves again when that has left")
        raise CannotDo("its contactor does not obey")


def _reach(evse: Supply) -> None:
    """A device that does not hear has not done what it is asked."""
    if isinstance(evse, DeviceSupply) and evse.absence:
        raise CannotDo(evse.absence)


def _word(evse: Supply) -> str:
    return str(evse.state.value.value)
