"""The operator of the embedded CSMS: what it asks of a charge point because of what that has told.

It acts on the connection it has heard on and by nothing but what was said there, never by its own clock, so that a run
in lockstep repeats. OCPP 1.6 edition 2, sections 4.9 (statuses), 5.2, 5.11 and 5.12.
"""

from __future__ import annotations

from typing import Final

from hil.ocpp.csms.manners import Manner
from hil.ocpp.csms.store import Store
from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Rpc

__all__ = ["Operator"]

_TAG: Final = "OPERATOR"


class Operator:
    """Follows one connection of one charge point.

    Of care it stops the transaction of a connector that tells of an error and takes that out of service until it tells
    of none, and blocks a start on a connector that stands faulted. Its `manner` says what of that it leaves undone.
    """

    def __init__(self, manner: Manner, charge_point: str, store: Store) -> None:
        """Reads the transactions that are open from the store."""
        self._careless = manner.careless if manner.has_operator else frozenset()
        self._acts = manner.has_operator
        self._charge_point = charge_point
        self._store = store
        self._faulted: set[int] = set()
        self._withdrawn: set[int] = set()

    def heard(self, action: str, payload: Payload, rpc: Rpc, now: float) -> None:
        """It has said this: ask what is to be asked, which goes out after the answer."""
        if not self._acts or action != "StatusNotification":
            return
        connector, code = payload["connectorId"], payload["errorCode"]
        was_faulted = connector in self._faulted
        if payload["status"] == "Faulted":
            self._faulted.add(connector)
        else:
            self._faulted.discard(connector)
        if "starts_faulted" in self._careless and connector in self._faulted and not was_faulted and connector:
            self._ask(rpc, "RemoteStartTransaction", {"connectorId": connector, "idTag": _TAG}, now)
        if "ignores_alarms" in self._careless:
            return
        if code != "NoError" and connector not in self._withdrawn:
            self._withdraw(connector, rpc, now)
        elif code == "NoError" and payload["status"] != "Faulted" and connector in self._withdrawn:
            self._withdrawn.discard(connector)
            self._ask(rpc, "ChangeAvailability", {"connectorId": connector, "type": "Operative"}, now)

    def refuses(self, connector: int) -> bool:
        """Whether a start there is to be blocked."""
        return self._acts and connector in self._faulted and "accepts_faulted" not in self._careless

    def _withdraw(self, connector: int, rpc: Rpc, now: float) -> None:
        self._withdrawn.add(connector)
        for number in self._store.open_transactions(self._charge_point, connector):
            self._ask(rpc, "RemoteStopTransaction", {"transactionId": number}, now)
        self._ask(rpc, "ChangeAvailability", {"connectorId": connector, "type": "Inoperative"}, now)

    def _ask(self, rpc: Rpc, action: str, payload: Payload, now: float) -> None:
        rpc.call(action, payload, _noted, now)


def _noted(_answer: Answer, _now: float) -> None:
    """A charge point that cannot do it says so in its next status."""
