"""What a charge point says of its connectors: the present statuses, and which of them the CSMS has yet to hear.

OCPP 1.6 edition 2, section 4.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from hil.ocpp.frames import Payload
from hil.ocpp.rpc import Answer, Answered, Rpc

__all__ = ["Statuses"]


@dataclass(frozen=True, slots=True, eq=False)
class _Status:
    status: str
    error_code: str
    since: float
    vendor_code: str = ""


class Statuses(Mapping[int, Payload]):
    """The last StatusNotification of each connector, 0 for the whole charge point; offline only the last one is kept.

    One that was not answered counts as untold. Stamps are made as it is told: by then the clock may have been set.
    """

    def __init__(self, connectors: Iterable[int], stamp: Callable[[float], str], now: float) -> None:
        """All are Available at `now` (s); `stamp` writes a time as ISO 8601."""
        self._stamp = stamp
        self._untold: dict[int, None] = {}
        self._present = {one: _Status("Available", "NoError", now) for one in (0, *connectors)}

    def __getitem__(self, connector_id: int) -> Payload:
        return self._payload(connector_id, self._present[connector_id])

    def __iter__(self) -> Iterator[int]:
        return iter(self._present)

    def __len__(self) -> int:
        return len(self._present)

    def change(
        self, connector_id: int, status: str, error_code: str, rpc: Rpc | None, now: float, vendor_code: str = ""
    ) -> None:
        """A connector has a new status; without `rpc` it is to be told later."""
        self._present[connector_id] = _Status(status, error_code, now, vendor_code)
        if rpc is not None:
            self.tell(connector_id, rpc, now)
        else:
            self._untold[connector_id] = None

    def tell(self, connector_id: int, rpc: Rpc, now: float) -> None:
        """Send the present status of a connector."""
        present = self._present[connector_id]
        payload = self._payload(connector_id, present)
        rpc.call("StatusNotification", payload, partial(self._answered, connector_id, present), now)

    def tell_rest(self, rpc: Rpc, now: float) -> None:
        """Send what has not been told."""
        untold, self._untold = self._untold, {}
        for connector_id in sorted(untold):
            self.tell(connector_id, rpc, now)

    def all_untold(self) -> None:
        """The CSMS is to hear every status anew."""
        self._untold = dict.fromkeys(self._present)

    def none_untold(self) -> None:
        """Nothing is owed: the next boot tells all."""
        self._untold.clear()

    def _answered(self, connector_id: int, told: _Status, answer: Answer, _now: float) -> None:
        is_last = self._present[connector_id] is told
        if is_last and not isinstance(answer, Answered):
            self._untold[connector_id] = None
        elif is_last:
            self._untold.pop(connector_id, None)

    def _payload(self, connector_id: int, one: _Status) -> Payload:
        told = {"connectorId": connector_id, "status": one.status, "errorCode": one.error_code,
                "timestamp": self._stamp(one.since)}  # fmt: skip
        return told | {"vendorErrorCode": one.vendor_code} if one.vendor_code else told
