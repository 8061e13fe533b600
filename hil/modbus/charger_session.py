"""The transaction of a charger that knows none by Modbus: it is there while the charger charges.

An AC outlet that is held at less than a pilot can offer shows no wish to charge: a vehicle that is plugged in then
counts as one that has it, and a charge that rests so goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hil.modbus.charger_map import Said
from sim.events import Scalar
from twins.device_supply import CONNECTION_TIMEOUT_S
from twins.evse_gauges import ALARMS
from twins.supply import EvseState

__all__ = ["NO_KW", "ChargerSession"]

NO_KW: Final = 0.05
"""Less than this is nothing (ours)."""

Post = Callable[..., None]
"""`post(verb, **args)` tells the twin."""


class ChargerSession:
    """What a charger's readings mean for its charges, told to its twin.

    `has_begun`: one is on. `is_spent`: the vehicle that stands there has had its charge. `is_stopping`: it is to end.
    """

    def __init__(self, post: Post, token: str, *, is_ac: bool, has_stop: bool) -> None:
        """`token` is who charges where the platform has not said; without a stop a charge ends by being held."""
        self.has_begun = self.is_spent = self.is_stopping = False
        self._post = post
        self._own_token = token
        self._asked_token = ""
        self._is_ac = is_ac
        self._has_stop = has_stop
        self._is_held = False
        self._rests_until_s = 0.0
        self._alarms: tuple[str, ...] = ()
        self._past_kwh, self._session_kwh = 0.0, 0.0

    def start(self, token: str) -> None:
        """The platform wants a charge for this token."""
        self._asked_token, self.is_spent, self.is_stopping = token, False, False

    def abandon(self) -> None:
        """Its twin has given it up: whatever still runs there is to end."""
        self.is_spent = self.is_spent or self.has_begun
        self.has_begun, self._alarms = False, ()

    def rejoin(self) -> None:
        """It is there again: what it raises is told anew."""
        self._alarms = ()

    def hold(self, now_s: float, *, is_held: bool) -> None:
        """It is held at nothing from now on, or no more: then it has a while to go on."""
        if self._is_held and not is_held:
            self._rests_until_s = now_s + CONNECTION_TIMEOUT_S
        self._is_held = is_held

    def hear(self, said: Said, now_s: float) -> None:
        """It has said this, at `now_s` of a clock of the caller's."""
        state = said.state
        if state is EvseState.AVAILABLE:
            self.is_spent = False
        wants = state is EvseState.CHARGING or (state is EvseState.PREPARING and self._is_held and self._is_ac)
        register = self._register(said)
        self._tell_alarms(said)
        if self.has_begun:
            self._tell_reading(said, register)
            if self._is_over(said, now_s):
                self._end(said, register)
        elif wants and not self.is_spent:
            self._post("status", state="preparing", code="")
            self._tell_reading(said, register)
            self._begin(register)
        else:
            self.is_stopping = state is EvseState.CHARGING  # a charge of nobody
            if not self.is_stopping:
                self._tell_state(said)
            self._tell_reading(said, register)

    def _is_over(self, said: Said, now_s: float) -> bool:
        if said.state is EvseState.CHARGING:
            self._rests_until_s = 0.0
            return self.is_stopping and not self._has_stop and self._is_held and said.power_kw < NO_KW
        rests = self._is_ac and (self._is_held or now_s < self._rests_until_s)
        return said.state is not EvseState.PREPARING or self.is_stopping or not rests

    def _begin(self, register: dict[str, Scalar]) -> None:
        token, self._asked_token = self._asked_token or self._own_token, ""
        self.has_begun, self.is_stopping = True, False
        self._post("began", token=token, **register)

    def _end(self, said: Said, register: dict[str, Scalar]) -> None:
        is_fault = said.state in (EvseState.FAULTED, EvseState.UNAVAILABLE)
        reason = "device_fault" if is_fault else "remote" if self.is_stopping else "driver"
        self.has_begun = self.is_stopping = False
        self.is_spent = said.state is not EvseState.AVAILABLE
        self._post("ended", reason=reason, **register)
        self._tell_state(said)

    def _tell_state(self, said: Said) -> None:
        state = EvseState.FINISHING if said.state is EvseState.CHARGING else said.state
        self._post("status", state=str(state.value), code=said.flags[0] if said.flags else "fault")

    def _tell_alarms(self, said: Said) -> None:
        alarms = tuple(name for name in said.flags if name in ALARMS)
        if alarms != self._alarms:
            self._alarms = alarms
            self._post("alarms", names=",".join(alarms))

    def _tell_reading(self, said: Said, register: dict[str, Scalar]) -> None:
        told = {"power_kw": said.power_kw, "voltage_v": said.voltage_v, "current_a": said.current_a, "soc": said.soc}
        self._post("reading", **{name: value for name, value in told.items() if value is not None}, **register)

    def _register(self, said: Said) -> dict[str, Scalar]:
        """Its register; of a device that counts sessions alone, those that are over added up."""
        if said.register_kwh is not None:
            return {"register_kwh": said.register_kwh}
        if said.session_kwh is None:
            return {}
        if not self.has_begun and said.session_kwh < self._session_kwh:
            self._past_kwh += self._session_kwh
        if not self.has_begun or said.session_kwh >= self._session_kwh:
            self._session_kwh = said.session_kwh
        return {"register_kwh": self._past_kwh + said.session_kwh}
